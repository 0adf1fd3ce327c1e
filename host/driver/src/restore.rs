use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use broker_manifest::Operation;
use futures_util::future::BoxFuture;
use host_base::{Backup, text};
use host_engine::{Artifact, RestoreSource};
use jiff::Timestamp;

use super::create::answer_was_lost;
use super::history::Deed;
use super::lock::locked;
use super::question::question;
use super::running::Running;
use super::status::{Which, ask, latest};
use super::task::{Ongoing, TaskKind};
use super::verify::verify_one;
use super::wait::{Waiting, has_ended};
use super::{OpsError, Session};
use crate::results::Restored;

/// The settings of a restore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestoreRequest {
    /// The source of the bytes.
    pub from: RestoreFrom,
    /// Whether to send nothing, and only report what would happen.
    pub dry_run: bool,
    /// Whether to wait for the end of the restore, and how long.
    pub waiting: Waiting,
}

/// The source of the bytes of a restore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RestoreFrom {
    /// A backup that the backend has.
    Backup(Which),
    /// A file of the user.
    File(PathBuf),
}

/// Asks the user whether a destructive operation may start.
pub trait Confirmation {
    /// Asks the user. `what` describes what will happen; `target` is the name that the user must type.
    ///
    /// # Errors
    /// When the user does not confirm, or there is no terminal to ask on.
    fn confirm(&self, what: String, target: String) -> BoxFuture<'_, Result<(), OpsError>>;
}

/// Restores a backup, and waits for the end of the restore if the request says so.
///
/// # Errors
/// When the restore was not confirmed, was not begun, failed, or did not end in time.
pub async fn restore(
    session: &Session,
    request: &RestoreRequest,
    confirmation: &(dyn Confirmation + Sync),
) -> Result<Restored, OpsError> {
    let confirmation = (!request.dry_run).then_some(confirmation);
    let ready = Box::pin(ready(session, &request.from, confirmation)).await?;
    let mut deed = ready.deed(session);
    if request.dry_run {
        // A dry run changes nothing, so it needs no lock and no entry in the history.
        deed.forget();
        let is_begun = AtomicBool::new(false);
        let mut began = ready.begin(session, true, &is_begun).await?;
        let backup = began.ongoing.judged()?;
        return Ok(restored(&began, backup, true));
    }
    let subject = ready.subject();
    let waiting = request.waiting;
    let is_begun = AtomicBool::new(false);
    let work = async {
        let mut began = ready.begin(session, false, &is_begun).await?;
        let follows = began.ongoing.running().manifest.follows_restores();
        if waiting.wait && follows {
            began.ongoing.wait(session, waiting).await?;
        }
        let backup = began.ongoing.judged()?;
        Ok((began, backup))
    };
    let goes_on = |result: &Result<(Began, Backup), OpsError>| {
        let state = result.as_ref().map(|(_, backup)| backup);
        may_go_on(state, is_begun.load(Ordering::Relaxed))
    };
    let result = Box::pin(locked(session, "restore", &subject, work, goes_on)).await;
    deed.goes_on = result.as_ref().is_ok_and(|(_, backup)| !has_ended(backup));
    deed.record(&result).await;
    let (began, backup) = result?;
    let mut restored = restored(&began, backup, false);
    restored.is_unknown = waiting.wait && !restored.ended;
    if restored.is_unknown {
        session.reporter().warn(&format!(
            "The backend accepted the restore of {}, but engine {} can't follow it: its outcome is unknown",
            text::printable(&restored.backup.id, 200),
            began.ongoing.running().called
        ));
    }
    Ok(restored)
}

/// Begins a restore without waiting. Another process can store its [`Ongoing::task`] and resume it.
///
/// The Lease stays until it expires, because the backend continues.
///
/// # Errors
/// When the restore was not confirmed or not begun.
pub async fn begin_restore(
    session: &Session,
    from: &RestoreFrom,
    confirmation: &(dyn Confirmation + Sync),
) -> Result<Ongoing, OpsError> {
    let ready = Box::pin(ready(session, from, Some(confirmation))).await?;
    let mut deed = ready.deed(session);
    let subject = ready.subject();
    let is_begun = AtomicBool::new(false);
    let work = ready.begin(session, false, &is_begun);
    let goes_on = |result: &Result<Began, OpsError>| {
        let state = result.as_ref().map(|began| &began.begun);
        may_go_on(state, is_begun.load(Ordering::Relaxed))
    };
    let began = Box::pin(locked(session, "restore", &subject, work, goes_on)).await;
    deed.goes_on = began.as_ref().is_ok_and(|began| !began.ongoing.has_ended());
    deed.record(&began).await;
    Ok(began?.ongoing)
}

/// A restore that the user has confirmed.
struct Ready {
    running: Running,
    /// Id of the backup.
    id: String,
    source: RestoreSource,
}

/// A restore that the backend has accepted.
struct Began {
    ongoing: Ongoing,
    /// The backend's answer to the request.
    begun: Backup,
    details: Vec<(String, String)>,
}

/// Chooses the engine and the backup, and asks the user to confirm. A dry run has no `confirmation`.
async fn ready(
    session: &Session,
    from: &RestoreFrom,
    confirmation: Option<&(dyn Confirmation + Sync)>,
) -> Result<Ready, OpsError> {
    let operation = Operation::Restore;
    let (running, id, source) = match from {
        RestoreFrom::File(path) => {
            // The file is verified before the question: no byte of a damaged file is ever sent.
            let file = verified(session, path).await?;
            let running = session.engine_for_files().await?;
            (running, file.name.clone(), RestoreSource::File(file))
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
    if let Some(confirmation) = confirmation {
        let doing = format!("Restoring backup {}", text::printable(&id, 200));
        let what = question(session, &running, &doing);
        let target = running.scope.target().to_owned();
        confirmation.confirm(what, target).await?;
    }
    Ok(Ready {
        running,
        id,
        source,
    })
}

impl Ready {
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

    /// Sends the request. `is_begun` is set as soon as the backend has accepted it, even if the engine can't
    /// read the answer.
    async fn begin(
        mut self,
        session: &Session,
        dry_run: bool,
        is_begun: &AtomicBool,
    ) -> Result<Began, OpsError> {
        let options = session.options(&self.running.manifest, Operation::Restore);
        if !dry_run {
            session.note_begun(&self.running, None);
        }
        let instance = self.running.instance();
        let restored = instance.restore(self.source, dry_run, &options).await;
        let restoration = self.running.original(restored).inspect_err(|error| {
            let may_go_on = self.running.answer_was_unreadable(error);
            is_begun.store(may_go_on, Ordering::Relaxed);
        })?;
        is_begun.store(true, Ordering::Relaxed);
        let begun = restoration.backup;
        if !dry_run {
            session.note_begun(&self.running, Some(&begun.id));
        }
        // A restore with an id of its own has no earlier state.
        let is_new = begun.id != self.id;
        let kind = TaskKind::Restore;
        Ok(Began {
            ongoing: Ongoing::new(self.running, kind, begun.clone(), is_new),
            begun,
            details: restoration.details,
        })
    }
}

fn restored(began: &Began, backup: Backup, dry_run: bool) -> Restored {
    Restored {
        scope: began.ongoing.running().scope(),
        ended: has_ended(&backup),
        is_unknown: false,
        backup,
        details: began.details.clone(),
        dry_run,
        now: Timestamp::now(),
    }
}

/// Returns whether the backend may still be restoring. `is_begun` says that the backend has accepted the
/// restore.
fn may_go_on(state: Result<&Backup, &OpsError>, is_begun: bool) -> bool {
    match state {
        Ok(backup) => !has_ended(backup),
        Err(OpsError::EndedBadly { .. }) => false,
        Err(error) => is_begun || answer_was_lost(error),
    }
}

/// Opens a file and verifies it, as far as there is something to compare it with.
async fn verified(session: &Session, path: &Path) -> Result<Artifact, OpsError> {
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
