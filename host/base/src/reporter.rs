use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;

use crate::Backup;

/// Shows that something goes on until it is dropped.
pub type Working = Box<dyn Send>;

/// An answer that a user is asked for.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = io::Result<Option<T>>> + Send + 'a>>;

/// A front end, as the work sees it: a terminal, a log, the conditions of an object.
///
/// The sentences are for people. Control characters in them are escaped by the front end.
pub trait Reporter: Send + Sync {
    /// Tells something that the user may want to know.
    fn note(&self, message: &str);

    /// Tells something that the user should know.
    fn warn(&self, message: &str);

    /// Tells something that helps to find a fault.
    fn debug(&self, message: &str);

    /// Warns, and says what to do next. The advice is written as a hint is (see [`crate::Problem::hint`]).
    fn warn_with_advice(&self, message: &str, advice: &str) {
        self.warn(&format!("{message}. {advice}"));
    }

    /// Shows that something goes on. Without a place for that it returns none, and the caller may say it in a
    /// note.
    fn working(&self, _what: &str) -> Option<Working> {
        None
    }

    /// Shows how far a transfer is. `verb` is what is done to each byte: `Downloaded`.
    fn transfer(&self, _verb: &'static str) -> Box<dyn Meter> {
        Box::new(())
    }

    /// Lets the user choose one of some backups, by its position; none where nothing was chosen, or nobody can be
    /// asked.
    fn choose<'a>(&'a self, _backups: &'a [Backup]) -> Answer<'a, usize> {
        Box::pin(async { Ok(None) })
    }
}

/// How far a transfer is.
pub trait Meter: Send + Sync {
    /// `done` of `total` bytes. It may be called for each piece.
    fn update(&self, done: u64, total: Option<u64>);
}

impl Meter for () {
    fn update(&self, _done: u64, _total: Option<u64>) {}
}

impl fmt::Debug for dyn Reporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reporter")
    }
}
