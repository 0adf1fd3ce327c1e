//! The words of the controllers, reduced to what decides what can be done next.

use broker_engine::State;
use serde_json::Value;

use crate::object::{list, text};

/// What the word in `status.state` means. A controller that has not looked at an object yet has written
/// none.
pub fn of_word(word: Option<&str>) -> State {
    match word {
        None | Some("" | "Pending") => State::Pending,
        // Of the newest restores; the older documents have no words of their own for them.
        Some(
            "GeneratingMetadata" | "DatabaseComplete" | "ValidatingBackup" | "RestoringSnapshot"
            | "RestoringDump" | "RestoringStorage",
        ) => State::Running,
        // InProgress, SnapshotInProgress, ExportInProgress, TransferInProgress.
        Some(word) if word.ends_with("InProgress") => State::Running,
        Some("Succeeded" | "Completed") => State::Succeeded,
        Some("Failed") => State::Failed,
        Some(_) => State::Unknown,
    }
}

/// What the condition `Succeeded` of a LiferayBackup says: there is none while it runs.
pub fn of_condition(object: &Value) -> (State, Option<&str>) {
    let conditions = list(object, "/status/conditions");
    let succeeded = conditions
        .iter()
        .find(|condition| condition["type"] == "Succeeded");
    match succeeded.and_then(|condition| condition["status"].as_str()) {
        Some("True") => (State::Succeeded, Some("Succeeded")),
        Some("False") => (State::Failed, Some("Failed")),
        // Nothing tells a backup that runs from one that nobody has begun.
        None | Some("Unknown") => (State::Running, None),
        Some(_) => (State::Unknown, None),
    }
}

/// All conditions in one line: `DatabaseBackupReady=True (SnapshotSucceeded)`.
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

/// Why it failed, as far as the controller says: its error, else what its conditions say.
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
