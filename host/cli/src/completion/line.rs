use std::ffi::OsString;

use clap::ArgMatches;
use host_driver::EngineChoice;
use host_engine::{Catalogue, EngineFile};

use crate::{engine_help, first_pass};

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

    /// Returns what the line says so far; words that are missing or wrong are passed over.
    pub(super) fn matches(&self) -> Option<ArgMatches> {
        engine_help::so_far(&self.engines, &self.words)
    }

    /// Returns the engine that the line names.
    pub(super) fn engine(&self) -> Option<&EngineFile> {
        first_pass::named(&self.engines, &self.other_words())
    }

    /// Returns the choice of an engine that the line makes.
    pub(super) fn choice(&self) -> EngineChoice {
        first_pass::choice(&self.engines, &self.other_words())
    }

    /// Returns the words without the one to complete, which may be the beginning of any flag.
    fn other_words(&self) -> Vec<OsString> {
        let mut words = self.words.clone();
        if self.at < words.len() {
            words.remove(self.at);
        }
        words
    }
}
