use jiff::Timestamp;
use kafka_spec::{OffsetResetSpec, OffsetRollbackSpec};
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{KafkaCondition, is_spec};

/// A change of the offsets of consumer groups.
#[derive(CustomResource, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "kafka.oso.sh",
    version = "v1alpha1",
    kind = "KafkaOffsetReset",
    plural = "kafkaoffsetresets",
    shortname = "kor",
    namespaced,
    status = "KafkaOffsetResetStatus",
    derive = "PartialEq",
    doc = "A change of the offsets of consumer groups.",
    printcolumn = r#"{"name":"Phase","type":"string","jsonPath":".status.phase"}"#,
    printcolumn = r#"{"name":"Groups","type":"integer","jsonPath":".status.groupsReset"}"#,
    printcolumn = r#"{"name":"Failed","type":"integer","jsonPath":".status.groupsFailed"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(transparent)]
pub struct KafkaOffsetResetSpec(
    /// The worker's spec.
    pub OffsetResetSpec,
);

is_spec!(KafkaOffsetResetSpec, OffsetResetSpec);

/// The known facts about a change of offsets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KafkaOffsetResetStatus {
    /// `Running`, `Completed`, `PartiallyCompleted` or `Failed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// The state for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// When the change began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Timestamp>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completion_time: Option<Timestamp>,
    /// Groups of the spec.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups_total: Option<u64>,
    /// Groups that have their new offsets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups_reset: Option<u64>,
    /// Groups that have not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups_failed: Option<u64>,
    /// How long it took, such as `1.23s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<String>,
    /// The id of the snapshot of the offsets before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot_id: Option<String>,
    /// The file of that snapshot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot_path: Option<String>,
    /// The result of each group.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub group_results: Vec<GroupResult>,
    /// The generation of the object that was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Ready`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<KafkaCondition>,
}

/// The result of a consumer group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GroupResult {
    /// The group.
    pub group_id: String,
    /// Whether it has its new offsets.
    pub success: bool,
    /// Why it has not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Partitions whose offset was set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partitions_reset: Option<u64>,
}

/// A return to the offsets of a snapshot.
#[derive(CustomResource, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "kafka.oso.sh",
    version = "v1alpha1",
    kind = "KafkaOffsetRollback",
    plural = "kafkaoffsetrollbacks",
    shortname = "korb",
    namespaced,
    status = "KafkaOffsetRollbackStatus",
    derive = "PartialEq",
    doc = "A return to the offsets of a snapshot.",
    printcolumn = r#"{"name":"Phase","type":"string","jsonPath":".status.phase"}"#,
    printcolumn = r#"{"name":"Groups","type":"integer","jsonPath":".status.groupsRolledBack"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(transparent)]
pub struct KafkaOffsetRollbackSpec(
    /// The worker's spec.
    pub OffsetRollbackSpec,
);

is_spec!(KafkaOffsetRollbackSpec, OffsetRollbackSpec);

/// The known facts about a return to a snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KafkaOffsetRollbackStatus {
    /// `Running`, `Completed`, `PartiallyCompleted` or `Failed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// The state for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// When the return began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Timestamp>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completion_time: Option<Timestamp>,
    /// Groups that have the offsets of the snapshot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups_rolled_back: Option<u64>,
    /// Groups that have not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups_failed: Option<u64>,
    /// The result of reading the offsets again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verification: Option<Verification>,
    /// The generation of the object that was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Ready`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<KafkaCondition>,
}

/// The result of reading offsets again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Verification {
    /// Whether all groups have the offsets of the snapshot.
    pub all_matched: bool,
    /// Groups that were read.
    pub total_groups: u64,
    /// Groups with the offsets of the snapshot.
    pub matched_groups: u64,
    /// Groups with others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mismatched_groups: Vec<String>,
}
