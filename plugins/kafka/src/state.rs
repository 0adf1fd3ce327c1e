//! What the phases of the operator mean, and an object as the host shows it.

use broker_engine::{Activity, Backup, State};

use crate::object::{CheckResult, GroupResult, Object};
use crate::work::Work;

/// How far it is. A status that the operator wrote for an older generation says nothing about this one.
pub fn state(work: Work, object: &Object) -> State {
    if is_outdated(object) {
        return State::Pending;
    }
    let phase = object.status.phase.as_deref().unwrap_or_default();
    match (work, phase) {
        // `Ready` is a schedule whose next time has not come, and what it holds meanwhile is whole; or a
        // backup that begins at once.
        (Work::Backup, "Ready") if object.schedule().is_some() && has_set(object) => {
            State::Succeeded
        }
        (_, "" | "Pending") | (Work::Backup, "Ready") => State::Pending,
        (_, "Running") => State::Running,
        // A check that fails ends its phase well all the same.
        (Work::Validation, "Completed") => match object.status.validation_result.as_deref() {
            Some("Pass") => State::Succeeded,
            Some("Warn" | "Skip") => State::Partial,
            Some("Fail") => State::Failed,
            _ => State::Unknown,
        },
        (_, "Completed") => State::Succeeded,
        (Work::OffsetReset, "PartiallyCompleted") => State::Partial,
        // What was restored is there no longer.
        (_, "Failed") | (Work::Restore, "RolledBack") => State::Failed,
        _ => State::Unknown,
    }
}

/// Whether nothing more comes: a validation without a result that is known has ended, too.
pub fn has_ended(work: Work, object: &Object) -> bool {
    let state = state(work, object);
    let completed = object.status.phase.as_deref() == Some("Completed");
    matches!(state, State::Succeeded | State::Partial | State::Failed)
        || (state == State::Unknown && completed)
}

fn has_set(object: &Object) -> bool {
    object.status.backup_id.is_some()
}

/// Whether the operator has not yet seen what it is now.
fn is_outdated(object: &Object) -> bool {
    match (
        object.status.observed_generation,
        object.metadata.generation,
    ) {
        (Some(observed), Some(generation)) => observed < generation,
        _ => false,
    }
}

/// The operator's word for its state, for people.
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

/// As the host shows it. The time of a backup is that of its newest set, for that is what can be restored.
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

/// The message, and what went wrong in each group and check.
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

/// What the operator says; that old backups could not be removed does not make the new one fail.
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
