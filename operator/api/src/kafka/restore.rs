use jiff::Timestamp;
use kafka_spec::RestoreSpec;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{KafkaCondition, is_spec};

/// A restore of the topics of a backup set.
#[derive(CustomResource, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "kafka.oso.sh",
    version = "v1alpha1",
    kind = "KafkaRestore",
    plural = "kafkarestores",
    shortname = "kr",
    namespaced,
    status = "KafkaRestoreStatus",
    derive = "PartialEq",
    doc = "A restore of the topics of a backup set.",
    printcolumn = r#"{"name":"Phase","type":"string","jsonPath":".status.phase"}"#,
    printcolumn = r#"{"name":"Progress","type":"string","jsonPath":".status.progressPercent"}"#,
    printcolumn = r#"{"name":"Records","type":"integer","jsonPath":".status.recordsRestored"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(transparent)]
pub struct KafkaRestoreSpec(
    /// The worker's spec.
    pub RestoreSpec,
);

is_spec!(KafkaRestoreSpec, RestoreSpec);

/// The known facts about a restore.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KafkaRestoreStatus {
    /// `Running`, `Completed`, `Failed` or `RolledBack`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// The state for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// When the restore began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Timestamp>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completion_time: Option<Timestamp>,
    /// Percent of the records, 0–100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress_percent: Option<f64>,
    /// Records that were written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records_restored: Option<u64>,
    /// Bytes that were written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_restored: Option<u64>,
    /// Segments that were read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segments_processed: Option<u64>,
    /// The topic that is being restored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current_topic: Option<String>,
    /// Records per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throughput_records_per_sec: Option<f64>,
    /// Milliseconds until the expected end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eta_ms: Option<u64>,
    /// The offsets that the consumer groups had before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback: Option<RollbackRecord>,
    /// The file with the offsets that the consumer groups get.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset_mapping_path: Option<String>,
    /// The generation of the object that was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Ready`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<KafkaCondition>,
}

/// The offsets that the consumer groups had before a restore.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RollbackRecord {
    /// The id of the snapshot.
    pub snapshot_id: String,
    /// When it was taken.
    pub snapshot_time: Timestamp,
    /// Its file.
    pub snapshot_path: String,
    /// Whether a KafkaOffsetRollback may use it.
    pub rollback_available: bool,
    /// When it may be deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}
