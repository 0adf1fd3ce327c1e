//! An engine for the broker-backup sidecar: a container next to the broker that copies its backups to object
//! storage.
//!
//! Protocol facts are from the first client (`pkg/sidecar` of kubectl-broker-extension); the server's source
//! is not public.

mod verbs;
mod wire;

use broker_engine::{
    Activity, Backup, Delete, DeleteRequest, Detect, Detection, Error, ErrorKind, Field, List,
    ListRequest, Page, Restoration, Restore, RestoreRequest, RestoreSource, Result, Settings,
    State, Status, StatusRequest, engine, http,
};
use serde::de::DeserializeOwned;
use wire::{Entry, Inventory, PurgeBody, RemoteBackup, RemoteList, RestoreBody, RestoreResult};

/// The engine.
pub struct Sidecar;

engine!(Sidecar, "engine.toml");

impl Detect for Sidecar {
    fn detect() -> Result<Detection> {
        // The inventory of the pod's own disk is requested because, unlike the remote list, it costs no call
        // of object storage.
        let inventory = local_inventory()?;
        let mut detection = Detection::of("broker-backup");
        detection.detail = Some(format!(
            "{} local backups",
            inventory.backups.len() + inventory.cluster_backups.len()
        ));
        Ok(detection)
    }
}

impl List for Sidecar {
    /// Lists the backups. The remote inventory is requested without a limit: the server's own `limit` does
    /// not promise the newest.
    fn list(request: ListRequest) -> Result<Page> {
        let local = |entries: Vec<Entry>| entries.into_iter().map(from_local).collect();
        // The manifest names the choices; the host rejects others.
        match request.text("scope") {
            Some("local") => Ok(local(local_inventory()?.backups)),
            Some("cluster") => Ok(local(local_inventory()?.cluster_backups)),
            _ => Ok(remote_list()?.into_iter().map(from_remote).collect()),
        }
    }
}

impl Status for Sidecar {
    /// Returns the progress of the upload of a local backup, or an object in the remote store.
    fn status(request: StatusRequest) -> Result<Backup> {
        if let Some(entry) = local_entry(&request.id)? {
            return Ok(from_local(entry));
        }
        remote_list()?
            .into_iter()
            .find(|backup| backup.key == request.id)
            .map(from_remote)
            .ok_or_else(|| {
                Error::not_found(format!(
                    "no backup named {:?} on the pod's disk or in the remote store",
                    request.id
                ))
                .with_hint("`kubectl broker backup list --engine sidecar` shows the backups")
            })
    }
}

impl Restore for Sidecar {
    /// Starts a restore.
    ///
    /// The sidecar answers 200 when the object is in place; it can't tell whether the broker then loads the
    /// object. With 202 the transfer of the object still runs.
    fn restore(request: RestoreRequest) -> Result<Restoration> {
        let RestoreSource::Id(key) = request.source else {
            return Err(Error::unsupported(
                "the sidecar restores only objects of its remote store, not files",
            ));
        };
        let body = RestoreBody {
            version: &key,
            dry_run: request.dry_run,
        };
        let answer = http::post("api", "/v1/restore")
            .patience(RESTORE_PATIENCE)
            .json(&body)?
            .send()?
            .expect_ok()
            .map_err(|error| match error.kind {
                // On this route a 404 is about the object.
                ErrorKind::NotFound => error
                    .with_hint("`kubectl broker backup list --engine sidecar` shows the objects"),
                _ => explain(error),
            })?;
        if answer.status() == ACCEPTED && !request.dry_run {
            return accepted(key, answer);
        }
        let result: RestoreResult = answer.json()?;
        check_mode(&result, request.dry_run)?;
        let mut backup = Backup::new(result.key, State::Succeeded);
        backup.activity = Activity::Restore;
        backup.reported_state = Some(mode(result.dry_run).to_owned());
        backup.size = u64::try_from(result.bytes).ok();
        Ok(Restoration {
            backup,
            details: vec![target_path(result.target_path)],
        })
    }
}

/// The HTTP status 202 (Accepted): the work is not complete yet.
const ACCEPTED: u16 = 202;

/// Returns a restore that continues after the answer. The sidecar's API does not report its end, and the
/// other fields of the answer may be missing.
fn accepted(key: String, answer: http::Response) -> Result<Restoration> {
    let result: Option<RestoreResult> = answer.json().ok();
    if let Some(result) = &result {
        check_mode(result, false)?;
    }
    let (key, bytes, path) = match result {
        Some(result) => (result.key, Some(result.bytes), Some(result.target_path)),
        None => (key, None, None),
    };
    let mut backup = Backup::new(key, State::Pending);
    backup.activity = Activity::Restore;
    backup.reported_state = Some("accepted".to_owned());
    backup.size = bytes.and_then(|bytes| u64::try_from(bytes).ok());
    Ok(Restoration {
        backup,
        details: path.map(target_path).into_iter().collect(),
    })
}

fn target_path(path: String) -> Field {
    Field {
        name: "target-path".to_owned(),
        value: path,
    }
}

fn check_mode(result: &RestoreResult, dry_run: bool) -> Result<()> {
    if result.dry_run == dry_run {
        return Ok(());
    }
    Err(Error::protocol(format!(
        "the sidecar was asked for {}, but reports that it did {}",
        mode(dry_run),
        mode(result.dry_run)
    )))
}

/// Seconds until the answer of a restore. The sidecar loads the whole object before it answers; the first
/// client waited equally long.
const RESTORE_PATIENCE: u32 = 600;

const fn mode(dry_run: bool) -> &'static str {
    if dry_run { "a dry run" } else { "a restore" }
}

impl Delete for Sidecar {
    fn delete(request: DeleteRequest) -> Result<Vec<String>> {
        purge(&request.id, request.force)?;
        Ok(Vec::new())
    }
}

/// Purges a backup from the pod's disk. It must have been uploaded to the remote store.
fn purge(name: &str, force: bool) -> Result<()> {
    let entry = local_entry(name)?.ok_or_else(|| not_on_disk(name))?;
    if entry.status != "uploaded" && !force {
        return Err(Error::new(
            ErrorKind::Conflict,
            format!("{name:?} is not uploaded (its state is {:?})", entry.status),
        )
        .with_hint("Wait until the backup is uploaded, or purge it with `--force`"));
    }
    let answer = http::post("api", "/v1/backup/purge")
        .json(&PurgeBody { name })?
        .send()?
        .expect_ok()
        .map_err(|error| match error.kind {
            ErrorKind::NotFound => not_on_disk(name),
            _ => explain(error),
        })?;
    let accepted = answer.status() == ACCEPTED;
    match local_entry(name)? {
        None => Ok(()),
        Some(_) if accepted => Err(Error::new(
            ErrorKind::Failed,
            format!("the sidecar accepted to purge {name:?}, but has not done it yet"),
        )
        .with_hint(LOOK_AGAIN)),
        Some(_) => Err(Error::new(
            ErrorKind::Failed,
            format!("the sidecar reports that it purged {name:?}, but the backup still exists"),
        )
        .with_hint(LOOK_AGAIN)),
    }
}

const LOOK_AGAIN: &str = "Check again with `kubectl broker backup list --engine sidecar --scope local`; each pod has its own, see `--pod`";

fn not_on_disk(name: &str) -> Error {
    Error::not_found(format!("no backup named {name:?} on the pod's disk")).with_hint(
        "`kubectl broker backup list --engine sidecar --scope local` shows the backups; each pod has its own, see `--pod`",
    )
}

fn local_entry(name: &str) -> Result<Option<Entry>> {
    let inventory = local_inventory()?;
    let entries = inventory
        .backups
        .into_iter()
        .chain(inventory.cluster_backups);
    Ok(entries.into_iter().find(|entry| entry.name == name))
}

fn local_inventory() -> Result<Inventory> {
    get("/v1/backup/list")
}

fn remote_list() -> Result<Vec<RemoteBackup>> {
    let list: RemoteList = get("/v1/backup/list-remote")?;
    Ok(list.backups)
}

fn get<T: DeserializeOwned>(route: &str) -> Result<T> {
    http::get("api", route)
        .send()?
        .expect_ok()
        .map_err(explain)?
        .json()
}

/// Adds a hint to an error of the sidecar. On its list routes a 404 can only come from another program.
fn explain(mut error: Error) -> Error {
    let hint = match error.kind {
        ErrorKind::Unauthenticated | ErrorKind::Forbidden => {
            "This sidecar needs a token of its own; its operator has set one"
        }
        ErrorKind::NotFound => {
            error.kind = ErrorKind::Protocol;
            "Another program may be listening on that port; name the sidecar's with `--sidecar-port`"
        }
        ErrorKind::Failed | ErrorKind::Unavailable => {
            "Check the sidecar's log: `kubectl logs POD --container CONTAINER`"
        }
        _ => return error,
    };
    error.with_hint(hint)
}

/// Returns an object in the remote store as a backup. The upload has succeeded, because object stores show no
/// partial objects.
fn from_remote(remote: RemoteBackup) -> Backup {
    let mut backup = Backup::new(remote.key, State::Succeeded);
    backup.reported_state = Some("uploaded".to_owned());
    backup.size = u64::try_from(remote.size_bytes).ok();
    backup.created = Some(remote.last_modified);
    backup
}

fn from_local(entry: Entry) -> Backup {
    let state = match entry.status.as_str() {
        "pending" => State::Pending,
        "uploading" => State::Running,
        "uploaded" => State::Succeeded,
        "failed" => State::Failed,
        _ => State::Unknown,
    };
    let mut backup = Backup::new(entry.name, state);
    backup.reported_state = Some(entry.status);
    backup.size = u64::try_from(entry.size_bytes).ok();
    backup.created = Some(entry.last_modified);
    backup.failure = entry.error.filter(|text| !text.is_empty());
    backup
}

#[cfg(test)]
mod tests;
