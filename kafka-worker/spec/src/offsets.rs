//! KafkaOffsetReset and KafkaOffsetRollback.

use serde::{Deserialize, Serialize};

use crate::{KafkaCluster, yes};

/// The spec of a KafkaOffsetReset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct OffsetResetSpec {
    pub kafka_cluster: KafkaCluster,
    pub consumer_groups: Vec<String>,
    /// `to-earliest`, `to-latest`, `to-timestamp`, `to-offset` or `from-mapping`.
    #[cfg_attr(
        feature = "schema",
        schemars(extend("enum" = crate::rules::STRATEGIES))
    )]
    pub reset_strategy: String,
    /// Milliseconds since 1970, for `to-timestamp`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reset_timestamp: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reset_offset: Option<i64>,
    /// Empty means the topics for which a group has offsets.
    #[serde(default)]
    pub topics: Vec<String>,
    #[serde(default = "fifty")]
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub parallelism: i64,
    #[serde(default)]
    pub dry_run: bool,
    #[serde(default)]
    pub continue_on_error: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset_mapping_ref: Option<MappingRef>,
    #[serde(default = "yes")]
    pub snapshot_before_reset: bool,
}

const fn fifty() -> i64 {
    50
}

/// The file in which a restore wrote the offsets of groups.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct MappingRef {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restore_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pvc_name: Option<String>,
}

/// The spec of a KafkaOffsetRollback.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct OffsetRollbackSpec {
    pub snapshot_ref: SnapshotRef,
    pub kafka_cluster: KafkaCluster,
    /// Empty means every group of the snapshot.
    #[serde(default)]
    pub consumer_groups: Vec<String>,
    #[serde(default)]
    pub dry_run: bool,
    #[serde(default = "yes")]
    pub verify_after_rollback: bool,
}

/// The snapshot of offsets that a reset or a restore took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct SnapshotRef {
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pvc_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restore_ref: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset_reset_ref: Option<String>,
}
