//! The result that a worker leaves, and what an object's status takes from it.

use host_base::text::printable;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::runtime::events::EventType;
use operator_api::{KafkaCondition, KafkaPhase};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::job::PROGRAM_CONTAINER;

/// The version of the lines that is understood. A line of this version may have further fields.
const VERSION: u64 = 1;
/// The longest text of a status, in characters.
const WORDS: usize = 2048;
/// The fields that only the operator writes.
const OURS: [&str; 5] = [
    "phase",
    "message",
    "backupId",
    "observedGeneration",
    "conditions",
];

/// How the work ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    Complete,
    Partial,
    Failed,
    Interrupted,
}

/// The last line of a worker, which is also its termination message.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Outcome {
    #[serde(rename = "type")]
    kind: String,
    version: u64,
    pub(super) state: State,
    message: String,
    hint: Option<String>,
    pub(super) start_time: Option<Timestamp>,
    pub(super) completion_time: Option<Timestamp>,
    #[serde(default)]
    warnings: Vec<String>,
    #[serde(default)]
    pub(super) status: Map<String, Value>,
}

impl Outcome {
    /// Reads a termination message. None if it is no result of a worker, such as the end of a log.
    pub(super) fn read(text: &str) -> Option<Self> {
        let outcome: Self = serde_json::from_str(text).ok()?;
        (outcome.kind == "result" && outcome.version == VERSION).then_some(outcome)
    }

    /// Returns the result of the last container of a pod that has ended.
    pub(super) fn of_pod(pod: &Pod) -> Option<Self> {
        let statuses = pod.status.as_ref()?.container_statuses.as_ref()?;
        let container = statuses.iter().find(|it| it.name == PROGRAM_CONTAINER)?;
        // A container that is restarted has its end in the state before.
        let states = [container.state.as_ref(), container.last_state.as_ref()];
        let mut ends = states
            .into_iter()
            .flatten()
            .filter_map(|it| it.terminated.as_ref());
        let end = ends.next()?;
        Self::read(end.message.as_deref()?)
    }

    /// Returns the result of work that is done, when nothing else is known about it.
    pub(super) fn without_numbers() -> Self {
        Self {
            kind: "result".to_owned(),
            version: VERSION,
            state: State::Complete,
            message: "the work is complete, and its pod is gone: the numbers are not known"
                .to_owned(),
            hint: None,
            start_time: None,
            completion_time: None,
            warnings: Vec::new(),
            status: Map::new(),
        }
    }

    /// Returns the words for people: what happened, what to do, and what to know.
    pub(super) fn words(&self) -> String {
        let mut words = self.message.clone();
        if let Some(hint) = &self.hint {
            words = format!("{words}. {hint}");
        }
        for warning in &self.warnings {
            words = format!("{words}. Warning: {warning}");
        }
        bounded(&words)
    }

    pub(super) fn says(&self, field: &str) -> bool {
        self.status.get(field) == Some(&Value::Bool(true))
    }
}

/// Returns a text that a status takes. An escape is longer than the character that it stands for.
fn bounded(text: &str) -> String {
    printable(text, WORDS).chars().take(WORDS).collect()
}

/// Reads the last line of a running worker, and returns the fields of the status that have changed.
pub(super) fn progress(line: &str) -> Option<Map<String, Value>> {
    let line: Value = serde_json::from_str(line).ok()?;
    let is_progress = line["type"] == "progress" && line["version"] == VERSION;
    let fields = line.get("status")?.as_object()?;
    is_progress.then(|| fields.clone())
}

/// Takes the fields into a status that the kind has. A field with a wrong value is left out, because it must not hide the
/// others. Fields that only the operator writes are left out too.
pub(super) fn take<S>(status: &mut S, fields: &Map<String, Value>)
where
    S: Serialize + DeserializeOwned,
{
    let Ok(Value::Object(mut known)) = serde_json::to_value(&*status) else {
        return;
    };
    for (name, value) in fields {
        if OURS.contains(&name.as_str()) {
            continue;
        }
        let mut changed = known.clone();
        changed.insert(name.clone(), safe(value));
        if serde_json::from_value::<S>(Value::Object(changed.clone())).is_ok() {
            known = changed;
        }
    }
    if let Ok(taken) = serde_json::from_value(Value::Object(known)) {
        *status = taken;
    }
}

/// Returns a value whose texts are safe to show.
fn safe(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(bounded(text)),
        Value::Array(items) => items.iter().map(safe).collect(),
        Value::Object(fields) => Value::Object(
            fields
                .iter()
                .map(|(name, value)| (name.clone(), safe(value)))
                .collect(),
        ),
        other => other.clone(),
    }
}

/// The end of a run, in the words of its kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct End {
    pub(super) phase: KafkaPhase,
    /// The reason of the condition `Ready`.
    pub(super) reason: &'static str,
    pub(super) message: String,
}

impl End {
    pub(super) fn new(phase: KafkaPhase, reason: &'static str, message: String) -> Self {
        Self {
            phase,
            reason,
            message,
        }
    }

    /// Returns the condition of an object whose run has ended.
    pub(super) fn condition(&self, now: Timestamp) -> KafkaCondition {
        let holds = self.phase == KafkaPhase::Completed;
        KafkaCondition::ready(holds, self.reason, &self.message, now)
    }

    /// Returns the Event about the end.
    pub(super) fn event(&self) -> (EventType, &'static str, &str) {
        let type_ = match self.phase {
            KafkaPhase::Completed => EventType::Normal,
            _ => EventType::Warning,
        };
        (type_, self.reason, &self.message)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use operator_api::{KafkaBackupStatus, KafkaRestoreStatus};
    use serde_json::json;

    use super::*;

    pub(in crate::kafka) fn outcome(state: &str, status: &Value) -> Outcome {
        let line = json!({
            "type": "result", "version": 1, "command": "x", "state": state, "exitCode": 0, "message": "words",
            "startTime": "2025-09-06T12:00:00.000Z", "completionTime": "2025-09-06T12:00:41.000Z",
            "warnings": [], "status": status,
        });
        Outcome::read(&line.to_string()).expect("an outcome")
    }

    #[test]
    fn only_a_result_of_this_version_is_read() {
        assert_eq!(Outcome::read("killed"), None);
        assert_eq!(Outcome::read(r#"{"message":"no"}"#), None);
        let other = json!({ "type": "result", "version": 2, "state": "complete", "message": "x" });
        assert_eq!(Outcome::read(&other.to_string()), None);
    }

    #[test]
    fn fields_of_the_kind_are_taken_and_the_operators_own_stay() {
        let mut status = KafkaBackupStatus {
            phase: Some("Running".to_owned()),
            ..KafkaBackupStatus::default()
        };
        let fields = json!({
            "phase": "Completed", "recordsProcessed": 5, "bytesProcessed": "many", "resumable": false,
            "throughputRecordsPerSec": 2.5, "groupsNotRead": [], "backupId": "a", "retentionError": "a\u{1b}[31m",
        });
        take(&mut status, fields.as_object().expect("fields"));
        assert_eq!(status.phase.as_deref(), Some("Running"));
        assert_eq!(status.records_processed, Some(5));
        assert_eq!(status.bytes_processed, None, "it is no number");
        assert_eq!(status.throughput_records_per_sec, Some(2.5));
        assert_eq!(
            status.backup_id, None,
            "a run that goes on has no usable set"
        );
        assert!(!status.retention_error.expect("a text").contains('\u{1b}'));
    }

    #[test]
    fn the_last_line_of_a_log_is_progress_or_nothing() {
        let line = r#"{"type":"progress","version":1,"command":"restore","status":{"progressPercent":12.5}}"#;
        let mut status = KafkaRestoreStatus::default();
        take(&mut status, &progress(line).expect("fields"));
        assert_eq!(status.progress_percent, Some(12.5));
        assert_eq!(progress(r#"{"type":"progress","ver"#), None, "it is cut");
        assert_eq!(
            progress(r#"{"type":"result","version":1,"status":{}}"#),
            None
        );
    }

    #[test]
    fn the_end_of_a_container_is_found_before_and_after_its_restart() {
        let message =
            json!({ "type": "result", "version": 1, "state": "failed", "message": "no brokers" });
        let ended = json!({ "terminated": { "exitCode": 1, "message": message.to_string() } });
        for state in [
            json!({ "state": ended }),
            json!({ "state": { "running": {} }, "lastState": ended }),
        ] {
            let mut container = state;
            for (name, value) in [
                ("name", json!("run")),
                ("image", json!("i")),
                ("imageID", json!("")),
                ("ready", json!(false)),
                ("restartCount", json!(0)),
            ] {
                container[name] = value;
            }
            let pod: Pod = serde_json::from_value(json!({
                "metadata": { "name": "p" }, "status": { "containerStatuses": [container] },
            }))
            .expect("a pod");
            let outcome = Outcome::of_pod(&pod).expect("an outcome");
            assert_eq!(
                (outcome.state, outcome.words()),
                (State::Failed, "no brokers".to_owned())
            );
        }
    }
}
