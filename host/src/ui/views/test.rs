use comfy_table::Cell;
use serde_json::{Value, json};

use crate::model::{Failure, State, text};
use crate::ui::Kind;
use crate::ui::document::{Document, document, sentence};
use crate::ui::table::{cell, optional, state, table};

/// Longest message of a check, in characters. Unlike other cells it is the last of its line.
const MAX_MESSAGE: usize = 400;
/// Longest hint, in characters.
const MAX_HINT: usize = 1000;

/// What came of a test. It is shown although checks of it failed: see [`Document::failure`].
#[derive(Debug)]
pub struct TestView {
    pub namespace: String,
    /// None where no engine has to do with pods.
    pub statefulset: Option<String>,
    pub checks: Vec<CheckRow>,
    /// The gravest of what failed.
    pub failure: Option<Failure>,
}

#[derive(Debug)]
pub struct CheckRow {
    /// The short name; none for what all engines need.
    pub engine: Option<String>,
    pub check: String,
    pub outcome: CheckOutcome,
    pub message: String,
    /// What to do, where it did not pass.
    pub hint: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckOutcome {
    Passed,
    /// It works, but something is missing or old.
    Warned,
    Failed,
    /// It makes no sense after what failed before.
    Skipped,
}

impl CheckOutcome {
    const ALL: [Self; 4] = [Self::Passed, Self::Warned, Self::Failed, Self::Skipped];

    const fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Warned => "warned",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }

    /// For its colour.
    const fn state(self) -> State {
        match self {
            Self::Passed => State::Succeeded,
            Self::Warned => State::Partial,
            Self::Failed => State::Failed,
            Self::Skipped => State::Unknown,
        }
    }
}

impl CheckRow {
    fn name(&self) -> String {
        let check = text::printable(&self.check, 200);
        match &self.engine {
            Some(engine) => format!("{}/{check}", text::printable(engine, 200)),
            None => check.into_owned(),
        }
    }
}

impl Document for TestView {
    /// The checks, and below them what to do about those that did not pass.
    fn table(&self, _: bool) -> String {
        let headers = ["CHECK", "ENGINE", "OUTCOME", "MESSAGE"].map(str::to_owned);
        let rows = self.checks.iter().map(|check| {
            vec![
                cell(&check.check),
                optional(check.engine.as_deref()),
                state(check.outcome.name(), check.outcome.state()),
                Cell::new(text::printable(&check.message, MAX_MESSAGE)),
            ]
        });
        let mut shown = table(&headers, rows.collect());
        for check in &self.checks {
            if let Some(hint) = &check.hint {
                let hint = sentence(hint);
                let hint = text::printable(&hint, MAX_HINT);
                shown.push_str(&format!("\n{}:\n  {hint}\n", check.name()));
            }
        }
        shown
    }

    fn names(&self) -> String {
        let names = self.checks.iter().map(CheckRow::name);
        names.map(|name| format!("{name}\n")).collect()
    }

    fn document(&self) -> Value {
        let items: Vec<_> = self
            .checks
            .iter()
            .map(|check| {
                json!({
                    "engine": check.engine,
                    "check": check.check,
                    "outcome": check.outcome.name(),
                    "message": check.message,
                    "hint": check.hint.as_deref().map(sentence),
                })
            })
            .collect();
        let scope = json!({ "namespace": self.namespace, "statefulset": self.statefulset });
        document(Kind::TestReport, json!({ "scope": scope, "items": items }))
    }

    fn summary(&self) -> Option<String> {
        let counts = CheckOutcome::ALL.into_iter().filter_map(|outcome| {
            let of_outcome = self.checks.iter().filter(|check| check.outcome == outcome);
            let count = of_outcome.count();
            (count > 0).then(|| format!("{count} {}", outcome.name()))
        });
        let counts: Vec<_> = counts.collect();
        Some(format!(
            "{} checks: {}",
            self.checks.len(),
            counts.join(", ")
        ))
    }

    fn failure(&self) -> Option<Failure> {
        self.failure
    }
}
