use std::collections::BTreeMap;

use jiff::Timestamp;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Condition, NameRef, RunStatus, Work};

/// One backup: made, copied to a store, and checked. Its spec never changes.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "kubectl-broker.io",
    version = "v1alpha1",
    kind = "Backup",
    plural = "backups",
    shortname = "bkp",
    category = "broker",
    namespaced,
    status = "BackupStatus",
    derive = "PartialEq",
    selectable = ".status.run.phase",
    doc = "One backup: made, copied to a store, and checked.",
    printcolumn = r#"{"name":"Schedule","type":"string","jsonPath":".spec.schedule.name"}"#,
    printcolumn = r#"{"name":"Engine","type":"string","jsonPath":".spec.engine.name"}"#,
    printcolumn = r#"{"name":"Phase","type":"string","jsonPath":".status.run.phase"}"#,
    printcolumn = r#"{"name":"Id","type":"string","jsonPath":".status.backupId"}"#,
    printcolumn = r#"{"name":"Bytes","type":"integer","jsonPath":".status.copy.bytes"}"#,
    printcolumn = r#"{"name":"Started","type":"date","jsonPath":".status.run.startedAt"}"#,
    printcolumn = r#"{"name":"Finished","type":"date","jsonPath":".status.run.finishedAt","priority":1}"#,
    printcolumn = r#"{"name":"Reason","type":"string","jsonPath":".status.run.failure.code"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self == oldSelf").message("the spec of a Backup can't be changed: create another Backup"))]
pub struct BackupSpec {
    /// The work: engine, target, options, and the settings of the Job.
    #[serde(flatten)]
    pub work: Work,
    /// The store for the copy. Without one, the backup stays where its backend keeps it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<NameRef>,
    /// The check of the copy.
    #[serde(default)]
    pub verify: VerifyMode,
    /// Whether deleting the object deletes the copy.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
    /// The schedule of which this is a run. The operator sets it, and engine operator for a run by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<ScheduledBy>,
}

/// The check of a new copy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum VerifyMode {
    /// No check but those of the upload.
    None,
    /// Manifest, sizes and entity tags.
    #[default]
    Cheap,
    /// Every byte is read, decrypted if an identity is there, and hashed.
    Deep,
}

/// The effect of deleting a Backup on its copy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DeletionPolicy {
    /// The copy stays.
    #[default]
    Retain,
    /// The copy is deleted, if nothing protects it.
    Delete,
}

/// The schedule and the tick of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScheduledBy {
    /// Name of the schedule.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Its uid: a schedule of the same name may have been deleted.
    #[schemars(length(min = 1, max = 64))]
    pub uid: String,
    /// The time that the schedule named.
    pub time: Timestamp,
}

/// The known facts about a backup.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct BackupStatus {
    /// The run.
    #[serde(default)]
    pub run: RunStatus,
    /// `Complete` or `Failed`, so that `kubectl wait` can wait for them, and `Progressing` before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub conditions: Vec<Condition>,
    /// The id that the backend gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub backup_id: Option<String>,
    /// Facts of the engine about the backup, by name: the values of its columns, and the details of its last step.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub details: BTreeMap<String, String>,
    /// The copy in the store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy: Option<CopyRecord>,
    /// The begun work in the backend, so that a second attempt follows it instead of beginning another. Only the pod reads
    /// it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16384))]
    pub task: Option<String>,
}

/// A copy in a store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CopyRecord {
    /// Name of the BackupStore.
    #[schemars(length(max = 253))]
    pub store: String,
    /// The reference of the copy, for `kubectl broker store get`.
    #[schemars(length(max = 2048))]
    pub reference: String,
    /// Size of the backup in bytes.
    pub bytes: i64,
    /// SHA-256 of the backup, in hexadecimal digits.
    #[schemars(length(max = 64))]
    pub sha256: String,
    /// When the copy was last checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified_at: Option<Timestamp>,
}
