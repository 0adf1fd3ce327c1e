use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use broker_manifest::Operation;
use host_base::text;
use host_engine::{Artifact, RestoreSource};
use jiff::Timestamp;

use super::copies::{self, CopyChoice};
use super::create::answer_was_lost;
use super::history::Deed;
use super::lock::{Lock, locked};
use super::question::confirm;
use super::running::Running;
use super::status::{Which, ask, latest};
use super::task::{Ongoing, TaskKind};
use super::verify::verify_one;
use super::wait::Waiting;
use super::{OpsError, Session};
use crate::results::Restored;

/// The operation that a lock is for.
pub(super) const OPERATION: &str = "restore";

/// The settings of a restore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestoreRequest {
    /// The source of the bytes.
    pub from: RestoreFrom,
    /// Whether to send nothing, and only report what would happen.
    pub dry_run: bool,
    /// Whether to wait for the end of the restore, and how long.
    pub waiting: Waiting,
    /// Whether the user has agreed before. Otherwise the front end asks.
    pub is_confirmed: bool,
}

/// The source of the bytes of a restore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RestoreFrom {
    /// A backup that the backend has.
    Backup(Which),
    /// A file of the user.
    File(PathBuf),
    /// A copy in a store.
    Copy(CopyChoice),
}

/// Restores a backup, and waits for the end of the restore if the request says so.
///
/// # Errors
/// When the restore was not confirmed, was not begun, failed, or did not end in time.
pub async fn restore(session: &Session, request: &RestoreRequest) -> Result<Restored, OpsError> {
    let prepared = Box::pin(prepare(session, &request.from)).await?;
    let traces = Traces::default();
    if request.dry_run {
        // A dry run changes nothing, so it needs no consent, no lock and no entry in the history.
        let accepted = prepared.begin(session, true, &traces).await?;
        return accepted.result(true);
    }
    if !request.waiting.wait && prepared.running.manifest.works_itself() {
        return Err(OpsError::StandsStill {
            engine: prepared.running.called.clone(),
        });
    }
    prepared.confirm(session, request.is_confirmed).await?;
    let mut deed = prepared.deed(session);
    let subject = prepared.subject();
    let called = prepared.running.called.clone();
    let waiting = request.waiting;
    let work = async {
        let mut accepted = prepared.begin(session, false, &traces).await?;
        if waiting.wait && accepted.ongoing.can_be_followed() {
            accepted.ongoing.wait(session, waiting).await?;
        }
        accepted.result(false)
    };
    let goes_on = |result: &Result<Restored, OpsError>| {
        let ended = result.as_ref().map(|restored| restored.ended);
        may_go_on(ended, traces.is_begun.load(Ordering::Relaxed))
    };
    let result = Box::pin(locked(session, OPERATION, &subject, work, goes_on)).await;
    deed.goes_on = result.as_ref().is_ok_and(|restored| !restored.ended);
    deed.record(&result).await;
    let mut restored = result?;
    restored.is_unknown = waiting.wait && !restored.ended;
    if restored.is_unknown {
        session.reporter().warn(&format!(
            "The backend accepted the restore of {}, but engine {} can't follow it: its outcome is unknown",
            text::printable(&restored.backup.id, 200),
            called
        ));
    }
    Ok(restored)
}

/// Finds and verifies the bytes of a restore, and changes nothing. `is_confirmed` says that the user has agreed before;
/// otherwise the front end asks.
///
/// # Errors
/// When the bytes are not there or not good, or when the restore was not confirmed.
pub async fn prepare_restore<'a>(
    session: &'a Session,
    from: &RestoreFrom,
    is_confirmed: bool,
) -> Result<PreparedRestore<'a>, OpsError> {
    let prepared = Box::pin(prepare(session, from)).await?;
    prepared.confirm(session, is_confirmed).await?;
    Ok(PreparedRestore { session, prepared })
}

/// A restore that only has to be sent.
pub struct PreparedRestore<'a> {
    session: &'a Session,
    prepared: Prepared,
}

/// A restore that did not begin, as far as this program knows.
#[derive(Debug)]
pub struct NotBegun {
    /// The reason.
    pub error: OpsError,
    /// True if the backend may be restoring all the same: something was sent, and nothing says that it was refused.
    pub may_go_on: bool,
}

impl PreparedRestore<'_> {
    /// Begins the restore without waiting. Another process can store its [`Ongoing::task`] and resume it.
    ///
    /// The lock stays with the task until it has ended. If nothing goes on with the task, the Lease expires.
    ///
    /// # Errors
    /// When the restore was not begun, or may not have been.
    pub async fn begin(self) -> Result<Ongoing, NotBegun> {
        let Self { session, prepared } = self;
        let mut deed = prepared.deed(session);
        let subject = prepared.subject();
        let traces = Traces::default();
        let unsent = |error| NotBegun {
            error,
            may_go_on: false,
        };
        let mut lock = Lock::take(session, OPERATION, &subject, None)
            .await
            .map_err(unsent)?;
        let work = Box::pin(lock.keep_while(prepared.begin(session, false, &traces)));
        let worked = work.await;
        // Then the request was cut off on its way.
        let has_lost_lock = worked.is_err();
        let begun = worked.flatten().map(|accepted| accepted.ongoing);
        let ended = begun.as_ref().map(Ongoing::has_ended);
        deed.goes_on = ended.as_ref().is_ok_and(|ended| !ended);
        let may_go_on = has_lost_lock || may_go_on(ended, traces.is_begun.load(Ordering::Relaxed));
        deed.record(&begun).await;
        if !may_go_on {
            lock.release().await;
        }
        // If the answer was lost, the lock is dropped here: the user is told how long it stays.
        match begun {
            Ok(ongoing) => Ok(ongoing.locked_by(lock, &subject)),
            Err(error) => Err(NotBegun {
                error,
                may_go_on: may_go_on || traces.may_have_changed.load(Ordering::Relaxed),
            }),
        }
    }
}

/// A restore that may begin.
struct Prepared {
    running: Running,
    /// Id of the backup.
    id: String,
    source: RestoreSource,
}

/// The traces of a restore, whether it succeeds or not.
#[derive(Default)]
struct Traces {
    /// Set as soon as the backend has accepted the request, even if the engine can't read the answer.
    is_begun: AtomicBool,
    /// Set while the backend may have carried out a request that changes something.
    may_have_changed: AtomicBool,
}

/// A restore that the backend has accepted.
struct Accepted {
    ongoing: Ongoing,
    details: Vec<(String, String)>,
}

/// Chooses the engine and the backup.
async fn prepare(session: &Session, from: &RestoreFrom) -> Result<Prepared, OpsError> {
    let operation = Operation::Restore;
    let (running, id, source) = match from {
        RestoreFrom::File(path) => {
            session.check_engine_for_files(None)?;
            // The file is verified before the question: no byte of a damaged file is ever sent.
            let file = verified(session, path).await?;
            let running = session.engine_for_files().await?;
            (running, file.name.clone(), RestoreSource::File(file))
        }
        RestoreFrom::Copy(choice) => {
            let found = copies::find(session, choice).await?;
            // A long download must not come before an error that is certain.
            let checked = session.check_engine_for_files(Some(found.engine()));
            checked.map_err(|error| found.refused(choice, error))?;
            let file = found.fetch(session, choice).await?;
            let running = session.engine_for_files_of(found.engine()).await?;
            (running, found.id().to_owned(), RestoreSource::File(file))
        }
        RestoreFrom::Backup(which) => {
            let mut running = session.engine_for(operation).await?;
            let id = match which {
                Which::Id(id) => id.clone(),
                Which::Latest => latest(session, &mut running).await?.id,
                Which::Ask => ask(session, &mut running, operation).await?.id,
            };
            (running, id.clone(), RestoreSource::Id(id))
        }
    };
    Ok(Prepared {
        running,
        id,
        source,
    })
}

impl Prepared {
    /// Asks the user to agree, unless the user has agreed before.
    async fn confirm(&self, session: &Session, is_confirmed: bool) -> Result<(), OpsError> {
        let doing = format!("Restoring backup {}", text::printable(&self.id, 200));
        let target = self.running.scope.target();
        confirm(session, &self.running, &doing, target, is_confirmed).await
    }

    fn deed(&self, session: &Session) -> Deed {
        let mut deed = Deed::of("restore", session, &self.running);
        deed.id = Some(self.id.clone());
        deed
    }

    /// Returns the name that the lock protects.
    fn subject(&self) -> String {
        match &self.running.scope.statefulset {
            Some(name) => name.clone(),
            None => self.running.manifest.id.name().to_owned(),
        }
    }

    /// Sends the request.
    async fn begin(
        mut self,
        session: &Session,
        dry_run: bool,
        traces: &Traces,
    ) -> Result<Accepted, OpsError> {
        let options = session.options(&self.running.manifest, Operation::Restore);
        if !dry_run {
            session.note_begun(&self.running, None);
        }
        let instance = self.running.instance();
        // If this future is dropped, nothing is known.
        traces.may_have_changed.store(true, Ordering::Relaxed);
        let restored = instance.restore(self.source, dry_run, &options).await;
        let changed = self.running.may_have_changed();
        traces.may_have_changed.store(changed, Ordering::Relaxed);
        let restoration = self.running.original(restored).inspect_err(|error| {
            let may_go_on = self.running.answer_was_unreadable(error);
            traces.is_begun.store(may_go_on, Ordering::Relaxed);
        })?;
        traces.is_begun.store(true, Ordering::Relaxed);
        let begun = restoration.backup;
        if !dry_run {
            session.note_begun(&self.running, Some(&begun.id));
        }
        // A restore with an id of its own has no earlier state.
        let is_new = begun.id != self.id;
        self.running.named_by_backend |= is_new;
        Ok(Accepted {
            ongoing: Ongoing::new(session, self.running, TaskKind::Restore, begun, is_new),
            details: restoration.details,
        })
    }
}

impl Accepted {
    fn result(mut self, dry_run: bool) -> Result<Restored, OpsError> {
        let ended = self.ongoing.has_ended();
        let backup = self.ongoing.take_result()?;
        Ok(Restored {
            scope: self.ongoing.running().scope(),
            ended,
            is_unknown: false,
            backup,
            details: self.details,
            dry_run,
            now: Timestamp::now(),
        })
    }
}

/// Returns whether the backend may still be restoring. `ended` says that the restore has ended, `is_begun` that
/// the backend has accepted it.
fn may_go_on(ended: Result<bool, &OpsError>, is_begun: bool) -> bool {
    match ended {
        Ok(ended) => !ended,
        Err(OpsError::EndedBadly { .. }) => false,
        Err(error) => is_begun || answer_was_lost(error),
    }
}

/// Opens a file and verifies it, as far as there is something to compare it with.
pub(super) async fn verified(session: &Session, path: &Path) -> Result<Artifact, OpsError> {
    let verification = verify_one(&session.host, path.to_owned()).await?;
    if !verification.is_compared() {
        session.reporter().warn(&format!(
            "There is no record to compare {} with: it may be another backup",
            text::printable(&path.to_string_lossy(), 1000)
        ));
    }
    let name = verification.path.file_name().unwrap_or_default();
    Ok(Artifact {
        name: name.to_string_lossy().into_owned(),
        length: verification.length,
        sha256: verification.sha256.to_string(),
        file: Arc::new(verification.file),
    })
}

#[cfg(test)]
mod tests;
