//! Backups that a backup-controller makes from `BackupRequest` objects.
//!
//! Four descriptions of the controller exist; they differ, and none was published. The engine creates objects
//! of the version that its author calls implemented (`backup.liferay.cloud/v1alpha1`), and understands the
//! states of all versions.
//!
//! `LiferayBackup` is the kind of Liferay's own charts. Only programs that read it are public, so the engine
//! lists and follows such objects but does not create them.

mod create;
mod delete;
mod manifest;
mod object;
mod options;
mod request;
mod restore;
mod sort;
mod state;

use broker_engine::{
    Act, ActRequest, Backup, Detect, Detection, Error, ErrorKind, List, ListRequest, Page, Report,
    Result, Settings, Status, StatusRequest, engine, log, resources::Selection,
};
use serde_json::Value;

use object::{belongs_to, to_backup};
use sort::{Id, Sort};

/// The engine.
pub struct BackupRequest;

engine!(BackupRequest, "engine.toml");

const WHAT_IS_THERE: &str = "`kubectl broker backup list --engine backuprequest` shows the backups";

impl Detect for BackupRequest {
    fn detect() -> Result<Detection> {
        let mut found = Vec::new();
        for sort in Sort::ALL {
            match sort.present(&Selection::all().limit(1)) {
                Ok(_) => found.push(sort.title()),
                Err(error) if error.kind == ErrorKind::NotFound => {}
                Err(error) if Sort::MAIN.contains(&sort) => return Err(error),
                Err(error) => log::debug(&error.message),
            }
        }
        if found.is_empty() {
            return Err(nothing_installed());
        }
        let mut detection = Detection::of("backup-controller");
        detection.detail = Some(found.join(", "));
        Ok(detection)
    }
}

impl List for BackupRequest {
    fn list(request: ListRequest) -> Result<Page> {
        let restores = request.boolean("restores");
        let sorts = if restores {
            &Sort::RESTORES[..]
        } else {
            &Sort::BACKUPS[..]
        };
        let wanted = |object: &Value| {
            belongs_to(object, "project", request.text("project"))
                && belongs_to(object, "environment", request.text("environment"))
        };
        let found = all(sorts)?;
        let found = found.iter().filter(|(_, object)| wanted(object));
        found
            .map(|(sort, object)| to_backup(*sort, object))
            .collect()
    }
}

impl Status for BackupRequest {
    fn status(request: StatusRequest) -> Result<Backup> {
        let id = Id::parse(&request.id)?;
        to_backup(id.sort, &id.read()?)
    }
}

impl Act for BackupRequest {
    fn act(request: ActRequest) -> Result<Report> {
        match request.verb.as_str() {
            "manifest" => manifest::act(&request),
            other => Err(Error::unsupported(format!(
                "this engine has no verb {other:?}"
            ))),
        }
    }
}

/// Returns all objects of some sorts.
///
/// A sort that the cluster lacks has no objects. A sort that the user is not allowed to read is left out with
/// a warning, unless it is the main one.
fn all(sorts: &[Sort]) -> Result<Vec<(Sort, Value)>> {
    let mut found = Vec::new();
    let mut lacking = 0;
    for sort in sorts {
        match sort.present(&Selection::all()) {
            Ok((_, objects)) => found.extend(objects.into_iter().map(|object| (*sort, object))),
            Err(error) if error.kind == ErrorKind::NotFound => lacking += 1,
            Err(error) if error.kind == ErrorKind::Forbidden && !Sort::MAIN.contains(sort) => {
                log::warn(&format!(
                    "objects of kind {} are left out: {}",
                    sort.title(),
                    error.message
                ));
            }
            Err(error) => return Err(error),
        }
    }
    if lacking == sorts.len() {
        return Err(nothing_installed());
    }
    Ok(found)
}

fn nothing_installed() -> Error {
    Error::not_found("the cluster has none of the kinds that this engine works with").with_hint(
        "Install the backup-controller and its CRDs (BackupRequest of backup.liferay.cloud/v1alpha1); \
         `kubectl api-resources --api-group=backup.liferay.cloud` shows the existing kinds",
    )
}

#[cfg(test)]
mod tests;
