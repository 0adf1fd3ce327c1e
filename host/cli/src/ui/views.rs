//! The results of commands, in every output format.

mod authoring;
mod bundle;
mod checks;
mod copies;
mod created;
mod download;
mod each;
mod engines;
mod facts;
mod health;
mod history;
mod keys;
mod plugins;
mod prune;
mod stores;
mod targets;
mod test;
mod verbs;
mod verification;

use std::collections::BTreeMap;

use broker_manifest::Column;
use comfy_table::Cell;
use host_driver::{Backups, Deleted, EngineReport, LeftOut, PodFailure, Restored, Scope};
use schemars::JsonSchema;
use serde::Serialize;

use super::document::Document;
use super::fields::{self, details};
use super::format;
use super::schema::Body;
use super::table::{cell, optional, state, table_with_room};
pub use authoring::{
    CaseRow, CheckedEngine, ManifestCheckBody, ManifestCheckView, PluginPackView,
    PluginProjectView, PluginTestBody, PluginTestView, ProblemRow,
};
pub use bundle::{BundleRow, BundleView};
pub use checks::BackupChecksBody;
use checks::CheckBody;
pub use copies::{
    CopiedRow, CopiedView, CopiesView, CopyChangesView, CopyCheckRow, CopyChecksView,
    CopyDownloadBody, CopyDownloadView, CopyRow, LastCheckRow, SourceRow,
};
pub use download::DownloadBody;
pub use each::{FailedItem, ItemError};
pub use engines::{EngineListBody, VersionView};
pub use health::HealthBody;
pub use history::HistoryBody;
use host_base::{Backup, Failure, State, text};
pub use keys::{KeyChangeBody, KeyChangeView, KeyRow, KeysView};
pub use plugins::{
    PluginChangeRow, PluginChangesView, PluginChecksView, PluginDiffView, PluginListBody,
    PluginRow, PluginUpdateListBody, PluginUpdateRow, PluginUpdatesView, PluginView, PluginsView,
};
pub use prune::{PruneView, ReasonRow, VerdictRow};
pub use stores::{
    CheckRow, FindingRow, LockRow, RepairView, StoreReportView, StoreRow, StoresView,
};
pub use targets::TargetListBody;
pub use test::{CheckUpView, TestReportBody};
pub use verification::VerificationListBody;

/// Longest name for `-o name`, in characters. Ids of backups are shorter.
const MAX_NAME: usize = 4096;

/// One backup. Printed by `backup status` and `backup create`.
#[derive(Serialize, JsonSchema)]
pub struct BackupBody<'a> {
    #[serde(with = "fields::Scope")]
    scope: &'a Scope,
    #[serde(with = "fields::Backup")]
    item: &'a Backup,
    /// Further facts from the engine about a new backup, by name.
    details: BTreeMap<&'a str, &'a str>,
    /// File to which `backup create` saved the backup. Null if the backend does not return the backup in its
    /// response, or if the engine may save several files.
    file: Option<fields::File<'a>>,
    /// Files to which `backup create` saved the backup. Null if the engine may not save several.
    files: Option<Vec<fields::SavedFile<'a>>>,
    /// Copy that `backup create --to` wrote to a store. Null without `--to`.
    copy: Option<CopiedRow>,
}

/// The backups of one engine, newest first, those without a date last. Printed by `backup list`, and by verbs
/// of engines that report backups.
#[derive(Serialize, JsonSchema)]
pub struct BackupListBody<'a> {
    #[serde(with = "fields::Scope")]
    scope: &'a Scope,
    /// The backups.
    items: Vec<ListedBackup<'a>>,
    /// Pods that did not answer. Only with `--pod all`. If there are any, the exit code is 3.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Vec<FailedPod>")]
    failures: Option<Vec<FailedPod<'a>>>,
    /// Files that an engine's own verb saved. Only for verbs that save files.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Vec<fields::SavedFile>")]
    files: Option<Vec<fields::SavedFile<'a>>>,
}

/// One backup.
#[derive(Serialize, JsonSchema)]
struct ListedBackup<'a> {
    /// Pod that reported the backup. Only with `--pod all`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pod: Option<&'a str>,
    #[serde(flatten, with = "fields::Backup")]
    backup: &'a Backup,
}

/// A pod that did not answer.
#[derive(Serialize, JsonSchema)]
struct FailedPod<'a> {
    /// Name of the pod.
    pod: &'a str,
    /// Kind of failure, as in an Error's `code`.
    #[schemars(schema_with = "fields::failure")]
    code: &'static str,
    /// Message of the error.
    message: &'a str,
}

impl<'a> From<&'a PodFailure> for FailedPod<'a> {
    fn from(failed: &'a PodFailure) -> Self {
        Self {
            pod: &failed.pod,
            code: failed.failure.name(),
            message: &failed.message,
        }
    }
}

/// A restore. Printed by `backup restore`.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RestoreBody<'a> {
    #[serde(with = "fields::Scope")]
    scope: &'a Scope,
    /// Whether nothing was sent.
    dry_run: bool,
    /// Whether the restore is known to have ended. False with `--wait=false`, and if the backend never reports
    /// the end. In the second case the exit code is 3, unless `--wait=false` is given.
    ended: bool,
    /// The backup, and the state of its restore.
    #[serde(with = "fields::Backup")]
    item: &'a Backup,
    /// Further facts from the engine, by name.
    details: BTreeMap<&'a str, &'a str>,
}

/// A backup that was deleted. Printed by `backup delete`.
#[derive(Serialize, JsonSchema)]
pub struct DeletionBody<'a> {
    #[serde(with = "fields::Scope")]
    scope: &'a Scope,
    /// Id of the backup.
    id: &'a str,
}

/// The report of an engine's own verb, such as `upload` and `metrics` of engine `sidecar`.
#[derive(Serialize, JsonSchema)]
pub struct ReportBody<'a> {
    #[serde(with = "fields::Scope")]
    scope: &'a Scope,
    /// Name of the verb.
    verb: &'a str,
    /// Text of the engine, in the verb's own format. Null if the engine reports none.
    text: Option<&'a str>,
    /// The things that the verb worked on. Null if the engine reports none.
    items: Option<Vec<CheckBody<'a>>>,
    /// Files that the verb saved, perhaps none. Null if the verb saves no files.
    files: Option<Vec<fields::SavedFile<'a>>>,
}

/// The widths of columns, for tables whose rows come bit by bit.
#[derive(Clone, Debug)]
pub(super) enum Room {
    /// As wide as the rows need.
    Needed,
    /// At least as wide as later rows usually are.
    Reserved,
    /// At least this wide, and with the state: later rows must have the columns of earlier ones.
    AtLeast(Vec<u16>),
}

/// Lays out the table.
pub(super) fn lay_out(list: &Backups, wide: bool, widths: Room) -> String {
    let failed = !list.is_list && list.backups.iter().any(|b| b.failure.is_some());
    let defaults = Column::defaults();
    let mut columns: Vec<_> = list
        .columns
        .iter()
        .filter(|column| wide || !column.wide || (failed && column.value == "failure"))
        .collect();
    let mut ended_well = list.backups.iter().map(|b| b.state == State::Succeeded);
    let has_state = columns.iter().any(|column| column.value == "state");
    let is_one_of_many = matches!(widths, Room::AtLeast(_));
    if !has_state && (is_one_of_many || !ended_well.all(|well| well)) {
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
        .map(|column| match widths {
            Room::Reserved => room(&column.value),
            Room::Needed | Room::AtLeast(_) => 0,
        })
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
    if let Room::AtLeast(widths) = widths {
        least = widths;
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
        let noun = if count == 1 { "backup" } else { "backups" };
        match self.left_out {
            LeftOut::Nothing => {}
            LeftOut::Number(more) => {
                return Some(format!("{count} of {} backups{from}", count + more));
            }
            LeftOut::Unknown => return Some(format!("{count} {noun}{from}; there are more")),
        }
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
        lay_out(self, wide, Room::Needed)
    }

    fn names(&self) -> String {
        self.backups
            .iter()
            .map(|backup| format!("{}\n", text::printable(&backup.id, MAX_NAME)))
            .collect()
    }

    fn body(&self) -> Body<'_> {
        let scope = &self.scope;
        if let (None, false, [item]) = (&self.per_pod, self.is_list, &*self.backups) {
            return Body::Backup(BackupBody {
                scope,
                item,
                details: BTreeMap::new(),
                file: None,
                files: None,
                copy: None,
            });
        }
        let mut pods = self.per_pod.iter().flat_map(|asked| &asked.of);
        let items = self.backups.iter().map(|backup| ListedBackup {
            pod: pods.next().map(String::as_str),
            backup,
        });
        let failures = self.per_pod.as_ref().map(|asked| {
            let failures = asked.failures.iter();
            failures.map(FailedPod::from).collect()
        });
        Body::BackupList(BackupListBody {
            scope,
            items: items.collect(),
            failures,
            files: None,
        })
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

impl Document for Restored {
    fn table(&self, wide: bool) -> String {
        let mut columns = Column::defaults();
        columns.retain(|column| column.value != "age");
        let view = Backups {
            scope: self.scope.clone(),
            columns,
            backups: vec![self.backup.clone()],
            per_pod: None,
            left_out: LeftOut::Nothing,
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

    fn body(&self) -> Body<'_> {
        Body::Restore(RestoreBody {
            scope: &self.scope,
            dry_run: self.dry_run,
            ended: self.ended,
            item: &self.backup,
            details: details(&self.details),
        })
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

    fn body(&self) -> Body<'_> {
        Body::Deletion(DeletionBody {
            scope: &self.scope,
            id: &self.id,
        })
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

    fn body(&self) -> Body<'_> {
        Body::Report(ReportBody {
            scope: &self.scope,
            verb: &self.verb,
            text: self.text.as_deref(),
            items: None,
            files: None,
        })
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
