use std::fmt;

use crate::log::printable;

/// A position in the configuration file. Line and column count from 1; 0 is unknown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct At {
    pub line: u64,
    pub column: u64,
}

/// A problem of the configuration, or a setting that should be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub at: Option<At>,
    /// The text names the field, and the valid values if they are known.
    pub text: String,
}

impl Problem {
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            at: None,
            text: text.into(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(at) = self.at {
            write!(f, "line {}, column {}: ", at.line, at.column)?;
        }
        f.write_str(&printable(&self.text))
    }
}

/// The problems and warnings of one reading.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) problems: Vec<Problem>,
    pub(super) warnings: Vec<Problem>,
}

impl Findings {
    pub(super) fn problem(&mut self, at: At, text: impl Into<String>) {
        self.problems.push(located(at, text));
    }

    pub(super) fn warning(&mut self, at: At, text: impl Into<String>) {
        self.warnings.push(located(at, text));
    }
}

fn located(at: At, text: impl Into<String>) -> Problem {
    Problem {
        at: (at.line > 0).then_some(at),
        text: text.into(),
    }
}
