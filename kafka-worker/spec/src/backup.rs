//! KafkaBackup.

use serde::{Deserialize, Serialize};

use crate::{
    CircuitBreaker, KafkaCluster, PvcPlace, RateLimiting, Storage, is_default, or_default, yes,
};

/// The spec of a KafkaBackup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the fields are those of the kind"
)]
pub struct BackupSpec {
    pub kafka_cluster: KafkaCluster,
    /// Names or glob patterns.
    pub topics: Vec<String>,
    pub storage: Storage,
    /// `none`, `lz4` or `zstd`.
    #[serde(default = "zstd")]
    pub compression: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "i64", extend("default" = 3)))]
    pub compression_level: Option<i64>,
    /// Bytes before compression.
    #[serde(default = "segment_max_bytes")]
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub segment_max_bytes: i64,
    #[serde(default = "a_minute")]
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub segment_max_interval_ms: i64,
    #[serde(default)]
    pub continuous: bool,
    #[serde(default)]
    pub stop_at_current_offsets: bool,
    #[serde(default = "yes")]
    pub include_offset_headers: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_cluster_id: Option<String>,
    #[serde(default = "hundred")]
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub poll_interval_ms: i64,
    #[serde(default)]
    pub consumer_group_snapshot: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    #[serde(
        default,
        deserialize_with = "or_default",
        skip_serializing_if = "is_default"
    )]
    #[cfg_attr(feature = "schema", schemars(with = "Option<Checkpoint>"))]
    pub checkpoint: Checkpoint,
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
    #[serde(
        default,
        deserialize_with = "or_default",
        skip_serializing_if = "is_default"
    )]
    #[cfg_attr(feature = "schema", schemars(with = "Option<Retention>"))]
    pub retention: Retention,
    #[serde(default)]
    pub suspend: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics: Option<Metrics>,
}

fn zstd() -> String {
    "zstd".to_owned()
}

const fn segment_max_bytes() -> i64 {
    134_217_728
}

const fn a_minute() -> i64 {
    60_000
}

const fn hundred() -> i64 {
    100
}

/// How often a backup saves its progress.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct Checkpoint {
    pub enabled: bool,
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub interval_secs: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage: Option<PvcPlace>,
}

impl Default for Checkpoint {
    fn default() -> Self {
        Self {
            enabled: true,
            interval_secs: 30,
            storage: None,
        }
    }
}

/// The rules by which old sets of one KafkaBackup are deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct Retention {
    pub enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub max_age_days: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub keep_last: Option<i64>,
    pub dry_run: bool,
}

/// The metrics of a backup. Only `enabled` has an effect: the operator serves all metrics at one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Metrics {
    #[serde(default = "yes")]
    pub enabled: bool,
    #[serde(default = "metrics_port")]
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub port: i64,
    #[serde(default = "metrics_address")]
    pub bind_address: String,
    #[serde(default = "metrics_path")]
    pub path: String,
    #[serde(default = "half_a_second")]
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub update_interval_ms: i64,
    #[serde(default = "hundred")]
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub max_partition_labels: i64,
}

const fn metrics_port() -> i64 {
    9090
}

fn metrics_address() -> String {
    "0.0.0.0".to_owned()
}

fn metrics_path() -> String {
    "/metrics".to_owned()
}

const fn half_a_second() -> i64 {
    500
}
