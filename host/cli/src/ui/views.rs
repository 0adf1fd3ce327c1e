//! The results of commands, in every output format.

mod authoring;
mod bundle;
mod created;
mod download;
mod facts;
mod history;
mod keys;
mod plugins;
mod test;
mod verification;

use broker_manifest::{Column, Operation};
use comfy_table::Cell;
use host_driver::{Backups, Deleted, EngineReport, EngineSummary, Engines, Restored};
use serde_json::{Value, json};

use super::document::{Document, document};
use super::format;
use super::kind::Kind;
use super::table::{cell, optional, state, table, table_with_room};
pub use authoring::{CaseRow, PluginPackView, PluginProjectView, PluginTestView};
pub use bundle::{BundleRow, BundleView};
use host_base::{Backup, Failure, State, text};
pub use keys::{KeyChangeView, KeyRow, KeysView};
pub use plugins::{
    PluginChangeRow, PluginChangesView, PluginChecksView, PluginDiffView, PluginRow,
    PluginUpdateRow, PluginUpdatesView, PluginView, PluginsView,
};
pub use test::CheckUpView;

/// Longest name for `-o name`, in characters. Ids of backups are shorter.
const MAX_NAME: usize = 4096;

/// Lays out the table. A `steady` table has rows that follow one by one, so its columns reserve room for later
/// rows.
pub(super) fn lay_out(list: &Backups, wide: bool, steady: bool) -> String {
    let failed = !list.is_list && list.backups.iter().any(|b| b.failure.is_some());
    let defaults = Column::defaults();
    let mut columns: Vec<_> = list
        .columns
        .iter()
        .filter(|column| wide || !column.wide || (failed && column.value == "failure"))
        .collect();
    let mut ended_well = list.backups.iter().map(|b| b.state == State::Succeeded);
    if !columns.iter().any(|column| column.value == "state") && !ended_well.all(|well| well) {
        // The state is shown because a backup that did not succeed must not look as if it had.
        let state = defaults.iter().find(|column| column.value == "state");
        let after_first = columns.len().min(1);
        columns.splice(after_first..after_first, state);
    }
    let pods = match (&list.per_pod, &list.scope.pod) {
        (Some(per_pod), _) => Some(per_pod.of.clone()),
        (None, Some(pod)) if wide => Some(vec![pod.clone(); list.backups.len()]),
        _ => None,
    };
    let mut headers: Vec<_> = columns.iter().map(|column| column.header()).collect();
    let mut least: Vec<_> = columns
        .iter()
        .map(|column| if steady { room(&column.value) } else { 0 })
        .collect();
    let mut rows: Vec<Vec<_>> = list
        .backups
        .iter()
        .map(|backup| {
            columns
                .iter()
                .map(|c| backup_cell(list, c, backup))
                .collect()
        })
        .collect();
    if let Some(pods) = pods {
        let at = headers.len().min(1);
        headers.insert(at, "POD".to_owned());
        least.insert(at, 0);
        for (row, pod) in rows.iter_mut().zip(&pods) {
            row.insert(at, cell(pod));
        }
    }
    table_with_room(&headers, rows, &least)
}

fn backup_cell(list: &Backups, column: &Column, backup: &Backup) -> Cell {
    match column.value.as_str() {
        "id" => cell(&backup.id),
        "state" => state(
            backup
                .reported_state
                .as_deref()
                .unwrap_or(backup.state.name()),
            backup.state,
        ),
        "size" => optional(backup.size.map(text::size).as_deref()),
        "age" => optional(
            backup
                .created
                .map(|created| format::age(created, list.now))
                .as_deref(),
        ),
        "created" => optional(backup.created.map(|time| format!("{time:.0}")).as_deref()),
        "failure" => optional(backup.failure.as_deref()),
        field => optional(backup.fields.get(field).map(String::as_str)),
    }
}

impl Document for Backups {
    /// Tells the number of backups and their total size, and the pod that reports them.
    fn summary(&self) -> Option<String> {
        let from = match (&self.per_pod, &self.scope.pod) {
            (Some(per_pod), _) if per_pod.answered == 1 => ", from 1 pod".to_owned(),
            (Some(per_pod), _) => format!(", from {} pods", per_pod.answered),
            (None, Some(pod)) => format!(", from pod {}", text::printable(pod, MAX_NAME)),
            (None, None) => String::new(),
        };
        if !self.is_list {
            let from = from.strip_prefix(", from ")?;
            return Some(format!("This is what {from} says"));
        }
        let count = self.backups.len();
        if self.left_out > 0 {
            return Some(format!(
                "{count} of {} backups{from}",
                count + self.left_out
            ));
        }
        let noun = if count == 1 { "backup" } else { "backups" };
        let mut sizes = self
            .backups
            .iter()
            .filter_map(|backup| backup.size)
            .peekable();
        if sizes.peek().is_none() {
            return Some(format!("{count} {noun}{from}"));
        }
        // Backends report the sizes, so their sum may overflow.
        let total = sizes.fold(0_u64, u64::saturating_add);
        Some(format!(
            "{count} {noun}, {} in all{from}",
            text::size(total)
        ))
    }

    /// Returns a failure if some pods did not answer.
    fn failure(&self) -> Option<Failure> {
        let per_pod = self.per_pod.as_ref()?;
        (!per_pod.failures.is_empty()).then_some(Failure::Partial)
    }

    fn table(&self, wide: bool) -> String {
        lay_out(self, wide, false)
    }

    fn names(&self) -> String {
        self.backups
            .iter()
            .map(|backup| format!("{}\n", text::printable(&backup.id, MAX_NAME)))
            .collect()
    }

    fn document(&self) -> Value {
        let mut items: Vec<_> = self.backups.iter().map(backup_fields).collect();
        let Some(per_pod) = &self.per_pod else {
            return match (self.is_list, items.as_slice()) {
                (false, [item]) => document(
                    Kind::Backup,
                    json!({ "scope": self.scope, "item": item, "details": {}, "file": null }),
                ),
                _ => document(
                    Kind::BackupList,
                    json!({ "scope": self.scope, "items": items }),
                ),
            };
        };
        for (item, pod) in items.iter_mut().zip(&per_pod.of) {
            item["pod"] = pod.as_str().into();
        }
        let failures = per_pod.failures.iter().map(|failed| {
            let code = failed.failure.name();
            json!({ "pod": failed.pod, "code": code, "message": failed.message })
        });
        let failures: Vec<_> = failures.collect();
        document(
            Kind::BackupList,
            json!({ "scope": self.scope, "items": items, "failures": failures }),
        )
    }
}

/// Returns the width that a column reserves: columns must not move while a user watches.
fn room(column: &str) -> u16 {
    match column {
        // Width of the longest known state.
        "state" => 19,
        "size" => 9,
        "age" => 6,
        "created" => 20,
        "id" => 0,
        _ => 12,
    }
}

fn backup_fields(backup: &Backup) -> Value {
    json!({
        "id": backup.id,
        "activity": backup.activity.name(),
        "state": backup.state.name(),
        "reportedState": backup.reported_state,
        "sizeBytes": backup.size,
        "created": backup.created.map(|time| time.to_string()),
        "failure": backup.failure,
        "fields": backup.fields,
    })
}

/// Joins names of operations as in a column.
fn operation_names(operations: &[Operation]) -> String {
    let names: Vec<_> = operations.iter().map(|it| it.name()).collect();
    names.join(",")
}

/// Returns the words that may follow `backup`.
fn abilities(engine: &EngineSummary) -> impl Iterator<Item = &str> {
    let operations = engine.operations.iter().filter(|o| **o != Operation::Act);
    let verbs = engine.verbs.iter().map(String::as_str);
    operations.map(|operation| operation.name()).chain(verbs)
}

fn answer(engine: &EngineSummary) -> (&'static str, State, &str) {
    match &engine.answers {
        None => ("unknown", State::Unknown, ""),
        Some(Ok(detail)) => ("yes", State::Succeeded, detail),
        Some(Err(reason)) => ("no", State::Failed, reason),
    }
}

impl Document for Engines {
    fn table(&self, wide: bool) -> String {
        let mut headers = vec![
            "NAME",
            "VERSION",
            "OPERATIONS",
            "DEFAULT-FOR",
            "ANSWERS",
            "DETAIL",
        ];
        if wide {
            headers.extend(["INTERFACE", "SUMMARY"]);
        }
        let headers: Vec<_> = headers.into_iter().map(str::to_owned).collect();
        let rows = self
            .engines
            .iter()
            .map(|engine| {
                let operations: Vec<_> = abilities(engine).collect();
                let (answers, how, detail) = answer(engine);
                let mut row = vec![
                    cell(&engine.id),
                    cell(&engine.version),
                    cell(&operations.join(",")),
                    cell(&operation_names(&engine.default_for)),
                    state(answers, how),
                    cell(detail),
                ];
                if wide {
                    row.extend([cell(&engine.interface), cell(&engine.summary)]);
                }
                row
            })
            .collect();
        table(&headers, rows)
    }

    fn names(&self) -> String {
        self.engines.iter().map(|e| format!("{}\n", e.id)).collect()
    }

    fn document(&self) -> Value {
        let items: Vec<_> = self
            .engines
            .iter()
            .map(|engine| {
                let (answers, _, detail) = answer(engine);
                json!({
                    "id": engine.id,
                    "version": engine.version,
                    "interface": engine.interface,
                    "operations": engine.operations,
                    "verbs": engine.verbs,
                    "summary": engine.summary,
                    "defaultFor": engine.default_for,
                    "answers": answers,
                    "detail": detail,
                })
            })
            .collect();
        document(Kind::EngineList, json!({ "items": items }))
    }
}

/// The version of this program.
#[derive(Debug)]
pub struct VersionView {
    pub version: &'static str,
    pub interface: &'static str,
}

impl Document for VersionView {
    fn table(&self, _: bool) -> String {
        format!(
            "kubectl-broker {}\nengine interface {}\n",
            self.version, self.interface
        )
    }

    fn names(&self) -> String {
        format!("{}\n", self.version)
    }

    fn document(&self) -> Value {
        document(
            Kind::Version,
            json!({ "version": self.version, "engineInterface": self.interface }),
        )
    }
}

impl Document for Restored {
    fn table(&self, wide: bool) -> String {
        let mut columns = Column::defaults();
        columns.retain(|column| column.value != "age");
        let view = Backups {
            scope: self.scope.clone(),
            columns,
            backups: vec![self.backup.clone()],
            per_pod: None,
            left_out: 0,
            is_list: false,
            now: self.now,
        };
        let mut shown = view.table(wide);
        for (name, value) in &self.details {
            shown.push_str(&self.scope.detail(name, value));
        }
        shown
    }

    fn names(&self) -> String {
        format!("{}\n", text::printable(&self.backup.id, MAX_NAME))
    }

    fn document(&self) -> Value {
        let details: serde_json::Map<_, _> = self
            .details
            .iter()
            .map(|(name, value)| (name.clone(), value.clone().into()))
            .collect();
        document(
            Kind::Restore,
            json!({
                "scope": self.scope,
                "dryRun": self.dry_run,
                "ended": self.ended,
                "item": backup_fields(&self.backup),
                "details": details,
            }),
        )
    }

    fn summary(&self) -> Option<String> {
        let pod = self.scope.pod.as_ref()?;
        Some(format!("Pod {} was asked", text::printable(pod, MAX_NAME)))
    }

    fn failure(&self) -> Option<Failure> {
        self.is_unknown.then_some(Failure::Partial)
    }
}

impl Document for Deleted {
    fn table(&self, _: bool) -> String {
        let id = text::printable(&self.id, MAX_NAME);
        match &self.scope.pod {
            Some(pod) => format!(
                "{id} is deleted from pod {}\n",
                text::printable(pod, MAX_NAME)
            ),
            None => format!("{id} is deleted\n"),
        }
    }

    fn names(&self) -> String {
        format!("{}\n", text::printable(&self.id, MAX_NAME))
    }

    fn document(&self) -> Value {
        document(
            Kind::Deletion,
            json!({ "scope": self.scope, "id": self.id }),
        )
    }
}

impl Document for EngineReport {
    /// Prints the report as it is: people read it, or other programs parse it. It is not cut and has no
    /// borders.
    fn table(&self, _: bool) -> String {
        let lines = self.text.as_deref().unwrap_or_default().lines();
        lines.map(|line| self.scope.line(line)).collect()
    }

    /// Prints the report as it is, because it contains no names.
    fn names(&self) -> String {
        self.table(false)
    }

    fn document(&self) -> Value {
        document(
            Kind::Report,
            json!({ "scope": self.scope, "verb": self.verb, "text": self.text }),
        )
    }

    fn summary(&self) -> Option<String> {
        let engine = &self.scope.engine;
        match (&self.scope.pod, &self.text) {
            (Some(pod), None) => {
                let pod = text::printable(pod, MAX_NAME);
                Some(format!(
                    "`{}` is done in pod {pod} (engine {engine})",
                    self.verb
                ))
            }
            (Some(pod), Some(_)) => {
                let pod = text::printable(pod, MAX_NAME);
                Some(format!("This is what pod {pod} says (engine {engine})"))
            }
            (None, None) => Some(format!("`{}` is done (engine {engine})", self.verb)),
            (None, Some(_)) => None,
        }
    }
}
