use std::ffi::OsString;

use clap::ArgMatches;
use host_engine::Catalogue;

/// A command line that is being typed.
#[derive(Clone)]
pub(super) struct Line {
    pub(super) engines: Catalogue,
    /// The program's own name first.
    pub(super) words: Vec<OsString>,
    /// Which of them is to be completed.
    pub(super) at: usize,
}

impl Line {
    /// A line that ends with the word to complete.
    pub(super) fn ending(engines: Catalogue, words: Vec<OsString>) -> Self {
        Self {
            engines,
            at: words.len().saturating_sub(1),
            words,
        }
    }

    /// The word to complete, as far as it is typed.
    pub(super) fn word(&self) -> String {
        let word = self.words.get(self.at);
        word.map(|word| word.to_string_lossy().into_owned())
            .unwrap_or_default()
    }

    /// What can be understood of it so far; words that are missing or wrong are passed over. None for a
    /// line that asks for help.
    pub(super) fn matches(&self) -> Option<ArgMatches> {
        let command = crate::command(&self.engines, self.words.first());
        let matches = command
            .ignore_errors(true)
            .try_get_matches_from(&self.words);
        matches.ok()
    }
}
