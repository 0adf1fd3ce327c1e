//! The history of runs in a database, for longer than their objects live.
//!
//! The watches bring each run that has ended, and at the start all of them again. A record waits in memory until the database
//! has it. It is written twice rather than never. Nothing that makes backups ever waits for the database.

mod address;
mod database;
mod pending;
mod record;
mod request;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::future::ready;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::{Stream, StreamExt as _};
use kube::runtime::reflector::Store;
use operator_api::{Backup, BackupRequest, Restore};
use tokio::sync::Notify;

use crate::context::Seen;
use crate::history::database::Database;
use crate::history::pending::{Entry, Pending};
use crate::history::record::Record;
use crate::history::request::RequestRecord;
use crate::metrics::Metrics;

pub(crate) use address::{Address, Unchecked, VARIABLE};

/// Records of one transaction.
const BATCH: usize = 200;
/// The pauses after errors.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// The history of runs.
pub(crate) struct History {
    address: Address,
    metrics: Arc<Metrics>,
    pending: Mutex<Pending>,
    news: Notify,
}

impl History {
    pub(crate) fn new(address: Address, metrics: Arc<Metrics>) -> Self {
        sqlx::any::install_default_drivers();
        Self {
            address,
            metrics,
            pending: Mutex::default(),
            news: Notify::new(),
        }
    }

    /// Records all runs and requests that the watches bring. It ends only if the watches do.
    pub(crate) async fn keep(
        &self,
        backups: impl Stream<Item = Arc<Backup>>,
        restores: impl Stream<Item = Arc<Restore>>,
        requests: impl Stream<Item = Arc<BackupRequest>>,
        seen: &Seen,
    ) {
        // Changes wait in memory for a slow reader, so this one only notes what came.
        let backups = backups.for_each(|it| {
            self.note(Row::of_backup(&it));
            ready(())
        });
        let restores = restores.for_each(|it| {
            self.note(Row::of_restore(&it));
            ready(())
        });
        let requests = requests.for_each(|it| {
            self.note(Row::of_request(&it));
            ready(())
        });
        tokio::select! {
            () = backups => {}
            () = restores => {}
            () = requests => {}
            () = self.write(seen) => {}
        }
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, row: Option<Row>) {
        let Some(row) = row else {
            return;
        };
        if self.pending().add(row, Instant::now()) {
            self.tell();
            self.news.notify_one();
        }
    }

    /// Brings the metrics up to date.
    fn tell(&self) {
        let pending = self.pending();
        self.metrics.set_history(pending.oldest(), pending.len());
    }

    /// Writes what waits, for ever.
    async fn write(&self, seen: &Seen) {
        let shown = self.address.shown();
        let mut database = None;
        let mut pause = FIRST_PAUSE;
        loop {
            let result = match &database {
                Some(database) => self.write_all(database, seen).await,
                None => match Database::connect(&self.address).await {
                    Ok(connected) => {
                        tracing::info!(history = shown, "the history is open");
                        database = Some(connected);
                        continue;
                    }
                    Err(error) => Err(error),
                },
            };
            let Err(error) = result else {
                pause = FIRST_PAUSE;
                self.news.notified().await;
                continue;
            };
            self.metrics.history_errors.inc();
            let waiting = self.pending().len();
            let reason = error.to_string();
            tracing::warn!(
                history = shown,
                reason,
                waiting,
                "the history can't be written; it is tried again"
            );
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Writes what waits. Records that are refused are left, and everything else is written.
    async fn write_all(&self, database: &Database, seen: &Seen) -> Result<(), sqlx::Error> {
        let mut left = self.pending().len();
        let mut refused = None;
        while left > 0 {
            let entries = self.pending().take(BATCH.min(left));
            left = left.saturating_sub(entries.len());
            if entries.is_empty() {
                break;
            }
            let batch = Batch {
                history: self,
                entries,
            };
            if let Err(error) = batch.write(database).await {
                if !matches!(error, sqlx::Error::Database(_)) {
                    return Err(error);
                }
                refused = Some(error);
            }
            self.look_again(seen);
        }
        match refused {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// Notes the runs for which there was no room.
    fn look_again(&self, seen: &Seen) {
        if self.pending().must_look_again() {
            for backup in seen.backups.state() {
                self.note(Row::of_backup(&backup));
            }
            for restore in seen.restores.state() {
                self.note(Row::of_restore(&restore));
            }
            for request in seen.requests.iter().flat_map(Store::state) {
                self.note(Row::of_request(&request));
            }
        }
        let requests = seen.requests.as_ref().map_or(0, Store::len);
        let live = seen.backups.len() + seen.restores.len() + requests;
        if self.pending().knows_many_more_than(live) {
            let backups = seen.backups.state();
            let restores = seen.restores.state();
            let requests: Vec<_> = seen.requests.iter().flat_map(Store::state).collect();
            let backups = backups.iter().filter_map(|it| it.metadata.uid.as_deref());
            let restores = restores.iter().filter_map(|it| it.metadata.uid.as_deref());
            let requests = requests.iter().filter_map(|it| it.metadata.uid.as_deref());
            let live: HashSet<&str> = backups.chain(restores).chain(requests).collect();
            self.pending().forget_all_but(&live);
        }
    }
}

/// A row of one of the tables.
#[derive(Clone, Debug, Hash)]
enum Row {
    Run(Box<Record>),
    Request(Box<RequestRecord>),
}

impl Row {
    fn of_backup(backup: &Backup) -> Option<Self> {
        Record::of_backup(backup).map(|it| Self::Run(Box::new(it)))
    }

    fn of_restore(restore: &Restore) -> Option<Self> {
        Record::of_restore(restore).map(|it| Self::Run(Box::new(it)))
    }

    fn of_request(request: &BackupRequest) -> Option<Self> {
        RequestRecord::of(request).map(|it| Self::Request(Box::new(it)))
    }

    /// Returns the uid of the object.
    fn uid(&self) -> &str {
        match self {
            Self::Run(record) => &record.uid,
            Self::Request(record) => &record.uid,
        }
    }

    /// Returns a number that tells this content from another one.
    fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        hasher.finish()
    }
}

/// Records that are being written. They wait again if that fails, or is given up.
struct Batch<'a> {
    history: &'a History,
    entries: Vec<Entry>,
}

impl Batch<'_> {
    async fn write(mut self, database: &Database) -> Result<(), sqlx::Error> {
        let rows: Vec<_> = self.entries.iter().map(|it| &it.row).collect();
        match database.write(&rows).await {
            Ok(()) => {
                self.entries.clear();
                return Ok(());
            }
            // One record can be to blame, and the others are written without it.
            Err(sqlx::Error::Database(_)) => {}
            Err(error) => return Err(error),
        }
        let mut result = Ok(());
        for _ in 0..self.entries.len() {
            match database.write(&[&self.entries[0].row]).await {
                Ok(()) => drop(self.entries.remove(0)),
                Err(error @ sqlx::Error::Database(_)) => {
                    self.entries.rotate_left(1);
                    result = Err(error);
                }
                Err(error) => return Err(error),
            }
        }
        result
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        let entries = std::mem::take(&mut self.entries);
        self.history.pending().give_back(entries);
        self.history.tell();
    }
}
