//! KafkaBackupValidation.

use serde::{Deserialize, Serialize};

use crate::{BackupRef, KafkaCluster, yes};

/// The spec of a KafkaBackupValidation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ValidationSpec {
    pub backup_ref: BackupRef,
    pub checks: Checks,
    pub kafka_cluster: Option<KafkaCluster>,
    pub evidence: Option<Evidence>,
    pub schedule: Option<String>,
    #[serde(default)]
    pub suspend: bool,
}

/// The checks of a validation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Checks {
    pub message_count: Option<MessageCountCheck>,
    pub offset_range: Option<OffsetRangeCheck>,
    pub consumer_group_offsets: Option<GroupCheck>,
    pub custom_webhooks: Vec<Webhook>,
}

/// Compares the number of records in the set with that in the topics of the same name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageCountCheck {
    #[serde(default = "yes")]
    pub enabled: bool,
    pub fail_threshold: Option<i64>,
    #[serde(default)]
    pub topics: Vec<String>,
}

/// Compares the offsets of the set with those of the topics of the same name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OffsetRangeCheck {
    #[serde(default = "yes")]
    pub enabled: bool,
}

/// Checks that groups have offsets in the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupCheck {
    #[serde(default = "yes")]
    pub enabled: bool,
    #[serde(default)]
    pub consumer_groups: Vec<String>,
}

/// Asks a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Webhook {
    pub name: String,
    pub url: String,
    #[serde(default = "two_minutes")]
    pub timeout_secs: i64,
    #[serde(default = "ok")]
    pub expected_status_code: i64,
}

const fn two_minutes() -> i64 {
    120
}

const fn ok() -> i64 {
    200
}

/// A report about the validation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    #[serde(default = "json")]
    pub formats: Vec<String>,
}

fn json() -> Vec<String> {
    vec!["json".to_owned()]
}
