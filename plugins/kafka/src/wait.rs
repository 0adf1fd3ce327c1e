//! Waiting within a call, by watching: for verbs and dry runs, for whose end the host does not wait.

use broker_engine::resources::{Change, Selection, Watch};
use broker_engine::{Error, ErrorKind, Result, log};

use crate::object::Object;
use crate::state;
use crate::work::Work;

/// The object when its work has ended; none when the time of the call is over before.
///
/// # Errors
/// When it is deleted meanwhile, or can't be watched.
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

/// Says what is waited for.
pub fn begins(work: Work, name: &str) {
    log::info(&format!(
        "{} {name} is created; waiting for its end",
        work.name()
    ));
}

/// Deletes an object, and waits until it is gone: a finalizer of the operator may hold it.
///
/// # Errors
/// When it can't be deleted, or is still there when the time of the call is over.
pub fn delete(work: Work, name: &str) -> Result<()> {
    let mut watch = work.kind().watch::<Object>(&Selection::all())?;
    // What is deleted before the watch has seen it is never told to be deleted.
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
            format!(
                "{} {name} is being deleted, and is still there",
                work.name()
            ),
        )
        .with_hint("The operator has to let it go by taking its finalizer away: does it run?")),
    }
}

/// Whether this happened to an object before the time of the call was over.
fn saw(watch: &mut Watch<Object>, name: &str, change: Change) -> Result<bool> {
    while let Some(event) = watch.next_event()? {
        if event.object.metadata.name == name && event.change == change {
            return Ok(true);
        }
    }
    Ok(false)
}

/// How to see how far it is.
pub fn look(work: Work, name: &str) -> String {
    format!(
        "`kubectl broker backup status --engine kafka --id {}` shows how far it is",
        work.id(name)
    )
}
