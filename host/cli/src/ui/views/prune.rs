//! The result of `store prune`.

use host_base::Failure;
use host_base::text::{printable, size};
use host_store::Removed;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::copies::SourceRow;
use crate::ui::document::Document;
use crate::ui::format::age;
use crate::ui::schema::Body;
use crate::ui::table::{cell, optional, table};

/// The decision of retention about each copy, and the deleted copies. Printed by `store prune`.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PruneView {
    /// Name or address of the store.
    pub store: String,
    /// Whether nothing was deleted.
    pub dry_run: bool,
    /// The copies by source, the newest of each source first.
    pub items: Vec<VerdictRow>,
    /// The first error. Null if there was none. With an error, the exit code is 3.
    pub error: Option<String>,
    #[serde(skip)]
    #[schemars(skip)]
    pub now: Timestamp,
}

/// The decision of retention about a copy.
#[derive(Debug, Serialize, JsonSchema)]
pub struct VerdictRow {
    /// The name that means this copy and no other.
    pub reference: String,
    /// Origin of the backup.
    pub source: SourceRow,
    /// Id of the backup.
    pub id: String,
    /// When the backup was created.
    pub created: Timestamp,
    /// Length of the backup in bytes, before encryption.
    pub bytes: u64,
    /// `keep`, `delete` (would be deleted, or could not be) or `deleted`.
    pub action: &'static str,
    /// The reasons why the copy stays. Empty if it goes.
    pub reasons: Vec<ReasonRow>,
    /// Whether the copy is known to be damaged or incomplete.
    pub broken: bool,
}

/// A reason to keep a copy.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ReasonRow {
    /// Name of the rule.
    pub rule: &'static str,
    /// The reason in words.
    pub text: String,
}

impl PruneView {
    /// Notes what was deleted.
    pub fn note(&mut self, removed: &Removed) {
        for row in &mut self.items {
            let is_it = |copy: &host_store::Copy| copy.reference() == row.reference;
            if row.action == "delete" && removed.copies.iter().any(is_it) {
                row.action = "deleted";
            }
        }
        self.error = removed.error.as_ref().map(ToString::to_string);
    }
}

impl Document for PruneView {
    fn table(&self, wide: bool) -> String {
        let mut headers = vec![
            "NAMESPACE",
            "TARGET",
            "ENGINE",
            "ID",
            "SIZE",
            "AGE",
            "ACTION",
            "REASON",
        ];
        if wide {
            headers.extend(["CLUSTER", "REFERENCE"]);
        }
        let headers: Vec<_> = headers.into_iter().map(str::to_owned).collect();
        let rows = self.items.iter().map(|row| {
            let reasons: Vec<_> = row
                .reasons
                .iter()
                .map(|reason| reason.text.as_str())
                .collect();
            let reasons = match (reasons.is_empty(), row.broken) {
                (true, true) => "broken".to_owned(),
                (true, false) => "no rule keeps it".to_owned(),
                (false, _) => reasons.join(", "),
            };
            let mut cells = vec![
                optional(row.source.namespace.as_deref()),
                optional(row.source.target.as_deref()),
                cell(&row.source.engine),
                cell(&row.id),
                cell(&size(row.bytes)),
                cell(&age(row.created, self.now)),
                cell(row.action),
                cell(&reasons),
            ];
            if wide {
                cells.push(optional(row.source.cluster.as_deref()));
                cells.push(comfy_table::Cell::new(printable(&row.reference, 1000)));
            }
            cells
        });
        table(&headers, rows.collect())
    }

    fn names(&self) -> String {
        let goes = self.items.iter().filter(|row| row.action != "keep");
        goes.map(|row| format!("{}\n", printable(&row.reference, 4096)))
            .collect()
    }

    fn body(&self) -> Body<'_> {
        Body::PruneReport(self)
    }

    fn summary(&self) -> Option<String> {
        if let Some(error) = &self.error {
            return Some(format!("Not everything was deleted: {error}"));
        }
        let goes = self.items.iter().filter(|row| row.action != "keep");
        let bytes = goes.clone().map(|row| row.bytes).sum();
        let count = goes.count();
        let of = self.items.len();
        Some(match (count, self.dry_run) {
            (0, _) if of == 1 => "Nothing to delete: the copy stays".to_owned(),
            (0, _) => format!("Nothing to delete: all {of} copies stay"),
            (_, true) => format!("{count} of {of} copies would be deleted, {}", size(bytes)),
            (_, false) => format!("{count} of {of} copies deleted, {}", size(bytes)),
        })
    }

    fn failure(&self) -> Option<Failure> {
        self.error.is_some().then_some(Failure::Partial)
    }
}
