use std::collections::BTreeSet;
use std::time::Duration;

use broker_manifest::{Column, Operation};
use host_base::{Backup, newest_first, text};
use host_engine::{EngineError, OptionSetting, Preparation};
use jiff::Timestamp;

use super::download::copy;
use super::error::GivenOption;
use super::export::{self, Kept};
use super::history::Deed;
use super::running::Running;
use super::saving::Place;
use super::task::{Ongoing, TaskKind, finish};
use super::wait::{Waiting, has_ended};
use super::{OpsError, Session};
use crate::results::{Backups, Created, LeftOut, LocalFiles, Scope, StoredCopy};

/// The settings for a new backup, and where to put it if the engine saves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateRequest {
    /// Whether to wait for the end of the backup, and how long.
    pub waiting: Waiting,
    /// Longest time for everything, if the user set one. An engine that saves the backup itself has no other
    /// limit.
    pub limit: Option<Duration>,
    /// Where to put the backup if the engine saves it.
    pub place: Place,
    /// Whether to keep a file although nothing proves that it is complete.
    pub accept_unproven: bool,
    /// The flag that the user gave to choose a place, without dashes.
    pub place_flag: Option<&'static str>,
}

/// Creates a backup, and waits for its end if the request says so. Then the engine performs its last step.
///
/// If the backend returns the backup in its response, the engine saves it. The result is none if the bytes
/// went to stdout.
///
/// # Errors
/// When the backup was not begun, failed, or did not end in time. When the last step failed.
pub async fn create(
    session: &Session,
    request: CreateRequest,
) -> Result<Option<Created>, OpsError> {
    let prepared = Box::pin(ready(session, &request)).await?;
    let saves = prepared.running.manifest.saves();
    let mut deed = Deed::of("create", session, &prepared.running);
    let made = if saves {
        Box::pin(save(session, prepared, &request, &mut deed)).await
    } else {
        Box::pin(follow(session, prepared, &request, &mut deed)).await
    };
    deed.goes_on = made.as_ref().is_ok_and(|made| !has_ended(&made.backup));
    deed.record(&made).await;
    let Made {
        scope,
        columns,
        backup,
        details,
        saved,
        copy,
    } = made?;
    if saves && saved.is_none() && copy.is_none() {
        return Ok(None);
    }
    let backup = Backups {
        columns,
        scope,
        backups: vec![backup],
        per_pod: None,
        left_out: LeftOut::Nothing,
        is_list: false,
        now: Timestamp::now(),
    };
    Ok(Some(Created {
        backup,
        details,
        saved,
        copy,
    }))
}

/// Begins a backup without waiting. Another process can store its [`Ongoing::task`] and resume it.
///
/// # Errors
/// When the backup was not begun, or when the backend returns the backup in its response.
pub async fn begin_create(session: &Session, request: &CreateRequest) -> Result<Ongoing, OpsError> {
    let prepared = Box::pin(ready(session, request)).await?;
    let running = &prepared.running;
    if running.manifest.saves() {
        return Err(OpsError::NothingToLeave {
            engine: running.manifest.id.to_string(),
        });
    }
    let mut deed = Deed::of("create", session, running);
    let begun = Box::pin(begun(session, prepared, &mut deed)).await;
    deed.goes_on = begun.as_ref().is_ok_and(|ongoing| !ongoing.has_ended());
    deed.record(&begun).await;
    begun
}

/// An engine that is ready to begin a backup, with its options.
pub(super) struct Prepared {
    pub(super) running: Running,
    /// The token of the operation `prepare`.
    pub(super) token: Option<Vec<u8>>,
    pub(super) options: Vec<OptionSetting>,
}

/// Chooses the engine, and refuses impossible requests before the backend has any work.
async fn ready(session: &Session, request: &CreateRequest) -> Result<Prepared, OpsError> {
    let operation = Operation::Create;
    if !request.waiting.wait {
        refuse_what_needs_waiting(session)?;
    }
    let mut running = session.engine_for(operation).await?;
    let saves = running.manifest.saves();
    if !request.waiting.wait && running.manifest.works_itself() {
        return Err(OpsError::StandsStill {
            engine: running.called.clone(),
        });
    }
    if saves {
        let saves = running.manifest.saves_in(operation);
        export::check(request, &running.manifest.id.to_string(), saves)?;
    } else if let Place::Store(_) = request.place {
        check_copy(request, &running)?;
    } else if let Some(flag) = request.place_flag {
        return Err(saves_nothing(session, &running, flag));
    }
    // Each attempt that fails only afterwards leaves a backup on the disk of the backend.
    if let Place::Store(place) = &request.place {
        place.store.check_writable().await?;
    }
    let options = session.options(&running.manifest, operation);
    let Preparation { notes, token } = prepare(session, &mut running).await?;
    // Newer engines say this themselves, because the backups of many don't lie in pods.
    if !saves && running.is_older && running.manifest.has_target() {
        session.reporter().note(
            "A backup takes disk space on the broker's nodes, and is not removed automatically",
        );
    }
    for note in notes {
        session.reporter().note(&running.said(&note, 400));
    }
    Ok(Prepared {
        running,
        token,
        options,
    })
}

/// Refuses to begin a backup that could not be copied.
fn check_copy(request: &CreateRequest, running: &Running) -> Result<(), OpsError> {
    if !request.waiting.wait {
        return Err(OpsError::NeedsWaiting {
            flag: "to".to_owned(),
        });
    }
    if running.manifest.can(Operation::Download) {
        Ok(())
    } else {
        Err(OpsError::NothingToCopy {
            engine: running.called.clone(),
        })
    }
}

/// A created backup, with the other facts of the result.
struct Made {
    scope: Scope,
    columns: Vec<Column>,
    backup: Backup,
    details: Vec<(String, String)>,
    saved: Option<LocalFiles>,
    copy: Option<StoredCopy>,
}

impl Made {
    fn by(running: &Running, backup: Backup) -> Self {
        Self {
            scope: running.scope(),
            columns: running.manifest.table(),
            backup,
            details: Vec::new(),
            saved: None,
            copy: None,
        }
    }
}

/// Lets the engine save the backup that its backend returns.
async fn save(
    session: &Session,
    mut prepared: Prepared,
    request: &CreateRequest,
    deed: &mut Deed,
) -> Result<Made, OpsError> {
    let exported = export::export(session, &mut prepared, request, deed).await;
    prepared.running.saving.discard_copy().await;
    let (backup, kept) = exported?;
    let (saved, copy) = match kept {
        Kept::Files(files) => (Some(files), None),
        Kept::Copy(copy) => (None, Some(*copy)),
        Kept::Output => (None, None),
    };
    let mut running = prepared.running;
    let options = session.options(&running.manifest, Operation::Finish);
    let details = finish(&mut running, &backup, &options).await?;
    Ok(Made {
        details,
        saved,
        copy,
        ..Made::by(&running, backup)
    })
}

/// Begins the backup. If the request says so, waits for its end and performs the last step.
async fn follow(
    session: &Session,
    prepared: Prepared,
    request: &CreateRequest,
    deed: &mut Deed,
) -> Result<Made, OpsError> {
    let waiting = request.waiting;
    let mut ongoing = begun(session, prepared, deed).await?;
    let made = if waiting.wait {
        session.reporter().note(&format!(
            "Backup {} has begun; waiting up to {} s for its end",
            text::printable(&ongoing.task().id, 120),
            waiting.timeout.as_secs()
        ));
        ongoing.wait(session, waiting).await?;
        let finished = ongoing.finish().await?;
        Made {
            details: finished.details,
            ..Made::by(ongoing.running(), finished.backup)
        }
    } else {
        let backup = ongoing.take_result()?;
        Made::by(ongoing.running(), backup)
    };
    deed.bytes = made.backup.size;
    let Place::Store(place) = &request.place else {
        return Ok(made);
    };
    let id = made.backup.id.clone();
    let mut running = session.start_named(&ongoing.running().manifest.id).await?;
    running.named_by_backend = true;
    let again = place.download_command(&running.called, &id);
    session.note_complete(&running, &id, &again);
    let copied = copy(
        session,
        &mut running,
        &id,
        place.clone(),
        request.accept_unproven,
        deed,
    )
    .await;
    let copy = copied.map_err(|error| OpsError::NotCopied {
        id,
        again,
        source: Box::new(error),
    })?;
    Ok(Made {
        copy: Some(copy),
        ..made
    })
}

/// Begins the backup, and records that it has begun.
async fn begun(
    session: &Session,
    mut prepared: Prepared,
    deed: &mut Deed,
) -> Result<Ongoing, OpsError> {
    let backup = begin(session, &mut prepared).await?;
    let mut running = prepared.running;
    deed.id = Some(backup.id.clone());
    running.named_by_backend = true;
    session.note_begun(&running, Some(&backup.id));
    Ok(Ongoing::new(
        session,
        running,
        TaskKind::Create,
        backup,
        true,
    ))
}

/// Refuses options of the last step if the command does not wait: the last step would never run.
fn refuse_what_needs_waiting(session: &Session) -> Result<(), OpsError> {
    match session.given_for_finish() {
        Some(option) => Err(OpsError::NeedsWaiting {
            flag: option.to_owned(),
        }),
        None => Ok(()),
    }
}

/// Returns the error for a place, if the engine saves nothing there.
fn saves_nothing(session: &Session, running: &Running, flag: &str) -> OpsError {
    let engines = session.host.engines().iter();
    let saving = engines.filter(|engine| engine.manifest().saves());
    OpsError::NotItsOption {
        engine: running.manifest.id.to_string(),
        given: Box::new(GivenOption {
            name: flag.to_owned(),
            command: Operation::Create.name().to_owned(),
            words: match flag {
                "output-dir" => format!("--{flag} FOLDER"),
                "output-file" => format!("--{flag} FILE"),
                _ => format!("--{flag}"),
            },
        }),
        able: saving.map(|engine| session.called(engine)).collect(),
    }
}

/// Returns the result of the engine's operation `prepare`, if the engine has it.
async fn prepare(session: &Session, running: &mut Running) -> Result<Preparation, OpsError> {
    if !running.manifest.can(Operation::Prepare) {
        return Ok(Preparation::default());
    }
    let options = session.options(&running.manifest, Operation::Prepare);
    let prepared = running.instance().prepare(&options).await;
    running.original(prepared)
}

/// Sends the request to begin a backup, and never sends it twice. If the answer is lost or unreadable, the list
/// of backups is read: a new backup in it is the one that was begun.
async fn begin(session: &Session, prepared: &mut Prepared) -> Result<Backup, OpsError> {
    let Prepared {
        running,
        token,
        options,
    } = prepared;
    let before = ids(session, running).await?;
    session.note_begun(running, None);
    let created = running.instance().create(token.as_deref(), options).await;
    let error = match running.original(created) {
        Ok(backup) => return Ok(backup),
        Err(error) => error,
    };
    if !answer_was_lost(&error) && !running.answer_was_unreadable(&error) {
        return Err(error);
    }
    let reason = text::printable(&error.to_string(), 300).into_owned();
    let unknown = || OpsError::OutcomeUnknown {
        reason: reason.clone(),
        engine: running.called.clone(),
    };
    // The connection is gone, and perhaps the pod too, so the engine is started anew.
    let mut again = session
        .start_named(&running.manifest.id)
        .await
        .map_err(|_| unknown())?;
    let options = session.options(&again.manifest, Operation::List);
    let listed = again.instance().list(None, &options).await;
    let mut new: Vec<_> = again
        .original(listed)
        .map_err(|_| unknown())?
        .into_iter()
        .filter(|backup| !before.contains(&backup.id))
        .collect();
    newest_first(&mut new);
    let found = new.into_iter().next().ok_or_else(unknown)?;
    session.reporter().warn(&format!(
        "The answer was lost ({reason}). Backup {} was begun in the meantime, and is assumed to be this one",
        text::printable(&found.id, 120)
    ));
    *running = again;
    Ok(found)
}

async fn ids(session: &Session, running: &mut Running) -> Result<BTreeSet<String>, OpsError> {
    let options = session.options(&running.manifest, Operation::List);
    let listed = running.instance().list(None, &options).await;
    let backups = running.original(listed)?;
    Ok(backups.into_iter().map(|backup| backup.id).collect())
}

/// Returns whether the backend may have received the request although no answer came.
pub(super) fn answer_was_lost(error: &OpsError) -> bool {
    use host_cluster::ClusterError as E;
    match error.cause() {
        OpsError::Cluster(error) => matches!(
            **error,
            E::NoAnswer { .. }
                | E::Incomplete { .. }
                | E::ConnectionLost { .. }
                | E::TimedOut { .. }
                | E::Http { .. }
        ),
        OpsError::Engine(error) => matches!(error, EngineError::Deadline { .. }),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
