use host_base::text::size;
use host_base::{Failure, State, text};
use host_driver::{PastFile, PastOperation, PastOperations};
use jiff::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Serialize, Serializer};

use crate::ui::document::Document;
use crate::ui::fields::{DIGEST, word};
use crate::ui::format::age;
use crate::ui::schema::Body;
use crate::ui::table::{cell, optional, state, table};

/// The history of this machine, newest first. Printed by `backup history`.
#[derive(Serialize, JsonSchema)]
pub struct HistoryBody<'a> {
    /// The entries.
    items: Vec<HistoryEntry<'a>>,
}

#[derive(Serialize, JsonSchema)]
struct HistoryEntry<'a>(#[serde(with = "EntryFields")] &'a PastOperation);

/// An operation.
#[derive(Serialize, JsonSchema)]
#[serde(remote = "PastOperation")]
struct EntryFields {
    /// Time when the operation ended.
    time: Timestamp,
    /// `create`, `download`, `verify`, `restore`, `delete`, or an engine's own verb.
    operation: String,
    /// `Succeeded`, or the kind of failure as in an Error's `code`. An operation that was started but not followed is
    /// `Accepted`. A backup without proof that it is complete is `Unproven`. An interrupted download is
    /// `Interrupted`.
    #[schemars(schema_with = "outcomes")]
    outcome: String,
    /// Message of the error, and how to resume an interrupted download. Null if there is nothing to say.
    message: Option<String>,
    /// Engine, as `publisher/name`. Empty if none took part, as in `verify`.
    engine: String,
    /// Context, namespace and StatefulSet, with slashes between them. Empty if no cluster took part.
    scope: String,
    /// Id of the backup. Null if it is unknown.
    id: Option<String>,
    /// Path of the file, or folder of several files. Null if none took part.
    #[serde(rename = "path")]
    file: Option<String>,
    /// Size of the file in bytes, or of all files together. Null if no file took part, or if the file can't be read.
    #[serde(rename = "sizeBytes")]
    bytes: Option<u64>,
    /// SHA-256 digest of the file in hexadecimal. Null if no file took part, or if the file can't be read.
    #[schemars(regex(pattern = DIGEST))]
    sha256: Option<String>,
    /// The complete files of an operation that may save several, or of an engine's own verb; empty for others. They
    /// are complete even if the operation failed.
    #[serde(serialize_with = "past_files")]
    #[schemars(with = "Vec<PastFileFields>")]
    files: Vec<PastFile>,
}

/// A complete file of an operation.
#[derive(Serialize, JsonSchema)]
#[serde(remote = "PastFile")]
struct PastFileFields {
    /// Path of the file.
    #[serde(rename = "path")]
    file: String,
    /// Size in bytes.
    #[serde(rename = "sizeBytes")]
    bytes: u64,
    /// SHA-256 digest in hexadecimal.
    #[schemars(regex(pattern = DIGEST))]
    sha256: String,
}

#[expect(clippy::ptr_arg, reason = "serde passes the field")]
fn past_files<S: Serializer>(files: &Vec<PastFile>, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Shown<'a>(#[serde(with = "PastFileFields")] &'a PastFile);
    serializer.collect_seq(files.iter().map(Shown))
}

fn outcomes(_: &mut SchemaGenerator) -> Schema {
    let successes = ["Succeeded", "Accepted", "Unproven"].into_iter();
    word(successes.chain(Failure::ALL.map(Failure::name)))
}

fn state_of(row: &PastOperation) -> State {
    match &*row.outcome {
        "Succeeded" => State::Succeeded,
        "Unproven" | "Partial" => State::Unknown,
        _ => State::Failed,
    }
}

impl Document for PastOperations {
    fn table(&self, wide: bool) -> String {
        let mut headers = vec!["AGE", "OPERATION", "OUTCOME", "SCOPE", "ID", "SIZE", "FILE"];
        if wide {
            headers.extend(["TIME", "ENGINE", "SHA256", "MESSAGE"]);
        }
        let headers: Vec<_> = headers.into_iter().map(str::to_owned).collect();
        let rows = self.rows.iter().map(|row| {
            let mut cells = vec![
                cell(&age(row.time, self.now)),
                cell(&row.operation),
                state(&row.outcome, state_of(row)),
                cell(&row.scope),
                optional(row.id.as_deref()),
                optional(row.bytes.map(size).as_deref()),
                optional(row.file.as_deref()),
            ];
            if wide {
                cells.extend([
                    cell(&format!("{:.0}", row.time)),
                    cell(&row.engine),
                    optional(row.sha256.as_deref()),
                    optional(row.message.as_deref()),
                ]);
            }
            cells
        });
        table(&headers, rows.collect())
    }

    /// Lists the file of each entry, or else its id.
    fn names(&self) -> String {
        let name = |row: &PastOperation| row.file.clone().or_else(|| row.id.clone());
        let names = self.rows.iter().filter_map(name);
        names
            .map(|name| format!("{}\n", text::printable(&name, 4096)))
            .collect()
    }

    fn body(&self) -> Body<'_> {
        Body::History(HistoryBody {
            items: self.rows.iter().map(HistoryEntry).collect(),
        })
    }

    fn summary(&self) -> Option<String> {
        (self.unreadable > 0).then(|| {
            format!(
                "{} lines of the record can't be read and are left out",
                self.unreadable
            )
        })
    }
}
