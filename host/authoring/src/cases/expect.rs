//! Checks the expectations of an author.

use std::sync::Arc;

use host_base::{Report, ReportKind};
use host_engine::EngineError;
use serde_json::Value;

use super::Judge;
use super::author::to_json;
use super::compare::differences;
use super::file::{ErrorEntry, ExpectEntry};
use super::script::Exchanges;
use super::show::shortened;
use crate::stage::Seen;

/// The engine must complete the script and return this result.
pub(super) struct Expecting {
    script: Arc<Exchanges>,
    end: End,
    warnings: Option<Vec<String>>,
}

enum End {
    Result(Value),
    Error { kind: ReportKind, entry: ErrorEntry },
}

impl Expecting {
    pub(super) fn of(entry: &ExpectEntry, script: Arc<Exchanges>) -> Result<Self, String> {
        let end = match (&entry.result, &entry.error) {
            (Some(result), None) => End::Result(to_json(result)),
            (None, Some(error)) => {
                let mut kinds = ReportKind::ALL.into_iter();
                let kind = kinds.find(|kind| kind.name() == error.kind);
                End::Error {
                    kind: kind.ok_or_else(|| {
                        let known = ReportKind::ALL.map(ReportKind::name).join(", ");
                        format!(
                            "`{}` is not a kind of error; use one of: {known}",
                            error.kind
                        )
                    })?,
                    entry: error.clone(),
                }
            }
            _ => return Err("`expect` has either a `result` or an `error`".to_owned()),
        };
        Ok(Self {
            script,
            end,
            warnings: entry.warnings.clone(),
        })
    }

    fn of_end(&self, result: &Result<Value, EngineError>) -> Vec<String> {
        match (&self.end, result) {
            (End::Result(expected), Ok(actual)) => differences(expected, actual),
            (End::Error { kind, entry }, Err(EngineError::Reported { report, .. })) => {
                of_report(*kind, entry, report)
            }
            (End::Result(_), Err(EngineError::Reported { report, .. })) => vec![format!(
                "it reports an error of kind `{}`: {}",
                report.kind.name(),
                shortened(&report.message)
            )],
            (_, Err(error)) => vec![error.to_string()],
            (End::Error { kind, .. }, Ok(actual)) => vec![format!(
                "an error of kind `{}` is expected, but it reports {}",
                kind.name(),
                shortened(&actual.to_string())
            )],
        }
    }
}

fn of_report(kind: ReportKind, expected: &ErrorEntry, report: &Report) -> Vec<String> {
    let mut problems = Vec::new();
    if report.kind != kind {
        problems.push(format!(
            "its error is of kind `{}`, but `{}` is expected: {}",
            report.kind.name(),
            kind.name(),
            shortened(&report.message)
        ));
    }
    let hint = report.hint.as_deref().unwrap_or_default();
    for (what, part, text) in [
        ("message", &expected.message, report.message.as_str()),
        ("hint", &expected.hint, hint),
    ] {
        if let Some(part) = part.as_ref().filter(|part| !text.contains(part.as_str())) {
            problems.push(format!(
                "the {what} of its error has no {part:?}: {:?}",
                shortened(text)
            ));
        }
    }
    if expected.retryable.is_some_and(|is| is != report.retryable) {
        problems.push(format!("its error says `retryable = {}`", report.retryable));
    }
    problems
}

impl Judge for Expecting {
    fn problems(&self, result: &Result<Value, EngineError>, seen: &Seen) -> Vec<String> {
        let mut problems = self.script.problems();
        // If a response is missing in the case, the result means nothing.
        if problems.is_empty() {
            problems = self.of_end(result);
        }
        problems.extend(self.script.left());
        if let Some(expected) = &self.warnings {
            let warnings = seen.warnings();
            let fits = expected.len() == warnings.len()
                && expected
                    .iter()
                    .zip(&*warnings)
                    .all(|(part, is)| is.contains(part));
            if !fits {
                problems.push(format!(
                    "its warnings are {}, but {} are expected",
                    shortened(&format!("{warnings:?}")),
                    shortened(&format!("{expected:?}"))
                ));
            }
        }
        problems
    }
}
