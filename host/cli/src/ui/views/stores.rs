//! The results of commands about stores themselves.

use host_base::Failure;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::ui::document::Document;
use crate::ui::schema::Body;
use crate::ui::table::{cell, optional, table};

/// The named stores. Printed by `store list` and `store remove`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct StoresView {
    /// The stores, sorted by name.
    #[serde(rename = "items")]
    pub stores: Vec<StoreRow>,
}

/// A named store.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StoreRow {
    /// Name of the store.
    pub name: String,
    /// Address of the store.
    pub url: String,
    /// Address of another server than the cloud's own. Null if there is none.
    pub endpoint: Option<String>,
    /// Region of the bucket. Null if S3 is asked for it.
    pub region: Option<String>,
    /// AWS profile with the credentials. Null if the environment decides.
    pub profile: Option<String>,
    /// Recipients that new copies are encrypted for. Empty if they are not encrypted.
    pub recipients: Vec<String>,
    /// Protection of new copies against deletion. Null if there is none.
    pub lock: Option<LockRow>,
    /// Time zone in which retention counts. Null if the store itself decides.
    pub time_zone: Option<String>,
}

/// A protection against deletion.
#[derive(Debug, Serialize, JsonSchema)]
pub struct LockRow {
    /// `GOVERNANCE` or `COMPLIANCE`.
    pub mode: &'static str,
    /// Days that it lasts.
    pub days: u32,
}

impl Document for StoresView {
    fn table(&self, wide: bool) -> String {
        let mut headers = vec!["NAME", "URL", "ENCRYPTED", "LOCK"];
        if wide {
            headers.extend(["ENDPOINT", "REGION", "PROFILE", "ZONE"]);
        }
        let headers: Vec<_> = headers.into_iter().map(str::to_owned).collect();
        let rows = self.stores.iter().map(|store| {
            let encrypted = match store.recipients.len() {
                0 => "no".to_owned(),
                count => format!("for {count}"),
            };
            let lock = store.lock.as_ref();
            let lock = lock.map(|lock| format!("{}d {}", lock.days, lock.mode.to_lowercase()));
            let mut row = vec![
                cell(&store.name),
                cell(&store.url),
                cell(&encrypted),
                optional(lock.as_deref()),
            ];
            if wide {
                row.extend([
                    optional(store.endpoint.as_deref()),
                    optional(store.region.as_deref()),
                    optional(store.profile.as_deref()),
                    optional(store.time_zone.as_deref()),
                ]);
            }
            row
        });
        table(&headers, rows.collect())
    }

    fn names(&self) -> String {
        self.stores
            .iter()
            .map(|store| format!("{}\n", store.name))
            .collect()
    }

    fn body(&self) -> Body<'_> {
        Body::StoreList(self)
    }

    fn summary(&self) -> Option<String> {
        self.stores.is_empty().then(|| {
            "No store is configured; `kubectl broker store add NAME ADDRESS` adds one".to_owned()
        })
    }
}

/// The checks of a store. Printed by `store test` and `store add`. If one failed, the exit code is 1.
#[derive(Debug, Serialize, JsonSchema)]
pub struct StoreReportView {
    /// Name or address of the store.
    pub store: String,
    /// Address of the store.
    pub url: String,
    /// The checks, in the order in which they ran.
    pub checks: Vec<CheckRow>,
    #[serde(skip)]
    #[schemars(skip)]
    pub failure: Option<Failure>,
}

/// A check.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CheckRow {
    /// Name of the check.
    pub name: String,
    /// `passed`, `warned`, `failed` or `skipped`.
    pub outcome: &'static str,
    /// Details. Null if there are none.
    pub message: Option<String>,
}

impl Document for StoreReportView {
    fn table(&self, _: bool) -> String {
        // A store may be added without a test.
        if self.checks.is_empty() {
            return String::new();
        }
        let headers = ["CHECK", "RESULT", "DETAILS"].map(str::to_owned);
        let rows = self.checks.iter().map(|check| {
            let message = check.message.as_deref().unwrap_or_default();
            vec![
                cell(&check.name),
                cell(check.outcome),
                comfy_table::Cell::new(host_base::text::printable(message, 1000)),
            ]
        });
        table(&headers, rows.collect())
    }

    fn names(&self) -> String {
        format!("{}\n", self.store)
    }

    fn body(&self) -> Body<'_> {
        Body::StoreReport(self)
    }

    fn failure(&self) -> Option<Failure> {
        self.failure
    }
}

/// Objects in a store that are no complete copy. Printed by `store repair`.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RepairView {
    /// Name or address of the store.
    pub store: String,
    /// Whether nothing was changed.
    pub dry_run: bool,
    /// The findings.
    pub items: Vec<FindingRow>,
    /// The first error. Null if there was none. With an error, the exit code is 3.
    pub error: Option<String>,
    #[serde(skip)]
    #[schemars(skip)]
    pub now: Timestamp,
}

/// Something that an interrupted upload left, or that is not as it should be.
#[derive(Debug, Serialize, JsonSchema)]
pub struct FindingRow {
    /// `under-way`, `unfinished`, `orphan`, `no-data`, `lost-mark` or `stranger`.
    pub kind: &'static str,
    /// The backup or the object.
    pub what: String,
    /// Length in bytes. Null if it is unknown.
    pub bytes: Option<u64>,
    /// When it was last written, by the clock of the service. Null if it is unknown.
    pub since: Option<Timestamp>,
    /// The next step for a person.
    pub remedy: &'static str,
    /// Whether it was removed.
    pub removed: bool,
}

pub(super) fn findings(items: &[FindingRow], now: Timestamp) -> String {
    let headers = ["FINDING", "WHAT", "SIZE", "AGE", "RESULT"].map(str::to_owned);
    let rows = items.iter().map(|finding| {
        let size = finding.bytes.map(host_base::text::size);
        let age = finding
            .since
            .map(|since| crate::ui::format::age(since, now));
        vec![
            cell(finding.kind),
            cell(&finding.what),
            optional(size.as_deref()),
            optional(age.as_deref()),
            cell(if finding.removed {
                "removed"
            } else {
                finding.remedy
            }),
        ]
    });
    table(&headers, rows.collect())
}

impl Document for RepairView {
    fn table(&self, _: bool) -> String {
        findings(&self.items, self.now)
    }

    fn names(&self) -> String {
        self.items
            .iter()
            .map(|finding| format!("{}\n", finding.what))
            .collect()
    }

    fn body(&self) -> Body<'_> {
        Body::RepairReport(self)
    }

    fn summary(&self) -> Option<String> {
        if let Some(error) = &self.error {
            return Some(format!("Not everything was removed: {error}"));
        }
        self.items
            .is_empty()
            .then(|| "Nothing is left of interrupted uploads".to_owned())
    }

    fn failure(&self) -> Option<Failure> {
        self.error.is_some().then_some(Failure::Partial)
    }
}
