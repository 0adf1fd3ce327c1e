//! KafkaRestore.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    CircuitBreaker, KafkaCluster, PvcPlace, RateLimiting, Storage, is_default, or_default, yes,
};

/// The spec of a KafkaRestore.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the fields are those of the kind"
)]
pub struct RestoreSpec {
    pub backup_ref: BackupRef,
    pub kafka_cluster: KafkaCluster,
    /// Names of topics in the backup. Empty means all.
    #[serde(default)]
    pub topics: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pitr: Option<PointInTime>,
    #[serde(default)]
    pub topic_mapping: BTreeMap<String, String>,
    #[serde(default)]
    pub partition_mapping: BTreeMap<String, i32>,
    /// By the name of the topic that is restored into.
    #[serde(default)]
    pub repartitioning: BTreeMap<String, Repartitioning>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset_reset: Option<OffsetReset>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollback: Option<Rollback>,
    #[serde(
        default,
        deserialize_with = "or_default",
        skip_serializing_if = "is_default"
    )]
    #[cfg_attr(feature = "schema", schemars(with = "Option<RateLimiting>"))]
    pub rate_limiting: RateLimiting,
    #[serde(
        default,
        deserialize_with = "or_default",
        skip_serializing_if = "is_default"
    )]
    #[cfg_attr(feature = "schema", schemars(with = "Option<CircuitBreaker>"))]
    pub circuit_breaker: CircuitBreaker,
    #[serde(default)]
    pub dry_run: bool,
    #[serde(default = "thousand")]
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub produce_batch_size: i64,
    #[serde(default = "all")]
    pub produce_acks: i64,
    #[serde(default = "thirty_seconds")]
    pub produce_timeout_ms: i64,
    #[serde(default)]
    pub purge_topics: bool,
    #[serde(default)]
    pub auto_consumer_groups: bool,
    #[serde(default)]
    pub create_topics: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_replication_factor: Option<i64>,
}

const fn thousand() -> i64 {
    1000
}

const fn all() -> i64 {
    -1
}

const fn thirty_seconds() -> i64 {
    30_000
}

/// The backup set of a restore or of a validation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct BackupRef {
    /// The name of the KafkaBackup.
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backup_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage: Option<Storage>,
}

/// A window of record timestamps, with both ends included.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct PointInTime {
    /// Milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_timestamp: Option<i64>,
    /// Milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_timestamp: Option<i64>,
    /// RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(extend("format" = "date-time")))]
    pub start_time: Option<String>,
    /// RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(extend("format" = "date-time")))]
    pub end_time: Option<String>,
}

/// Another number of partitions for one topic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Repartitioning {
    /// `murmur2` or `automatic`.
    #[serde(default = "murmur2")]
    pub strategy: String,
    pub target_partitions: i64,
}

fn murmur2() -> String {
    "murmur2".to_owned()
}

/// The consumer groups that continue in the restored topics.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct OffsetReset {
    #[serde(default)]
    pub enabled: bool,
    pub consumer_groups: Vec<String>,
    #[serde(default = "manual")]
    pub strategy: String,
}

fn manual() -> String {
    "manual".to_owned()
}

/// The offsets that are kept before a restore changes them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Rollback {
    #[serde(default = "yes")]
    pub snapshot_before_restore: bool,
    #[serde(default = "a_day")]
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub snapshot_retention_hours: i64,
    #[serde(default)]
    pub auto_rollback_on_failure: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot_storage: Option<PvcPlace>,
}

impl Default for Rollback {
    fn default() -> Self {
        Self {
            snapshot_before_restore: true,
            snapshot_retention_hours: a_day(),
            auto_rollback_on_failure: false,
            snapshot_storage: None,
        }
    }
}

const fn a_day() -> i64 {
    24
}
