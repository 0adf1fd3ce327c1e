//! KafkaBackupValidation.

use serde::{Deserialize, Serialize};

use crate::{BackupRef, KafkaCluster, Storage, yes};

/// The spec of a KafkaBackupValidation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ValidationSpec {
    pub backup_ref: BackupRef,
    pub checks: Checks,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kafka_cluster: Option<KafkaCluster>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notifications: Option<Notifications>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    #[serde(default)]
    pub suspend: bool,
}

/// The checks of a validation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct Checks {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_count: Option<MessageCountCheck>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset_range: Option<OffsetRangeCheck>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consumer_group_offsets: Option<GroupCheck>,
    pub custom_webhooks: Vec<Webhook>,
}

/// Compares the number of records in the set with that in the topics of the same name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct MessageCountCheck {
    #[serde(default = "yes")]
    pub enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub fail_threshold: Option<i64>,
    #[serde(default)]
    pub topics: Vec<String>,
}

/// Compares the offsets of the set with those of the topics of the same name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct OffsetRangeCheck {
    #[serde(default = "yes")]
    pub enabled: bool,
}

/// Checks that groups have offsets in the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct GroupCheck {
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Empty means the groups of the backup set and those of the cluster.
    #[serde(default)]
    pub consumer_groups: Vec<String>,
}

/// Asks a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Webhook {
    pub name: String,
    pub url: String,
    #[serde(default = "two_minutes")]
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub timeout_secs: i64,
    #[serde(default = "ok")]
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub expected_status_code: i64,
}

const fn two_minutes() -> i64 {
    120
}

const fn ok() -> i64 {
    200
}

/// A report about the validation, which an auditor can keep.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// `json` and `pdf`.
    #[serde(default = "json")]
    pub formats: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signing: Option<Signing>,
    /// The place of the reports. Without it they are beside the backup sets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage: Option<Storage>,
    #[serde(default = "ninety")]
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub retention_days: i64,
}

fn json() -> Vec<String> {
    vec!["json".to_owned()]
}

const fn ninety() -> i64 {
    90
}

/// Whether a report is signed, and with which key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Signing {
    #[serde(default)]
    pub enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_secret: Option<SigningSecret>,
}

/// A Secret with a key of the curve P-256, in PEM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct SigningSecret {
    pub name: String,
    #[serde(default = "private_key")]
    pub private_key_key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "schema",
        schemars(with = "String", extend("default" = "signing-key-pub.pem"))
    )]
    pub public_key_key: Option<String>,
}

fn private_key() -> String {
    "signing-key.pem".to_owned()
}

/// The services that are told about a validation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Notifications {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slack: Option<Slack>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pagerduty: Option<PagerDuty>,
}

/// A webhook of Slack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Slack {
    pub webhook_secret: SecretKey,
}

/// A service of PagerDuty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct PagerDuty {
    pub routing_key_secret: SecretKey,
    #[serde(default = "critical")]
    pub severity: String,
}

fn critical() -> String {
    "critical".to_owned()
}

/// One key of a Secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SecretKey {
    pub name: String,
    pub key: String,
}
