use std::ffi::OsString;

use clap::ArgMatches;
use host_engine::Catalogue;

/// A command line that the user is typing.
#[derive(Clone)]
pub(super) struct Line {
    pub(super) engines: Catalogue,
    /// The words of the line. The first is the name of the program.
    pub(super) words: Vec<OsString>,
    /// Index of the word to complete.
    pub(super) at: usize,
}

impl Line {
    /// Creates a line whose last word is the one to complete.
    pub(super) fn ending(engines: Catalogue, words: Vec<OsString>) -> Self {
        Self {
            engines,
            at: words.len().saturating_sub(1),
            words,
        }
    }

    /// Returns the typed part of the word to complete.
    pub(super) fn word(&self) -> String {
        let word = self.words.get(self.at);
        word.map(|word| word.to_string_lossy().into_owned())
            .unwrap_or_default()
    }

    /// Parses the line as far as possible, and ignores missing or wrong words. Returns none for a line that
    /// asks for help.
    pub(super) fn matches(&self) -> Option<ArgMatches> {
        let command = crate::command(&self.engines, self.words.first());
        let matches = command
            .ignore_errors(true)
            .try_get_matches_from(&self.words);
        matches.ok()
    }
}
