//! The history of runs in a database, for longer than their objects live.
//!
//! The watches bring each run that has ended, and at the start all of them again. A record waits in memory until the database
//! has it. It is written twice rather than never. Nothing that makes backups ever waits for the database.

mod address;
mod database;
mod pending;
mod record;
mod request;
mod restore_request;
mod row;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::future::ready;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::{Stream, StreamExt as _};
use kube::Resource;
use kube::runtime::reflector::Store;
use tokio::sync::Notify;

use crate::context::Seen;
use crate::history::database::Database;
use crate::history::pending::{Entry, Pending};
use crate::metrics::Metrics;

pub(crate) use address::{Address, Unchecked, VARIABLE};
pub(crate) use row::Row;

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
    written: Notify,
}

impl History {
    pub(crate) fn new(address: Address, metrics: Arc<Metrics>) -> Self {
        sqlx::any::install_default_drivers();
        Self {
            address,
            metrics,
            pending: Mutex::default(),
            news: Notify::new(),
            written: Notify::new(),
        }
    }

    /// Records the objects that the watches bring. It ends only if the watches do.
    pub(crate) async fn keep(&self, rows: impl Stream<Item = Option<Row>>, seen: &Seen) {
        // Changes wait in memory for a slow reader, so this one only notes what came.
        let noted = rows.for_each(|row| {
            self.note(row);
            ready(())
        });
        tokio::select! {
            () = noted => {}
            () = self.write(seen) => {}
        }
    }

    /// Returns whether the database has a row. If not, it will.
    pub(crate) fn has(&self, row: &Row) -> bool {
        self.note(Some(row.clone()));
        self.pending().is_written(row)
    }

    /// Waits until something was written.
    pub(crate) async fn written(&self) {
        self.written.notified().await;
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
            let written = batch.write(database).await;
            self.written.notify_one();
            if let Err(error) = written {
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

    /// Notes the objects for which there was no room.
    fn look_again(&self, seen: &Seen) {
        if self.pending().must_look_again() {
            for backup in seen.backups.state() {
                self.note(Row::of_backup(&backup));
            }
            for restore in seen.restores.state() {
                self.note(Row::of_restore(&restore));
            }
            for request in seen.requests.iter().flat_map(|it| it.backups.state()) {
                self.note(Row::of_request(&request));
            }
            for request in seen.requests.iter().flat_map(|it| it.restores.state()) {
                self.note(Row::of_restore_request(&request));
            }
        }
        let requests = seen.requests.as_ref();
        let requests = requests.map_or(0, |it| it.backups.len() + it.restores.len());
        let live = seen.backups.len() + seen.restores.len() + requests;
        if self.pending().knows_many_more_than(live) {
            let mut uids = HashSet::new();
            uids_of(&seen.backups, &mut uids);
            uids_of(&seen.restores, &mut uids);
            if let Some(requests) = &seen.requests {
                uids_of(&requests.backups, &mut uids);
                uids_of(&requests.restores, &mut uids);
            }
            self.pending().forget_all_but(&uids);
        }
    }
}

/// Adds the uids of all objects.
fn uids_of<K>(objects: &Store<K>, into: &mut HashSet<String>)
where
    K: Resource<DynamicType = ()> + Clone + 'static,
{
    into.extend(
        objects
            .state()
            .iter()
            .filter_map(|it| it.meta().uid.clone()),
    );
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
