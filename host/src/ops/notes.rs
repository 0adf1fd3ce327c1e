//! What a command says beside its result.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use crate::ui::Ui;

/// How many sentences are remembered.
const MAX_SAID: usize = 1000;

/// Says each sentence once: several engines of one command, and one that is started again, meet the same.
#[derive(Clone)]
pub(super) struct Notes {
    ui: Ui,
    said: Arc<Mutex<BTreeSet<String>>>,
}

impl Notes {
    pub(super) fn new(ui: Ui) -> Self {
        Self {
            ui,
            said: Arc::default(),
        }
    }

    pub(super) fn note(&self, message: &str) {
        if self.is_new(message) {
            self.ui.note(message);
        }
    }

    pub(super) fn warn(&self, message: &str) {
        if self.is_new(message) {
            self.ui.warn(message);
        }
    }

    pub(super) fn debug(&self, message: &str) {
        self.ui.debug(message);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::{Color, Format};

    #[test]
    fn a_sentence_is_new_once_whoever_says_it() {
        let notes = Notes::new(Ui::new(Format::Table, Color::Never, false));
        let other = notes.clone();
        assert!(notes.is_new("pod broker-0 is not ready"));
        assert!(!other.is_new("pod broker-0 is not ready"));
        assert!(other.is_new("pod broker-1 is not ready"));
    }
}
