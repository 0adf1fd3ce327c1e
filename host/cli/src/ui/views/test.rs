use comfy_table::Cell;
use host_base::{Failure, Outcome, text};
use host_driver::{CheckResult, CheckUp};
use schemars::JsonSchema;
use serde::Serialize;

use super::checks::state_of;
use crate::ui::document::Document;
use crate::ui::schema::Body;
use crate::ui::table::{cell, optional, state, table};

/// Longest message of a check, in characters. It is longer than other cells because it ends the line.
const MAX_MESSAGE: usize = 400;
/// Longest hint, in characters.
const MAX_HINT: usize = 1000;

/// The results of the checks of `backup test`. If checks failed, the exit code is that of the gravest failure.
#[derive(Serialize, JsonSchema)]
pub struct TestReportBody<'a> {
    scope: TestScope<'a>,
    /// The checks, in the order in which they ran.
    items: Vec<ListedCheck<'a>>,
}

/// The target of the test.
#[derive(Serialize, JsonSchema)]
struct TestScope<'a> {
    /// Namespace of the target.
    namespace: &'a str,
    /// Name of the StatefulSet. Null if no tested engine works with pods.
    statefulset: Option<&'a str>,
}

/// The result of one check.
#[derive(Serialize, JsonSchema)]
struct ListedCheck<'a> {
    /// Short name of the engine. Null for a check that all engines need.
    engine: Option<&'a str>,
    /// Name of the check.
    check: &'a str,
    /// `warned`: the check passed, but something is missing or old. `skipped`: the check makes no sense after an
    /// earlier failure.
    #[schemars(schema_with = "super::checks::outcomes")]
    outcome: &'static str,
    /// The finding, in one sentence.
    message: &'a str,
    /// Next step. Null if none is known.
    hint: Option<&'a str>,
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

    fn body(&self) -> Body<'_> {
        let items = self.checks().map(|(check, hint)| ListedCheck {
            engine: check.engine.as_deref(),
            check: &check.check,
            outcome: check.outcome.name(),
            message: &check.message,
            hint,
        });
        Body::TestReport(TestReportBody {
            scope: TestScope {
                namespace: &self.report.namespace,
                statefulset: self.report.statefulset.as_deref(),
            },
            items: items.collect(),
        })
    }

    fn summary(&self) -> Option<String> {
        let counts = Outcome::ALL.into_iter().filter_map(|outcome| {
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
