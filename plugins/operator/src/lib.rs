//! An engine for broker-operator: backups that run in the cluster, driven by custom resources.
//!
//! The operator is this project's own, in `operator/`. It has the kinds Backup, Restore, BackupSchedule and BackupStore.
//! Each Backup and each Restore is one run, and its status is the only report about it. A Job in the cluster does the
//! work, with an engine of its own; this engine only writes and reads objects.

mod create;
mod delete;
mod kind;
mod object;
mod restore;
mod state;
mod text;
mod verbs;
mod wait;

use std::collections::BTreeMap;

use broker_engine::resources::Selection;
use broker_engine::{
    Backup, Create, CreateRequest, Delete, DeleteRequest, Detect, Detection, Error, List,
    ListRequest, Page, Preparation, Prepare, PrepareRequest, Restoration, Restore, RestoreRequest,
    Result, Settings, Status, StatusRequest, engine,
};
use kind::Run;
use object::Object;
use serde_json::Value;

/// The engine.
pub struct Operator;

engine!(Operator, "engine.toml");

impl Detect for Operator {
    /// Checks that the cluster has the kind. The objects do not show whether the operator runs.
    fn detect() -> Result<Detection> {
        let one = Run::Backup
            .kind()
            .list::<Object>(&Selection::all().limit(1));
        let one = one.map_err(kind::if_not_installed)?;
        let mut detection = Detection::of("broker-operator");
        if one.is_empty() {
            detection.detail = Some("no Backup yet".to_owned());
        }
        Ok(detection)
    }
}

impl List for Operator {
    fn list(request: ListRequest) -> Result<Page> {
        let run = if request.boolean("restores") {
            Run::Restore
        } else {
            Run::Backup
        };
        let schedule = request.text("of-schedule");
        if run == Run::Restore && schedule.is_some() {
            return Err(Error::invalid(
                "--restores and --of-schedule exclude each other: schedules make no restores",
            ));
        }
        // The API server sorts by name, so all objects are needed to find the newest.
        let objects = run.kind().list::<Object>(&Selection::all());
        let objects = objects.map_err(kind::if_not_installed)?;
        Ok(distinct(objects)
            .values()
            .filter(|object| schedule.is_none() || object.made_by() == schedule)
            .map(|object| state::shown(run, object))
            .collect())
    }
}

/// Returns each object once, by its name: a list of several pages may have one twice, if it changed between them.
fn distinct(objects: Vec<Object>) -> BTreeMap<String, Object> {
    let named = |object: Object| (object.metadata.name.clone(), object);
    objects.into_iter().map(named).collect()
}

impl Status for Operator {
    fn status(request: StatusRequest) -> Result<Backup> {
        let (run, name) = Run::of_id(&request.id);
        Ok(state::watched(run, &run.get(name)?))
    }
}

impl Prepare for Operator {
    /// Lets the API server check the object before anything is created.
    fn prepare(request: PrepareRequest) -> Result<Preparation> {
        let plan = create::plan(&request)?;
        let mut preparation = Preparation::from(plan.notes);
        preparation.token = Some(plan.object.to_string().into_bytes());
        Ok(preparation)
    }
}

impl Create for Operator {
    fn create(request: CreateRequest) -> Result<Backup> {
        let object = match &request.prepared {
            Some(prepared) => serde_json::from_slice::<Value>(prepared)
                .map_err(|error| Error::protocol(format!("the plan can't be read: {error}")))?,
            None => create::plan(&request)?.object,
        };
        let created: Object = Run::Backup.kind().create(&object)?;
        Ok(state::shown(Run::Backup, &created))
    }
}

impl Restore for Operator {
    fn restore(request: RestoreRequest) -> Result<Restoration> {
        restore::restore(&request)
    }
}

impl Delete for Operator {
    fn delete(request: DeleteRequest) -> Result<Vec<String>> {
        delete::delete(&request)
    }
}

#[cfg(test)]
mod tests;
