//! Waiting within a call, by watching. Verbs and dry runs use it, because the host does not wait for them.

use broker_engine::resources::{Change, Selection, Watch};
use broker_engine::{Error, ErrorKind, Result, log};

use crate::object::Object;
use crate::state;
use crate::work::Work;

/// Returns the object when its work has ended, or `None` if the deadline of the call passes first.
///
/// # Errors
/// Fails if the object is deleted meanwhile, or can't be watched.
pub fn until_ended(work: Work, name: &str) -> Result<Option<Object>> {
    let mut watch = work.kind().watch::<Object>(&Selection::all())?;
    while let Some(event) = watch.next_event()? {
        if event.object.metadata.name != name {
            continue;
        }
        if event.change == Change::Deleted {
            return Err(Error::new(
                ErrorKind::Failed,
                format!("{} {name} was deleted before it ended", work.name()),
            ));
        }
        if state::has_ended(work, &event.object) {
            return Ok(Some(event.object));
        }
    }
    Ok(None)
}

/// Tells the user which object the engine waits for.
pub fn begins(work: Work, name: &str) {
    log::info(&format!(
        "{} {name} is created; waiting for its end",
        work.name()
    ));
}

/// Deletes an object, and waits until it is gone: a finalizer of the operator may delay the deletion.
///
/// # Errors
/// Fails if the object can't be deleted, or if it still exists at the deadline of the call.
pub fn delete(work: Work, name: &str) -> Result<()> {
    let mut watch = work.kind().watch::<Object>(&Selection::all())?;
    // The watch must see the object first: otherwise it does not report the deletion.
    let is_watched = match saw(&mut watch, name, Change::Added) {
        Err(error) if error.kind == ErrorKind::Forbidden => false,
        other => other?,
    };
    work.kind().delete(name)?;
    if is_watched && saw(&mut watch, name, Change::Deleted)? {
        return Ok(());
    }
    match work.kind().get::<Object>(name) {
        Err(error) if error.kind == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(_) => Err(Error::new(
            ErrorKind::Unavailable,
            format!("{} {name} is being deleted, but still exists", work.name()),
        )
        .with_hint("Check that the operator runs: it must remove the finalizer of the object")),
    }
}

/// Returns whether this change of an object happened before the deadline of the call.
fn saw(watch: &mut Watch<Object>, name: &str, change: Change) -> Result<bool> {
    while let Some(event) = watch.next_event()? {
        if event.object.metadata.name == name && event.change == change {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Returns a hint with the command that shows the progress.
pub fn look(work: Work, name: &str) -> String {
    format!(
        "`kubectl broker backup status --engine kafka --id {}` shows the state",
        work.id(name)
    )
}
