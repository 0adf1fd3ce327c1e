//! The notes that a command shows in addition to its result.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use host_base::{Hint, Reporter};

/// Number of sentences that are remembered.
const MAX_SAID: usize = 1000;

/// Shows each sentence once. Several engines of one command, or restarts of one engine, may cause the same
/// note.
#[derive(Clone)]
pub(super) struct Notes {
    reporter: Arc<dyn Reporter>,
    said: Arc<Mutex<BTreeSet<String>>>,
}

impl Notes {
    pub(super) fn new(reporter: Arc<dyn Reporter>) -> Self {
        Self {
            reporter,
            said: Arc::default(),
        }
    }

    pub(super) fn note(&self, message: &str) {
        if self.is_new(message) {
            self.reporter.note(message);
        }
    }

    pub(super) fn warn(&self, message: &str) {
        if self.is_new(message) {
            self.reporter.warn(message);
        }
    }

    fn is_new(&self, message: &str) -> bool {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.len() < MAX_SAID {
            said.insert(message.to_owned())
        } else {
            !said.contains(message)
        }
    }
}

/// A front end that shows nothing.
pub(super) struct Muted;

impl Reporter for Muted {
    fn note(&self, _: &str) {}
    fn warn(&self, _: &str) {}
    fn warn_with_hint(&self, _: &str, _: &Hint) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_is_new_once_whoever_says_it() {
        let notes = Notes::new(Arc::new(Muted));
        let other = notes.clone();
        assert!(notes.is_new("pod broker-0 is not ready"));
        assert!(!other.is_new("pod broker-0 is not ready"));
        assert!(other.is_new("pod broker-1 is not ready"));
    }
}
