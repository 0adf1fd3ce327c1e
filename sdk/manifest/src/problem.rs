use std::fmt;

use crate::ManifestError;

/// Maximum number of problems that are kept. The others are only counted.
const MAX_KEPT: usize = 50;
/// Maximum number of problems in the text of an error.
const MAX_IN_TEXT: usize = 10;
/// Maximum length of one message in a list, in characters.
const MAX_MESSAGE: usize = 400;

/// A problem of a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The position in the text that the author wrote. The manifest in a component has no positions.
    pub position: Option<Position>,
    /// The error.
    pub error: ManifestError,
    /// The number of characters at the position that the error is about.
    pub(crate) length: usize,
}

impl Problem {
    /// Returns a problem without a position.
    pub(crate) fn of(error: ManifestError) -> Self {
        Self {
            position: None,
            error,
            length: 0,
        }
    }
}

/// A position in a text. Lines and columns begin with 1, and a column is a character.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

/// All problems of a manifest: at least one, in the order of their positions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems {
    kept: Vec<Problem>,
    more: More,
}

/// The problems that are not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum More {
    /// This number of problems.
    Counted(usize),
    /// An unknown number: the search ended early.
    Unknown,
}

impl Problems {
    /// Returns the problems in their order. All but the first 50 are left out, and `more` tells about others.
    /// Returns none if there is no problem.
    pub(crate) fn of(mut kept: Vec<Problem>, more: More) -> Option<Self> {
        let cut = kept.len().saturating_sub(MAX_KEPT);
        kept.truncate(MAX_KEPT);
        let more = match more {
            More::Counted(count) => More::Counted(count + cut),
            More::Unknown => More::Unknown,
        };
        (!kept.is_empty()).then_some(Self { kept, more })
    }

    /// Returns whether a further problem would not be kept.
    pub(crate) fn is_full(count: usize) -> bool {
        count > MAX_KEPT
    }

    /// Returns the first problems, at most 50.
    #[must_use]
    pub fn list(&self) -> &[Problem] {
        &self.kept
    }

    /// Returns how many problems the list does not have.
    #[must_use]
    pub fn more(&self) -> More {
        self.more
    }

    /// Returns a sentence about the problems beyond the first `shown`, if there are any.
    #[must_use]
    pub fn rest(&self, shown: usize) -> Option<String> {
        let unshown = self.kept.len().saturating_sub(shown);
        match self.more {
            More::Counted(count) if count + unshown == 0 => None,
            More::Counted(count) => Some(format!("and {} more", count + unshown)),
            More::Unknown => Some("and more: correct these first".to_owned()),
        }
    }

    /// Returns the problems as one error: the only problem itself, or all of them.
    #[must_use]
    pub fn into_error(mut self) -> ManifestError {
        match (self.kept.len(), self.more) {
            (1, More::Counted(0)) => self.kept.remove(0).error,
            _ => ManifestError::Many(self),
        }
    }
}

/// The only problem, without a position.
impl From<ManifestError> for Problems {
    fn from(error: ManifestError) -> Self {
        Self {
            kept: vec![Problem::of(error)],
            more: More::Counted(0),
        }
    }
}

impl Problem {
    /// Returns the message in one line of bounded length, without control characters.
    #[must_use]
    pub fn message(&self) -> String {
        match &self.error {
            ManifestError::Syntax { reason, .. } if self.position.is_some() => one_line(reason),
            error => one_line(&error.to_string()),
        }
    }
}

impl ManifestError {
    /// Returns the message with bounded length and without control characters. Only a list of several problems
    /// has several lines, and each of the others begins with a dash.
    #[must_use]
    pub fn brief(&self) -> String {
        match self {
            Self::Many(problems) => problems.to_string(),
            error => one_line(&error.to_string()),
        }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.more {
            More::Counted(count) => {
                write!(f, "the manifest has {} problems:", self.kept.len() + count)?;
            }
            More::Unknown => write!(f, "the manifest has more than {MAX_KEPT} problems:")?,
        }
        for problem in self.kept.iter().take(MAX_IN_TEXT) {
            f.write_str("\n- ")?;
            if let Some(Position { line, column }) = problem.position {
                write!(f, "line {line}, column {column}: ")?;
            }
            f.write_str(&problem.message())?;
        }
        match self.rest(MAX_IN_TEXT) {
            Some(rest) => write!(f, "\n- {rest}"),
            None => Ok(()),
        }
    }
}

/// Returns a text as one line of bounded length. Characters that a terminal would act upon are escaped.
fn one_line(text: &str) -> String {
    let mut line = String::new();
    let mut characters = text.trim_end().chars();
    for character in characters.by_ref().take(MAX_MESSAGE) {
        if character.is_control() {
            line.extend(character.escape_unicode());
        } else {
            line.push(character);
        }
    }
    if characters.next().is_some() {
        line.push('…');
    }
    line
}
