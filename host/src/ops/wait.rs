use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout_at};

use super::session::Running;
use super::{OpsError, Session, network};
use crate::engine::EngineError;
use crate::model::{Activity, Backup, State, text};

/// How long a command waits for what it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Whether it waits at all.
    pub wait: bool,
    pub timeout: Duration,
}

const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Looks at a backup until what was begun has ended, with growing pauses.
///
/// `begun` is what the backend answered when it was begun; `Pending` says that the answer still shows
/// the state from before. Such a state, though it may look like an end, is none until the work was
/// seen to run.
pub(super) async fn until_ended(
    session: &Session,
    running: &mut Running,
    begun: Backup,
    activity: Activity,
    waiting: Waiting,
) -> Result<Backup, OpsError> {
    let deadline = Instant::now() + waiting.timeout;
    let mut state = begun;
    let mut left_before = state.activity == activity && state.state != State::Pending;
    let mut pause = FIRST_PAUSE;
    let (id, engine) = (state.id.clone(), running.called.clone());
    let late = || OpsError::StillRunning {
        id: text::printable(&id, 200).into_owned(),
        engine: engine.clone(),
        seconds: waiting.timeout.as_secs(),
    };
    while !(left_before && has_ended(&state)) {
        if Instant::now() + pause >= deadline {
            sleep_until(deadline).await;
            return Err(late());
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
        let looked = timeout_at(deadline, look(running, &id)).await;
        match looked.map_err(|_| late())? {
            Ok(now) => {
                left_before |= now.activity == activity && now.state == State::Running;
                state = now;
            }
            Err(error) if may_pass(&error) => {
                session.ui().note(&format!(
                    "Can't see how far it is ({}); going on",
                    text::printable(&error.to_string(), 160)
                ));
                // The pod may be gone: find another.
                if let Ok(again) = Box::pin(session.start_named(&running.manifest.id)).await {
                    *running = again;
                }
            }
            Err(error) => return Err(error),
        }
    }
    judge(state, running)
}

/// What an ended backup or restore means for the command.
pub(super) fn judge(state: Backup, running: &Running) -> Result<Backup, OpsError> {
    let ended = |partly| OpsError::EndedBadly {
        activity: state.activity,
        id: text::printable(&state.id, 200).into_owned(),
        state: text::printable(
            state
                .reported_state
                .as_deref()
                .unwrap_or(state.state.name()),
            60,
        )
        .into_owned(),
        reason: state
            .failure
            .as_deref()
            .map(|reason| text::printable(reason, 600).into_owned()),
        engine: running.called.clone(),
        partly,
    };
    match state.state {
        State::Failed => Err(ended(false)),
        State::Partial => Err(ended(true)),
        _ => Ok(state),
    }
}

async fn look(running: &mut Running, id: &str) -> Result<Backup, OpsError> {
    let looked = running.instance().status(id, &[]).await;
    running.original(looked)
}

fn has_ended(state: &Backup) -> bool {
    matches!(
        state.state,
        State::Succeeded | State::Partial | State::Failed
    )
}

/// Whether looking again may help: the work goes on in the backend, whatever happens to our view.
fn may_pass(error: &OpsError) -> bool {
    match error {
        OpsError::Cluster(error) => network::report(error).retryable,
        OpsError::Engine(EngineError::Reported { report, .. }) => report.retryable,
        _ => false,
    }
}
