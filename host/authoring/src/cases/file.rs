//! The form of a file of cases. What it means for an engine is for [`super::author`] to say.

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

/// What is asked of the engine, what its backend answers, and what has to come of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct CaseEntry {
    pub(super) name: String,
    pub(super) operation: Operation,
    /// Of `act`.
    pub(super) verb: Option<String>,
    /// Of every operation that is about one backup.
    pub(super) id: Option<String>,
    /// Of `list`.
    pub(super) limit: Option<u32>,
    /// Of `restore`.
    #[serde(default)]
    pub(super) dry_run: bool,
    /// Of `delete`.
    #[serde(default)]
    pub(super) force: bool,
    /// Of `restore`: a file of the user in the place of an id.
    pub(super) file: Option<FileEntry>,
    #[serde(default)]
    pub(super) options: BTreeMap<String, toml::Value>,
    /// What the engine's clocks say.
    pub(super) now: Option<toml::Value>,
    /// The running pods of the target.
    pub(super) pods: Option<Vec<String>>,
    #[serde(default)]
    pub(super) exchange: Vec<ExchangeEntry>,
    #[serde(default)]
    pub(super) command: Vec<CommandEntry>,
    /// Kubernetes objects that are there at the beginning.
    #[serde(default)]
    pub(super) object: Vec<toml::Value>,
    /// What can't be read, and why: `list acme.example/v1/Vault`.
    #[serde(default)]
    pub(super) refused: BTreeMap<String, ObjectFault>,
    #[serde(default)]
    pub(super) change: Vec<ChangeEntry>,
    #[serde(default)]
    pub(super) event: Vec<EventEntry>,
    pub(super) expect: ExpectEntry,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileEntry {
    pub(super) name: String,
    pub(super) text: Option<String>,
    pub(super) base64: Option<String>,
}

/// One request and its answer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExchangeEntry {
    /// `METHOD /path/{parameter}`, as in the manifest.
    pub(super) request: String,
    /// The manifest's only one where none is named.
    pub(super) endpoint: Option<String>,
    #[serde(default)]
    pub(super) parameters: BTreeMap<String, String>,
    /// All of it, in any order.
    #[serde(default)]
    pub(super) query: BTreeMap<String, String>,
    /// Those that must be there; others may be.
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    /// None: the request has none.
    pub(super) body: Option<BodyEntry>,
    pub(super) answer: AnswerEntry,
}

/// One of these.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BodyEntry {
    pub(super) json: Option<toml::Value>,
    pub(super) text: Option<String>,
    pub(super) base64: Option<String>,
    /// The name of the file that the user gave.
    pub(super) file: Option<String>,
}

/// A status with at most one body, or a fault alone.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct AnswerEntry {
    pub(super) status: Option<u16>,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    pub(super) json: Option<toml::Value>,
    pub(super) text: Option<String>,
    pub(super) base64: Option<String>,
    /// The body breaks off after so many bytes.
    pub(super) cut_after: Option<usize>,
    pub(super) fault: Option<Fault>,
}

/// What happens in the place of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Fault {
    /// Nothing answers.
    Closed,
    TimedOut,
    /// The user stops the command.
    Cancelled,
    /// The cluster does not let the user.
    Forbidden,
    /// Of a command: the container does not have the program.
    Missing,
}

/// One command and what it writes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct CommandEntry {
    /// As the manifest calls it.
    pub(super) name: String,
    /// The first of the pods where none is named.
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

/// One change of a Kubernetes object, and what comes of it. Objects and patches are tables, or the text of
/// their JSON.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangeEntry {
    /// `VERB GROUP/VERSION/KIND`: `create acme.example/v1/Vault`.
    pub(super) change: String,
    /// Of what is patched or deleted.
    pub(super) name: Option<String>,
    /// What is created. What the host adds may be missing.
    pub(super) object: Option<toml::Value>,
    pub(super) patch: Option<toml::Value>,
    /// What the cluster adds to the object.
    pub(super) answer: Option<toml::Value>,
    pub(super) fault: Option<ObjectFault>,
}

/// Something that happens to an object while the engine watches.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EventEntry {
    pub(super) change: Happening,
    /// As it is afterwards.
    pub(super) object: toml::Value,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Happening {
    Added,
    Modified,
    Deleted,
}

/// Why nothing comes of what is done with objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ObjectFault {
    /// Nothing answers.
    Closed,
    TimedOut,
    /// The user stops the command.
    Cancelled,
    /// The cluster does not let the user.
    Forbidden,
    /// The cluster does not have the kind.
    Missing,
    /// There is one of that name, or it has changed.
    Conflict,
    /// The object can't be so.
    Invalid,
}

/// A result or an error.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExpectEntry {
    pub(super) result: Option<toml::Value>,
    pub(super) error: Option<ErrorEntry>,
    /// A part of each warning, in their order. Where it is missing they are not looked at.
    pub(super) warnings: Option<Vec<String>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ErrorEntry {
    /// A kind of error of the interface: `not-found`.
    pub(super) kind: String,
    /// A part of the message.
    pub(super) message: Option<String>,
    /// A part of the hint.
    pub(super) hint: Option<String>,
    pub(super) retryable: Option<bool>,
}
