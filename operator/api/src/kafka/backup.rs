use jiff::Timestamp;
use kafka_spec::BackupSpec;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{KafkaCondition, is_spec};

/// A backup of topics: once, by a schedule, or without an end.
#[derive(CustomResource, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "kafka.oso.sh",
    version = "v1alpha1",
    kind = "KafkaBackup",
    plural = "kafkabackups",
    shortname = "kb",
    namespaced,
    status = "KafkaBackupStatus",
    derive = "PartialEq",
    doc = "A backup of topics: once, by a schedule, or without an end.",
    printcolumn = r#"{"name":"Phase","type":"string","jsonPath":".status.phase"}"#,
    printcolumn = r#"{"name":"Last Backup","type":"string","jsonPath":".status.lastBackupTime"}"#,
    printcolumn = r#"{"name":"Records","type":"integer","jsonPath":".status.recordsProcessed"}"#,
    printcolumn = r#"{"name":"Resumable","type":"boolean","jsonPath":".status.resumable"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(transparent)]
pub struct KafkaBackupSpec(
    /// The worker's spec.
    pub BackupSpec,
);

is_spec!(KafkaBackupSpec, BackupSpec);

/// The known facts about a backup.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KafkaBackupStatus {
    /// `Ready`, `Running`, `Completed` or `Failed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// The state for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// When the last complete set was ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_backup_time: Option<Timestamp>,
    /// The last tick of the schedule for which a backup was begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_schedule_time: Option<Timestamp>,
    /// The next tick of the schedule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_scheduled_backup: Option<Timestamp>,
    /// Records in the set of the last run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records_processed: Option<u64>,
    /// Bytes in the set of the last run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_processed: Option<u64>,
    /// Segments in the set of the last run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segments_completed: Option<u64>,
    /// Whether the progress of a backup is saved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint_enabled: Option<bool>,
    /// When the progress was saved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_checkpoint_time: Option<Timestamp>,
    /// Whether another attempt goes on with the set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumable: Option<bool>,
    /// Records per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throughput_records_per_sec: Option<f64>,
    /// Bytes per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throughput_bytes_per_sec: Option<f64>,
    /// The id of the set of the last run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup_id: Option<String>,
    /// When old sets were looked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_retention_time: Option<Timestamp>,
    /// Sets that were looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_inspected_backups: Option<u64>,
    /// Sets that are old enough to be deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_eligible_backups: Option<u64>,
    /// Sets that were deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_deleted_backups: Option<u64>,
    /// Bytes of the deleted sets. After a dry run, those of the sets that would have been deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_reclaimed_bytes: Option<u64>,
    /// Whether nothing was really deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_dry_run: Option<bool>,
    /// Why old sets could not be deleted. The backup itself is complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_error: Option<String>,
    /// The generation of the object that was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Ready`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<KafkaCondition>,
}
