//! Writes on one thread and syncs on a second one. While the disk syncs, the next bytes are written.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use super::TransferError;
use super::fail_point::{Step, reach};
use super::part::Part;
use super::worker::{Order, Orders, Worker};

pub(super) type Writer = Worker<Result<(), TransferError>>;

/// The number of bytes after which a checkpoint is due, but not before [`SHORTEST`] has passed since the
/// last. Tests use a smaller number.
const INTERVAL: u64 = if cfg!(test) { 64 << 10 } else { 64 << 20 };
/// The minimum time between checkpoints. A fast transfer needs few: a crash costs it little time.
const SHORTEST: Duration = if cfg!(test) {
    Duration::ZERO
} else {
    Duration::from_millis(500)
};
/// The maximum time between checkpoints, also if no bytes arrive. A crash costs a slow transfer at most this
/// time.
const LONGEST: Duration = Duration::from_secs(5);

/// Starts a thread that writes to `part` at its current position. When there are no more orders, the written
/// bytes are on the disk and recorded. The same is true after an error and when the worker is dropped.
pub(super) fn start(part: Arc<Part>) -> Result<Writer, TransferError> {
    Worker::start("writer", move |orders| run(&part, orders)).map_err(|_| TransferError::Stopped)
}

fn run(part: &Part, orders: Orders) -> Result<(), TransferError> {
    let mut state = State {
        part,
        written: part.durable(),
        recorded: part.durable(),
        since: Instant::now(),
        generation: part.generation(),
    };
    let written = thread::scope(|scope| {
        // A channel without a buffer: an idle syncer takes the request, or nothing does.
        let (ask, asked) = sync_channel::<(u64, u64)>(0);
        let syncer = scope.spawn(move || {
            for (written, generation) in asked {
                part.checkpoint(written, generation)?;
            }
            Ok(())
        });
        let written = state.follow_all(&orders, &ask);
        // After an error, no more orders are accepted.
        drop(orders);
        drop(ask);
        // The system reports a failed write-back only once, so the error must not be lost.
        let all_synced = syncer.join().unwrap_or(Err(TransferError::Stopped));
        all_synced.and(written)
    });
    let last = part.finish(state.written, state.generation);
    written?;
    last?;
    reach(Step::DataSynced, part.path())
        .map_err(|source| TransferError::io("sync", part.path(), source))
}

struct State<'a> {
    part: &'a Part,
    written: u64,
    recorded: u64,
    /// When the last checkpoint was recorded.
    since: Instant,
    generation: u64,
}

impl State<'_> {
    /// Processes orders until there are no more, or until an error.
    fn follow_all(
        &mut self,
        orders: &Orders,
        ask: &SyncSender<(u64, u64)>,
    ) -> Result<(), TransferError> {
        loop {
            match orders.next_within(LONGEST) {
                Ok(order) => self.follow(order, ask)?,
                Err(RecvTimeoutError::Timeout) if self.written > self.recorded => {
                    self.ask_for_checkpoint(ask)?;
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
        }
    }

    fn follow(&mut self, order: Order, ask: &SyncSender<(u64, u64)>) -> Result<(), TransferError> {
        let bytes = match order {
            Order::Bytes(piece) => piece,
            Order::Restart(record) => {
                self.generation = self.part.restart(record)?;
                (self.written, self.recorded) = (0, 0);
                return Ok(());
            }
        };
        let failed = |source| TransferError::io("write", self.part.path(), source);
        self.part.file().write_all(&bytes).map_err(failed)?;
        reach(Step::BytesWritten, self.part.path()).map_err(failed)?;
        self.written += bytes.len() as u64;
        if self.is_due() {
            self.ask_for_checkpoint(ask)?;
        }
        Ok(())
    }

    /// Requests a checkpoint if the syncer is idle.
    fn ask_for_checkpoint(&mut self, ask: &SyncSender<(u64, u64)>) -> Result<(), TransferError> {
        match ask.try_send((self.written, self.generation)) {
            Ok(()) => {
                self.recorded = self.written;
                self.since = Instant::now();
                Ok(())
            }
            Err(TrySendError::Full(_)) => Ok(()),
            // The syncer has failed, and its result has the reason.
            Err(TrySendError::Disconnected(_)) => Err(TransferError::Stopped),
        }
    }

    fn is_due(&self) -> bool {
        let elapsed = self.since.elapsed();
        elapsed >= LONGEST || self.written - self.recorded >= INTERVAL && elapsed >= SHORTEST
    }
}
