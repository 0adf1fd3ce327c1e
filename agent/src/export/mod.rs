//! The queue of exports, their files, and their results. Only one export runs at a time.

mod artifact;
mod chunks;
mod folder_id;
mod session;

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use tokio::sync::Semaphore;

pub use artifact::{Artifact, ArtifactError};
pub use chunks::{Blocking, CHECKSUM, CHUNK, Chunks};
pub use folder_id::FolderId;
pub use session::{End, Session};

use crate::config::Config;
use crate::log::Log;
use crate::metrics::Metrics;

/// The files of exports. The contract requires the same two files for every export, so only one export may
/// run.
#[derive(Debug, Clone)]
pub struct Places {
    /// The file that the strategy writes.
    pub temp: PathBuf,
    /// The file of the artifact while it is sent.
    pub artifact: PathBuf,
}

impl Places {
    pub fn new(config: &Config) -> Self {
        Self {
            temp: config.paths.temp_dump.clone(),
            artifact: config
                .paths
                .artifacts
                .join(&config.strategy.artifact.filename),
        }
    }

    /// Removes the files of an earlier export, for example after a crash. Returns the removed files.
    ///
    /// # Errors
    ///
    /// Fails if a file can't be removed, or if a folder is in its place.
    pub fn clear(&self) -> io::Result<Vec<PathBuf>> {
        let mut removed = Vec::new();
        for path in [&self.temp, &self.artifact] {
            match fs::remove_file(path) {
                Ok(()) => removed.push(path.clone()),
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => return Err(io::Error::new(e.kind(), format!("{}: {e}", path.display()))),
            }
        }
        Ok(removed)
    }
}

/// The error that too many exports are already waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Busy;

/// The queue of exports, in the order of their requests.
pub struct Exports {
    places: Places,
    turn: Arc<Semaphore>,
    waiting: AtomicUsize,
    may_wait: usize,
    last: AtomicU64,
    metrics: Arc<Metrics>,
    log: Log,
}

impl Exports {
    pub fn new(config: &Config, metrics: Arc<Metrics>, log: Log) -> Self {
        Self {
            places: Places::new(config),
            turn: Arc::new(Semaphore::new(1)),
            waiting: AtomicUsize::new(0),
            may_wait: config.limits.waiting,
            last: AtomicU64::new(0),
            metrics,
            log,
        }
    }

    /// Waits until a new export may run. Dropping the future leaves the queue.
    ///
    /// # Errors
    ///
    /// Fails if the queue is full.
    pub async fn enter(&self, folder: Option<FolderId>) -> Result<Arc<Session>, Busy> {
        let permit = match Arc::clone(&self.turn).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => {
                let _place = self.place()?;
                // The semaphore is never closed.
                Arc::clone(&self.turn)
                    .acquire_owned()
                    .await
                    .map_err(|_| Busy)?
            }
        };
        let number = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        let (metrics, log) = (Arc::clone(&self.metrics), self.log.clone());
        let places = self.places.clone();
        Ok(Arc::new(Session::new(
            number, folder, places, permit, metrics, log,
        )))
    }

    /// Waits until no export runs, and lets no other start.
    pub async fn close(&self) {
        if let Ok(permit) = self.turn.acquire().await {
            permit.forget();
        }
    }

    fn place(&self) -> Result<Place<'_>, Busy> {
        let taken = self
            .waiting
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |waiting| {
                (waiting < self.may_wait).then_some(waiting + 1)
            });
        taken.map_err(|_| Busy)?;
        self.metrics.waiting.inc();
        Ok(Place(self))
    }
}

/// A place in the queue, which is released on drop.
struct Place<'a>(&'a Exports);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
        self.0.metrics.waiting.dec();
    }
}
