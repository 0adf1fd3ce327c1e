use jiff::Timestamp;
use kafka_spec::ValidationSpec;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{KafkaCondition, is_spec};

/// A check of a backup set: once, or by a schedule.
#[derive(CustomResource, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "kafka.oso.sh",
    version = "v1alpha1",
    kind = "KafkaBackupValidation",
    plural = "kafkabackupvalidations",
    shortname = "kbv",
    namespaced,
    status = "KafkaBackupValidationStatus",
    derive = "PartialEq",
    doc = "A check of a backup set: once, or by a schedule.",
    printcolumn = r#"{"name":"Phase","type":"string","jsonPath":".status.phase"}"#,
    printcolumn = r#"{"name":"Result","type":"string","jsonPath":".status.validationResult"}"#,
    printcolumn = r#"{"name":"Checks","type":"integer","jsonPath":".status.checksCompleted"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(transparent)]
pub struct KafkaBackupValidationSpec(
    /// The worker's spec.
    pub ValidationSpec,
);

is_spec!(KafkaBackupValidationSpec, ValidationSpec);

/// The known facts about a check.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KafkaBackupValidationStatus {
    /// `Ready`, `Running`, `Completed` or `Failed`. A damaged set is `Completed`, with the result `Fail`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// The state for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// `Pass`, `Fail`, `Warn` or `Skip`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_result: Option<String>,
    /// When the check began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Timestamp>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completion_time: Option<Timestamp>,
    /// Checks to make.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checks_total: Option<u32>,
    /// Checks that were made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checks_completed: Option<u32>,
    /// Checks without a problem.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checks_passed: Option<u32>,
    /// Checks that found a problem.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checks_failed: Option<u32>,
    /// Checks that found something to know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checks_warned: Option<u32>,
    /// The result of each check.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub check_results: Vec<CheckResult>,
    /// The key of the report in its storage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence_report_path: Option<String>,
    /// Whether the report is signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence_report_signed: Option<bool>,
    /// When the last check ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_validation_time: Option<Timestamp>,
    /// The next tick of the schedule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_scheduled_validation: Option<Timestamp>,
    /// The generation of the object that was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Ready`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<KafkaCondition>,
}

/// The result of a check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CheckResult {
    /// The check.
    pub check_name: String,
    /// `Passed`, `Failed`, `Skipped` or `Warning`.
    pub outcome: String,
    /// The findings for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// How long it took, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
}
