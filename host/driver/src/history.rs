//! The history: which operations ran on this machine.

use std::mem;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use host_base::{Failure, Problem as _};
use host_store::CopyManifest;
use host_transfer::{Entry, History, SavedPart, TransferError, Wanted};
use jiff::Timestamp;

use super::running::Running;
use super::saving::Saving;
use super::{Host, OpsError, Session};
use crate::results::{PastFile, PastOperation, PastOperations};

/// An operation that becomes an entry of the history.
///
/// If it is dropped before it was recorded, the command was stopped. Then that is recorded.
#[derive(Default)]
pub(super) struct Deed {
    pub(super) operation: String,
    pub(super) engine: String,
    /// Context, namespace and target.
    pub(super) scope: String,
    /// Id of the backup.
    pub(super) id: Option<String>,
    pub(super) file: Option<PathBuf>,
    pub(super) bytes: Option<u64>,
    /// SHA-256 digest in hexadecimal.
    pub(super) sha256: Option<String>,
    /// Whether the work was begun and its end is not known.
    pub(super) goes_on: bool,
    /// Outcome and message, if the result of the command alone does not tell them.
    ended: Option<(&'static str, String)>,
    /// The state of the body that is saved, for the number of received bytes.
    saving: Option<Arc<Saving>>,
    /// The store of the copy.
    pub(super) store: Option<String>,
    /// Name of the cluster in the kubeconfig.
    cluster: Option<String>,
    /// When the backup was created.
    pub(super) created: Option<Timestamp>,
    is_recorded: bool,
    /// The host whose history gets the entry.
    host: Option<Host>,
}

/// Returns the newest entries of the history, newest first.
///
/// # Errors
/// When the history can't be read.
pub async fn history(host: &Host, limit: Option<u32>) -> Result<PastOperations, OpsError> {
    let Some(history) = host.history() else {
        return Err(OpsError::NoHome);
    };
    let mut past = in_background(move || history.read()).await??;
    past.entries.reverse();
    if let Some(limit) = limit {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        past.entries.truncate(limit);
    }
    Ok(PastOperations {
        rows: past.entries.into_iter().map(row).collect(),
        unreadable: past.unreadable,
        now: Timestamp::now(),
    })
}

impl Deed {
    pub(super) fn of(operation: &str, session: &Session, running: &Running) -> Self {
        let context = session.cluster.context().unwrap_or("-");
        let scope = &running.scope;
        let place = [
            Some(context),
            Some(&scope.namespace),
            scope.statefulset.as_deref(),
        ];
        let place: Vec<_> = place.into_iter().flatten().collect();
        let mut deed = Self::at(&session.host, operation);
        deed.engine.clone_from(&scope.engine);
        deed.scope = place.join("/");
        deed.cluster = session.cluster.cluster_name().map(str::to_owned);
        deed.saving = Some(Arc::clone(&running.saving));
        deed
    }

    /// Begins an operation that has no target.
    pub(super) fn at(host: &Host, operation: &str) -> Self {
        let mut deed = Self::default();
        operation.clone_into(&mut deed.operation);
        deed.host = Some(host.clone());
        deed
    }

    /// Takes over what a manifest says about a backup.
    pub(super) fn of_copy(&mut self, manifest: &CopyManifest) {
        let origin = &manifest.source;
        let target = origin.statefulset.as_deref();
        let place = [Some(&*origin.cluster), Some(&*origin.namespace), target];
        let place: Vec<_> = place.into_iter().flatten().collect();
        self.scope = place.join("/");
        self.cluster = Some(origin.cluster.clone());
        self.engine.clone_from(&origin.engine);
        self.id = Some(manifest.id.clone());
        self.created = Some(manifest.created);
        self.bytes = Some(manifest.length);
        self.sha256 = Some(manifest.sha256.clone());
    }

    /// Sets outcome and message for the case that the command succeeds.
    pub(super) fn ended(&mut self, outcome: &'static str, message: &str) {
        self.ended = Some((outcome, message.to_owned()));
    }

    /// Writes the entry. A failure to write it does not fail the command, because the work is done.
    pub(super) async fn record<T>(mut self, result: &Result<T, OpsError>) {
        self.is_recorded = true;
        let Some(host) = self.host.take() else {
            return;
        };
        let reporter = host.reporter();
        let Some(history) = host.history() else {
            tracing::debug!("this command is not recorded: there is no home folder");
            return;
        };
        let entry = match result {
            Ok(_) => {
                let (outcome, message) = match self.ended.take() {
                    Some((outcome, message)) => (outcome, Some(message)),
                    None if self.goes_on => ("Accepted", None),
                    None => ("Succeeded", None),
                };
                self.entry(outcome, message)
            }
            Err(error) => self.failed(error),
        };
        let written = in_background(move || history.append(&entry)).await;
        if let Err(error) = written.and_then(|written| written.map_err(OpsError::from)) {
            reporter.warn(&format!(
                "this command is missing from `backup history`: {error}"
            ));
        }
    }

    fn failed(&mut self, error: &OpsError) -> Entry {
        let mut outcome = error.failure().name();
        let mut message = error.to_string();
        if let Some(transfer) = transfer_error(error) {
            self.bytes = self.bytes.or(transfer.received());
            let kept = transfer.kept_file().map(Path::to_owned);
            self.file = self.file.take().or(kept);
            let broke_off = matches!(transfer, TransferError::Interrupted { .. });
            if broke_off && error.failure() == Failure::Failed {
                outcome = Failure::Interrupted.name();
            }
        }
        let broke_off = matches!(outcome, "Interrupted" | "TimedOut");
        if broke_off {
            self.bytes = self.bytes.or_else(|| self.received());
            // The history also keeps the hint, because the user may need it later.
            if let Some(hint) = error.advice() {
                message = format!("{message}; {hint}");
            }
        }
        self.entry(outcome, Some(message))
    }

    /// Returns the number of bytes received so far, if there are any.
    fn received(&self) -> Option<u64> {
        let received = self.saving.as_ref()?.received();
        (received > 0).then_some(received)
    }

    /// Returns the entry for a command that was stopped.
    fn stopped(&mut self) -> Entry {
        let received = self.received();
        self.bytes = self.bytes.or(received);
        let kept = self.saving.as_ref().and_then(|saving| saving.kept());
        let complete = self.saving.as_ref().map_or(0, |it| it.complete().len());
        let folder = self.saving.as_ref().and_then(|saving| saving.folder());
        let message = match (&*self.operation, received, kept) {
            _ if complete > 0 && folder.is_none() => "stopped; the file is complete".to_owned(),
            _ if complete > 0 => {
                format!("stopped; {complete} files are complete, but the set may not be")
            }
            (_, _, Some(kept)) => {
                format!("stopped; the same command resumes after the {kept} bytes that are kept")
            }
            (_, Some(_), None) => "stopped; it is unknown whether anything is kept".to_owned(),
            ("create" | "restore", ..) => {
                "stopped; the operation may continue in the backend".to_owned()
            }
            _ => "stopped".to_owned(),
        };
        self.entry(Failure::Interrupted.name(), Some(message))
    }

    fn entry(&mut self, outcome: &str, message: Option<String>) -> Entry {
        let folder = self.saving.as_ref().and_then(|saving| saving.folder());
        let is_own_verb = !matches!(&*self.operation, "download" | "create");
        let complete = self.saving.as_ref().map(|saving| saving.complete());
        let files = complete.filter(|_| folder.is_some() || is_own_verb);
        let files = files.unwrap_or_default();
        let total = (!files.is_empty()).then(|| files.iter().map(|file| file.bytes).sum());
        let folder = folder.and_then(|folder| folder.canonicalize().ok());
        let file = self.file.take().or(folder);
        Entry {
            time: Timestamp::now(),
            operation: mem::take(&mut self.operation),
            engine: mem::take(&mut self.engine),
            scope: mem::take(&mut self.scope),
            cluster: self.cluster.take(),
            store: self.store.take(),
            created: self.created,
            id: self.id.take(),
            file: file.map(|file| file.to_string_lossy().into_owned()),
            bytes: self.bytes.or(total),
            sha256: self.sha256.take(),
            outcome: outcome.to_owned(),
            message,
            files,
        }
    }
}

impl Drop for Deed {
    fn drop(&mut self) {
        if self.is_recorded || self.operation.is_empty() {
            return;
        }
        // The process is about to end, so the entry is written on this thread.
        if let Some(history) = self.host.as_ref().and_then(Host::history) {
            let entry = if std::thread::panicking() {
                let message = "ended by a bug of kubectl-broker".to_owned();
                self.entry(Failure::Failed.name(), Some(message))
            } else {
                self.stopped()
            };
            let _ = history.append(&entry);
        }
    }
}

/// Returns the error of a transfer, also if another error wraps it.
fn transfer_error(error: &OpsError) -> Option<&TransferError> {
    match error {
        OpsError::Transfer(error) => Some(error),
        OpsError::InContext { source, .. }
        | OpsError::ExportLost { source, .. }
        | OpsError::SetIncomplete { source, .. }
        | OpsError::OneOfSeveral { source }
        | OpsError::NotCopied { source, .. }
        | OpsError::Unfinished { source, .. } => transfer_error(source),
        _ => None,
    }
}

/// Returns what the last command that saved this file says about it.
pub(super) fn last_saved(history: &History, file: &Path) -> Option<Wanted> {
    let file = file.canonicalize().ok()?;
    let past = history.read().ok()?;
    past.entries.into_iter().rev().find_map(|entry| {
        let mut files = entry.files.iter();
        if let Some(saved) = files.find(|saved| Path::new(&saved.file) == file) {
            return Some(Wanted {
                length: Some(saved.bytes),
                sha256: saved.sha256.parse().ok(),
            });
        }
        // An entry of `create` names a file only if the backup was saved there.
        let saves = matches!(&*entry.operation, "download" | "create");
        let is_it = saves
            && matches!(&*entry.outcome, "Succeeded" | "Unproven")
            && entry.file.as_deref().map(Path::new) == Some(file.as_path());
        is_it.then(|| Wanted {
            length: entry.bytes,
            sha256: entry.sha256.and_then(|digest| digest.parse().ok()),
        })
    })
}

/// Runs work that waits for the disk on a blocking thread.
pub(super) async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, OpsError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| OpsError::Worker {
            reason: error.to_string(),
        })
}

fn saved_file(saved: SavedPart) -> PastFile {
    PastFile {
        file: saved.file,
        bytes: saved.bytes,
        sha256: saved.sha256,
    }
}

fn row(entry: Entry) -> PastOperation {
    PastOperation {
        time: entry.time,
        operation: entry.operation,
        engine: entry.engine,
        scope: entry.scope,
        id: entry.id,
        file: entry.file,
        store: entry.store,
        bytes: entry.bytes,
        sha256: entry.sha256,
        outcome: entry.outcome,
        message: entry.message,
        files: entry.files.into_iter().map(saved_file).collect(),
    }
}
