//! Restores, including the route of older servers.

use broker_engine::http;
use broker_engine::{
    Activity, Backup, Error, ErrorKind, Restoration, Restore, RestoreRequest, RestoreSource,
    Result, State,
};
use serde::Serialize;

use super::wire::{BackupItem, RestoreItem};
use super::{BACKUP, HiveMq, STATUS_PERMISSION, answer, answer_if_routed, state, to_backup};

const RESTORE: &str = "/api/v1/management/backups/{backupId}";
const RESTORES: &str = "/api/v1/management/restores";
const PERMISSION: &str = "HIVEMQ_MANAGEMENT_BACKUPS_BACKUPID_POST";

impl Restore for HiveMq {
    fn restore(request: RestoreRequest) -> Result<Restoration> {
        let RestoreSource::Id(id) = request.source else {
            return Err(Error::unsupported(
                "HiveMQ restores only its own backups; its API takes no file",
            ));
        };
        if request.dry_run {
            return Err(Error::unsupported("HiveMQ has no dry run of a restore")
                .with_hint("Leave out `--dry-run`, or use an engine that has it"));
        }
        let before = before(&id)?;
        let official = http::post("api", RESTORE).parameter("backupId", &id);
        let backup = match answer_if_routed(official, PERMISSION)? {
            Some(response) => {
                let item: BackupItem = response.json()?;
                begun(to_backup(item.backup), before)
            }
            None => {
                let request = http::post("api", RESTORES).json(&RestoreBody { backup_id: &id })?;
                let item: RestoreItem = answer(request, PERMISSION)?.json()?;
                begun_elsewhere(id, item.status, before)
            }
        };
        Ok(Restoration {
            backup,
            details: Vec::new(),
        })
    }
}

/// The body of an older server's `/restores`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RestoreBody<'a> {
    backup_id: &'a str,
}

/// Returns the backup before the restore: its state may be the end of an earlier restore. Returns `None` if
/// the server does not report it.
fn before(id: &str) -> Result<Option<Backup>> {
    let request = http::get("api", BACKUP).parameter("backupId", id);
    let response = match answer_if_routed(request, STATUS_PERMISSION) {
        Ok(Some(response)) => response,
        Ok(None) => return Ok(None),
        Err(error) if error.kind == ErrorKind::Forbidden => return Ok(None),
        Err(error) => return Err(error),
    };
    let item: BackupItem = response.json()?;
    Ok(Some(to_backup(item.backup)))
}

/// Returns the state of a restore that was just requested.
///
/// HiveMQ's own example of the answer says `IN_PROGRESS`, the word of a running backup; here it means a
/// running restore. If the answer has a final state other than the earlier one, it is the end of this
/// restore. Otherwise the final state is the earlier one, and the host ignores it until it changes.
fn begun(mut answered: Backup, before: Option<Backup>) -> Backup {
    let changed = before.is_some_and(|before| end_of(&before) != end_of(&answered));
    // `COMPLETED` only says that there is a backup that can be restored.
    let is_end = answered.activity == Activity::Restore || answered.state == State::Failed;
    if answered.state != State::Running && !(changed && is_end) {
        answered.state = State::Pending;
    }
    answered.activity = Activity::Restore;
    answered
}

/// Returns the end of the last work on a backup: the state, a time and the reason. The size is not part of
/// it.
fn end_of(backup: &Backup) -> (Option<&str>, Option<&str>, Option<&str>) {
    (
        backup.reported_state.as_deref(),
        backup.created.as_deref(),
        backup.failure.as_deref(),
    )
}

/// Returns the state of a restore on an older server. The answer of such a server is about the restore, not
/// about the backup.
fn begun_elsewhere(id: String, reported: String, before: Option<Backup>) -> Backup {
    let (_, state) = state(&reported);
    let mut backup = Backup::new(id, State::Pending);
    if matches!(state, State::Succeeded | State::Failed) {
        backup.state = state;
        backup.reported_state = Some(reported);
    } else if let Some(before) = before {
        // The host compares later states with this one until the restore becomes visible.
        backup = Backup {
            state: State::Pending,
            ..before
        };
    }
    backup.activity = Activity::Restore;
    backup
}
