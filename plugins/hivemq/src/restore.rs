//! Restores, with the route that older servers had.

use broker_engine::http;
use broker_engine::{
    Activity, Backup, Error, Restoration, Restore, RestoreRequest, RestoreSource, Result, State,
};
use serde::Serialize;

use super::wire::{BackupItem, RestoreItem};
use super::{HiveMq, answer, answer_if_routed, to_backup};

const RESTORE: &str = "/api/v1/management/backups/{backupId}";
const RESTORES: &str = "/api/v1/management/restores";
const PERMISSION: &str = "HIVEMQ_MANAGEMENT_BACKUPS_BACKUPID_POST";

impl Restore for HiveMq {
    fn restore(request: RestoreRequest) -> Result<Restoration> {
        let RestoreSource::Id(id) = request.source else {
            return Err(Error::unsupported(
                "HiveMQ restores only backups that it has; its API takes no file",
            ));
        };
        if request.dry_run {
            return Err(
                Error::unsupported("HiveMQ can't try a restore without doing it")
                    .with_hint("Leave `--dry-run` out, or use an engine that can"),
            );
        }
        let official = http::post("api", RESTORE).parameter("backupId", &id);
        let backup = match answer_if_routed(official, PERMISSION)? {
            Some(response) => {
                let item: BackupItem = response.json()?;
                begun(to_backup(item.backup))
            }
            None => {
                let request = http::post("api", RESTORES).json(&RestoreBody { backup_id: &id })?;
                let item: RestoreItem = answer(request, PERMISSION)?.json()?;
                let mut backup = Backup::new(id, State::Running);
                backup.activity = Activity::Restore;
                backup.reported_state = Some(item.status);
                backup
            }
        };
        Ok(Restoration {
            backup,
            details: Vec::new(),
        })
    }
}

/// What an older server's `/restores` wants.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RestoreBody<'a> {
    backup_id: &'a str,
}

/// The state of a restore that was just asked for.
///
/// HiveMQ's own example of the answer says `IN_PROGRESS`, the word of a running backup: here it is
/// the restore that runs. Whatever has ended is the state from before.
fn begun(mut backup: Backup) -> Backup {
    backup.activity = Activity::Restore;
    if backup.state != State::Running {
        backup.state = State::Pending;
    }
    backup
}
