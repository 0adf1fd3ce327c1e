//! Work that a command began in a backend, in three steps: begin, observe, finish.
//!
//! The steps may run in different processes. The first step returns a [`Task`], which is plain data. Another
//! process resumes the task with [`Ongoing::take_up`].

use broker_manifest::{EngineId, Operation};
use host_base::{Activity, Backup, State, text};
use serde::{Deserialize, Serialize};

use super::running::Running;
use super::wait::{Waiting, has_ended, judge, until_ended};
use super::{OpsError, Session};

/// Work that was begun in a backend. If a process stores the task, another process can follow it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Task {
    /// The kind of work.
    pub kind: TaskKind,
    /// The engine that follows the task.
    pub engine: EngineId,
    /// Id of the backup, or of the restore if the backend gives restores their own ids.
    pub id: String,
    /// How earlier work on the backup ended. It is cleared when the backend reports something that only this
    /// task explains.
    before: Option<Ending>,
}

/// The kinds of work that a task can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TaskKind {
    /// The task creates the backup.
    Create,
    /// The task restores the backup.
    Restore,
}

/// The backend's report about the last work on a backup: its word for the state, a time and a reason.
///
/// Activity and state are left out because the engine derives them. Size and columns are left out because they
/// may change without any work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Ending {
    state: Option<String>,
    /// Time of the backup, in RFC 3339.
    time: Option<String>,
    reason: Option<String>,
}

/// A task, and the running engine that follows it.
pub struct Ongoing {
    running: Running,
    task: Task,
    /// The latest known state of the backup.
    state: Option<Backup>,
}

/// The result of a task that succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// The latest known state of the backup.
    pub backup: Backup,
    /// More facts from the engine, as pairs of name and text.
    pub details: Vec<(String, String)>,
}

impl TaskKind {
    fn activity(self) -> Activity {
        match self {
            Self::Create => Activity::Backup,
            Self::Restore => Activity::Restore,
        }
    }
}

impl Ending {
    fn of(backup: &Backup) -> Self {
        Self {
            state: backup.reported_state.clone(),
            time: backup.created.map(|time| time.to_string()),
            reason: backup.failure.clone(),
        }
    }
}

impl Task {
    /// Creates a task from the backend's answer to the request that began it.
    ///
    /// `Pending` in the answer means that the backend still shows the earlier state. `is_new` says that there
    /// is no earlier state, so any end belongs to this task.
    pub(super) fn new(kind: TaskKind, engine: EngineId, begun: &Backup, is_new: bool) -> Self {
        let seen = is_new || (begun.activity == kind.activity() && begun.state != State::Pending);
        Self {
            kind,
            engine,
            id: begun.id.clone(),
            before: (!seen).then(|| Ending::of(begun)),
        }
    }

    /// Compares an observed state with the earlier one.
    pub(super) fn see(&mut self, now: &Backup) {
        let runs = now.activity == self.kind.activity() && now.state == State::Running;
        let changed = self.before.as_ref().is_some_and(|before| {
            // Without the backend's own word, an old end can't be told from a new one.
            before.state.is_some() && *before != Ending::of(now)
        });
        if runs || changed {
            self.before = None;
        }
    }

    /// Returns whether every observed state may still be that of earlier work.
    pub(super) fn is_unseen(&self) -> bool {
        self.before.is_some()
    }

    /// Returns whether a state is the end of this task, and not that of earlier work.
    #[must_use]
    pub fn has_ended(&self, now: &Backup) -> bool {
        self.before.is_none() && has_ended(now)
    }
}

impl Ongoing {
    /// Wraps a task that `running` has begun.
    pub(super) fn new(running: Running, kind: TaskKind, begun: Backup, is_new: bool) -> Self {
        let engine = running.manifest.id.clone();
        Self {
            task: Task::new(kind, engine, &begun, is_new),
            running,
            state: Some(begun),
        }
    }

    /// Resumes a task that another process has begun.
    ///
    /// # Errors
    /// When the engine of the task is missing or can't be started.
    pub async fn take_up(session: &Session, task: Task) -> Result<Self, OpsError> {
        let mut running = session.start_named(&task.engine).await?;
        running.named_by_backend = true;
        Ok(Self {
            running,
            task,
            state: None,
        })
    }

    /// Returns the data that another process needs to resume the task. Each observation may change it.
    #[must_use]
    pub fn task(&self) -> &Task {
        &self.task
    }

    pub(super) fn running(&self) -> &Running {
        &self.running
    }

    /// Returns the latest known state. None if this process has neither begun nor observed the task.
    #[must_use]
    pub fn state(&self) -> Option<&Backup> {
        self.state.as_ref()
    }

    /// Returns whether the latest known state is the end of the task.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        let state = self.state.as_ref();
        state.is_some_and(|state| self.task.has_ended(state))
    }

    /// Asks the backend once for the state of the task.
    ///
    /// # Errors
    /// When the backend can't tell. The task continues nevertheless.
    pub async fn observe(&mut self) -> Result<&Backup, OpsError> {
        let looked = self.running.instance().status(&self.task.id, &[]).await;
        let state = self.running.original(looked)?;
        self.task.see(&state);
        Ok(self.state.insert(state))
    }

    /// Polls the backend until the task has ended, with growing pauses.
    ///
    /// # Errors
    /// When the task failed, or did not end in time.
    pub async fn wait(&mut self, session: &Session, waiting: Waiting) -> Result<(), OpsError> {
        let begun = match self.state.take() {
            Some(state) => state,
            None => self.observe().await?.clone(),
        };
        let ended = until_ended(session, &mut self.running, &mut self.task, begun, waiting).await?;
        self.state = Some(ended);
        Ok(())
    }

    /// Returns the latest known state, or an error if the task failed.
    pub(super) fn judged(&mut self) -> Result<Backup, OpsError> {
        let state = self.state.take();
        let state = state.ok_or_else(|| OpsError::NotEnded {
            id: self.task.id.clone(),
            engine: self.running.called.clone(),
        })?;
        judge(state, &self.running)
    }

    /// Performs the engine's last step on a backup that succeeded. Call it once.
    ///
    /// # Errors
    /// When the task has not ended, when the task failed, or when the last step failed.
    pub async fn finish(&mut self, session: &Session) -> Result<Finished, OpsError> {
        if !self.has_ended() {
            self.observe().await?;
        }
        let ended = self.has_ended();
        let Some(state) = self.state.take().filter(|_| ended) else {
            return Err(OpsError::NotEnded {
                id: self.task.id.clone(),
                engine: self.running.called.clone(),
            });
        };
        let backup = judge(state, &self.running)?;
        let details = match self.task.kind {
            TaskKind::Create => finish(session, &mut self.running, &backup).await?,
            TaskKind::Restore => Vec::new(),
        };
        Ok(Finished { backup, details })
    }
}

/// Runs the engine's operation `finish` on a backup that succeeded, if the engine has it.
pub(super) async fn finish(
    session: &Session,
    running: &mut Running,
    ended: &Backup,
) -> Result<Vec<(String, String)>, OpsError> {
    if !running.manifest.can(Operation::Finish) {
        return Ok(Vec::new());
    }
    let options = session.options(&running.manifest, Operation::Finish);
    let finished = running.instance().finish(&ended.id, &options).await;
    running
        .original(finished)
        .map_err(|source| OpsError::Unfinished {
            id: text::printable(&ended.id, 200).into_owned(),
            source: Box::new(source),
        })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::Timestamp;

    use super::*;

    fn engine() -> EngineId {
        "acme/vault".parse().expect("an id")
    }

    fn restoring(begun: &Backup) -> Task {
        Task::new(TaskKind::Restore, engine(), begun, false)
    }

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

    /// Returns for the answer and for each state after it whether that state ends the task. The answer shows
    /// the state `before`.
    fn ends(before: &str, looks: &[Backup]) -> Vec<bool> {
        let begun = restore(State::Pending, before);
        let mut task = restoring(&begun);
        let mut seen = vec![task.has_ended(&begun)];
        for look in looks {
            task.see(look);
            seen.push(task.has_ended(look));
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
        // The word is the same, the reason is another.
        let why = Backup {
            failure: Some("node left".to_owned()),
            ..failed.clone()
        };
        assert_eq!(ends("RESTORE_FAILED", &[failed, why]), [false, false, true]);
        // The word is the same, the time is another.
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
        // HiveMQ's own documentation shows this word for a running restore.
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
        let mut task = restoring(&begun);
        let ended = restore(State::Succeeded, "RESTORE_COMPLETED");
        task.see(&ended);
        assert!(!task.has_ended(&ended));
        task.see(&restore(State::Running, "RESTORE_IN_PROGRESS"));
        assert!(task.has_ended(&ended));
    }

    #[test]
    fn what_is_new_or_answers_with_an_end_has_no_state_from_before() {
        let ended = restore(State::Failed, "RESTORE_FAILED");
        assert!(restoring(&ended).has_ended(&ended));
        let pending = backup(Activity::Backup, State::Pending, "");
        let new = Task::new(TaskKind::Create, engine(), &pending, true);
        assert!(new.has_ended(&backup(Activity::Backup, State::Failed, "FAILED")));
    }

    #[test]
    fn a_task_that_was_written_down_goes_on_as_before() {
        let failed = restore(State::Failed, "RESTORE_FAILED");
        let begun = Backup {
            state: State::Pending,
            ..failed.clone()
        };
        let task = restoring(&begun);
        let written = serde_json::to_string(&task).expect("it can be written");
        let mut task: Task = serde_json::from_str(&written).expect("it can be read");
        // The earlier end must not count as the end in the next process either.
        task.see(&failed);
        assert!(!task.has_ended(&failed));
        let ended = restore(State::Succeeded, "RESTORE_COMPLETED");
        task.see(&ended);
        assert!(task.has_ended(&ended));
    }
}
