use host_base::{Failure, Outcome, text};
use host_driver::{Health, Scope, worst};
use host_engine::HealthReport;
use schemars::JsonSchema;
use serde::Serialize;

use super::checks::{CheckBody, MAX_MESSAGE, bodies, cells, counts, outcomes};
use crate::ui::document::Document;
use crate::ui::fields;
use crate::ui::schema::Body;
use crate::ui::table::{optional, table};

/// The health of a backend. Printed by `health`. If a check failed, the exit code is 1; if nothing was checked, it
/// is 3.
#[derive(Serialize, JsonSchema)]
pub struct HealthBody<'a> {
    #[serde(with = "fields::Scope")]
    scope: &'a Scope,
    /// Worst outcome of all checks. `skipped` means that nothing was checked.
    #[schemars(schema_with = "outcomes")]
    verdict: &'static str,
    /// The parts of the backend: each pod that was asked or should have been, or the backend as a whole.
    items: Vec<PartBody<'a>>,
}

/// A part of the backend.
#[derive(Serialize, JsonSchema)]
struct PartBody<'a> {
    /// Pod that the checks are about. Null if they are about the backend as a whole.
    pod: Option<&'a str>,
    /// Worst outcome of the checks.
    #[schemars(schema_with = "outcomes")]
    verdict: &'static str,
    /// The checks, in the order of the engine. `pod` is a check of this program: it failed if the pod can't be asked.
    checks: Vec<CheckBody<'a>>,
}

impl<'a> From<&'a HealthReport> for PartBody<'a> {
    fn from(report: &'a HealthReport) -> Self {
        Self {
            pod: report.pod.as_deref(),
            verdict: worst(&report.checks).name(),
            checks: bodies(&report.checks),
        }
    }
}

impl Document for Health {
    fn table(&self, _: bool) -> String {
        let headers = ["POD", "CHECK", "OUTCOME", "MESSAGE"].map(str::to_owned);
        let rows = self.reports.iter().flat_map(|report| {
            report.checks.iter().map(|check| {
                let mut row = vec![optional(report.pod.as_deref())];
                row.extend(cells(check));
                row
            })
        });
        table(&headers, rows.collect())
    }

    fn names(&self) -> String {
        let names = self.reports.iter().flat_map(|report| {
            let pod = report.pod.as_deref().map(|pod| format!("{pod}/"));
            let pod = pod.unwrap_or_default();
            let checks = report.checks.iter();
            checks.map(move |check| format!("{pod}{}", check.name))
        });
        names
            .map(|name| format!("{}\n", text::printable(&name, MAX_MESSAGE)))
            .collect()
    }

    fn body(&self) -> Body<'_> {
        Body::Health(HealthBody {
            scope: &self.scope,
            verdict: self.verdict().name(),
            items: self.reports.iter().map(PartBody::from).collect(),
        })
    }

    fn summary(&self) -> Option<String> {
        let subject = match &self.scope.statefulset {
            Some(name) => format!("StatefulSet {}", text::printable(name, 200)),
            None => format!(
                "The backend of namespace {}",
                text::printable(&self.scope.namespace, 200)
            ),
        };
        let verdict = match self.verdict() {
            Outcome::Passed => "is healthy",
            Outcome::Warned => "is healthy, with warnings",
            Outcome::Failed => "is not healthy",
            Outcome::Skipped => return Some(format!("Nothing was checked of {subject}")),
        };
        let pods: Vec<_> = self.reports.iter().filter(|it| it.pod.is_some()).collect();
        let of_pods = match pods.len() {
            0 => String::new(),
            1 => " in 1 pod".to_owned(),
            count => format!(" in {count} pods"),
        };
        Some(format!(
            "{subject} {verdict}: {}{of_pods}",
            counts(self.checks())
        ))
    }

    fn failure(&self) -> Option<Failure> {
        Health::failure(self)
    }
}
