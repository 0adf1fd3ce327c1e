use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;

use crate::{Backup, Hint};

/// A handle that shows activity until it is dropped.
pub type Working = Box<dyn Send>;

/// The answer of a user to a question.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = io::Result<Option<T>>> + Send + 'a>>;

/// A front end for operations, such as a terminal, a log, or the conditions of an object.
///
/// The sentences are for people. The front end escapes control characters in them.
pub trait Reporter: Send + Sync {
    /// Shows information that the user may want to know.
    fn note(&self, message: &str);

    /// Shows information that the user should know.
    fn warn(&self, message: &str);

    /// Shows a warning and what to do next.
    fn warn_with_hint(&self, message: &str, hint: &Hint);

    /// Shows activity. It returns none if the front end can't show it; the caller may then show a note.
    fn working(&self, _what: &str) -> Option<Working> {
        None
    }

    /// Shows the progress of a transfer. `verb` says what happens to the bytes, such as `Downloaded`.
    fn transfer(&self, _verb: &'static str) -> Box<dyn Meter> {
        Box::new(())
    }

    /// Asks the user to agree to something that can't be undone, by typing the name `target`. `what` says what
    /// will happen. It returns the typed text, or none if the user can't be asked.
    fn confirm<'a>(&'a self, _what: &'a str, _target: &'a str) -> Answer<'a, String> {
        Box::pin(async { Ok(None) })
    }

    /// Lets the user choose a backup and returns its position. It returns none if the user chose nothing or
    /// can't be asked.
    fn choose<'a>(&'a self, _backups: &'a [Backup]) -> Answer<'a, usize> {
        Box::pin(async { Ok(None) })
    }
}

/// Receives the progress of a transfer.
pub trait Meter: Send + Sync {
    /// Sets the progress to `done` of `total` bytes. It may be called for each piece.
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
