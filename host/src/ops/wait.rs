use std::time::Duration;

use broker_manifest::Operation;
use tokio::time::{Instant, timeout_at};

use super::session::Running;
use super::{OpsError, Session, network};
use crate::engine::EngineError;
use crate::model::fail_point;
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
/// seen to run. What `is_new` has no state from before: it may end before it is seen to run.
pub(super) async fn until_ended(
    session: &Session,
    running: &mut Running,
    begun: Backup,
    activity: Activity,
    is_new: bool,
    waiting: Waiting,
) -> Result<Backup, OpsError> {
    let mut looks = Looks::at(&begun.id, running, Some(waiting.timeout));
    let mut state = begun;
    let mut left_before = is_new || (state.activity == activity && state.state != State::Pending);
    while !(left_before && has_ended(&state)) {
        state = looks.next(session, running).await?;
        left_before |= state.activity == activity && state.state == State::Running;
    }
    judge(state, running)
}

/// Looks at one backup with growing pauses between them.
pub(super) struct Looks {
    id: String,
    engine: String,
    pause: Duration,
    /// With the time that it allows, for people.
    deadline: Option<(Instant, Duration)>,
}

impl Looks {
    /// With no `timeout` it goes on for ever.
    pub(super) fn at(id: &str, running: &Running, timeout: Option<Duration>) -> Self {
        Self {
            id: id.to_owned(),
            engine: running.called.clone(),
            pause: FIRST_PAUSE,
            deadline: timeout
                .and_then(|timeout| Some((Instant::now().checked_add(timeout)?, timeout))),
        }
    }

    /// Pauses, and looks; again where that did not succeed and may the next time.
    pub(super) async fn next(
        &mut self,
        session: &Session,
        running: &mut Running,
    ) -> Result<Backup, OpsError> {
        loop {
            self.pause(running).await?;
            fail_point::reach("looking");
            match self.look(running).await? {
                Err(error) if may_pass(&error) => {
                    session.ui().note(&format!(
                        "Can't see how far it is ({}); going on",
                        text::printable(&error.to_string(), 160)
                    ));
                    // The pod may be gone: find another.
                    if let Ok(again) = session.start_named(&running.manifest.id).await {
                        *running = again;
                    }
                }
                looked => return looked,
            }
        }
    }

    async fn pause(&mut self, running: &Running) -> Result<(), OpsError> {
        if let Some((deadline, _)) = self.deadline
            && Instant::now() + self.pause >= deadline
        {
            running.pause(deadline - Instant::now()).await;
            if Instant::now() >= deadline {
                return Err(self.late());
            }
            return Ok(());
        }
        running.pause(self.pause).await;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        Ok(())
    }

    async fn look(&self, running: &mut Running) -> Result<Result<Backup, OpsError>, OpsError> {
        let look = async {
            let looked = running.instance().status(&self.id, &[]).await;
            running.original(looked)
        };
        match self.deadline {
            Some((deadline, _)) => timeout_at(deadline, look).await.map_err(|_| self.late()),
            None => Ok(look.await),
        }
    }

    fn late(&self) -> OpsError {
        let timeout = self.deadline.map(|(_, timeout)| timeout);
        OpsError::StillRunning {
            id: text::printable(&self.id, 200).into_owned(),
            engine: self.engine.clone(),
            seconds: timeout.unwrap_or_default().as_secs(),
        }
    }
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
        engine: (running.manifest.can(Operation::List)).then(|| running.called.clone()),
        partly,
    };
    match state.state {
        State::Failed => Err(ended(false)),
        State::Partial => Err(ended(true)),
        _ => Ok(state),
    }
}

pub(super) fn has_ended(state: &Backup) -> bool {
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
