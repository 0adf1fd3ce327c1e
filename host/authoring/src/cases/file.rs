//! The format of a file of cases. [`super::author`] checks what it means for an engine.

use std::collections::BTreeMap;

use broker_manifest::Operation;
use serde::Deserialize;

/// A file of cases.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct CaseFile {
    #[serde(default)]
    pub(super) case: Vec<CaseEntry>,
}

/// One case: the call of the engine, the responses of its backend, and the expected result.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct CaseEntry {
    pub(super) name: String,
    pub(super) operation: Operation,
    /// The verb, for `act`.
    pub(super) verb: Option<String>,
    /// The id of a backup, for operations on one backup.
    pub(super) id: Option<String>,
    /// The limit, for `list`.
    pub(super) limit: Option<u32>,
    /// True for a dry run, for `restore`.
    #[serde(default)]
    pub(super) dry_run: bool,
    /// True to force, for `delete`.
    #[serde(default)]
    pub(super) force: bool,
    /// The token of `prepare`, for `create`.
    pub(super) prepared: Option<String>,
    /// A file of the user instead of an id, for `restore`.
    pub(super) file: Option<FileEntry>,
    #[serde(default)]
    pub(super) options: BTreeMap<String, toml::Value>,
    /// The time that the engine's clocks show.
    pub(super) now: Option<toml::Value>,
    /// The running pods of the target.
    pub(super) pods: Option<Vec<String>>,
    #[serde(default)]
    pub(super) exchange: Vec<ExchangeEntry>,
    #[serde(default)]
    pub(super) command: Vec<CommandEntry>,
    /// Kubernetes objects that exist at the beginning.
    #[serde(default)]
    pub(super) object: Vec<toml::Value>,
    /// Reads that fail, and how. A key has the form `list acme.example/v1/Vault`.
    #[serde(default)]
    pub(super) refused: BTreeMap<String, ObjectFault>,
    #[serde(default)]
    pub(super) change: Vec<ChangeEntry>,
    #[serde(default)]
    pub(super) event: Vec<EventEntry>,
    /// Objects that exist in object stores at the beginning.
    #[serde(default)]
    pub(super) stored: Vec<StoredEntry>,
    #[serde(default)]
    pub(super) write: Vec<WriteEntry>,
    #[serde(default)]
    pub(super) action: Vec<ActionEntry>,
    pub(super) expect: ExpectEntry,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileEntry {
    pub(super) name: String,
    pub(super) text: Option<String>,
    pub(super) base64: Option<String>,
}

/// One request and its response.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExchangeEntry {
    /// The request as in the manifest: `METHOD /path/{parameter}`.
    pub(super) request: String,
    /// Name of the endpoint. It may be left out if only one allows the request.
    pub(super) endpoint: Option<String>,
    /// The pod that the engine chooses.
    pub(super) pod: Option<String>,
    #[serde(default)]
    pub(super) parameters: BTreeMap<String, String>,
    /// The complete query, in any order.
    #[serde(default)]
    pub(super) query: BTreeMap<String, String>,
    /// Required headers; other headers are allowed.
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    /// The body; without an entry, the request must have none.
    pub(super) body: Option<BodyEntry>,
    pub(super) answer: AnswerEntry,
}

/// The body of a request; exactly one of the fields is set.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BodyEntry {
    pub(super) json: Option<toml::Value>,
    pub(super) text: Option<String>,
    pub(super) base64: Option<String>,
    /// The name of the file that the user gave.
    pub(super) file: Option<String>,
    pub(super) form: Option<Vec<PartEntry>>,
}

/// One part of a form: a name with a text or the name of the file that the user gave.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PartEntry {
    pub(super) name: String,
    pub(super) text: Option<String>,
    pub(super) file: Option<String>,
}

/// A status with at most one body, or only a fault.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct AnswerEntry {
    pub(super) status: Option<u16>,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    pub(super) json: Option<toml::Value>,
    pub(super) text: Option<String>,
    pub(super) base64: Option<String>,
    /// The body is interrupted after this number of bytes.
    pub(super) cut_after: Option<usize>,
    pub(super) fault: Option<Fault>,
}

/// A failure instead of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Fault {
    /// Nothing responds.
    Closed,
    TimedOut,
    /// The user stops the command.
    Cancelled,
    /// The cluster forbids it to the user.
    Forbidden,
    /// The container does not have the program of a command.
    Missing,
}

/// One command and its output.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct CommandEntry {
    /// Name of the command in the manifest.
    pub(super) name: String,
    /// Name of the pod; without an entry, it is the first one.
    pub(super) pod: Option<String>,
    #[serde(default)]
    pub(super) arguments: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) exit_code: i32,
    #[serde(default)]
    pub(super) stdout: String,
    #[serde(default)]
    pub(super) stderr: String,
    pub(super) fault: Option<Fault>,
}

/// One change of a Kubernetes object and its result. Objects and patches are tables, or JSON texts.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ChangeEntry {
    /// The change in the form `VERB GROUP/VERSION/KIND`, such as `create acme.example/v1/Vault`.
    pub(super) change: String,
    /// Name of the patched or deleted object.
    pub(super) name: Option<String>,
    /// The created object. Fields that the host adds may be left out.
    pub(super) object: Option<toml::Value>,
    pub(super) patch: Option<toml::Value>,
    /// True if nothing is stored.
    #[serde(default)]
    pub(super) dry_run: bool,
    /// Fields that the cluster adds to the object.
    pub(super) answer: Option<toml::Value>,
    pub(super) fault: Option<ObjectFault>,
}

/// One object in an object store.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoredEntry {
    pub(super) bucket: String,
    /// The key. Without it, the entry is about listing the bucket.
    pub(super) key: Option<String>,
    pub(super) json: Option<toml::Value>,
    pub(super) text: Option<String>,
    pub(super) base64: Option<String>,
    /// How reading the object or listing the bucket fails.
    pub(super) fault: Option<ObjectFault>,
}

/// One change in an object store and its result.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WriteEntry {
    /// The change in the form `VERB BUCKET/KEY`, such as `put backups/manifest.json`.
    pub(super) write: String,
    /// The source of a copy, as `BUCKET/KEY`.
    pub(super) source: Option<String>,
    pub(super) json: Option<toml::Value>,
    pub(super) text: Option<String>,
    pub(super) base64: Option<String>,
    pub(super) fault: Option<ObjectFault>,
}

/// One action of one of Amazon's services and its result.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ActionEntry {
    /// The action as `SERVICE:ACTION`.
    pub(super) action: String,
    /// The complete parameters, in any order.
    #[serde(default)]
    pub(super) parameters: BTreeMap<String, String>,
    pub(super) region: Option<String>,
    /// The response.
    pub(super) xml: Option<String>,
    pub(super) fault: Option<ObjectFault>,
}

/// A change of an object by somebody else while the engine watches.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EventEntry {
    pub(super) change: Happening,
    /// The object after the change.
    pub(super) object: toml::Value,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Happening {
    Added,
    Modified,
    Deleted,
}

/// A failure of an access to objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ObjectFault {
    /// Nothing responds.
    Closed,
    TimedOut,
    /// The user stops the command.
    Cancelled,
    /// The cluster forbids it to the user.
    Forbidden,
    /// The cluster does not have the kind.
    Missing,
    /// The name is taken, or the object has changed.
    Conflict,
    /// The cluster refuses the object as invalid.
    Invalid,
}

/// An expected result or error.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExpectEntry {
    pub(super) result: Option<toml::Value>,
    pub(super) error: Option<ErrorEntry>,
    /// Parts of the expected warnings, in their order. Without this field, warnings are not checked.
    pub(super) warnings: Option<Vec<String>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ErrorEntry {
    /// An error kind of the interface, such as `not-found`.
    pub(super) kind: String,
    /// A part of the message.
    pub(super) message: Option<String>,
    /// A part of the hint.
    pub(super) hint: Option<String>,
    pub(super) retryable: Option<bool>,
}
