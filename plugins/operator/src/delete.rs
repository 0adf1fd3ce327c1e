//! Deleting the object of a run, with or without its copy.

use broker_engine::{DeleteRequest, Error, Result};

use crate::kind::Run;
use crate::object::Object;
use crate::text::line;
use crate::{state, wait};

/// Deletes an object. Returns what became of its copy.
///
/// # Errors
/// Fails if something is at work for the object and that is not to be stopped, or if the object can't be deleted.
pub fn delete(request: &DeleteRequest) -> Result<Vec<String>> {
    let (run, name) = Run::of_id(&request.id);
    let object = run.get(name)?;
    if state::is_at_work(&object) && !request.force {
        return Err(Error::conflict(format!(
            "{} {name} is under way: it is {}",
            run.name(),
            line(state::phase(&object))
        ))
        .with_hint("Wait until it has ended, or stop and delete it with `--force`"));
    }
    wait::delete(run, name)?;
    Ok(match run {
        Run::Backup => vec![left(&object)],
        Run::Restore => Vec::new(),
    })
}

/// Returns what is left of a deleted Backup.
fn left(object: &Object) -> String {
    let name = &object.metadata.name;
    let deletes = object.text("/deletionPolicy") == Some("Delete");
    match (&object.status.copy, &object.status.backup_id) {
        (Some(copy), _) if deletes => format!(
            "The copy {} of Backup {name} is deleted with it, unless something protects it: then an Event `CopyKept` says so",
            line(&copy.reference)
        ),
        (Some(copy), _) => format!(
            "Only Backup {name} is deleted: its copy {} stays in BackupStore {}",
            line(&copy.reference),
            line(&copy.store)
        ),
        (None, Some(id)) => format!(
            "Only Backup {name} is deleted: its backend keeps the backup {}",
            line(id)
        ),
        (None, None) => format!("Backup {name} is deleted; it names no backup that stays"),
    }
}
