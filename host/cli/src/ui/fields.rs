//! The fields that documents of several kinds share.

use std::borrow::Cow;
use std::collections::BTreeMap;

use broker_manifest::Operation;
use host_base::Failure;
use host_driver::{LocalFile, LocalFiles};
use jiff::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

/// The pattern of a SHA-256 digest in hexadecimal.
pub(super) const DIGEST: &str = "^[0-9a-f]{64}$";
/// The pattern of an engine's id.
pub(super) const ENGINE: &str = "^[^/]+/[^/]+$";

/// The target of the command, and the engine that reported the result.
#[derive(Serialize, JsonSchema)]
#[serde(remote = "host_driver::Scope", rename_all = "camelCase")]
pub(super) struct Scope {
    /// Namespace of the target.
    namespace: String,
    /// Name of the StatefulSet. Null for an engine that does not work with pods.
    statefulset: Option<String>,
    /// Pod that answered for itself. Null if any pod answers for all of them, if several pods were asked, or if
    /// the engine does not work with pods.
    pod: Option<String>,
    /// Engine that was used, as `publisher/name`.
    #[schemars(regex(pattern = ENGINE))]
    engine: String,
    /// Version of the engine.
    engine_version: String,
}

/// One backup.
#[derive(Serialize, JsonSchema)]
#[serde(remote = "host_base::Backup", rename_all = "camelCase")]
pub(super) struct Backup {
    /// Id of the backup in other commands. It came from a server and may contain any character.
    id: String,
    /// Operation that the state is about: the backup itself, or a restore of it.
    #[serde(with = "Activity")]
    activity: host_base::Activity,
    /// State, in the same words for all backends. `Pending` and `Running` are not final. `Unknown` is a state that
    /// the engine does not know.
    #[serde(with = "State")]
    state: host_base::State,
    /// State in the backend's own word. Null if the backend has none.
    reported_state: Option<String>,
    /// Size in bytes. Null if the backend does not report it.
    #[serde(rename = "sizeBytes")]
    size: Option<u64>,
    /// Time of creation. Null if the backend does not report it.
    created: Option<Timestamp>,
    /// Reason of the failure, in the backend's words. Null if there is none.
    failure: Option<String>,
    /// How far the backend is. Only while the state is `Running`, and if the backend reports it.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "amount")]
    #[schemars(with = "Amount<'static>")]
    progress: Option<host_base::Amount>,
    /// Problems that did not prevent the backup, in the engine's words. Left out if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
    /// Values for the columns that the engine's manifest adds, by the name of the field.
    fields: BTreeMap<String, String>,
}

/// A part of a whole, in bytes or in the backend's own unit.
#[derive(Serialize, JsonSchema)]
struct Amount<'a> {
    /// The part that is done.
    done: u64,
    /// The whole. Null if it is unknown.
    total: Option<u64>,
    /// The current step, in the engine's words. Null if it is unknown.
    step: Option<&'a str>,
}

#[expect(clippy::ref_option, reason = "serde passes a reference to the field")]
fn amount<S: Serializer>(
    amount: &Option<host_base::Amount>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let amount = amount.as_ref().map(|amount| Amount {
        done: amount.done,
        total: amount.total,
        step: amount.step.as_deref(),
    });
    amount.serialize(serializer)
}

#[derive(Serialize, JsonSchema)]
#[serde(remote = "host_base::Activity")]
enum Activity {
    Backup,
    Restore,
}

#[derive(Serialize, JsonSchema)]
#[serde(remote = "host_base::State")]
enum State {
    Pending,
    Running,
    Succeeded,
    Partial,
    Failed,
    Unknown,
}

/// A file with a backup.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct File<'a> {
    /// Path of the file, relative to the working folder if the folder was given so.
    path: Cow<'a, str>,
    /// Size in bytes.
    size_bytes: u64,
    /// SHA-256 digest in hexadecimal.
    #[schemars(regex(pattern = DIGEST))]
    sha256: &'a str,
    /// Proof that all bytes arrived: the backend's checksum, the announced length, a proper end of the stream, or the
    /// end of the archive. `unproven` is a file that the user accepted with `--accept-unproven`.
    #[schemars(extend("enum" = ["checksum", "length", "end-of-stream", "structure", "unproven"]))]
    verified_by: &'static str,
}

/// A file with a part of a backup, or with what an engine's own verb saved.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct SavedFile<'a> {
    #[serde(flatten)]
    file: File<'a>,
    /// Number of bytes that an earlier run had downloaded.
    resumed_bytes: u64,
}

impl<'a> From<&'a LocalFile> for SavedFile<'a> {
    fn from(file: &'a LocalFile) -> Self {
        Self {
            file: file.into(),
            resumed_bytes: file.resumed,
        }
    }
}

/// Returns the files of an engine that may save several. None if it saves a single one.
pub(super) fn many(saved: &LocalFiles) -> Option<Vec<SavedFile<'_>>> {
    saved.folder.as_ref()?;
    Some(all(saved))
}

/// Returns the files, also a single one.
pub(super) fn all(saved: &LocalFiles) -> Vec<SavedFile<'_>> {
    saved.files.iter().map(SavedFile::from).collect()
}

impl<'a> From<&'a LocalFile> for File<'a> {
    fn from(file: &'a LocalFile) -> Self {
        Self {
            path: file.path.to_string_lossy(),
            size_bytes: file.bytes,
            sha256: &file.sha256,
            verified_by: file.verified_by,
        }
    }
}

/// Returns an engine's further facts by name.
pub(super) fn details(facts: &[(String, String)]) -> BTreeMap<&str, &str> {
    let facts = facts.iter();
    facts.map(|(name, text)| (&**name, &**text)).collect()
}

/// Returns the schema of a list of operations with a command.
pub(super) fn operations(_: &mut SchemaGenerator) -> Schema {
    let operations = Operation::ALL.into_iter();
    set(operations.filter(|operation| operation.command() == *operation))
}

/// Returns the schema of a list of operations that an engine may be the default for.
pub(super) fn defaults(_: &mut SchemaGenerator) -> Schema {
    let operations = Operation::ALL.into_iter();
    set(operations.filter(|it| it.command() == *it && *it != Operation::Detect))
}

fn set(operations: impl Iterator<Item = Operation>) -> Schema {
    let names = word(operations.map(Operation::name));
    json_schema!({ "type": "array", "items": names, "uniqueItems": true })
}

/// Returns the schema of an operation of the engine interface.
pub(super) fn operation(_: &mut SchemaGenerator) -> Schema {
    word(Operation::ALL.map(Operation::name))
}

/// Returns the schema of the name of a failure.
pub(super) fn failure(_: &mut SchemaGenerator) -> Schema {
    word(Failure::ALL.map(Failure::name))
}

/// Returns the schema of an exit code of a failure.
pub(super) fn exit_codes(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "integer", "enum": Failure::ALL.map(Failure::exit_code) })
}

/// Returns the schema of a word from a fixed list.
pub(super) fn word(words: impl IntoIterator<Item = &'static str>) -> Schema {
    let words: Vec<_> = words.into_iter().collect();
    json_schema!({ "type": "string", "enum": words })
}
