use std::time::Duration;

use broker_manifest::Operation;
use host_base::{Activity, Backup, State, fail_point, text};
use host_engine::EngineError;
use jiff::Timestamp;
use tokio::time::{Instant, timeout_at};

use super::session::Running;
use super::{OpsError, Session, network};

/// How long a command waits for what it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Whether it waits at all.
    pub wait: bool,
    pub timeout: Duration,
}

/// Much ends within seconds: the first looks follow each other soon.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The first pause where a change ends it anyway.
const WATCHED_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How long work may leave no trace in what the backend shows.
const WITHOUT_TRACE: Duration = Duration::from_secs(15);

/// Looks at a backup until what was begun has ended, with growing pauses.
///
/// `begun` is what the backend answered when it was begun; `Pending` says that the answer still shows
/// the state from before. What `is_new` has no state from before: it may end before it is seen to run.
pub(super) async fn until_ended(
    session: &Session,
    running: &mut Running,
    begun: Backup,
    activity: Activity,
    is_new: bool,
    waiting: Waiting,
) -> Result<Backup, OpsError> {
    let since = Instant::now();
    let mut looks = Looks::at(&begun.id, running, Some(waiting.timeout));
    let mut course = Course::of(&begun, activity, is_new);
    let mut state = begun;
    while !course.has_ended(&state) {
        let is_unseen = course.is_unseen();
        if is_unseen && since.elapsed() > WITHOUT_TRACE {
            return Err(no_trace(&state, running, since, false));
        }
        state = match looks.next(session, running).await {
            Err(OpsError::StillRunning { .. }) if is_unseen => {
                return Err(no_trace(&state, running, since, true));
            }
            looked => looked?,
        };
        course.see(&state);
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

/// What is seen of work whose backup may still show how earlier work on it ended.
struct Course {
    activity: Activity,
    /// What it is compared with, until something is seen that can only be of this work.
    before: Option<Backup>,
}

impl Course {
    fn of(begun: &Backup, activity: Activity, is_new: bool) -> Self {
        let seen = is_new || (begun.activity == activity && begun.state != State::Pending);
        Self {
            activity,
            before: (!seen).then(|| begun.clone()),
        }
    }

    fn see(&mut self, now: &Backup) {
        let runs = now.activity == self.activity && now.state == State::Running;
        let changed = self.before.as_ref().is_some_and(|before| {
            // Without the backend's own word nothing tells what is from before.
            before.reported_state.is_some() && end_of(before) != end_of(now)
        });
        if runs || changed {
            self.before = None;
        }
    }

    fn is_unseen(&self) -> bool {
        self.before.is_some()
    }

    /// Any state that ends, but for the one from before.
    fn has_ended(&self, now: &Backup) -> bool {
        self.before.is_none() && has_ended(now)
    }
}

/// What the backend says of how the last work on a backup ended: its word, a time and a reason.
///
/// The engine itself sets activity and state. The size and the columns may change without any work.
fn end_of(backup: &Backup) -> (Option<&str>, Option<Timestamp>, Option<&str>) {
    (
        backup.reported_state.as_deref(),
        backup.created,
        backup.failure.as_deref(),
    )
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
                    session.notes().note(&format!(
                        "Can't see how far it is ({}); going on",
                        text::printable(&error.to_string(), 160)
                    ));
                    // The pod may be gone: find another.
                    if let Ok(mut again) = session.start_named(&running.manifest.id).await {
                        again.named_by_backend = running.named_by_backend;
                        *running = again;
                    }
                }
                looked => return looked,
            }
        }
    }

    async fn pause(&mut self, running: &Running) -> Result<(), OpsError> {
        if running.is_watched() {
            self.pause = self.pause.max(WATCHED_PAUSE);
        }
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
            id: self.id.clone(),
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

/// Whether looking again may help: the work goes on in the backend, whatever happens to our view.
fn may_pass(error: &OpsError) -> bool {
    match error {
        OpsError::Cluster(error) => network::report(error).retryable,
        OpsError::Engine(EngineError::Reported { report, .. }) => report.retryable,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn backup(activity: Activity, state: State, reported: &str) -> Backup {
        Backup {
            id: "b".to_owned(),
            activity,
            state,
            reported_state: Some(reported.to_owned()),
            size: Some(1),
            created: None,
            failure: None,
            fields: BTreeMap::new(),
        }
    }

    fn restore(state: State, reported: &str) -> Backup {
        backup(Activity::Restore, state, reported)
    }

    /// Whether each look ends it, after an answer that shows the state from before.
    fn ends(before: &str, looks: &[Backup]) -> Vec<bool> {
        let begun = restore(State::Pending, before);
        let mut course = Course::of(&begun, Activity::Restore, false);
        let mut seen = vec![course.has_ended(&begun)];
        for look in looks {
            course.see(look);
            seen.push(course.has_ended(look));
        }
        seen
    }

    #[test]
    fn any_end_that_was_not_there_before_is_the_end_though_nobody_saw_it_run() {
        let completed = backup(Activity::Backup, State::Succeeded, "COMPLETED");
        let failed = restore(State::Failed, "RESTORE_FAILED");
        assert_eq!(
            ends("COMPLETED", &[completed, failed.clone()]),
            [false, false, true]
        );
        let restored = restore(State::Succeeded, "RESTORE_COMPLETED");
        assert_eq!(ends("RESTORE_FAILED", &[restored]), [false, true]);
        // The same word for another reason.
        let why = Backup {
            failure: Some("node left".to_owned()),
            ..failed.clone()
        };
        assert_eq!(ends("RESTORE_FAILED", &[failed, why]), [false, false, true]);
        // The same word of another time.
        let later = Backup {
            created: Some(Timestamp::UNIX_EPOCH),
            ..restore(State::Succeeded, "RESTORE_COMPLETED")
        };
        assert_eq!(ends("RESTORE_COMPLETED", &[later]), [false, true]);
    }

    #[test]
    fn a_size_or_a_column_that_changes_is_no_end() {
        let before = || restore(State::Succeeded, "RESTORE_COMPLETED");
        let grown = Backup {
            size: Some(2),
            ..before()
        };
        let moved = Backup {
            fields: BTreeMap::from([("node".to_owned(), "broker-1".to_owned())]),
            ..before()
        };
        assert_eq!(ends("RESTORE_COMPLETED", &[grown, moved]), [false; 3]);
    }

    #[test]
    fn the_end_of_before_is_an_end_once_something_was_seen() {
        let again = || restore(State::Succeeded, "RESTORE_COMPLETED");
        assert_eq!(ends("RESTORE_COMPLETED", &[again(), again()]), [false; 3]);
        let runs = restore(State::Running, "RESTORE_IN_PROGRESS");
        assert_eq!(
            ends("RESTORE_COMPLETED", &[again(), runs, again()]),
            [false, false, false, true]
        );
        // HiveMQ's own example calls a running restore so.
        let in_progress = backup(Activity::Backup, State::Running, "IN_PROGRESS");
        assert_eq!(
            ends("RESTORE_COMPLETED", &[in_progress, again()]),
            [false, false, true]
        );
    }

    #[test]
    fn without_a_word_for_what_was_before_it_must_be_seen_to_run() {
        let mut begun = restore(State::Pending, "");
        begun.reported_state = None;
        let mut course = Course::of(&begun, Activity::Restore, false);
        let ended = restore(State::Succeeded, "RESTORE_COMPLETED");
        course.see(&ended);
        assert!(!course.has_ended(&ended));
        course.see(&restore(State::Running, "RESTORE_IN_PROGRESS"));
        assert!(course.has_ended(&ended));
    }

    #[test]
    fn what_is_new_or_answers_with_an_end_has_no_state_from_before() {
        let ended = restore(State::Failed, "RESTORE_FAILED");
        assert!(Course::of(&ended, Activity::Restore, false).has_ended(&ended));
        let pending = backup(Activity::Backup, State::Pending, "");
        let new = Course::of(&pending, Activity::Backup, true);
        assert!(new.has_ended(&backup(Activity::Backup, State::Failed, "FAILED")));
    }
}
