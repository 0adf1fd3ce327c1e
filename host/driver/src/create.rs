use std::collections::BTreeSet;
use std::time::Duration;

use broker_manifest::{Column, Operation};
use host_base::{Backup, newest_first, text};
use host_engine::{EngineError, OptionSetting};
use jiff::Timestamp;

use super::export;
use super::history::Deed;
use super::saving::Place;
use super::session::Running;
use super::task::{Ongoing, TaskKind, finish};
use super::wait::{Waiting, has_ended};
use super::{OpsError, Session};
use crate::results::{Backups, Created, LocalFile, Scope};

/// What backup is wanted, and where if the engine saves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateRequest {
    pub waiting: Waiting,
    /// Longest time for all of it, if the user named one. An engine that saves has no other.
    pub limit: Option<Duration>,
    pub place: Place,
    /// Whether a file gets its name although nothing proves that it is whole.
    pub accept_unproven: bool,
    /// What the user is to be told of the place, if it is used.
    pub place_note: Option<String>,
    /// The flag with which the user named a place.
    pub place_flag: Option<&'static str>,
}

/// Begins a backup, and waits until it has ended if it is to; then the engine does what is left to do.
///
/// An engine whose backend answers with the backup saves it. Nothing is to be shown where it went to
/// stdout.
///
/// # Errors
/// When none was begun, when it ended badly, or did not end in time; and when what was to follow was
/// not done.
pub async fn create(
    session: &Session,
    request: CreateRequest,
) -> Result<Option<Created>, OpsError> {
    let Prepared { running, options } = Box::pin(ready(session, &request)).await?;
    let saves = running.manifest.saves();
    let mut deed = Deed::of("create", session, &running);
    let made = if saves {
        Box::pin(save(session, running, &options, &request, &mut deed)).await
    } else {
        Box::pin(follow(
            session,
            running,
            &options,
            request.waiting,
            &mut deed,
        ))
        .await
    };
    deed.goes_on = made.as_ref().is_ok_and(|made| !has_ended(&made.backup));
    deed.record(&made).await;
    let Made {
        scope,
        columns,
        backup,
        details,
        file,
    } = made?;
    if saves && file.is_none() {
        return Ok(None);
    }
    let backup = Backups {
        columns,
        scope,
        backups: vec![backup],
        per_pod: None,
        left_out: 0,
        is_list: false,
        now: Timestamp::now(),
    };
    Ok(Some(Created {
        backup,
        details,
        file,
    }))
}

/// Begins a backup and does not wait: its [`Ongoing::task`] can be written down, and taken up by another
/// process.
///
/// # Errors
/// When none was begun, or the engine's backend answers with the backup itself.
pub async fn begin_create(session: &Session, request: &CreateRequest) -> Result<Ongoing, OpsError> {
    let Prepared { running, options } = Box::pin(ready(session, request)).await?;
    if running.manifest.saves() {
        return Err(OpsError::NothingToLeave {
            engine: running.called.clone(),
        });
    }
    let mut deed = Deed::of("create", session, &running);
    deed.goes_on = true;
    let begun = Box::pin(begun(session, running, &options, &mut deed)).await;
    deed.record(&begun).await;
    begun
}

/// An engine that may begin a backup, with its options.
struct Prepared {
    running: Running,
    options: Vec<OptionSetting>,
}

/// Chooses the engine, and refuses what can't be before the backend has any work.
async fn ready(session: &Session, request: &CreateRequest) -> Result<Prepared, OpsError> {
    let operation = Operation::Create;
    if !request.waiting.wait {
        refuse_what_needs_waiting(session)?;
    }
    let mut running = session.engine_for(operation).await?;
    refuse_options_of_others(session, &running)?;
    let saves = running.manifest.saves();
    if saves {
        export::check(request, &running.called)?;
    } else if let Some(flag) = request.place_flag {
        return Err(not_its_option(&running, flag));
    }
    let options = session.options(&running.manifest, operation);
    let notes = prepare(session, &mut running).await?;
    if saves {
        if let Some(note) = &request.place_note {
            session.reporter().note(note);
        }
    } else if running.manifest.has_target() {
        session
            .reporter()
            .note("A backup takes disk space on the broker's nodes, and is not removed by itself");
    }
    for note in notes {
        session.reporter().note(&running.said(&note, 400));
    }
    Ok(Prepared { running, options })
}

/// A backup, and what came of it beside.
struct Made {
    scope: Scope,
    columns: Vec<Column>,
    backup: Backup,
    details: Vec<(String, String)>,
    file: Option<LocalFile>,
}

impl Made {
    fn by(running: &Running, backup: Backup) -> Self {
        Self {
            scope: running.scope(),
            columns: running.manifest.table(),
            backup,
            details: Vec::new(),
            file: None,
        }
    }
}

/// Lets the engine save the backup that its backend answers with.
async fn save(
    session: &Session,
    mut running: Running,
    options: &[OptionSetting],
    request: &CreateRequest,
    deed: &mut Deed,
) -> Result<Made, OpsError> {
    let (backup, file) = export::export(session, &mut running, options, request, deed).await?;
    let details = finish(session, &mut running, &backup).await?;
    Ok(Made {
        details,
        file,
        ..Made::by(&running, backup)
    })
}

/// Begins it, and waits for its end and for what follows that, if it is to.
async fn follow(
    session: &Session,
    running: Running,
    options: &[OptionSetting],
    waiting: Waiting,
    deed: &mut Deed,
) -> Result<Made, OpsError> {
    let mut ongoing = begun(session, running, options, deed).await?;
    let made = if waiting.wait {
        session.reporter().note(&format!(
            "Backup {} has begun; waiting up to {} s for its end",
            text::printable(&ongoing.task().id, 120),
            waiting.timeout.as_secs()
        ));
        ongoing.wait(session, waiting).await?;
        let finished = ongoing.finish(session).await?;
        Made {
            details: finished.details,
            ..Made::by(ongoing.running(), finished.backup)
        }
    } else {
        let backup = ongoing.judged()?;
        Made::by(ongoing.running(), backup)
    };
    deed.bytes = made.backup.size;
    Ok(made)
}

/// Begins it, and notes that it has begun.
async fn begun(
    session: &Session,
    mut running: Running,
    options: &[OptionSetting],
    deed: &mut Deed,
) -> Result<Ongoing, OpsError> {
    let backup = begin(session, &mut running, options).await?;
    deed.id = Some(backup.id.clone());
    running.named_by_backend = true;
    session.note_begun(&running, Some(&backup.id));
    Ok(Ongoing::new(running, TaskKind::Create, backup, true))
}

/// Without waiting nobody is there to do what an option of `finish` asks for.
fn refuse_what_needs_waiting(session: &Session) -> Result<(), OpsError> {
    let given = session
        .given_options()
        .find(|option| option.operations.contains(&Operation::Finish));
    match given {
        Some(option) => Err(OpsError::NeedsWaiting {
            flag: option.name.clone(),
        }),
        None => Ok(()),
    }
}

/// An option that the chosen engine does not know would be left out in silence.
fn refuse_options_of_others(session: &Session, running: &Running) -> Result<(), OpsError> {
    let known = |name: &str| {
        let mut known = running.manifest.options_of_command(Operation::Create);
        known.any(|option| option.name == name)
    };
    match session.given_options().find(|option| !known(&option.name)) {
        Some(option) => Err(not_its_option(running, &option.name)),
        None => Ok(()),
    }
}

fn not_its_option(running: &Running, flag: &str) -> OpsError {
    OpsError::NotItsOption {
        engine: running.manifest.id.to_string(),
        flag: flag.to_owned(),
    }
}

/// What the engine has to say before a backup is begun.
async fn prepare(session: &Session, running: &mut Running) -> Result<Vec<String>, OpsError> {
    if !running.manifest.can(Operation::Prepare) {
        return Ok(Vec::new());
    }
    let options = session.options(&running.manifest, Operation::Prepare);
    let prepared = running.instance().prepare(&options).await;
    running.original(prepared)
}

/// Sends the request once. If its answer is lost, what happened is looked up: a backup that was not
/// there before is ours. It is never sent a second time.
async fn begin(
    session: &Session,
    running: &mut Running,
    options: &[OptionSetting],
) -> Result<Backup, OpsError> {
    let before = ids(running).await?;
    session.note_begun(running, None);
    let created = running.instance().create(options).await;
    let error = match running.original(created) {
        Ok(backup) => return Ok(backup),
        Err(error) => error,
    };
    if !answer_was_lost(&error) {
        return Err(error);
    }
    let reason = text::printable(&error.to_string(), 300).into_owned();
    let unknown = || OpsError::OutcomeUnknown {
        reason: reason.clone(),
        engine: running.called.clone(),
    };
    // The connection is gone; perhaps the pod is too.
    let mut again = session
        .start_named(&running.manifest.id)
        .await
        .map_err(|_| unknown())?;
    let listed = again.instance().list(None, &[]).await;
    let mut new: Vec<_> = again
        .original(listed)
        .map_err(|_| unknown())?
        .into_iter()
        .filter(|backup| !before.contains(&backup.id))
        .collect();
    newest_first(&mut new);
    let found = new.into_iter().next().ok_or_else(unknown)?;
    session.reporter().warn(&format!(
        "The answer was lost ({reason}). Backup {} was begun meanwhile, and is taken for this one",
        text::printable(&found.id, 120)
    ));
    *running = again;
    Ok(found)
}

async fn ids(running: &mut Running) -> Result<BTreeSet<String>, OpsError> {
    let listed = running.instance().list(None, &[]).await;
    let backups = running.original(listed)?;
    Ok(backups.into_iter().map(|backup| backup.id).collect())
}

/// Whether the backend may have done what it was asked although no answer came.
pub(super) fn answer_was_lost(error: &OpsError) -> bool {
    use host_cluster::ClusterError as E;
    match error {
        OpsError::Cluster(error) => matches!(
            **error,
            E::NoAnswer { .. }
                | E::Incomplete { .. }
                | E::TunnelLost { .. }
                | E::TimedOut { .. }
                | E::Http { .. }
        ),
        OpsError::Engine(error) => matches!(error, EngineError::Deadline { .. }),
        _ => false,
    }
}
