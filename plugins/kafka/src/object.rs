//! Objects of the operator as the API server returns them. Missing fields are `None`; unknown fields are
//! ignored.

use serde::Deserialize;
use serde_json::Value;

#[derive(Clone, Debug, Deserialize)]
pub struct Object {
    pub metadata: Metadata,
    #[serde(default)]
    pub spec: Value,
    #[serde(default)]
    pub status: Status,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    pub name: String,
    pub generation: Option<i64>,
    pub creation_timestamp: Option<String>,
}

/// The status fields of all five kinds. They don't contradict each other.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Status {
    pub phase: Option<String>,
    pub message: Option<String>,
    pub observed_generation: Option<i64>,

    pub last_backup_time: Option<String>,
    pub next_scheduled_backup: Option<String>,
    pub records_processed: Option<u64>,
    pub bytes_processed: Option<u64>,
    pub segments_completed: Option<u64>,
    pub backup_id: Option<String>,
    pub retention_error: Option<String>,

    pub start_time: Option<String>,
    pub completion_time: Option<String>,
    pub progress_percent: Option<f64>,
    pub records_restored: Option<u64>,
    pub bytes_restored: Option<u64>,
    pub segments_processed: Option<u64>,

    pub groups_total: Option<u64>,
    pub groups_reset: Option<u64>,
    pub groups_failed: Option<u64>,
    pub groups_rolled_back: Option<u64>,
    pub group_results: Vec<GroupResult>,

    pub validation_result: Option<String>,
    pub check_results: Vec<CheckResult>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GroupResult {
    pub group_id: String,
    pub success: Option<bool>,
    pub error: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CheckResult {
    pub check_name: String,
    pub outcome: String,
    pub message: Option<String>,
}

impl GroupResult {
    /// Returns the reason why the group was not reset, or `None` if it was.
    pub fn failure(&self) -> Option<String> {
        if self.success != Some(false) && self.error.is_none() {
            return None;
        }
        let reason = self.error.as_deref().unwrap_or("no reason given");
        Some(format!("{}: {reason}", self.group_id))
    }
}

impl CheckResult {
    /// Returns the check in one line: `offsetRange: Failed (7 of 9)`.
    pub fn told(&self) -> String {
        let message = self.message.as_ref();
        let message = message.map(|it| format!(" ({it})")).unwrap_or_default();
        format!("{}: {}{message}", self.check_name, self.outcome)
    }
}

impl Object {
    /// Returns a text of the spec, by its path.
    pub fn text(&self, pointer: &str) -> Option<&str> {
        self.spec.pointer(pointer).and_then(Value::as_str)
    }

    pub fn schedule(&self) -> Option<&str> {
        self.text("/schedule").filter(|cron| !cron.is_empty())
    }

    pub fn is_suspended(&self) -> bool {
        self.spec["suspend"] == true
    }

    /// Returns the Kafka cluster of the object.
    pub fn cluster(&self) -> Option<&Value> {
        self.spec.get("kafkaCluster").filter(|it| it.is_object())
    }
}
