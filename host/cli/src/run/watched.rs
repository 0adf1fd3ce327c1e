//! A front end for the log of a pod, which also counts the bytes that move.

use std::sync::Arc;

use host_base::{Answer, Backup, Hint, Meter, Reporter, Working};

use super::live::Moved;
use crate::ui::Ui;

/// Reports to the log, and to the status of an object.
pub(super) struct Watched {
    pub(super) ui: Ui,
    pub(super) moved: Arc<Moved>,
}

impl Reporter for Watched {
    fn note(&self, message: &str) {
        self.ui.note(message);
    }

    fn warn(&self, message: &str) {
        self.ui.warn(message);
    }

    fn warn_with_hint(&self, message: &str, hint: &Hint) {
        self.ui.warn_with_hint(message, hint);
    }

    fn working(&self, what: &str) -> Option<Working> {
        self.ui.working(what)
    }

    fn transfer(&self, verb: &'static str) -> Box<dyn Meter> {
        Box::new(Counted {
            shown: self.ui.transfer(verb),
            moved: Arc::clone(&self.moved),
        })
    }

    fn confirm<'a>(&'a self, _: &'a str, _: &'a str) -> Answer<'a, String> {
        Box::pin(async { Ok(None) })
    }

    fn choose<'a>(&'a self, _: &'a [Backup]) -> Answer<'a, usize> {
        Box::pin(async { Ok(None) })
    }
}

struct Counted {
    shown: Box<dyn Meter>,
    moved: Arc<Moved>,
}

impl Meter for Counted {
    fn update(&self, done: u64, total: Option<u64>) {
        self.moved.set(done, total);
        self.shown.update(done, total);
    }
}
