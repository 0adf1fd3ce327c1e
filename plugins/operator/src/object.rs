//! Objects of the operator as the API server returns them. Missing fields are `None`; unknown fields are
//! ignored.
//!
//! The types stand in `operator/api`, too. Those bring the libraries of Kubernetes, which a component does not need.

use serde::Deserialize;
use serde_json::Value;

use crate::text::line;

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
    pub uid: Option<String>,
    pub creation_timestamp: Option<String>,
    pub deletion_timestamp: Option<String>,
}

/// The status fields of the three kinds. They don't contradict each other.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Status {
    /// The run of a Backup or a Restore. Its conditions are those of the status.
    pub run: Run,
    pub backup_id: Option<String>,
    pub copy: Option<CopyRecord>,
    /// True if the backend accepted a restore, and its engine can't tell how it ended.
    pub outcome_unknown: bool,

    /// The next run of a schedule.
    pub next_run_time: Option<String>,
    pub last_success_time: Option<String>,
    pub last_failure_time: Option<String>,
    pub conditions: Vec<Condition>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Run {
    pub phase: Option<String>,
    pub started_at: Option<String>,
    pub finished_at: Option<String>,
    pub progress: Option<Progress>,
    pub attempts: Vec<Value>,
    pub failure: Option<Fault>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Progress {
    pub step: String,
    pub bytes: Option<i64>,
    pub total_bytes: Option<i64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Fault {
    pub code: String,
    pub message: String,
    pub hint: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CopyRecord {
    pub store: String,
    pub reference: String,
    pub bytes: i64,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Condition {
    #[serde(rename = "type")]
    pub type_: String,
    pub status: String,
    pub reason: String,
    pub message: String,
}

impl Fault {
    /// Returns the failure in one line: `disk full (Failed)`.
    pub fn told(&self) -> String {
        match (line(&self.message), line(&self.code)) {
            (message, code) if code.is_empty() => message,
            (message, code) if message.is_empty() => code,
            (message, code) => format!("{message} ({code})"),
        }
    }

    /// Returns the next step for people.
    pub fn hint(&self) -> Option<String> {
        self.hint.as_deref().map(line).filter(|it| !it.is_empty())
    }
}

impl Condition {
    /// Returns the condition in one line: `the Secret does not exist (FailedMount)`.
    pub fn told(&self) -> String {
        let fault = Fault {
            code: self.reason.clone(),
            message: self.message.clone(),
            hint: None,
        };
        fault.told()
    }
}

impl Object {
    /// Returns a text of the spec, by its path.
    pub fn text(&self, pointer: &str) -> Option<&str> {
        self.spec.pointer(pointer).and_then(Value::as_str)
    }

    /// Returns a condition of the run, or of the schedule.
    pub fn condition(&self, type_: &str) -> Option<&Condition> {
        let all = &self.status.conditions;
        all.iter().find(|condition| condition.type_ == type_)
    }

    pub fn holds(&self, type_: &str) -> bool {
        self.condition(type_)
            .is_some_and(|condition| condition.status == "True")
    }

    /// Returns the name of the StatefulSet of the target. The operator has the same default.
    pub fn statefulset(&self) -> &str {
        self.text("/target/statefulSet").unwrap_or("broker")
    }

    /// Returns the name of the schedule that made the object.
    pub fn made_by(&self) -> Option<&str> {
        self.text("/schedule/name")
    }

    pub fn is_suspended(&self) -> bool {
        self.spec["suspend"] == true
    }

    pub fn is_going(&self) -> bool {
        self.metadata.deletion_timestamp.is_some()
    }
}
