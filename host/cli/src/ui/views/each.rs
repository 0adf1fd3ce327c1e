//! The parts of a result about several items of which some failed.

use host_base::{Failure, Problem, text};
use schemars::JsonSchema;
use serde::Serialize;

use crate::ui::fields;

/// The reason why one of several items failed, with the fields of an Error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ItemError {
    /// Kind of failure.
    #[schemars(schema_with = "fields::failure")]
    code: &'static str,
    /// Exit code of a command that works on this item alone.
    #[schemars(schema_with = "fields::exit_codes")]
    exit_code: u8,
    /// Message of the error.
    message: String,
    /// Next step, as one sentence with commands in backticks. Null if none is known.
    hint: Option<String>,
    #[serde(skip)]
    #[schemars(skip)]
    failure: Failure,
}

impl ItemError {
    /// Creates the error of an item. `hint` is the hint as people see it.
    pub(in crate::ui) fn new(problem: &dyn Problem, hint: Option<String>) -> Self {
        let failure = problem.failure();
        Self {
            code: failure.name(),
            exit_code: failure.exit_code(),
            message: problem.to_string(),
            hint,
            failure,
        }
    }

    /// Returns the kind of failure.
    pub(super) const fn failure(&self) -> Failure {
        self.failure
    }

    /// Returns the message.
    pub(super) fn message(&self) -> &str {
        &self.message
    }

    /// Returns a line about the item for people.
    #[must_use]
    pub fn sentence(&self, item: &str) -> String {
        let item = text::printable(item, 1000);
        match &self.hint {
            Some(hint) => format!("{item}: {}. {hint}", self.message),
            None => format!("{item}: {}", self.message),
        }
    }
}

/// An item that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FailedItem {
    /// The file or copy: its path, or the name that means no other copy.
    pub item: String,
    #[serde(flatten)]
    pub error: ItemError,
}

/// Returns how work on several items ended. If none is done, the first error counts.
pub(super) fn ended(
    done: usize,
    mut failures: impl Iterator<Item = Failure>,
    untried: usize,
) -> Option<Failure> {
    match failures.next() {
        None if untried == 0 => None,
        Some(first) if done == 0 => Some(first),
        _ => Some(Failure::Partial),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_less_than_all_and_more_than_nothing() {
        let ended =
            |done, failures: &[Failure], untried| ended(done, failures.iter().copied(), untried);
        let (missing, refused) = (Failure::NotFound, Failure::NotAllowed);
        assert_eq!(ended(0, &[], 0), None);
        assert_eq!(ended(2, &[], 0), None);
        assert_eq!(ended(0, &[missing, missing], 0), Some(missing));
        assert_eq!(ended(0, &[refused, missing], 5), Some(refused));
        assert_eq!(ended(1, &[missing], 0), Some(Failure::Partial));
        assert_eq!(ended(1, &[], 1), Some(Failure::Partial));
    }
}
