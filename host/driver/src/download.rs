use std::time::Duration;

use broker_manifest::Operation;
use host_base::text::size;
use host_base::{Activity, Backup, Failure, Problem as _, State, text};
use host_engine::EngineError;
use host_transfer::Proof;

use super::history::Deed;
use super::running::Running;
use super::saving::{Order, Place, StorePlace, Stored};
use super::status::{Which, ask, latest};
use super::{OpsError, Session, copies};
use crate::results::{CopiedBackup, DownloadedFiles, LocalFile, LocalFiles, StoredCopy};

/// Number of retries without progress before giving up on the copy of a created backup.
const RETRIES: u32 = 6;

/// Which backup to download, and where to put it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DownloadRequest {
    /// The backup.
    pub which: Which,
    /// The place for the file, or for several.
    pub place: Place,
    /// Longest time for everything, if the user set one.
    pub timeout: Option<Duration>,
    /// Number of retries without progress before giving up.
    pub retries: u32,
    /// Whether to keep a file although nothing proves that it is complete.
    pub accept_unproven: bool,
}

/// Where the bytes of a download went.
#[derive(Debug)]
pub enum Downloaded {
    /// A file, or several.
    Files(Box<DownloadedFiles>),
    /// A store.
    Copy(Box<CopiedBackup>),
    /// Stdout. Nothing else may be written there.
    Output,
}

/// Downloads a backup.
///
/// # Errors
/// When no engine can, when the backup does not exist, or when its bytes don't arrive completely.
pub async fn download(session: &Session, request: DownloadRequest) -> Result<Downloaded, OpsError> {
    let operation = Operation::Download;
    if let Some(destination) = request.place.destination(None) {
        // The place is checked before the backend has any work.
        destination.check()?;
    }
    let mut running = session.engine_for(operation).await?;
    let saves = running.manifest.saves_in(operation);
    request.place.check(saves, &running.called)?;
    let mut deed = Deed::of("download", session, &running);
    let result = fetch(session, &mut running, request, &mut deed).await;
    running.saving.discard_copy().await;
    deed.record(&result).await;
    result
}

/// Copies a backup that was just created to a store.
pub(super) async fn copy(
    session: &Session,
    running: &mut Running,
    id: &str,
    place: StorePlace,
    accept_unproven: bool,
    deed: &mut Deed,
) -> Result<StoredCopy, OpsError> {
    let request = DownloadRequest {
        which: Which::Id(id.to_owned()),
        place: Place::Store(place),
        timeout: None,
        retries: RETRIES,
        accept_unproven,
    };
    let result = Box::pin(fetch(session, running, request, deed)).await;
    running.saving.discard_copy().await;
    match result? {
        Downloaded::Copy(copied) => Ok(copied.copy),
        Downloaded::Files(_) | Downloaded::Output => Err(nothing_saved(running, id)),
    }
}

async fn fetch(
    session: &Session,
    running: &mut Running,
    request: DownloadRequest,
    deed: &mut Deed,
) -> Result<Downloaded, OpsError> {
    let (id, known) = match request.which {
        Which::Id(id) => {
            let known = look(session, running, &id).await?;
            (id, known)
        }
        Which::Latest => {
            let latest = latest(session, running).await?;
            (latest.id.clone(), Some(latest))
        }
        Which::Ask => {
            let chosen = ask(session, running, Operation::Download).await?;
            (chosen.id.clone(), Some(chosen))
        }
    };
    deed.id = Some(id.clone());
    deed.created = known.as_ref().and_then(|backup| backup.created);
    if let Some(backup) = &known {
        check_whole(backup, running)?;
    }
    let how_many = running.manifest.saves_in(Operation::Download);
    let origin = session.origin(running);
    let origin = match &request.place {
        Place::Store(place) => place.origin(origin),
        _ => origin,
    };
    if let Place::Store(place) = &request.place
        && let Some(copy) = copies::earlier(place, &origin, &id, known.as_ref()).await?
    {
        session.reporter().note(&format!(
            "Store {} has a copy of backup {} already; `--force` copies it again",
            text::printable(place.store.called(), 200),
            text::printable(&id, 200)
        ));
        return Ok(Downloaded::Copy(Box::new(CopiedBackup {
            scope: running.scope(),
            copy,
        })));
    }
    let place = request.place.of(how_many, &id);
    if let Some(note) = place.note() {
        session.reporter().note(&note);
    }
    running.saving.expect(Order {
        place,
        saves: how_many,
        retries: request.retries,
        accept_unproven: request.accept_unproven,
        id: id.clone(),
        created: known.as_ref().and_then(|backup| backup.created),
        dated: false,
        listed_length: known.as_ref().and_then(|backup| backup.size),
        origin,
    });
    let options = session.options(&running.manifest, Operation::Download);
    let timeout = request.timeout.unwrap_or(Duration::MAX);
    let downloading = running.instance().download(&id, &options);
    let Ok(downloaded) = tokio::time::timeout(timeout, downloading).await else {
        // Dropping the call has flushed the received bytes to the disk.
        let error = OpsError::TooSlow {
            id: text::printable(&id, 200).into_owned(),
            seconds: timeout.as_secs(),
        };
        return Err(incomplete(running, error, false));
    };
    let ((), stored) = outcome(session, running, downloaded, false)?;
    if stored.is_empty() {
        return Err(nothing_saved(running, &id));
    }
    if let Place::Store(place) = &request.place {
        let copy = copies::complete(session, running, place, stored, known.as_ref(), deed).await?;
        return Ok(Downloaded::Copy(Box::new(CopiedBackup {
            scope: running.scope(),
            copy,
        })));
    }
    Ok(
        match account_for(session, running, stored, known.as_ref(), deed) {
            Some(saved) => Downloaded::Files(Box::new(DownloadedFiles {
                scope: running.scope(),
                id,
                saved,
            })),
            None => Downloaded::Output,
        },
    )
}

/// Combines the result of a call that saves bodies with what was saved. A body that could not be saved is an
/// error, whatever the engine says. `begins_anew` says whether the same command would make another backup.
pub(super) fn outcome<T>(
    session: &Session,
    running: &Running,
    called: Result<T, EngineError>,
    begins_anew: bool,
) -> Result<(T, Vec<Stored>), OpsError> {
    let result = running.original(called);
    let result = result.and_then(|value| match running.saving.take_failed() {
        Some(error) => Err(error.into()),
        None => Ok(value),
    });
    let value = result.map_err(|error| incomplete(running, error, begins_anew));
    let stored = running.saving.take_stored();
    if let (
        Err(_),
        None,
        [
            Stored {
                path: Some(path), ..
            },
        ],
    ) = (&value, running.saving.folder(), &*stored)
    {
        session.reporter().warn(&format!(
            "{} is complete and is kept, but the engine reported an error",
            text::printable(&path.to_string_lossy(), 1000)
        ));
    }
    Ok((value?, stored))
}

/// Adds to an error which of several files are complete.
pub(super) fn incomplete(running: &Running, error: OpsError, begins_anew: bool) -> OpsError {
    let complete = running.saving.complete();
    let Some(folder) = running.saving.folder() else {
        return error;
    };
    if complete.is_empty() {
        if !error.is_about_a_name() {
            return error;
        }
        return OpsError::OneOfSeveral {
            source: Box::new(error),
        };
    }
    OpsError::SetIncomplete {
        source: Box::new(error),
        folder,
        files: complete.into_iter().map(|saved| saved.file).collect(),
        begins_anew,
    }
}

/// Returns the error for a call that succeeded but saved nothing.
pub(super) fn nothing_saved(running: &Running, id: &str) -> OpsError {
    OpsError::NothingSaved {
        engine: running.manifest.id.to_string(),
        id: text::printable(id, 200).into_owned(),
    }
}

/// Records what was saved, and reports how well it is verified. Returns none if the bytes went to stdout.
pub(super) fn account_for(
    session: &Session,
    running: &Running,
    stored: Vec<Stored>,
    known: Option<&Backup>,
    deed: &mut Deed,
) -> Option<LocalFiles> {
    let folder = running.saving.folder();
    if folder.is_none()
        && let [only] = &*stored
    {
        deed.bytes = Some(only.length);
        deed.sha256 = Some(only.sha256.to_string());
        let path = only.path.as_ref();
        deed.file = path.and_then(|path| path.canonicalize().ok());
    }
    let total = stored.iter().map(|it| it.length).sum();
    compare_with_list(session, total, known);
    let of_many = folder.is_some();
    let files = stored.into_iter();
    let files = files.map(|stored| account_for_one(session, stored, of_many, deed));
    let files = files.collect::<Option<Vec<_>>>()?;
    Some(LocalFiles { files, folder })
}

fn account_for_one(
    session: &Session,
    stored: Stored,
    of_many: bool,
    deed: &mut Deed,
) -> Option<LocalFile> {
    if stored.proof == Proof::Nothing {
        let message = if stored.damage.is_some() {
            "accepted although its archive is damaged"
        } else {
            "accepted although nothing proves that it is complete"
        };
        deed.ended("Unproven", message);
    }
    say_how_sure(session, &stored, of_many);
    let Some(path) = stored.path else {
        session.reporter().note(&format!(
            "{} written, SHA-256 {}",
            size(stored.length),
            stored.sha256
        ));
        return None;
    };
    Some(LocalFile {
        path,
        bytes: stored.length,
        sha256: stored.sha256.to_string(),
        verified_by: verified_by(stored.proof),
        resumed: stored.resumed,
    })
}

/// Returns the backup as the engine reports it. None if the user may download the backup but not read its
/// state.
async fn look(
    session: &Session,
    running: &mut Running,
    id: &str,
) -> Result<Option<Backup>, OpsError> {
    if !running.manifest.can(Operation::Status) {
        return Ok(None);
    }
    let options = session.options(&running.manifest, Operation::Status);
    let status = running.instance().status(id, &options).await;
    match running.original(status) {
        Ok(backup) => Ok(Some(backup)),
        Err(error) if error.failure() == Failure::NotAllowed => {
            tracing::debug!(
                "the state of the backup is unknown: {}",
                text::printable(&error.to_string(), 300)
            );
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Refuses backups that are incomplete. A backup that is being restored is complete, whatever the result of
/// the restore.
fn check_whole(backup: &Backup, running: &Running) -> Result<(), OpsError> {
    let is_running = matches!(backup.state, State::Pending | State::Running);
    if backup.activity == Activity::Restore || !(is_running || backup.state == State::Failed) {
        return Ok(());
    }
    Err(OpsError::NotWhole {
        id: backup.id.clone(),
        state: running.state_of(backup),
        reason: backup
            .failure
            .as_deref()
            .map(|reason| running.said(reason, 600)),
        engine: running.called.clone(),
        running: is_running,
    })
}

pub(super) fn say_how_sure(session: &Session, stored: &Stored, of_many: bool) {
    let warn = |warning: String| {
        let warning = if of_many {
            format!("{}: {warning}", stored.name)
        } else {
            warning
        };
        session.reporter().warn(&warning);
    };
    if stored.proof == Proof::Nothing {
        warn(
            "The backend gave neither length nor checksum, and closed the connection: nothing proves that the backup is complete".to_owned(),
        );
    }
    if let Some(damage) = &stored.damage {
        warn(format!(
            "The archive is damaged: {}",
            text::printable(damage, 300)
        ));
    }
}

/// Warns if the list of backups has another length than the files together.
pub(super) fn compare_with_list(session: &Session, total: u64, known: Option<&Backup>) {
    if let Some(listed) = known.and_then(|backup| backup.size)
        && listed != total
    {
        session.reporter().warn(&format!(
            "The backend lists this backup with {listed} bytes, but announced and sent {total}"
        ));
    }
}

const fn verified_by(proof: Proof) -> &'static str {
    match proof {
        Proof::Checksum => "checksum",
        Proof::Length => "length",
        Proof::End => "end-of-stream",
        Proof::Structure => "structure",
        Proof::Nothing => "unproven",
    }
}
