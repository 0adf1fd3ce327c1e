//! Waiting within a call, by watching. Verbs, dry runs and deletions use it, because the host does not wait for them.

use broker_engine::resources::{Change, Selection, Watch};
use broker_engine::{Error, ErrorKind, Result, log, progress};

use crate::kind::Run;
use crate::object::{Fault, Object};
use crate::state::{self, CHECK_OPERATOR, has_ended, phase, waits_for};
use crate::text::line;

/// Returns the object when its run has ended.
///
/// # Errors
/// Fails if the object is deleted meanwhile, if it can't be watched, or if the deadline of the call passes first.
pub fn until_ended(run: Run, created: &Object) -> Result<Object> {
    let name = &created.metadata.name;
    log::info(&format!(
        "{} {name} is created; waiting for its end",
        run.name()
    ));
    let mut watch = watch(run, name)?;
    let mut last = created.clone();
    let mut told = None;
    while let Some(event) = watch.next_event()? {
        let object = event.object;
        if event.change == Change::Deleted || object.metadata.uid != created.metadata.uid {
            return Err(Error::failed(format!(
                "{} {name} was deleted before it ended",
                run.name()
            )));
        }
        if has_ended(&object) {
            return Ok(object);
        }
        let waiting = waits_for(&object);
        if waiting != told {
            if let Some(waiting) = &waiting {
                log::info(&format!("{} {name} waits: {waiting}", run.name()));
            }
            told = waiting;
        }
        if let Some(at) = &object.status.run.progress {
            let amount = |bytes: Option<i64>| bytes.and_then(|it| u64::try_from(it).ok());
            if let Some(done) = amount(at.bytes) {
                let step = format!("{} {name}: {}", run.name(), line(&at.step));
                progress::report(&step, done, amount(at.total_bytes));
            }
        }
        last = object;
    }
    Err(late(run, &last))
}

/// Returns the error for a run that does not end before the deadline of the call.
fn late(run: Run, object: &Object) -> Error {
    let name = &object.metadata.name;
    if phase(object).is_empty() {
        return Error::new(
            ErrorKind::TimedOut,
            format!("the operator has not looked at {} {name}", run.name()),
        )
        .with_hint(CHECK_OPERATOR);
    }
    let reason = waits_for(object).map_or_else(
        || "it continues in the cluster".to_owned(),
        |waiting| format!("it waits: {waiting}"),
    );
    let message = format!("{} {name} has not ended; {reason}", run.name());
    Error::new(ErrorKind::TimedOut, message).with_hint(look(run, name))
}

/// Returns the error of a run that has failed, with the hint of the operator. `None` if it has not.
pub fn failure(run: Run, object: &Object) -> Option<Error> {
    if state::state(object) != broker_engine::State::Failed {
        return None;
    }
    let name = &object.metadata.name;
    let fault = object.status.run.failure.as_ref();
    let reason = fault.map(Fault::told).filter(|it| !it.is_empty());
    let reason = reason.unwrap_or_else(|| "no reason given".to_owned());
    let error = Error::failed(format!("{} {name} failed: {reason}", run.name()));
    Some(match fault.and_then(Fault::hint) {
        Some(hint) => error.with_hint(hint),
        None => error.with_hint(look(run, name)),
    })
}

/// Deletes an object, and waits until it is gone: the operator may have to delete its copy first.
///
/// # Errors
/// Fails if the object can't be deleted, or if it still exists at the deadline of the call.
pub fn delete(run: Run, name: &str) -> Result<()> {
    let mut watch = watch(run, name)?;
    // The watch must see the object first: otherwise it does not report the deletion.
    let is_watched = match saw(&mut watch, Change::Added) {
        Err(error) if error.kind == ErrorKind::Forbidden => false,
        other => other?,
    };
    run.kind().delete(name)?;
    if is_watched && saw(&mut watch, Change::Deleted)? {
        return Ok(());
    }
    match run.kind().get::<Object>(name) {
        Err(error) if error.kind == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(_) => Err(Error::new(
            ErrorKind::Unavailable,
            format!(
                "{} {name} is being deleted, but still exists: the operator deletes its copy first",
                run.name()
            ),
        )
        .with_hint(format!(
            "Look at it later with `kubectl broker backup list --engine operator`. {CHECK_OPERATOR}"
        ))),
    }
}

/// Watches one object.
fn watch(run: Run, name: &str) -> Result<Watch<Object>> {
    let only_it = Selection::all().fields(&format!("metadata.name={name}"));
    run.kind().watch(&only_it)
}

/// Returns whether this change happened before the deadline of the call.
fn saw(watch: &mut Watch<Object>, change: Change) -> Result<bool> {
    while let Some(event) = watch.next_event()? {
        if event.change == change {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Returns a hint with the command that shows the progress.
pub fn look(run: Run, name: &str) -> String {
    format!(
        "`kubectl broker backup status --engine operator --id {}` shows the state",
        run.id(name)
    )
}
