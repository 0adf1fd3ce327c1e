//! The meaning of the operator's phases, and the form in which the host shows an object.

use broker_engine::{Activity, Backup, State};

use crate::object::{CheckResult, GroupResult, Object};
use crate::work::Work;

/// Returns the state. A status that the operator wrote for an older generation of the object is ignored.
pub fn state(work: Work, object: &Object) -> State {
    if is_outdated(object) {
        return State::Pending;
    }
    let phase = object.status.phase.as_deref().unwrap_or_default();
    match (work, phase) {
        // `Ready` has two meanings: a schedule that waits for its next run, with a complete backup set, or a
        // backup that starts at once.
        (Work::Backup, "Ready") if object.schedule().is_some() && has_set(object) => {
            State::Succeeded
        }
        (_, "" | "Pending") | (Work::Backup, "Ready") => State::Pending,
        (_, "Running") => State::Running,
        // A validation completes its phase even if a check fails.
        (Work::Validation, "Completed") => match object.status.validation_result.as_deref() {
            Some("Pass") => State::Succeeded,
            Some("Warn" | "Skip") => State::Partial,
            Some("Fail") => State::Failed,
            _ => State::Unknown,
        },
        (_, "Completed") => State::Succeeded,
        (Work::OffsetReset, "PartiallyCompleted") => State::Partial,
        // After a rollback, the restored data no longer exists.
        (_, "Failed") | (Work::Restore, "RolledBack") => State::Failed,
        _ => State::Unknown,
    }
}

/// Returns whether the state is final. A validation with an unknown result is final, too.
pub fn has_ended(work: Work, object: &Object) -> bool {
    let state = state(work, object);
    let completed = object.status.phase.as_deref() == Some("Completed");
    matches!(state, State::Succeeded | State::Partial | State::Failed)
        || (state == State::Unknown && completed)
}

fn has_set(object: &Object) -> bool {
    object.status.backup_id.is_some()
}

/// Returns whether the operator has not yet seen the current generation.
fn is_outdated(object: &Object) -> bool {
    match (
        object.status.observed_generation,
        object.metadata.generation,
    ) {
        (Some(observed), Some(generation)) => observed < generation,
        _ => false,
    }
}

/// Returns the operator's word for the state, for display.
pub fn reported(work: Work, object: &Object) -> Option<String> {
    if is_outdated(object) {
        return None;
    }
    let phase = object.status.phase.clone()?;
    match &object.status.validation_result {
        Some(result) if work == Work::Validation => Some(format!("{phase}, {result}")),
        _ => Some(phase),
    }
}

/// Returns the object in the host's form. The time of a backup is that of its newest set, because users
/// restore sets.
pub fn shown(work: Work, object: &Object) -> Backup {
    let status = &object.status;
    let mut shown = Backup::new(work.id(&object.metadata.name), state(work, object));
    shown.activity = match work {
        Work::Backup | Work::Validation => Activity::Backup,
        Work::Restore | Work::OffsetReset | Work::OffsetRollback => Activity::Restore,
    };
    shown.reported_state = reported(work, object);
    shown.size = status.bytes_processed.or(status.bytes_restored);
    shown.created = status
        .last_backup_time
        .clone()
        .or_else(|| object.metadata.creation_timestamp.clone());
    if matches!(shown.state, State::Failed | State::Partial) {
        shown.failure = failure(object);
    }
    let number = |number: Option<u64>| number.map(|it| it.to_string());
    shown
        .with_field("schedule", schedule(object))
        .with_field(
            "records",
            number(status.records_processed.or(status.records_restored)),
        )
        .with_field(
            "segments",
            number(status.segments_completed.or(status.segments_processed)),
        )
        .with_field("backup-id", backup_id(work, object))
        .with_field("last-backup", status.last_backup_time.clone())
        .with_field("next-backup", status.next_scheduled_backup.clone())
        .with_field(
            "progress",
            status.progress_percent.map(|part| format!("{part:.0}%")),
        )
        .with_field("message", message(object))
}

/// Returns the message, and the failures of each group and check.
fn failure(object: &Object) -> Option<String> {
    let status = &object.status;
    let checks = status.check_results.iter();
    let parts: Vec<_> = status
        .message
        .iter()
        .cloned()
        .chain(status.group_results.iter().filter_map(GroupResult::failure))
        .chain(
            checks
                .filter(|check| check.outcome != "Passed")
                .map(CheckResult::told),
        )
        .collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

fn backup_id(work: Work, object: &Object) -> Option<String> {
    let of_ref = || object.text("/backupRef/backupId").map(str::to_owned);
    match work {
        Work::Backup => object.status.backup_id.clone(),
        _ => of_ref(),
    }
}

fn schedule(object: &Object) -> Option<String> {
    let cron = object.schedule()?;
    Some(if object.is_suspended() {
        format!("{cron} (suspended)")
    } else {
        cron.to_owned()
    })
}

/// Returns the operator's message. A failure to delete old backups does not make the new backup fail.
fn message(object: &Object) -> Option<String> {
    let status = &object.status;
    let retention = status.retention_error.as_ref();
    let retention = retention.map(|error| format!("retention: {error}"));
    let parts: Vec<_> = [status.message.clone(), retention]
        .into_iter()
        .flatten()
        .filter(|text| !text.is_empty())
        .collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}
