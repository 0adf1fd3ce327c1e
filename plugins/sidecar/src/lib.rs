//! The broker-backup sidecar: a container beside the broker that copies its backups to object
//! storage.
//!
//! Protocol facts come from the client that shipped first (`pkg/sidecar` of
//! kubectl-broker-extension); the server's own source is not public.

mod wire;

use broker_engine::{
    Backup, Detect, Detection, Error, ErrorKind, List, ListRequest, Result, State, Status,
    StatusRequest, engine, http,
};
use serde::de::DeserializeOwned;
use wire::{Entry, Inventory, RemoteBackup, RemoteList};

/// The engine.
pub struct Sidecar;

engine!(Sidecar, "engine.toml");

impl Detect for Sidecar {
    fn detect() -> Result<Detection> {
        // The inventory of the pod's own disk: unlike the remote list it costs no object storage call.
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
    /// The remote inventory, whole: the server's own `limit` does not promise the newest.
    fn list(_: ListRequest) -> Result<Vec<Backup>> {
        Ok(remote_list()?.into_iter().map(from_remote).collect())
    }
}

impl Status for Sidecar {
    /// How far the upload of a local backup is, or that an object is in the remote store.
    fn status(request: StatusRequest) -> Result<Backup> {
        let inventory = local_inventory()?;
        let local = inventory
            .backups
            .into_iter()
            .chain(inventory.cluster_backups)
            .find(|entry| entry.name == request.id);
        if let Some(entry) = local {
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
                .with_hint("`kubectl broker backup list --engine sidecar` shows what is there")
            })
    }
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

/// What to do about an error of the sidecar. None of its routes for a list can miss what it names, so
/// a 404 comes from another program.
fn explain(mut error: Error) -> Error {
    let hint = match error.kind {
        ErrorKind::Unauthenticated | ErrorKind::Forbidden => {
            "This sidecar wants a token of its own; its operator set one"
        }
        ErrorKind::NotFound => {
            error.kind = ErrorKind::Protocol;
            "Another program may be listening on that port; name the sidecar's with `--sidecar-port`"
        }
        ErrorKind::Failed | ErrorKind::Unavailable => {
            "The sidecar's log says more: `kubectl logs POD --container CONTAINER`"
        }
        _ => return error,
    };
    error.with_hint(hint)
}

/// An object in the remote store has been uploaded whole: object stores show no partial objects.
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
