//! Starting a backup. The engine creates the object, and the controller does the rest.

use broker_engine::resources::Selection;
use broker_engine::{
    Backup, Create, CreateRequest, Error, ErrorKind, Preparation, Prepare, PrepareRequest, Result,
    State,
};
use serde_json::Value;

use crate::object::{belonging, state_of, to_backup};
use crate::options::Options;
use crate::sort::Sort;
use crate::{BackupRequest, request};

/// The default number of backups of one project that the controller runs at the same time.
const AT_ONCE: usize = 2;

impl Prepare for BackupRequest {
    fn prepare(asked: PrepareRequest) -> Result<Preparation> {
        let object = request::of(Options(&asked.options))?;
        let Some(project) = belonging(&object, "project") else {
            return Ok(Vec::new().into());
        };
        let objects: Vec<Value> = Sort::Request
            .kind()
            .list(&Selection::all())
            .map_err(lacking)?;
        let running = objects.iter().filter(|other| {
            belonging(other, "project") == Some(project)
                && state_of(Sort::Request, other).0 == State::Running
        });
        let running = running.count();
        if running < AT_ONCE {
            return Ok(Vec::new().into());
        }
        let note = format!(
            "{running} backups of project {project} are running; the controller begins this one when fewer than {AT_ONCE} are"
        );
        Ok(vec![note].into())
    }
}

impl Create for BackupRequest {
    fn create(asked: CreateRequest) -> Result<Backup> {
        let object = request::of(Options(&asked.options))?;
        let created: Value = Sort::Request.kind().create(&object).map_err(lacking)?;
        to_backup(Sort::Request, &created)
    }
}

/// Explains that a cluster with LiferayBackups but without BackupRequests can't create backups: the spec of
/// LiferayBackup is not public.
fn lacking(error: Error) -> Error {
    if error.kind != ErrorKind::NotFound {
        return error;
    }
    let hint = "Install the backup-controller and its CRD BackupRequest of backup.liferay.cloud/v1alpha1. \
                LiferayBackups are made by Liferay's own schedule: this engine only shows them";
    Error::unsupported("the cluster does not have the kind BackupRequest, so none can be created")
        .with_hint(hint)
}
