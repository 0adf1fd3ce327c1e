use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use host_base::text::size;
use host_base::{Meter, Reporter, text};
use host_engine::{Level, Observer};
use host_transfer::{Event, Progress};

use super::notes::Notes;

/// Longest note of an engine that is shown, in characters.
const MAX_NOTE: usize = 500;

/// Shows the notes of engines to the user.
pub(super) struct UiObserver(pub(super) Notes);

impl Observer for UiObserver {
    fn log(&self, engine: &str, level: Level, message: &str) {
        let note = format!("engine {engine}: {}", text::printable(message, MAX_NOTE));
        match level {
            Level::Warn => self.0.warn(&note),
            Level::Info => self.0.note(&note),
            Level::Debug => tracing::debug!("{note}"),
        }
    }

    fn progress(&self, engine: &str, message: &str, done: u64, total: Option<u64>) {
        let total = total
            .map(|total| format!(" of {total}"))
            .unwrap_or_default();
        let message = text::printable(message, MAX_NOTE);
        tracing::debug!("engine {engine}: {message}: {done}{total}");
    }
}

/// Shows the progress of a transfer.
pub(super) struct TransferObserver {
    reporter: Arc<dyn Reporter>,
    progress: Box<dyn Meter>,
    done: Arc<AtomicU64>,
}

impl TransferObserver {
    /// Creates an observer. `verb` says what happens to each byte, such as `Downloaded`.
    pub(super) fn new(reporter: Arc<dyn Reporter>, verb: &'static str) -> Self {
        Self {
            progress: reporter.transfer(verb),
            reporter,
            done: Arc::default(),
        }
    }

    /// Stores the number of transferred bytes in `done`.
    pub(super) fn counting(self, done: &Arc<AtomicU64>) -> Self {
        let done = Arc::clone(done);
        Self { done, ..self }
    }
}

impl Progress for TransferObserver {
    fn bytes(&self, done: u64, total: Option<u64>) {
        self.done.store(done, Ordering::Relaxed);
        self.progress.update(done, total);
    }

    fn event(&self, event: &Event<'_>) {
        match event {
            Event::Rereading { bytes } => {
                tracing::debug!("hashing {bytes} bytes of an earlier download");
            }
            Event::Resumed { offset } => self.reporter.note(&format!(
                "Resuming after {} of an earlier download",
                size(*offset)
            )),
            Event::Restarted { reason } => self
                .reporter
                .note(&format!("Restarting at the first byte: {reason}")),
            Event::Retrying { error, wait, .. } => self.reporter.note(&format!(
                "Interrupted: {error}; resuming in {} ms",
                wait.as_millis()
            )),
        }
    }
}
