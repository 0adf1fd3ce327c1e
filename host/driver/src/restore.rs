use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use broker_manifest::Operation;
use futures_util::future::BoxFuture;
use host_base::{Activity, Backup, text};
use host_engine::{Artifact, RestoreSource};
use jiff::Timestamp;

use super::create::answer_was_lost;
use super::history::Deed;
use super::lock::locked;
use super::question::question;
use super::status::{Which, ask, latest};
use super::verify::verify_one;
use super::wait::{Waiting, has_ended, judge, until_ended};
use super::{OpsError, Session};
use crate::results::Restored;

/// What is to be restored, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestoreRequest {
    pub from: RestoreFrom,
    pub dry_run: bool,
    pub waiting: Waiting,
}

/// Where the bytes come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RestoreFrom {
    /// The backend has it.
    Backup(Which),
    /// A file of the user.
    File(PathBuf),
}

/// Asks whoever can answer whether a destructive operation may go on.
pub trait Confirmation {
    /// `what` will happen; `target` is the name that has to be typed.
    ///
    /// # Errors
    /// When it is not confirmed, or there is nobody to ask.
    fn confirm(&self, what: String, target: String) -> BoxFuture<'_, Result<(), OpsError>>;
}

/// Restores a backup, and waits until that has ended if it is to.
///
/// # Errors
/// When it was not confirmed or not begun, when it ended badly, or did not end in time.
pub async fn restore(
    session: &Session,
    request: &RestoreRequest,
    confirmation: &(dyn Confirmation + Sync),
) -> Result<Restored, OpsError> {
    let operation = Operation::Restore;
    let (mut running, id, source) = match &request.from {
        RestoreFrom::File(path) => {
            // Before anybody is asked: not one byte of a file that is not right is sent.
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
    if !request.dry_run {
        let doing = format!("Restoring backup {}", text::printable(&id, 200));
        let what = question(session, &running, &doing);
        let target = running.scope.target().to_owned();
        confirmation.confirm(what, target).await?;
    }
    let options = session.options(&running.manifest, operation);
    let mut deed = Deed::of("restore", session, &running);
    deed.id = Some(id.clone());
    let subject = match &running.scope.statefulset {
        Some(name) => name.clone(),
        None => running.manifest.id.name().to_owned(),
    };
    let is_begun = AtomicBool::new(false);
    let work = async {
        if !request.dry_run {
            session.note_begun(&running, None);
        }
        let restored = running
            .instance()
            .restore(source, request.dry_run, &options)
            .await;
        let restoration = running.original(restored)?;
        is_begun.store(true, Ordering::Relaxed);
        let begun = restoration.backup;
        if !request.dry_run {
            session.note_begun(&running, Some(&begun.id));
        }
        // A restore that has a name of its own is no state of the backup.
        let is_new = begun.id != id;
        let follows = running.manifest.follows_restores();
        let backup = if request.waiting.wait && !request.dry_run && follows {
            until_ended(
                session,
                &mut running,
                begun,
                Activity::Restore,
                is_new,
                request.waiting,
            )
            .await?
        } else {
            judge(begun, &running)?
        };
        Ok((backup, restoration.details))
    };
    // A dry run changes nothing, and keeps nobody out.
    let (backup, details) = if request.dry_run {
        deed.forget();
        work.await?
    } else {
        let goes_on = |result: &_| may_go_on(result, is_begun.load(Ordering::Relaxed));
        let result = Box::pin(locked(session, "restore", &subject, work, goes_on)).await;
        deed.goes_on = result.as_ref().is_ok_and(|(backup, _)| !has_ended(backup));
        deed.record(&**session.reporter(), &result).await;
        result?
    };
    let is_unknown = request.waiting.wait && !request.dry_run && !has_ended(&backup);
    if is_unknown {
        session.reporter().warn(&format!(
            "The backend accepted the restore of {}, and engine {} can't follow it: how it ends is not known",
            text::printable(&backup.id, 200),
            running.called
        ));
    }
    Ok(Restored {
        scope: running.scope(),
        ended: has_ended(&backup),
        is_unknown,
        backup,
        details,
        dry_run: request.dry_run,
        now: Timestamp::now(),
    })
}

/// Whether the backend may still restore. `is_begun` says that it has accepted the restore.
fn may_go_on<T>(result: &Result<(Backup, T), OpsError>, is_begun: bool) -> bool {
    match result {
        Ok((backup, _)) => !has_ended(backup),
        Err(OpsError::EndedBadly { .. }) => false,
        Err(error) => is_begun || answer_was_lost(error),
    }
}

/// A file that is what it was when it was downloaded, as far as anybody can tell.
async fn verified(session: &Session, path: &Path) -> Result<Artifact, OpsError> {
    let verification = verify_one(path.to_owned(), Arc::clone(session.reporter())).await?;
    if !verification.is_compared() {
        session.reporter().warn(&format!(
            "There is no record to compare {} with: it could be another backup",
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
