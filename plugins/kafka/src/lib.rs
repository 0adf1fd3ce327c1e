//! An engine for kafka-backup-operator: backups of Kafka topics, driven by custom resources.
//!
//! Facts about the operator are from its release 1.2.1 (`src/crd`, `src/controllers`, `src/reconcilers`). It
//! has five kinds: KafkaBackup, KafkaRestore, KafkaOffsetReset, KafkaOffsetRollback and
//! KafkaBackupValidation. Each object is one piece of work, and its status is the only report about it.

mod check;
mod create;
mod cron;
mod flags;
mod object;
mod restore;
mod state;
mod time;
mod verbs;
mod wait;
mod work;

use broker_engine::resources::Selection;
use broker_engine::{
    Backup, Create, CreateRequest, Delete, DeleteRequest, Detect, Detection, Error, ErrorKind,
    List, ListRequest, Page, Preparation, Prepare, PrepareRequest, Restoration, Restore,
    RestoreRequest, Result, Settings, State, Status, StatusRequest, engine,
};
use object::Object;
use work::Work;

/// The engine.
pub struct Kafka;

engine!(Kafka, "engine.toml");

impl Detect for Kafka {
    /// Checks that the cluster has the kind. The objects do not show whether the operator runs.
    fn detect() -> Result<Detection> {
        let one: Vec<Object> = Work::Backup.kind().list(&Selection::all().limit(1))?;
        let mut detection = Detection::of("kafka-backup-operator");
        if one.is_empty() {
            detection.detail = Some("no KafkaBackup yet".to_owned());
        }
        Ok(detection)
    }
}

impl List for Kafka {
    fn list(request: ListRequest) -> Result<Page> {
        let work = request.text("kind").and_then(Work::called);
        let work = work.unwrap_or(Work::Backup);
        // The API server sorts by name, so all objects are needed to find the newest.
        let objects: Vec<Object> = work.kind().list(&Selection::all())?;
        Ok(objects
            .iter()
            .map(|object| state::shown(work, object))
            .collect())
    }
}

impl Status for Kafka {
    fn status(request: StatusRequest) -> Result<Backup> {
        let (work, name) = Work::of_id(&request.id);
        Ok(state::shown(work, &work.get(name)?))
    }
}

impl Prepare for Kafka {
    /// Checks the options before anything is created.
    fn prepare(request: PrepareRequest) -> Result<Preparation> {
        let request = CreateRequest {
            prepared: None,
            options: request.options,
        };
        let object = create::object(&request)?;
        Ok(create::notes(&request, &object).into())
    }
}

impl Create for Kafka {
    fn create(request: CreateRequest) -> Result<Backup> {
        let created: Object = Work::Backup.kind().create(&create::object(&request)?)?;
        Ok(state::shown(Work::Backup, &created))
    }
}

impl Restore for Kafka {
    fn restore(request: RestoreRequest) -> Result<Restoration> {
        restore::restore(&request)
    }
}

impl Delete for Kafka {
    fn delete(request: DeleteRequest) -> Result<Vec<String>> {
        let (work, name) = Work::of_id(&request.id);
        let object = work.get(name)?;
        if state::state(work, &object) == State::Running && !request.force {
            return Err(Error::new(
                ErrorKind::Conflict,
                format!("{} {name} is running", work.name()),
            )
            .with_hint("Wait until it has ended, or delete it with `--force`"));
        }
        wait::delete(work, name)?;
        // The operator's finalizer does not change the storage.
        let warning = (work == Work::Backup).then(|| {
            format!(
                "Only KafkaBackup {name} is deleted: its data stays in the storage, and retention no longer removes it"
            )
        });
        Ok(warning.into_iter().collect())
    }
}

#[cfg(test)]
mod tests;
