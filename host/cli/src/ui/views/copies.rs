//! The results of commands about copies in stores.

use host_base::text::{printable, size};
use host_base::{Failure, Outcome};
use host_driver::{CopiedBackup, LocalFiles};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::download;
use super::stores::{CheckRow, FindingRow, findings};
use crate::ui::document::Document;
use crate::ui::fields::{self, DIGEST, SavedFile};
use crate::ui::format::age;
use crate::ui::schema::Body;
use crate::ui::table::{cell, optional, table};

/// The copies in a store, newest first. Printed by `store ls`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CopiesView {
    /// Name or address of the store.
    pub store: String,
    /// The copies.
    #[serde(rename = "items")]
    pub copies: Vec<CopyRow>,
    /// Objects in the store that are no complete copy. Null without `--all`.
    pub findings: Option<Vec<FindingRow>>,
    #[serde(skip)]
    #[schemars(skip)]
    pub now: Timestamp,
}

/// The origin of a copy.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SourceRow {
    /// Name of the cluster. Null if it is unknown.
    pub cluster: Option<String>,
    /// Namespace of the target. Null if it is unknown.
    pub namespace: Option<String>,
    /// Name of the StatefulSet, or of the pod if each pod has backups of its own. Null if the engine has no
    /// target.
    pub target: Option<String>,
    /// Id of the engine.
    pub engine: String,
}

/// A copy.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CopyRow {
    /// The name that means this copy and no other.
    pub reference: String,
    /// Origin of the backup.
    pub source: SourceRow,
    /// Id of the backup.
    pub id: String,
    /// Whether the end of the id is missing, because it is very long.
    pub is_id_cut: bool,
    /// When the backup was created.
    pub created: Timestamp,
    /// Length of the backup in bytes, before encryption.
    pub bytes: u64,
    /// `unchecked`, `checked` (quickly), `verified` (its bytes were read), `doubtful` (only reading the bytes can
    /// tell) or `broken`.
    pub state: &'static str,
    /// The last check. Null if there was none.
    pub last_check: Option<LastCheckRow>,
    /// Whether retention must keep the copy.
    pub pinned: bool,
    /// Until when the copy can't be deleted. Null if it is not locked.
    pub locked_until: Option<Timestamp>,
}

/// The last check of a copy.
#[derive(Debug, Serialize, JsonSchema)]
pub struct LastCheckRow {
    /// When it ended.
    pub time: Timestamp,
    /// `quick`, `bytes` or `deep`.
    pub depth: &'static str,
    /// `good`, `doubt` (something has written an object since) or `bad`.
    pub result: &'static str,
    /// User and machine that checked it, as `USER@MACHINE`.
    pub by: String,
}

fn optional_source(source: &SourceRow) -> [comfy_table::Cell; 3] {
    [
        optional(source.cluster.as_deref()),
        optional(source.namespace.as_deref()),
        optional(source.target.as_deref()),
    ]
}

impl Document for CopiesView {
    fn table(&self, wide: bool) -> String {
        let mut headers = vec![
            "CLUSTER",
            "NAMESPACE",
            "TARGET",
            "ENGINE",
            "ID",
            "SIZE",
            "AGE",
            "CHECK",
            "PIN",
        ];
        if wide {
            headers.extend(["CREATED", "CHECKED", "LOCKED-UNTIL", "REFERENCE"]);
        }
        let headers: Vec<_> = headers.into_iter().map(str::to_owned).collect();
        let rows = self.copies.iter().map(|copy| {
            let mut row: Vec<_> = optional_source(&copy.source).into();
            row.extend([
                cell(&copy.source.engine),
                cell(&copy.id),
                cell(&size(copy.bytes)),
                cell(&age(copy.created, self.now)),
                cell(&self.check(copy)),
                cell(if copy.pinned { "yes" } else { "" }),
            ]);
            if wide {
                let checked = copy.last_check.as_ref().map(|check| check.time.to_string());
                let locked = copy.locked_until.map(|until| until.to_string());
                row.extend([
                    cell(&copy.created.to_string()),
                    optional(checked.as_deref()),
                    optional(locked.as_deref()),
                    comfy_table::Cell::new(printable(&copy.reference, 1000)),
                ]);
            }
            row
        });
        let mut shown = table(&headers, rows.collect());
        if let Some(found) = self.findings.as_ref().filter(|found| !found.is_empty()) {
            shown.push('\n');
            shown.push_str(&findings(found, self.now));
        }
        shown
    }

    fn names(&self) -> String {
        self.copies
            .iter()
            .map(|copy| format!("{}\n", printable(&copy.reference, 4096)))
            .collect()
    }

    fn body(&self) -> Body<'_> {
        Body::CopyList(self)
    }

    fn summary(&self) -> Option<String> {
        self.copies
            .is_empty()
            .then(|| "The store has no copy".to_owned())
    }
}

impl CopiesView {
    /// Returns the last check for the table, such as `deep 3h`.
    fn check(&self, copy: &CopyRow) -> String {
        match &copy.last_check {
            None => String::new(),
            Some(_) if matches!(copy.state, "broken" | "doubtful") => copy.state.to_owned(),
            Some(check) => format!("{} {}", check.depth, age(check.time, self.now)),
        }
    }
}

/// Copies that were written to a store. Printed by `store copy`, `backup copy` and `backup download --to`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CopiedView {
    /// Name or address of the store.
    pub store: String,
    /// The copies.
    pub items: Vec<CopiedRow>,
}

/// A copy that was written to a store.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CopiedRow {
    /// Name or address of the store.
    pub store: String,
    /// The name that means this copy and no other.
    pub reference: String,
    /// Id of the backup.
    pub id: String,
    /// When the backup was created.
    pub created: Timestamp,
    /// Length of the backup in bytes, before encryption.
    pub bytes: u64,
    /// SHA-256 digest of the file, before encryption. With several files it is that of the lines that
    /// `sha256sum` prints for them.
    #[schemars(regex(pattern = DIGEST))]
    pub sha256: String,
    /// Names of the files.
    pub files: Vec<String>,
    /// Whether the copy is encrypted.
    pub encrypted: bool,
    /// Until when the copy can't be deleted. Null if it is not locked.
    pub locked_until: Option<Timestamp>,
    /// Whether the store had the copy before.
    pub was_there: bool,
    /// Number of bytes that an earlier run had uploaded.
    pub resumed_bytes: u64,
}

impl Document for CopiedView {
    fn table(&self, wide: bool) -> String {
        let mut headers = vec!["STORE", "ID", "SIZE", "ENCRYPTED", "RESULT"];
        if wide {
            headers.extend(["REFERENCE", "SHA256"]);
        }
        let headers: Vec<_> = headers.into_iter().map(str::to_owned).collect();
        let rows = self.items.iter().map(|copy| {
            let mut row = vec![
                cell(&copy.store),
                cell(&copy.id),
                cell(&size(copy.bytes)),
                cell(if copy.encrypted { "yes" } else { "no" }),
                cell(if copy.was_there {
                    "was there"
                } else {
                    "copied"
                }),
            ];
            if wide {
                row.push(comfy_table::Cell::new(printable(&copy.reference, 1000)));
                row.push(cell(&copy.sha256));
            }
            row
        });
        table(&headers, rows.collect())
    }

    fn names(&self) -> String {
        self.items
            .iter()
            .map(|copy| format!("{}\n", printable(&copy.reference, 4096)))
            .collect()
    }

    fn body(&self) -> Body<'_> {
        Body::StoredCopyList(self)
    }

    fn summary(&self) -> Option<String> {
        match &*self.items {
            [only] => Some(format!("SHA-256 {}", only.sha256)),
            _ => None,
        }
    }
}

/// Returns the lines about a copy, for results that have no table of copies.
pub(super) fn lines(copy: &CopiedRow) -> String {
    let what = if copy.was_there {
        "copy (was there)"
    } else {
        "copy"
    };
    format!(
        "{what}: {} in store {}\n",
        printable(&copy.reference, 1000),
        printable(&copy.store, 200)
    )
}

impl Document for CopiedBackup {
    fn table(&self, wide: bool) -> String {
        self.view().table(wide)
    }

    fn names(&self) -> String {
        self.view().names()
    }

    fn body(&self) -> Body<'_> {
        Body::Copy(crate::store::copied(&self.copy))
    }

    fn summary(&self) -> Option<String> {
        self.view().summary()
    }
}

/// The view of a single copy.
trait OneCopy {
    fn view(&self) -> CopiedView;
}

impl OneCopy for CopiedBackup {
    fn view(&self) -> CopiedView {
        crate::store::copied_list(&self.copy.store, std::slice::from_ref(&self.copy))
    }
}

/// A copy that was downloaded. Printed by `store get`.
#[derive(Debug)]
pub struct CopyDownloadView {
    pub store: String,
    pub copy: String,
    pub id: String,
    pub saved: LocalFiles,
}

/// A copy that was downloaded. Printed by `store get`.
#[derive(Serialize, JsonSchema)]
pub struct CopyDownloadBody<'a> {
    /// Name or address of the store.
    store: &'a str,
    /// The name that means this copy and no other.
    reference: &'a str,
    /// Id of the backup.
    id: &'a str,
    /// The files.
    files: Vec<SavedFile<'a>>,
}

impl Document for CopyDownloadView {
    fn table(&self, wide: bool) -> String {
        download::files(&self.saved, &self.id, wide)
    }

    fn names(&self) -> String {
        download::names(&self.saved)
    }

    fn body(&self) -> Body<'_> {
        Body::CopyDownload(CopyDownloadBody {
            store: &self.store,
            reference: &self.copy,
            id: &self.id,
            files: fields::all(&self.saved),
        })
    }

    fn summary(&self) -> Option<String> {
        Some(download::summary(&self.saved))
    }
}

/// The checks of copies. Printed by `store verify`. If a copy is damaged, the exit
/// code is 13; if one could not be decrypted, 3.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CopyChecksView {
    /// Name or address of the store.
    pub store: String,
    /// The copies.
    pub items: Vec<CopyCheckRow>,
}

/// The checks of a copy.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CopyCheckRow {
    /// The name that means this copy and no other.
    pub reference: String,
    /// Id of the backup.
    pub id: String,
    /// How it was checked: `quick`, `bytes` (every byte was read, but not decrypted) or `deep`.
    pub depth: &'static str,
    /// `passed` or `failed`.
    pub outcome: &'static str,
    /// The checks.
    pub checks: Vec<CheckRow>,
}

impl Document for CopyChecksView {
    fn table(&self, wide: bool) -> String {
        let headers = ["ID", "DEPTH", "RESULT", "CHECK", "DETAILS"].map(str::to_owned);
        let rows = self.items.iter().flat_map(|copy| {
            let is_bad = |check: &&CheckRow| check.outcome == Outcome::Failed.name();
            // People want to see what is wrong; `-o wide` shows all.
            let shown: Vec<_> = if wide {
                copy.checks.iter().collect()
            } else {
                copy.checks
                    .iter()
                    .find(is_bad)
                    .or(copy.checks.last())
                    .into_iter()
                    .collect()
            };
            shown.into_iter().map(|check| {
                vec![
                    cell(&copy.id),
                    cell(copy.depth),
                    cell(if wide { check.outcome } else { copy.outcome }),
                    cell(&check.name),
                    optional(check.message.as_deref()),
                ]
            })
        });
        table(&headers, rows.collect())
    }

    fn names(&self) -> String {
        self.items
            .iter()
            .map(|copy| format!("{}\n", printable(&copy.reference, 4096)))
            .collect()
    }

    fn body(&self) -> Body<'_> {
        Body::CopyCheckList(self)
    }

    fn summary(&self) -> Option<String> {
        let count =
            |is_it: fn(&CopyCheckRow) -> bool| self.items.iter().filter(|it| is_it(it)).count();
        let bad = count(CopyCheckRow::is_bad);
        let closed = count(CopyCheckRow::is_closed);
        Some(match (bad, self.items.len()) {
            (_, 0) => "The store has no copy".to_owned(),
            (0, all) if closed > 0 => format!(
                "{closed} of {all} copies were read but not decrypted: no given identity decrypts them"
            ),
            (0, 1) => "The copy is good".to_owned(),
            (0, all) => format!("All {all} copies are good"),
            (bad, all) => format!("{bad} of {all} copies failed a check"),
        })
    }

    fn failure(&self) -> Option<Failure> {
        if self.items.iter().any(CopyCheckRow::is_bad) {
            return Some(Failure::Integrity);
        }
        let is_closed = self.items.iter().any(CopyCheckRow::is_closed);
        is_closed.then_some(Failure::Partial)
    }
}

impl CopyCheckRow {
    fn is_bad(&self) -> bool {
        self.outcome == Outcome::Failed.name()
    }

    /// Returns true if the bytes were read, but not decrypted.
    fn is_closed(&self) -> bool {
        self.depth == "bytes"
    }
}

/// Copies that were pinned, unpinned or deleted. Printed by `store pin`, `store unpin` and `store rm`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CopyChangesView {
    /// Name or address of the store.
    pub store: String,
    /// `pinned`, `unpinned` or `deleted`.
    pub change: &'static str,
    /// The copies, by the names that mean no others.
    #[serde(rename = "items")]
    pub copies: Vec<String>,
}

impl Document for CopyChangesView {
    fn table(&self, _: bool) -> String {
        let lines = self.copies.iter();
        lines
            .map(|copy| format!("{} {}\n", printable(copy, 1000), self.change))
            .collect()
    }

    fn names(&self) -> String {
        self.copies
            .iter()
            .map(|copy| format!("{}\n", printable(copy, 4096)))
            .collect()
    }

    fn body(&self) -> Body<'_> {
        Body::CopyChangeList(self)
    }
}
