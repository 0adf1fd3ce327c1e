//! An engine for HiveMQ Enterprise, which uses the management REST API.
//!
//! Protocol facts are from HiveMQ's own OpenAPI file (`hivemq-openapi.yaml` 4.30.0).

mod destination;
mod download;
mod finish;
mod folder;
mod health;
mod prepare;
mod restore;
mod wire;

use broker_engine::{
    Activity, Backup, Create, CreateRequest, Detect, Detection, Error, ErrorKind, List,
    ListRequest, Page, Result, State, Status, StatusRequest, engine, http,
};
use wire::{BackupItem, BackupList, ErrorBody};

/// The engine.
pub struct HiveMq;

engine!(HiveMq, "engine.toml");

const BACKUPS: &str = "/api/v1/management/backups";
const NO_SUCH_BACKUP: &str = "`kubectl broker backup list --engine hivemq` shows the backups; HiveMQ forgets a failed one after an hour";
/// Maximum length of an error body, in bytes.
const MAX_ERROR_BODY: u64 = 1 << 20;
const BACKUP: &str = "/api/v1/management/backups/{backupId}";
const STATUS_PERMISSION: &str = "HIVEMQ_MANAGEMENT_BACKUPS_BACKUPID_GET";

impl Detect for HiveMq {
    fn detect() -> Result<Detection> {
        // The API has no health route; the list is its cheapest answer.
        let backups = list()?;
        let mut detection = Detection::of("HiveMQ management API");
        detection.detail = Some(format!("{} backups", backups.len()));
        Ok(detection)
    }
}

impl List for HiveMq {
    fn list(_: ListRequest) -> Result<Page> {
        Ok(list()?.into_iter().map(to_backup).collect())
    }
}

impl Status for HiveMq {
    fn status(request: StatusRequest) -> Result<Backup> {
        let item: BackupItem = answer(
            http::get("api", BACKUP).parameter("backupId", &request.id),
            STATUS_PERMISSION,
        )
        .map_err(|error| match error.kind {
            ErrorKind::NotFound => error.with_hint(NO_SUCH_BACKUP),
            _ => error,
        })?
        .json()?;
        Ok(to_backup(item.backup))
    }
}

impl Create for HiveMq {
    fn create(_: CreateRequest) -> Result<Backup> {
        let item: BackupItem =
            answer(http::post("api", BACKUPS), "HIVEMQ_MANAGEMENT_BACKUPS_POST")?.json()?;
        Ok(to_backup(item.backup))
    }
}

fn list() -> Result<Vec<wire::Backup>> {
    let list: BackupList =
        answer(http::get("api", BACKUPS), "HIVEMQ_MANAGEMENT_BACKUPS_GET")?.json()?;
    Ok(list.items)
}

/// Sends a request and reads errors in HiveMQ's format. `permission` is the permission that the route
/// requires in the Enterprise Security Extension.
fn answer(request: http::Request, permission: &str) -> Result<http::Response> {
    check(request.send()?, permission)
}

/// Returns the answer, or `None` if the server does not know the route. An unknown backup is an error
/// instead.
fn answer_if_routed(request: http::Request, permission: &str) -> Result<Option<http::Response>> {
    let response = request.send()?;
    if response.status() != 404 {
        return check(response, permission).map(Some);
    }
    let body = response.read(MAX_ERROR_BODY)?;
    match ErrorBody::names_what_is_missing(&body) {
        Some(text) => Err(Error::not_found(text).with_hint(NO_SUCH_BACKUP)),
        None => Ok(None),
    }
}

fn check(response: http::Response, permission: &str) -> Result<http::Response> {
    response
        .expect_ok_or(|_, body| ErrorBody::explain(body))
        .map_err(|error| {
            let hint = match error.kind {
                ErrorKind::Unauthenticated => {
                    "HiveMQ's REST API wants a user name and password of its own: give `--username` with `--password-stdin`, or `--credentials-secret`".to_owned()
                }
                ErrorKind::Forbidden => format!(
                    "Give the user the permission {permission} in HiveMQ's Enterprise Security Extension"
                ),
                ErrorKind::Unavailable => {
                    "The cluster may be starting, or its nodes run different versions; try again"
                        .to_owned()
                }
                _ => return error,
            };
            error.with_hint(hint)
        })
}

fn to_backup(wire: wire::Backup) -> Backup {
    let (activity, state) = state(&wire.state);
    Backup {
        activity,
        reported_state: Some(wire.state),
        size: wire.bytes.and_then(|bytes| u64::try_from(bytes).ok()),
        created: Some(wire.created_at),
        failure: wire.fail_reason.filter(|reason| !reason.is_empty()),
        ..Backup::new(wire.id, state)
    }
}

/// Returns the activity and the state. HiveMQ reports a restore as a state of the backup that is restored.
fn state(reported: &str) -> (Activity, State) {
    match reported {
        "IN_PROGRESS" => (Activity::Backup, State::Running),
        "COMPLETED" => (Activity::Backup, State::Succeeded),
        "FAILED" => (Activity::Backup, State::Failed),
        "RESTORE_IN_PROGRESS" => (Activity::Restore, State::Running),
        "RESTORE_COMPLETED" => (Activity::Restore, State::Succeeded),
        "RESTORE_FAILED" => (Activity::Restore, State::Failed),
        _ => (Activity::Backup, State::Unknown),
    }
}

#[cfg(test)]
mod tests;
