//! Restores: one Restore object each.

use broker_engine::{
    Error, Field, Restoration, RestoreRequest, RestoreSource, Result, Settings, State, log,
};
use serde_json::{Value, json};

use crate::create::{WORK, options, work};
use crate::kind::Run;
use crate::object::{CopyRecord, Object};
use crate::text::line;
use crate::{state, wait};

/// Creates the Restore. A dry run is waited for here and deleted when it has ended.
///
/// # Errors
/// Fails if there is nothing to restore, if the API server refuses the object, or if a dry run finds a problem.
pub fn restore(request: &RestoreRequest) -> Result<Restoration> {
    let RestoreSource::Id(id) = &request.source else {
        return Err(Error::unsupported(
            "the operator restores only backups that it has made, not files",
        ));
    };
    let (Run::Backup, name) = Run::of_id(id) else {
        return Err(Error::invalid(format!("{id} is not a backup"))
            .with_hint("`kubectl broker backup list --engine operator` shows the backups"));
    };
    let backup = Run::Backup.get(name)?;
    let (from, source) = source(&backup, request.text("run-source"))?;
    let mut spec = Value::Object(work(&backup, &WORK)?);
    if let Some(fields) = spec.as_object_mut() {
        // Those were options of the engine for making a backup.
        fields.remove("options");
    }
    if let Some(options) = options(request)? {
        spec["options"] = options;
    }
    if let Some(name) = request.text("run-statefulset") {
        spec["target"]["statefulSet"] = json!(name);
    }
    spec["from"] = from;
    let object = Object {
        spec,
        ..backup.clone()
    };
    let target = state::target(&object);
    let mut spec = object.spec.clone();
    if request.dry_run {
        spec["dryRun"] = json!(true);
    } else {
        // The host has asked the user.
        spec["confirm"] = json!(object.statefulset());
        log::info(&format!("The restore overwrites the data of {target}"));
    }
    let metadata = match request.text("name") {
        Some(name) => json!({ "name": name }),
        None => json!({ "generateName": format!("{name}-") }),
    };
    let restore = json!({ "metadata": metadata, "spec": spec });
    let created: Object = Run::Restore.kind().create(&restore)?;
    let object = if request.dry_run {
        tried(&created)?
    } else {
        created
    };
    let detail = |name: &str, value| Field {
        name: name.to_owned(),
        value,
    };
    Ok(Restoration {
        backup: state::shown(Run::Restore, &object),
        details: vec![detail("target", target), detail("source", source)],
    })
}

/// Returns where the operator takes the data from: the field of the spec, and the same in words.
///
/// # Errors
/// Fails if the backup is not complete, is being deleted, or does not have the wanted source.
fn source(backup: &Object, wanted: Option<&str>) -> Result<(Value, String)> {
    let name = &backup.metadata.name;
    let by_name = json!({ "backup": { "name": name } });
    let other = "`kubectl broker backup list --engine operator` shows those that succeeded";
    if backup.is_going() {
        return Err(Error::conflict(format!("Backup {name} is being deleted")).with_hint(other));
    }
    if state::state(backup) != State::Succeeded {
        let phase = match state::phase(backup) {
            "" => "not looked at yet".to_owned(),
            phase => line(phase),
        };
        return Err(
            Error::conflict(format!("Backup {name} has not succeeded: it is {phase}"))
                .with_hint(other),
        );
    }
    let copy = backup.status.copy.as_ref();
    let id = backup.status.backup_id.as_deref();
    let told = match (wanted, copy, id) {
        (Some("copy"), None, _) => Err("has no copy"),
        (Some("backend"), _, None) => Err("has no id of its backend"),
        (None, None, None) => Err("has neither a copy nor an id of its backend"),
        (Some("backend"), _, Some(id)) => {
            let told = format!("backup {} of the backend", line(id));
            Ok((json!({ "backupId": id }), told))
        }
        (Some(_), Some(copy), _) => {
            let from = json!({ "store": { "name": copy.store }, "reference": copy.reference });
            Ok((json!({ "copy": from }), copy_in_words(copy)))
        }
        // The program in the cluster knows whether the engine takes files.
        (None, Some(copy), Some(id)) => {
            let or = format!(
                "{}, or backup {} of a backend that takes no files",
                copy_in_words(copy),
                line(id)
            );
            Ok((by_name, or))
        }
        (None, Some(copy), None) => Ok((by_name, copy_in_words(copy))),
        (_, None, Some(id)) => Ok((by_name, format!("backup {} of the backend", line(id)))),
        (Some(_), None, None) => Err("has nothing to restore"),
    };
    told.map_err(|problem| Error::conflict(format!("Backup {name} {problem}")).with_hint(other))
}

fn copy_in_words(copy: &CopyRecord) -> String {
    format!(
        "copy {} in BackupStore {}",
        line(&copy.reference),
        line(&copy.store)
    )
}

/// Waits for the end of a dry run, and deletes its object.
fn tried(created: &Object) -> Result<Object> {
    let name = &created.metadata.name;
    let object = wait::until_ended(Run::Restore, created)?;
    if let Err(error) = Run::Restore.kind().delete(name) {
        log::warn(&format!(
            "Restore {name} of the dry run is still there: {}",
            error.message
        ));
    }
    match wait::failure(Run::Restore, &object) {
        Some(error) => Err(error),
        None => Ok(object),
    }
}
