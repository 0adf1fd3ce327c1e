//! The controllers' words for states, reduced to the states of the interface.

use broker_engine::State;
use serde_json::Value;

use crate::object::{list, text};

/// Returns the state for the word in `status.state`. The word is missing until a controller has processed the
/// object.
pub fn of_word(word: Option<&str>) -> State {
    match word {
        None | Some("" | "Pending") => State::Pending,
        // These words are from the newest document about restores; the older documents have no words for
        // them.
        Some(
            "GeneratingMetadata" | "DatabaseComplete" | "ValidatingBackup" | "RestoringSnapshot"
            | "RestoringDump" | "RestoringStorage",
        ) => State::Running,
        // The words are InProgress, SnapshotInProgress, ExportInProgress and TransferInProgress.
        Some(word) if word.ends_with("InProgress") => State::Running,
        Some("Succeeded" | "Completed") => State::Succeeded,
        Some("Failed") => State::Failed,
        Some(_) => State::Unknown,
    }
}

/// Returns the state from the condition `Succeeded` of a LiferayBackup. A running backup has no such
/// condition.
pub fn of_condition(object: &Value) -> (State, Option<&str>) {
    let conditions = list(object, "/status/conditions");
    let succeeded = conditions
        .iter()
        .find(|condition| condition["type"] == "Succeeded");
    match succeeded.and_then(|condition| condition["status"].as_str()) {
        Some("True") => (State::Succeeded, Some("Succeeded")),
        Some("False") => (State::Failed, Some("Failed")),
        // A running backup looks the same as one that no controller has started.
        None | Some("Unknown") => (State::Running, None),
        Some(_) => (State::Unknown, None),
    }
}

/// Returns all conditions in one line: `DatabaseBackupReady=True (SnapshotSucceeded)`.
pub fn conditions(object: &Value) -> Option<String> {
    let shown: Vec<_> = list(object, "/status/conditions")
        .iter()
        .filter_map(|condition| {
            let (ty, status) = (text(condition, "/type")?, text(condition, "/status")?);
            let reason = text(condition, "/reason").map(|reason| format!(" ({reason})"));
            Some(format!("{ty}={status}{}", reason.unwrap_or_default()))
        })
        .collect();
    (!shown.is_empty()).then(|| shown.join(", "))
}

/// Returns the reason of a failure: the controller's error, or otherwise its conditions.
pub fn failure(object: &Value) -> Option<String> {
    let told = ["/status/error", "/status/message"];
    if let Some(error) = told.into_iter().find_map(|place| text(object, place)) {
        return Some(error.to_owned());
    }
    let reasons: Vec<_> = list(object, "/status/conditions")
        .iter()
        .filter(|condition| condition["status"] == "False")
        .filter_map(
            |condition| match (text(condition, "/reason"), text(condition, "/message")) {
                (Some(reason), Some(message)) => Some(format!("{reason}: {message}")),
                (reason, message) => reason.or(message).map(str::to_owned),
            },
        )
        .collect();
    (!reasons.is_empty()).then(|| reasons.join("; "))
}
