//! What was done on this machine.

use std::path::PathBuf;

use jiff::Timestamp;

use super::session::Running;
use super::{OpsError, Session};
use crate::model::Problem as _;
use crate::transfer::{Entry, History};
use crate::ui::{HistoryRow, HistoryView, Ui};

/// What an entry is about, beside how it ended.
#[derive(Clone, Debug, Default)]
pub(super) struct Deed {
    pub(super) operation: String,
    pub(super) engine: String,
    /// Where: context, namespace and target.
    pub(super) scope: String,
    /// Of the backup.
    pub(super) id: Option<String>,
    pub(super) file: Option<PathBuf>,
    pub(super) bytes: Option<u64>,
    /// In hexadecimal.
    pub(super) sha256: Option<String>,
    /// It was begun, and how it ends is not known.
    pub(super) goes_on: bool,
}

/// The newest entries first.
///
/// # Errors
/// When the record can't be read.
pub async fn history(limit: Option<u32>) -> Result<HistoryView, OpsError> {
    let Some(history) = open() else {
        return Err(OpsError::NoHome);
    };
    let mut past = in_background(move || history.read()).await??;
    past.entries.reverse();
    if let Some(limit) = limit {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        past.entries.truncate(limit);
    }
    Ok(HistoryView {
        rows: past.entries.into_iter().map(row).collect(),
        unreadable: past.unreadable,
        now: Timestamp::now(),
    })
}

impl Deed {
    pub(super) fn of(operation: &str, session: &Session, running: &Running) -> Self {
        let context = session.cluster.context().unwrap_or("-");
        let scope = &running.scope;
        Self {
            operation: operation.to_owned(),
            engine: scope.engine.clone(),
            scope: [
                Some(context),
                Some(&scope.namespace),
                scope.statefulset.as_deref(),
            ]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join("/"),
            ..Self::default()
        }
    }

    /// Writes it down. What was done was done, also when that can't be written.
    pub(super) async fn record<T>(self, ui: Ui, result: &Result<T, OpsError>) {
        let Some(history) = open() else {
            ui.debug("this is not recorded: there is no home folder");
            return;
        };
        let entry = Entry {
            time: Timestamp::now(),
            operation: self.operation,
            engine: self.engine,
            scope: self.scope,
            id: self.id,
            file: self.file.map(|file| file.to_string_lossy().into_owned()),
            bytes: self.bytes,
            sha256: self.sha256,
            outcome: match result {
                Ok(_) if self.goes_on => "Accepted".to_owned(),
                Ok(_) => "Succeeded".to_owned(),
                Err(error) => error.failure().name().to_owned(),
            },
            message: result.as_ref().err().map(ToString::to_string),
        };
        let written = in_background(move || history.append(&entry)).await;
        if let Err(error) = written.and_then(|written| written.map_err(OpsError::from)) {
            ui.warn(&format!("this is not in `backup history`: {error}"));
        }
    }
}

/// The last download, or backup that came with its creation, into this file.
pub(super) fn last_download(file: &std::path::Path) -> Option<Entry> {
    let file = file.canonicalize().ok()?;
    let past = open()?.read().ok()?;
    past.entries.into_iter().rev().find(|entry| {
        // An entry of `create` names a file only if it was saved there.
        let saves = matches!(&*entry.operation, "download" | "create");
        saves
            && entry.outcome == "Succeeded"
            && entry.file.as_deref().map(std::path::Path::new) == Some(file.as_path())
    })
}

fn open() -> Option<History> {
    let folders = directories::ProjectDirs::from("", "", "kubectl-broker")?;
    let folder = folders.state_dir().unwrap_or(folders.data_local_dir());
    Some(History::new(folder))
}

/// Runs what waits for a disk where it holds nobody up.
pub(super) async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, OpsError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| OpsError::Worker {
            reason: error.to_string(),
        })
}

fn row(entry: Entry) -> HistoryRow {
    HistoryRow {
        time: entry.time,
        operation: entry.operation,
        engine: entry.engine,
        scope: entry.scope,
        id: entry.id,
        file: entry.file,
        bytes: entry.bytes,
        sha256: entry.sha256,
        outcome: entry.outcome,
        message: entry.message,
    }
}
