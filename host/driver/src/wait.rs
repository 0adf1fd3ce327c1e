use std::time::Duration;

use broker_manifest::Operation;
use host_base::{Backup, State, fail_point, text};
use host_engine::{EngineError, OptionSetting};
use tokio::time::{Instant, timeout_at};

use super::running::Running;
use super::task::Task;
use super::{OpsError, Session, network};

/// How long a command waits for the work that it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Whether the command waits at all.
    pub wait: bool,
    /// Longest time to wait.
    pub timeout: Duration,
}

/// Much work ends within seconds, so the first observations follow each other quickly.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The first pause if a change of an object ends the pause anyway.
const WATCHED_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How long before the deadline the last observation begins.
const LAST_LOOK: Duration = Duration::from_secs(1);
/// How long the backend may show no sign of the work.
const WITHOUT_TRACE: Duration = Duration::from_secs(15);

/// Polls a backup until a task has ended, with growing pauses. `begun` is the latest known state.
pub(super) async fn until_ended(
    session: &Session,
    running: &mut Running,
    task: &mut Task,
    begun: Backup,
    waiting: Waiting,
) -> Result<Backup, OpsError> {
    let since = Instant::now();
    let mut looks = Looks::at(&task.id, running, Some(waiting.timeout));
    let mut state = begun;
    while !task.has_ended(&state) {
        let is_unseen = task.is_unseen();
        if is_unseen && since.elapsed() > WITHOUT_TRACE {
            return Err(no_trace(&state, running, since, false));
        }
        let works = state.state == State::Running
            && state
                .reported_state
                .as_deref()
                .is_some_and(|reported| running.manifest.works_in(reported));
        let looked = if works {
            Box::pin(looks.work(session, running, &task.options)).await
        } else {
            looks.next(session, running).await
        };
        state = match looked {
            Err(OpsError::StillRunning { .. }) if is_unseen => {
                return Err(no_trace(&state, running, since, true));
            }
            looked => looked?,
        };
        task.see(&state);
    }
    judge(state, running)
}

fn no_trace(state: &Backup, running: &Running, since: Instant, timed_out: bool) -> OpsError {
    OpsError::NoTrace {
        id: state.id.clone(),
        state: running.state_of(state),
        engine: running.called.clone(),
        seconds: since.elapsed().as_secs(),
        timed_out,
    }
}

/// Polls one backup, with growing pauses.
pub(super) struct Looks {
    id: String,
    engine: String,
    pause: Duration,
    /// The deadline, and the whole time that the user allows.
    deadline: Option<(Instant, Duration)>,
}

impl Looks {
    /// Prepares to poll a backup. Without `timeout` there is no deadline.
    pub(super) fn at(id: &str, running: &Running, timeout: Option<Duration>) -> Self {
        Self {
            id: id.to_owned(),
            engine: running.called.clone(),
            pause: FIRST_PAUSE,
            deadline: timeout
                .and_then(|timeout| Some((Instant::now().checked_add(timeout)?, timeout))),
        }
    }

    /// Pauses, then asks for the state. It repeats this after errors that may be temporary.
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
                    let what = "The state can't be read";
                    retry(session, running, what, &error).await;
                }
                looked => return looked,
            }
        }
    }

    /// Lets the engine do the next part of its work, then asks for the state.
    async fn work(
        &mut self,
        session: &Session,
        running: &mut Running,
        options: &[OptionSetting],
    ) -> Result<Backup, OpsError> {
        // An engine that gets no further must not ask its backend without a pause.
        self.bounded(running.pause(FIRST_PAUSE)).await?;
        fail_point::reach("working");
        let step = async {
            let worked = running.instance().finish(&self.id, options).await;
            running.original(worked)
        };
        match self.bounded(step).await? {
            Ok(_) => {}
            Err(error) if may_pass(&error) => {
                let what = "A part of the work failed";
                retry(session, running, what, &error).await;
                return self.next(session, running).await;
            }
            Err(error) => return Err(error),
        }
        self.pause = FIRST_PAUSE;
        match self.look(running).await? {
            Err(error) if may_pass(&error) => self.next(session, running).await,
            looked => looked,
        }
    }

    async fn pause(&mut self, running: &Running) -> Result<(), OpsError> {
        if running.is_watched() {
            self.pause = self.pause.max(WATCHED_PAUSE);
        }
        let left = |deadline: Instant| deadline.saturating_duration_since(Instant::now());
        if let Some((deadline, _)) = self.deadline
            && self.pause >= left(deadline)
        {
            // The work may end within this pause. So a last look comes shortly before the deadline.
            let left = left(deadline);
            let last = left.saturating_sub(LAST_LOOK);
            running
                .pause(if last.is_zero() { left } else { last })
                .await;
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
            let looked = running.original(looked);
            if let Ok(backup) = &looked {
                running.tell(backup);
            }
            looked
        };
        self.bounded(look).await
    }

    async fn bounded<T>(&self, call: impl Future<Output = T>) -> Result<T, OpsError> {
        match self.deadline {
            Some((deadline, _)) => timeout_at(deadline, call).await.map_err(|_| self.late()),
            None => Ok(call.await),
        }
    }

    fn late(&self) -> OpsError {
        let timeout = self.deadline.map(|(_, timeout)| timeout);
        OpsError::StillRunning {
            id: self.id.clone(),
            engine: self.engine.clone(),
            seconds: timeout.unwrap_or_default().as_secs(),
        }
    }
}

/// Says why something is tried again, and starts the engine again: its pod may be gone.
async fn retry(session: &Session, running: &mut Running, what: &str, error: &OpsError) {
    session.notes().note(&format!(
        "{what} ({}); waiting continues",
        text::printable(&error.to_string(), 160)
    ));
    if let Ok(mut again) = session.start_named(&running.manifest.id).await {
        again.named_by_backend = running.named_by_backend;
        *running = again;
    }
}

/// Returns the backup if the work succeeded, and an error otherwise.
pub(super) fn judge(state: Backup, running: &Running) -> Result<Backup, OpsError> {
    let ended = |partly| OpsError::EndedBadly {
        activity: state.activity,
        id: text::printable(&state.id, 200).into_owned(),
        state: running.state_of(&state),
        reason: state
            .failure
            .as_deref()
            .map(|reason| running.said(reason, 600)),
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

/// Returns whether another attempt may help. The work continues in the backend, whatever happens to the
/// connection.
fn may_pass(error: &OpsError) -> bool {
    match error.cause() {
        OpsError::Cluster(error) => network::report(error).retryable,
        OpsError::Engine(EngineError::Reported { report, .. }) => report.retryable,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
