use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::OwnedSemaphorePermit;

use super::{FolderId, Places};
use crate::log::Log;
use crate::metrics::{Metrics, Outcome};

/// One export, from its start until all its files are removed.
///
/// These parts may still use the files, and share the session:
/// - the request
/// - each command, until its last process ends
/// - a thread that packs files
/// - the body of the answer
///
/// When the last of them drops the session, its files are removed and the next export starts.
pub struct Session {
    pub number: u64,
    pub folder: Option<FolderId>,
    pub places: Places,
    started: Instant,
    end: Mutex<Option<End>>,
    metrics: Arc<Metrics>,
    log: Log,
    _turn: OwnedSemaphorePermit,
}

/// The end of an export. An export without an end was aborted by its client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// All bytes were passed to the connection.
    Sent {
        bytes: u64,
    },
    Failed,
}

impl Session {
    pub(super) fn new(
        number: u64,
        folder: Option<FolderId>,
        places: Places,
        turn: OwnedSemaphorePermit,
        metrics: Arc<Metrics>,
        log: Log,
    ) -> Self {
        metrics.running.inc();
        log.info(&format!("export {number}: started"));
        Self {
            number,
            folder,
            places,
            started: Instant::now(),
            end: Mutex::new(None),
            metrics,
            log,
            _turn: turn,
        }
    }

    /// Records the end. Later calls are ignored.
    pub fn end(&self, end: End) {
        let mut known = self.end.lock().unwrap_or_else(PoisonError::into_inner);
        known.get_or_insert(end);
    }

    fn report(&self, took: Duration) {
        let end = *self.end.lock().unwrap_or_else(PoisonError::into_inner);
        let seconds = took.as_secs_f64();
        let number = self.number;
        match end {
            Some(End::Sent { bytes }) => {
                self.metrics.sent(bytes);
                self.metrics.ended(Outcome::Succeeded, took);
                self.log.info(&format!(
                    "export {number}: {bytes} bytes sent in {seconds:.1} s"
                ));
            }
            // The failure is already in the log.
            Some(End::Failed) => self.metrics.ended(Outcome::Failed, took),
            None => {
                self.metrics.ended(Outcome::Aborted, took);
                self.log.warn(&format!(
                    "export {number}: aborted, because its client has disconnected"
                ));
            }
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Err(e) = self.places.clear() {
            self.log
                .error(&format!("export {}: its files stay: {e}", self.number));
        }
        self.metrics.running.dec();
        self.report(self.started.elapsed());
    }
}
