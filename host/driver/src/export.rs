//! Backups that the backend returns in its response: creating and saving them is one step.

use std::time::Duration;

use super::create::Prepared;
use broker_manifest::{Operation, Saves};
use host_base::{Backup, State, text};
use host_transfer::TransferError;
use jiff::{Timestamp, Unit};
use tokio::time::{Instant, timeout_at};

use super::create::{CreateRequest, answer_was_lost};
use super::download::{account_for, incomplete, nothing_saved, outcome};
use super::history::Deed;
use super::running::Running;
use super::saving::{Order, Place};
use super::task::{Task, TaskKind};
use super::wait::{Waiting, judge, until_ended};
use super::{OpsError, Session, copies};
use crate::results::{LocalFiles, StoredCopy};

/// Number of retries without progress to download a backup that the backend created before. The bytes of the
/// first response are never requested again.
const RETRIES: u32 = 6;

/// Refuses impossible requests before the backend has any work.
pub(super) fn check(request: &CreateRequest, engine: &str, saves: Saves) -> Result<(), OpsError> {
    if !request.waiting.wait {
        return Err(OpsError::NothingToLeave {
            engine: engine.to_owned(),
        });
    }
    request.place.check(saves, engine)
}

/// Lets the engine create the backup and save it. The request is sent once. An interruption is an error,
/// because another request would create another backup.
pub(super) async fn export(
    session: &Session,
    prepared: &mut Prepared,
    request: &CreateRequest,
    deed: &mut Deed,
) -> Result<(Backup, Kept), OpsError> {
    let Prepared {
        running,
        token,
        options,
    } = prepared;
    let limit = Limit::from_now(request);
    let how_many = running.manifest.saves_in(Operation::Create);
    let order = order(session, running, request, how_many);
    if let Some(note) = order.place.note() {
        session.reporter().note(&note);
    }
    running.saving.expect(order.clone());
    let called = limit
        .bound(running.instance().create(token.as_deref(), options))
        .await
        .map_err(|error| incomplete(running, error, true))?;
    let made = outcome(session, running, called, true);
    let (backup, stored) = made.map_err(|error| once_only(error, limit.to_output))?;
    deed.id = Some(backup.id.clone());
    let (mut backup, stored) = if stored.is_empty() {
        let backup = follow(session, running, backup, request, &limit).await?;
        running.saving.expect(order);
        let options = session.options(&running.manifest, Operation::Download);
        let downloading = running.instance().download(&backup.id, &options);
        let called = limit
            .bound(downloading)
            .await
            .map_err(|error| incomplete(running, error, true))?;
        let ((), stored) = outcome(session, running, called, true)?;
        if stored.is_empty() {
            return Err(nothing_saved(running, &backup.id));
        }
        (backup, stored)
    } else {
        (judge(backup, running)?, stored)
    };
    backup.size = Some(stored.iter().map(|it| it.length).sum());
    // Most backends report no time, and they were asked just now.
    let now = Timestamp::now().round(Unit::Second).ok();
    backup.created = backup.created.or(now);
    let kept = match &request.place {
        Place::Store(place) => {
            let copied = copies::complete(session, running, place, stored, None, deed).await;
            Kept::Copy(Box::new(copied.map_err(|error| once_only(error, false))?))
        }
        _ => match account_for(session, running, stored, None, deed) {
            Some(files) => Kept::Files(files),
            None => Kept::Output,
        },
    };
    Ok((backup, kept))
}

/// Where a backup is that the backend returned.
pub(super) enum Kept {
    Files(LocalFiles),
    Copy(Box<StoredCopy>),
    /// Stdout.
    Output,
}

/// Waits for the end of a backup whose bytes are not available yet.
async fn follow(
    session: &Session,
    running: &mut Running,
    begun: Backup,
    request: &CreateRequest,
    limit: &Limit,
) -> Result<Backup, OpsError> {
    let can = |operation| running.manifest.can(operation);
    let goes_on = matches!(begun.state, State::Pending | State::Running);
    let begun = judge(begun, running)?;
    if !(goes_on && can(Operation::Status) && can(Operation::Download)) {
        return Err(nothing_saved(running, &begun.id));
    }
    let timeout = limit.left().unwrap_or(request.waiting.timeout);
    session.note_begun(running, Some(&begun.id));
    session.reporter().note(&format!(
        "Backup {} has begun; waiting up to {} s for its end",
        text::printable(&begun.id, 120),
        request.waiting.timeout.as_secs()
    ));
    let waiting = Waiting {
        timeout,
        ..request.waiting
    };
    let mut task = Task::new(session, running, TaskKind::Create, &begun, true);
    let ended = until_ended(session, running, &mut task, begun, waiting).await;
    ended.map_err(|error| match error {
        OpsError::StillRunning { id, engine, .. } => OpsError::StillRunning {
            id,
            engine,
            // The error reports the whole timeout, because the rest of it would say little.
            seconds: request.waiting.timeout.as_secs(),
        },
        other => other,
    })
}

fn order(session: &Session, running: &Running, request: &CreateRequest, saves: Saves) -> Order {
    let now = Timestamp::now();
    let set = format!(
        "{}-{}",
        session.statefulset(),
        now.strftime("%Y%m%d-%H%M%S")
    );
    Order {
        place: request.place.of(saves, &set),
        saves,
        retries: RETRIES,
        accept_unproven: request.accept_unproven,
        id: match (&request.place, saves) {
            // A copy of several files has the name that their folder would have.
            (Place::Store(_), Saves::Many) => set,
            _ => session.statefulset().to_owned(),
        },
        created: Some(now),
        dated: true,
        listed_length: None,
        origin: match &request.place {
            Place::Store(place) => place.origin(session.origin(running)),
            _ => session.origin(running),
        },
    }
}

/// The time that the user allows for everything.
struct Limit {
    until: Option<(Instant, Duration)>,
    to_output: bool,
}

impl Limit {
    fn from_now(request: &CreateRequest) -> Self {
        let limit = request.limit;
        Self {
            until: limit.and_then(|limit| Some((Instant::now().checked_add(limit)?, limit))),
            to_output: request.place == Place::Output,
        }
    }

    fn left(&self) -> Option<Duration> {
        let (at, _) = self.until?;
        Some(at.saturating_duration_since(Instant::now()))
    }

    async fn bound<T>(&self, work: impl Future<Output = T>) -> Result<T, OpsError> {
        let Some((at, limit)) = self.until else {
            return Ok(work.await);
        };
        timeout_at(at, work)
            .await
            .map_err(|_| OpsError::ExportTooSlow {
                seconds: limit.as_secs(),
                to_output: self.to_output,
            })
    }
}

/// Adds to an error in the middle of a backup what it means for that backup.
fn once_only(error: OpsError, to_output: bool) -> OpsError {
    if matches!(error, OpsError::SetIncomplete { .. }) {
        return error;
    }
    let broke_off = match error.cause() {
        OpsError::Transfer(error) => matches!(**error, TransferError::Interrupted { .. }),
        _ => false,
    };
    if !broke_off && !answer_was_lost(&error) {
        return error;
    }
    OpsError::ExportLost {
        source: Box::new(error),
        broke_off,
        to_output,
    }
}
