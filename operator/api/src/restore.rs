use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Condition, NameRef, RunStatus, Work};

/// One restore. Its spec never changes.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "kubectl-broker.io",
    version = "v1alpha1",
    kind = "Restore",
    plural = "restores",
    shortname = "rst",
    category = "broker",
    namespaced,
    status = "RestoreStatus",
    derive = "PartialEq",
    selectable = ".status.run.phase",
    doc = "One restore of a backup. It overwrites data of its target.",
    printcolumn = r#"{"name":"Engine","type":"string","jsonPath":".spec.engine.name"}"#,
    printcolumn = r#"{"name":"Phase","type":"string","jsonPath":".status.run.phase"}"#,
    printcolumn = r#"{"name":"Id","type":"string","jsonPath":".status.backupId"}"#,
    printcolumn = r#"{"name":"Dry run","type":"boolean","jsonPath":".spec.dryRun"}"#,
    printcolumn = r#"{"name":"Started","type":"date","jsonPath":".status.run.startedAt"}"#,
    printcolumn = r#"{"name":"Reason","type":"string","jsonPath":".status.run.failure.code"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self == oldSelf").message("the spec of a Restore can't be changed: create another Restore"),
    validation = Rule::new("(has(self.dryRun) && self.dryRun) || (has(self.confirm) && self.confirm == (has(self.target) && has(self.target.statefulSet) ? self.target.statefulSet : 'broker'))").message("confirm must be the name of the target's StatefulSet (default: broker): a restore overwrites its data"),
)]
pub struct RestoreSpec {
    /// The work: engine, target, options, and the settings of the Job.
    #[serde(flatten)]
    pub work: Work,
    /// Where the data come from.
    pub from: RestoreFrom,
    /// Only check what would be done.
    #[serde(default)]
    pub dry_run: bool,
    /// The name of the target's StatefulSet, as consent: a restore overwrites its data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub confirm: Option<String>,
}

/// The source of a restore: exactly one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("[has(self.backup), has(self.copy), has(self.backupId)].filter(it, it).size() == 1").message("exactly one of backup, copy and backupId is needed"))]
pub struct RestoreFrom {
    /// A Backup in the same namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup: Option<NameRef>,
    /// A copy in a store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy: Option<CopyRef>,
    /// The id of a backup that its backend keeps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub backup_id: Option<String>,
}

/// A copy in a store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CopyRef {
    /// The BackupStore.
    pub store: NameRef,
    /// Id or reference of the copy, as `kubectl broker store ls` shows it.
    #[schemars(length(min = 1, max = 2048))]
    pub reference: String,
}

/// The known facts about a restore.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct RestoreStatus {
    /// The run.
    #[serde(default)]
    pub run: RunStatus,
    /// `Complete` or `Failed`, so that `kubectl wait` can wait for them, and `Progressing` before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub conditions: Vec<Condition>,
    /// The id of the backup that is restored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub backup_id: Option<String>,
    /// True if the backend accepted the restore, and its engine can't tell how it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome_unknown: Option<bool>,
    /// The begun work in the backend, or `sent` while its request is on the way, so that a second attempt follows it instead of beginning another. Only the pod reads
    /// it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16384))]
    pub task: Option<String>,
}
