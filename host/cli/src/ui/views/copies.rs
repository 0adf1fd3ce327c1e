//! The results of commands about copies in stores.

use host_base::text::{printable, size};
use host_base::{Failure, Outcome};
use host_driver::{CopiedBackup, LocalFiles};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::download;
use super::each::{self, FailedItem, ItemError};
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
    /// Number of copies that flags of the command leave out.
    #[serde(skip)]
    #[schemars(skip)]
    pub hidden: usize,
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
        self.copies.is_empty().then(|| match self.hidden {
            0 => "The store has no copy".to_owned(),
            hidden => format!(
                "None of the {hidden} copies is shown: leave out `--target`, `--source-cluster` and `--limit`"
            ),
        })
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

/// Copies that were written to a store. Printed by `store copy` and `backup copy`. If only some could be written,
/// the exit code is 3.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct CopiedView {
    /// Name or address of the store.
    pub store: String,
    /// The copies that are in the store.
    pub items: Vec<CopiedRow>,
    /// The files or copies that could not be copied.
    pub failures: Vec<FailedItem>,
    /// The files or copies that were not tried, because the command ended before.
    pub untried: Vec<String>,
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
        let is_whole = self.failures.is_empty() && self.untried.is_empty();
        if !is_whole {
            headers.push("DETAILS");
        }
        let headers: Vec<_> = headers.into_iter().map(str::to_owned).collect();
        let copied = self.items.iter().map(|copy| {
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
            row.extend((!is_whole).then(|| cell("")));
            row
        });
        let others = self.others().map(|(item, error)| {
            let result = if error.is_some() {
                "failed"
            } else {
                "not tried"
            };
            let mut row = vec![
                cell(&self.store),
                comfy_table::Cell::new(printable(item, 1000)),
                cell(""),
                cell(""),
                cell(result),
            ];
            if wide {
                row.extend([cell(""), cell("")]);
            }
            row.push(details(error));
            row
        });
        table(&headers, copied.chain(others).collect())
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
        let others = self.others().count();
        match &*self.items {
            [only] if others == 0 => Some(format!("SHA-256 {}", only.sha256)),
            items if others > 0 => Some(format!(
                "{others} of {} were not copied",
                items.len() + others
            )),
            _ => None,
        }
    }

    fn failure(&self) -> Option<Failure> {
        let failures = self.failures.iter().map(|it| it.error.failure());
        each::ended(self.items.len(), failures, self.untried.len())
    }
}

impl CopiedView {
    /// Returns what was not copied, with the error if it was tried.
    fn others(&self) -> impl Iterator<Item = (&str, Option<&ItemError>)> {
        let failures = self.failures.iter();
        let failures = failures.map(|it| (it.item.as_str(), Some(&it.error)));
        failures.chain(self.untried.iter().map(|item| (item.as_str(), None)))
    }
}

/// Returns the reason why an item failed, for the last column of a table.
fn details(error: Option<&ItemError>) -> comfy_table::Cell {
    let message = error.map(ItemError::message).unwrap_or_default();
    comfy_table::Cell::new(printable(message, 1000))
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
        crate::store::copied_view(&self.copy)
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

/// The checks of copies. Printed by `store verify`. If a copy is damaged, the exit code is 13. Otherwise it is 3 if
/// only some could be checked, or if one could not be decrypted.
#[derive(Debug, Default, Serialize, JsonSchema)]
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
    /// How it was checked: `quick`, `bytes` (every byte was read, but not decrypted) or `deep`. If it was not
    /// checked, how it should have been.
    pub depth: &'static str,
    /// `passed`, `failed`, `error` (it could not be checked) or `skipped` (the command ended before).
    pub outcome: &'static str,
    /// The checks.
    pub checks: Vec<CheckRow>,
    /// The reason why it could not be checked. Null unless the outcome is `error`.
    pub error: Option<ItemError>,
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
            let unchecked = shown.is_empty().then(|| {
                vec![
                    cell(&copy.id),
                    cell(copy.depth),
                    cell(copy.outcome),
                    cell(""),
                    details(copy.error.as_ref()),
                ]
            });
            let checked = shown.into_iter().map(|check| {
                vec![
                    cell(&copy.id),
                    cell(copy.depth),
                    cell(if wide { check.outcome } else { copy.outcome }),
                    cell(&check.name),
                    optional(check.message.as_deref()),
                ]
            });
            checked.chain(unchecked)
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
        let unchecked = count(|it| !it.is_checked());
        let is_deep = self.items.iter().all(|it| it.depth == "deep");
        let passed = match self.items.len() {
            _ if !is_deep => "passed the quick check",
            1 => "is good",
            _ => "are good",
        };
        let checked = match (bad, self.items.len()) {
            (_, 0) => "The store has no copy".to_owned(),
            (0, all) if closed > 0 => format!(
                "{closed} of {all} copies were read but not decrypted, because no identity decrypts them: give one with `--identity SOURCE`"
            ),
            (0, 1) if unchecked == 0 => format!("The copy {passed}"),
            (0, all) if unchecked == 0 => format!("All {all} copies {passed}"),
            (0, all) => return Some(format!("{unchecked} of {all} copies were not checked")),
            (bad, all) => format!("{bad} of {all} copies failed a check"),
        };
        let closed = if bad == 0 { 0 } else { closed };
        let others = [(closed, "not decrypted"), (unchecked, "not checked")];
        let others = others.into_iter().filter(|(count, _)| *count > 0);
        let others: String = others
            .map(|(count, what)| format!(", {count} were {what}"))
            .collect();
        Some(checked + &others)
    }

    fn failure(&self) -> Option<Failure> {
        let has = |is_it: fn(&CopyCheckRow) -> bool| self.items.iter().any(is_it);
        // Damage counts more than all else: the copy has to be replaced.
        if has(CopyCheckRow::is_bad) {
            return Some(Failure::Integrity);
        }
        let errors = self.items.iter().filter_map(|it| it.error.as_ref());
        let checked = self.items.iter().filter(|it| it.is_checked()).count();
        let unchecked = self.items.len() - checked;
        each::ended(checked, errors.map(ItemError::failure), unchecked)
            .or_else(|| has(CopyCheckRow::is_closed).then_some(Failure::Partial))
    }
}

/// The outcome of a copy that could not be checked.
const ERROR: &str = "error";

impl CopyCheckRow {
    /// Notes that the copy could not be checked.
    pub fn fail(&mut self, error: ItemError) {
        self.outcome = ERROR;
        self.error = Some(error);
    }

    fn is_bad(&self) -> bool {
        self.outcome == Outcome::Failed.name()
    }

    fn is_checked(&self) -> bool {
        self.is_bad() || self.outcome == Outcome::Passed.name()
    }

    /// Returns true if the bytes were read, but not decrypted.
    fn is_closed(&self) -> bool {
        self.outcome == Outcome::Passed.name() && self.depth == "bytes"
    }
}

/// Copies that were pinned, unpinned or deleted. Printed by `store pin`, `store unpin` and `store rm`. If only some
/// could be changed, the exit code is 3.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct CopyChangesView {
    /// Name or address of the store.
    pub store: String,
    /// `pinned`, `unpinned` or `deleted`.
    pub change: &'static str,
    /// The copies, by the names that mean no others.
    #[serde(rename = "items")]
    pub copies: Vec<String>,
    /// The copies that could not be changed.
    pub failures: Vec<FailedItem>,
    /// The copies that were not tried, because the command ended before.
    pub untried: Vec<String>,
}

impl Document for CopyChangesView {
    fn table(&self, _: bool) -> String {
        let line = |copy: &str, what: &str| format!("{} {what}\n", printable(copy, 1000));
        let changed = self.copies.iter().map(|copy| line(copy, self.change));
        let others = self.failures.iter().map(|it| it.item.as_str());
        let others = others.chain(self.untried.iter().map(String::as_str));
        let others = others.map(|copy| line(copy, &format!("not {}", self.change)));
        changed.chain(others).collect()
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

    fn failure(&self) -> Option<Failure> {
        let failures = self.failures.iter().map(|it| it.error.failure());
        each::ended(self.copies.len(), failures, self.untried.len())
    }
}
