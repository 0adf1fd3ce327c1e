//! Work that a command began in a backend, in three steps: begin, observe, finish.
//!
//! The steps may run in different processes. The first step returns a [`Task`], which is plain data. Another
//! process resumes the task with [`Ongoing::take_up`].

use broker_manifest::{EngineId, Operation};
use host_base::{Activity, Backup, State, text};
use host_engine::OptionSetting;
use serde::{Deserialize, Serialize};

use super::lock::Lock;
use super::restore::OPERATION;
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
    /// Where the work was begun. Another target may have a backup of the same id.
    target: TaskTarget,
    /// The options of the last step, which are those of the command that began the work.
    pub(super) options: Vec<OptionSetting>,
    /// Whether the id came from the backend and not from the user.
    named_by_backend: bool,
    /// The lock that a restore holds, so that another process can take it over.
    lock: Option<TaskLock>,
    /// How earlier work on the backup ended. It is cleared when the backend reports something that only this
    /// task explains.
    before: Option<Ending>,
}

/// The target of a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct TaskTarget {
    server: String,
    namespace: String,
    /// None for an engine that does not work with pods.
    statefulset: Option<String>,
    pod: Option<String>,
}

/// The lock of a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct TaskLock {
    /// The name that the lock protects.
    subject: String,
    /// The holder of the Lease.
    holder: String,
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
    /// The lock of a restore, as far as this process holds it.
    lock: Option<Lock>,
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

impl TaskTarget {
    fn of(session: &Session, running: &Running) -> Self {
        Self {
            server: session.cluster.server().to_owned(),
            namespace: running.scope.namespace.clone(),
            statefulset: running.scope.statefulset.clone(),
            pod: running.network.target().pod.clone(),
        }
    }

    /// Describes the target for people.
    fn described(&self) -> String {
        let pod = self.pod.as_ref().map(|pod| format!("pod {pod}"));
        let statefulset = self.statefulset.as_ref();
        let statefulset = statefulset.map(|name| format!("StatefulSet {name}"));
        let place = format!("namespace {} of {}", self.namespace, self.server);
        let parts: Vec<_> = [pod, statefulset, Some(place)]
            .into_iter()
            .flatten()
            .collect();
        text::printable(&parts.join(", "), 400).into_owned()
    }
}

impl Task {
    /// Creates a task from the backend's answer to the request that began it. `is_new` says that the id has no
    /// earlier state.
    pub(super) fn new(
        session: &Session,
        running: &Running,
        kind: TaskKind,
        begun: &Backup,
        is_new: bool,
    ) -> Self {
        Self {
            kind,
            engine: running.manifest.id.clone(),
            id: begun.id.clone(),
            target: TaskTarget::of(session, running),
            options: match kind {
                TaskKind::Create => session.options(&running.manifest, Operation::Finish),
                TaskKind::Restore => Vec::new(),
            },
            named_by_backend: running.named_by_backend,
            lock: None,
            before: Self::before(kind, begun, is_new),
        }
    }

    /// Returns how earlier work ended, if the backend's answer to a request shows that.
    ///
    /// `Pending` in the answer means that the backend still shows the earlier state. `is_new` says that there
    /// is no earlier state, so any end belongs to this task.
    fn before(kind: TaskKind, begun: &Backup, is_new: bool) -> Option<Ending> {
        let seen = is_new || (begun.activity == kind.activity() && begun.state != State::Pending);
        (!seen).then(|| Ending::of(begun))
    }

    /// Takes an observed state into account. From the first one that only this task explains, the earlier end
    /// no longer matters.
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
    pub(super) fn new(
        session: &Session,
        running: Running,
        kind: TaskKind,
        begun: Backup,
        is_new: bool,
    ) -> Self {
        Self {
            task: Task::new(session, &running, kind, &begun, is_new),
            running,
            lock: None,
            state: Some(begun),
        }
    }

    /// Keeps the lock on `subject` until the task has ended.
    pub(super) fn locked_by(mut self, lock: Lock, subject: &str) -> Self {
        self.task.lock = lock.holder().map(|holder| TaskLock {
            subject: subject.to_owned(),
            holder: holder.to_owned(),
        });
        self.lock = Some(lock);
        self
    }

    /// Resumes a task that another process has begun. The lock of a restore is taken over. If that fails, a
    /// warning says so, and the task is followed without a lock.
    ///
    /// # Errors
    /// When the session is for another target. When the engine of the task is missing or can't be started.
    pub async fn take_up(session: &Session, task: Task) -> Result<Self, OpsError> {
        let mut running = session.start_named(&task.engine).await?;
        let target = TaskTarget::of(session, &running);
        if target != task.target {
            return Err(OpsError::OtherTarget {
                id: text::printable(&task.id, 200).into_owned(),
                begun_at: task.target.described(),
                session: target.described(),
            });
        }
        session.note_engine(&running);
        running.named_by_backend = task.named_by_backend;
        let mut lock = None;
        if let Some(TaskLock { subject, holder }) = &task.lock {
            let taken = Box::pin(Lock::take(session, OPERATION, subject, Some(holder))).await;
            lock = taken
                .inspect_err(|error| {
                    session.reporter().warn(&format!(
                        "no lock keeps others out while {} is restored: {error}",
                        text::printable(&task.id, 200)
                    ));
                })
                .ok();
        }
        Ok(Self {
            running,
            task,
            lock,
            state: None,
        })
    }

    /// Hands the task over to another process, which resumes it. A lock is left to that process; if none
    /// resumes the task, its Lease expires.
    #[must_use]
    pub fn into_task(mut self) -> Task {
        if let Some(lock) = self.lock.take() {
            lock.leave();
        }
        self.task
    }

    /// Returns whether the engine can tell how the task ends.
    #[must_use]
    pub fn can_be_followed(&self) -> bool {
        match self.task.kind {
            TaskKind::Create => true,
            TaskKind::Restore => self.running.manifest.follows_restores(),
        }
    }

    /// Returns the data that another process needs to resume the task. Each observation may change it.
    #[must_use]
    pub fn task(&self) -> &Task {
        &self.task
    }

    pub(super) fn running(&self) -> &Running {
        &self.running
    }

    /// Returns the latest known state. None if this process does not know any, or has taken it as the result.
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

    /// Asks the backend once for the state of the task, and renews the lock of a restore if it is time.
    ///
    /// # Errors
    /// When the backend can't tell. The task continues nevertheless.
    pub async fn observe(&mut self) -> Result<&Backup, OpsError> {
        if let Some(lock) = &mut self.lock {
            lock.renew().await;
        }
        let looked = self.running.instance().status(&self.task.id, &[]).await;
        let state = self.running.original(looked)?;
        self.task.see(&state);
        if self.task.has_ended(&state) {
            self.release().await;
        }
        Ok(self.state.insert(state))
    }

    /// Polls the backend until the task has ended, with growing pauses, and renews the lock of a restore
    /// meanwhile.
    ///
    /// # Errors
    /// When the task failed or did not end in time, when the engine can't follow it, or when the lock was lost.
    pub async fn wait(&mut self, session: &Session, waiting: Waiting) -> Result<(), OpsError> {
        if !self.can_be_followed() {
            let operation = Operation::Status;
            return Err(OpsError::CannotDo {
                engine: self.running.called.clone(),
                operation,
                reason: self.running.lacks(operation),
                able: Vec::new(),
            });
        }
        let begun = match self.state.take() {
            Some(state) => state,
            None => self.observe().await?.clone(),
        };
        let work = until_ended(session, &mut self.running, &mut self.task, begun, waiting);
        let ended = match &mut self.lock {
            Some(lock) => lock.keep_while(work).await.flatten(),
            None => work.await,
        };
        if matches!(ended, Ok(_) | Err(OpsError::EndedBadly { .. })) {
            self.release().await;
        }
        self.state = Some(ended?);
        Ok(())
    }

    async fn release(&mut self) {
        if let Some(mut lock) = self.lock.take() {
            lock.release().await;
        }
    }

    /// Takes the latest known state, or returns an error if the task failed.
    pub(super) fn take_result(&mut self) -> Result<Backup, OpsError> {
        let state = self.state.take().ok_or_else(|| self.not_ended())?;
        judge(state, &self.running)
    }

    fn not_ended(&self) -> OpsError {
        OpsError::NotEnded {
            id: self.task.id.clone(),
            engine: self.running.called.clone(),
        }
    }

    /// Performs the engine's last step on a backup that succeeded. Call it until it succeeds, and then no more.
    ///
    /// # Errors
    /// When the state is unknown, when the task has not ended or failed, or when the last step failed.
    pub async fn finish(&mut self) -> Result<Finished, OpsError> {
        if !self.has_ended() {
            self.observe().await?;
        }
        if !self.has_ended() {
            return Err(self.not_ended());
        }
        let backup = self.take_result()?;
        let details = match self.task.kind {
            TaskKind::Create => finish(&mut self.running, &backup, &self.task.options).await?,
            TaskKind::Restore => Vec::new(),
        };
        Ok(Finished { backup, details })
    }
}

/// Runs the engine's operation `finish` on a backup that succeeded, if the engine has it.
pub(super) async fn finish(
    running: &mut Running,
    ended: &Backup,
    options: &[OptionSetting],
) -> Result<Vec<(String, String)>, OpsError> {
    if !running.manifest.can(Operation::Finish) {
        return Ok(Vec::new());
    }
    let finished = running.instance().finish(&ended.id, options).await;
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

    fn task(kind: TaskKind, begun: &Backup, is_new: bool) -> Task {
        Task {
            kind,
            engine: "acme/vault".parse().expect("an id"),
            id: begun.id.clone(),
            target: TaskTarget {
                server: "https://api.example".to_owned(),
                namespace: "messaging".to_owned(),
                statefulset: Some("broker".to_owned()),
                pod: None,
            },
            options: Vec::new(),
            named_by_backend: true,
            lock: None,
            before: Task::before(kind, begun, is_new),
        }
    }

    fn restoring(begun: &Backup) -> Task {
        task(TaskKind::Restore, begun, false)
    }

    fn backup(activity: Activity, state: State, reported: &str) -> Backup {
        Backup {
            activity,
            reported_state: Some(reported.to_owned()),
            size: Some(1),
            ..Backup::new("b", state)
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
        let new = task(TaskKind::Create, &pending, true);
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
