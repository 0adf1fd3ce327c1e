//! KafkaBackup.

use serde::{Deserialize, Serialize};

use crate::{CircuitBreaker, KafkaCluster, PvcPlace, RateLimiting, Storage, yes};

/// The spec of a KafkaBackup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    pub compression_level: Option<i64>,
    /// Bytes before compression.
    #[serde(default = "segment_max_bytes")]
    pub segment_max_bytes: i64,
    #[serde(default = "a_minute")]
    pub segment_max_interval_ms: i64,
    #[serde(default)]
    pub continuous: bool,
    #[serde(default)]
    pub stop_at_current_offsets: bool,
    #[serde(default = "yes")]
    pub include_offset_headers: bool,
    pub source_cluster_id: Option<String>,
    #[serde(default = "hundred")]
    pub poll_interval_ms: i64,
    #[serde(default)]
    pub consumer_group_snapshot: bool,
    pub schedule: Option<String>,
    #[serde(default)]
    pub checkpoint: Checkpoint,
    #[serde(default)]
    pub rate_limiting: RateLimiting,
    #[serde(default)]
    pub circuit_breaker: CircuitBreaker,
    #[serde(default)]
    pub retention: Retention,
    #[serde(default)]
    pub suspend: bool,
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
#[serde(rename_all = "camelCase", default)]
pub struct Checkpoint {
    pub enabled: bool,
    pub interval_secs: i64,
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
#[serde(rename_all = "camelCase", default)]
pub struct Retention {
    pub enabled: bool,
    pub max_age_days: Option<i64>,
    pub keep_last: Option<i64>,
    pub dry_run: bool,
}
