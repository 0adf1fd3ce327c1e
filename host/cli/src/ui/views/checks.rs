use comfy_table::Cell;
use host_base::{Check, Failure, Outcome, State, text};
use host_driver::{BackupChecks, EngineItems, Scope};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;

use super::ReportBody;
use crate::ui::document::Document;
use crate::ui::fields::{self, word};
use crate::ui::schema::Body;
use crate::ui::table::{cell, optional, state, table};

/// Longest message of a check, in characters. It is longer than other cells because it ends the line.
pub(super) const MAX_MESSAGE: usize = 400;

/// A check, or a thing that a verb worked on.
#[derive(Serialize, JsonSchema)]
pub struct CheckBody<'a> {
    /// Name of the check or of the thing.
    name: &'a str,
    /// Result of the check. `warned`: the check passed, but something is missing or old.
    #[schemars(schema_with = "outcomes")]
    outcome: &'static str,
    /// Details in the engine's words. Null if there are none.
    message: Option<&'a str>,
}

pub(super) fn outcomes(_: &mut SchemaGenerator) -> Schema {
    word(Outcome::ALL.map(Outcome::name))
}

/// Returns the state that has the colour of this outcome.
pub(super) const fn state_of(outcome: Outcome) -> State {
    match outcome {
        Outcome::Passed => State::Succeeded,
        Outcome::Warned => State::Partial,
        Outcome::Failed => State::Failed,
        Outcome::Skipped => State::Unknown,
    }
}

/// Returns the cells of a check: its name, its outcome and its message.
pub(super) fn cells(check: &Check) -> Vec<Cell> {
    let message = check.message.as_deref();
    let message = message.map(|message| text::printable(message, MAX_MESSAGE));
    vec![
        cell(&check.name),
        state(check.outcome.name(), state_of(check.outcome)),
        message.map_or_else(|| optional(None), Cell::new),
    ]
}

pub(super) fn bodies(checks: &[Check]) -> Vec<CheckBody<'_>> {
    let bodies = checks.iter().map(|check| CheckBody {
        name: &check.name,
        outcome: check.outcome.name(),
        message: check.message.as_deref(),
    });
    bodies.collect()
}

/// Returns how many checks had which outcome.
pub(super) fn counts<'a>(checks: impl IntoIterator<Item = &'a Check>) -> String {
    let outcomes: Vec<_> = checks.into_iter().map(|check| check.outcome).collect();
    let counts = Outcome::ALL.into_iter().filter_map(|outcome| {
        let count = outcomes.iter().filter(|it| **it == outcome).count();
        (count > 0).then(|| format!("{count} {}", outcome.name()))
    });
    counts.collect::<Vec<_>>().join(", ")
}

impl Document for EngineItems {
    fn table(&self, _: bool) -> String {
        let headers = ["NAME", "OUTCOME", "MESSAGE"].map(str::to_owned);
        table(&headers, self.items.iter().map(cells).collect())
    }

    fn names(&self) -> String {
        let names = self
            .items
            .iter()
            .map(|item| text::printable(&item.name, MAX_MESSAGE));
        names.map(|name| format!("{name}\n")).collect()
    }

    fn body(&self) -> Body<'_> {
        Body::Report(ReportBody {
            scope: &self.scope,
            verb: &self.verb,
            text: None,
            items: Some(bodies(&self.items)),
            files: None,
        })
    }

    fn summary(&self) -> Option<String> {
        if self.items.is_empty() {
            return Some(format!("`{}` had nothing to do", self.verb));
        }
        Some(counts(&self.items))
    }

    fn failure(&self) -> Option<Failure> {
        EngineItems::failure(self)
    }
}

/// The checks of a backup by its backend. Printed by `backup verify --id`. If a check failed, the exit code is 13;
/// if none passed, it is 3.
#[derive(Serialize, JsonSchema)]
pub struct BackupChecksBody<'a> {
    #[serde(with = "fields::Scope")]
    scope: &'a Scope,
    /// Id of the backup.
    id: &'a str,
    /// The checks, in the order of the engine.
    checks: Vec<CheckBody<'a>>,
}

impl Document for BackupChecks {
    fn table(&self, _: bool) -> String {
        let headers = ["CHECK", "OUTCOME", "MESSAGE"].map(str::to_owned);
        table(&headers, self.checks.iter().map(cells).collect())
    }

    fn names(&self) -> String {
        let names = self.checks.iter();
        let names = names.map(|check| text::printable(&check.name, MAX_MESSAGE));
        names.map(|name| format!("{name}\n")).collect()
    }

    fn body(&self) -> Body<'_> {
        Body::BackupChecks(BackupChecksBody {
            scope: &self.scope,
            id: &self.id,
            checks: bodies(&self.checks),
        })
    }

    fn summary(&self) -> Option<String> {
        let id = text::printable(&self.id, 200);
        let counts = counts(&self.checks);
        Some(match self.failure() {
            None => format!("Backup {id} is verified by its backend: {counts}"),
            Some(Failure::Integrity) => format!("Backup {id} is damaged: {counts}"),
            Some(_) => format!("Backup {id} is not verified: its backend checked nothing"),
        })
    }

    fn failure(&self) -> Option<Failure> {
        BackupChecks::failure(self)
    }
}
