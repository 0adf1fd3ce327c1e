use comfy_table::Cell;
use host_base::{Failure, State, text};
use host_driver::{CheckOutcome, CheckResult, CheckUp};
use serde_json::{Value, json};

use crate::ui::Kind;
use crate::ui::document::{Document, document};
use crate::ui::table::{cell, optional, state, table};

/// Longest message of a check, in characters. It is longer than other cells because it ends the line.
const MAX_MESSAGE: usize = 400;
/// Longest hint, in characters.
const MAX_HINT: usize = 1000;

/// Returns the state that has the colour of this outcome.
const fn state_of(outcome: CheckOutcome) -> State {
    match outcome {
        CheckOutcome::Passed => State::Succeeded,
        CheckOutcome::Warned => State::Partial,
        CheckOutcome::Failed => State::Failed,
        CheckOutcome::Skipped => State::Unknown,
    }
}

fn name_of(check: &CheckResult) -> String {
    let name = text::printable(&check.check, 200);
    match &check.engine {
        Some(engine) => format!("{}/{name}", text::printable(engine, 200)),
        None => name.into_owned(),
    }
}

/// The result of `test`, with the hint for each check in the words of the command line.
pub struct CheckUpView {
    pub report: CheckUp,
    pub hints: Vec<Option<String>>,
}

impl CheckUpView {
    /// Returns each check with its hint.
    fn checks(&self) -> impl Iterator<Item = (&CheckResult, Option<&str>)> {
        let hints = self.hints.iter().map(Option::as_deref);
        self.report.checks.iter().zip(hints)
    }
}

impl Document for CheckUpView {
    /// Lists the checks, then the hints for those that did not pass.
    fn table(&self, _: bool) -> String {
        let headers = ["CHECK", "ENGINE", "OUTCOME", "MESSAGE"].map(str::to_owned);
        let rows = self.report.checks.iter().map(|check| {
            vec![
                cell(&check.check),
                optional(check.engine.as_deref()),
                state(check.outcome.name(), state_of(check.outcome)),
                Cell::new(text::printable(&check.message, MAX_MESSAGE)),
            ]
        });
        let mut shown = table(&headers, rows.collect());
        for (check, hint) in self.checks() {
            if let Some(hint) = hint {
                let hint = text::printable(hint, MAX_HINT);
                shown.push_str(&format!("\n{}:\n  {hint}\n", name_of(check)));
            }
        }
        shown
    }

    fn names(&self) -> String {
        let names = self.report.checks.iter().map(name_of);
        names.map(|name| format!("{name}\n")).collect()
    }

    fn document(&self) -> Value {
        let items: Vec<_> = self
            .checks()
            .map(|(check, hint)| {
                json!({
                    "engine": check.engine,
                    "check": check.check,
                    "outcome": check.outcome.name(),
                    "message": check.message,
                    "hint": hint,
                })
            })
            .collect();
        let scope =
            json!({ "namespace": self.report.namespace, "statefulset": self.report.statefulset });
        document(Kind::TestReport, json!({ "scope": scope, "items": items }))
    }

    fn summary(&self) -> Option<String> {
        let counts = CheckOutcome::ALL.into_iter().filter_map(|outcome| {
            let of_outcome = self
                .report
                .checks
                .iter()
                .filter(|check| check.outcome == outcome);
            let count = of_outcome.count();
            (count > 0).then(|| format!("{count} {}", outcome.name()))
        });
        let counts: Vec<_> = counts.collect();
        Some(format!(
            "{} checks: {}",
            self.report.checks.len(),
            counts.join(", ")
        ))
    }

    fn failure(&self) -> Option<Failure> {
        self.report.failure
    }
}
