//! The thread that writes, and a second one beside it that syncs: while the disk takes its time, the
//! next bytes are written.

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

/// A checkpoint is due after so many bytes, though not before [`SHORTEST`] has passed since the last.
/// Tests cross it with less.
const INTERVAL: u64 = if cfg!(test) { 64 << 10 } else { 64 << 20 };
/// A fast transfer has few checkpoints: a crash costs it little time.
const SHORTEST: Duration = if cfg!(test) {
    Duration::ZERO
} else {
    Duration::from_millis(500)
};
/// A slow transfer has a checkpoint at least this often: a crash costs it this much time. So has one
/// whose bytes stop coming.
const LONGEST: Duration = Duration::from_secs(5);

/// Writes to `part` from where it stands. When there are no more orders, what was written is on the
/// disk and recorded, and so it is after an error and when the worker is dropped.
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
        // Without room for a waiting message: it is taken by an idle syncer, or not at all.
        let (ask, asked) = sync_channel::<(u64, u64)>(0);
        let syncer = scope.spawn(move || {
            for (written, generation) in asked {
                part.checkpoint(written, generation)?;
            }
            Ok(())
        });
        let written = state.follow_all(&orders, &ask);
        // After an error nobody is to give one any more.
        drop(orders);
        drop(ask);
        // The system tells of a failed write-back once. Whoever hears it must not forget it.
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
    /// When it was recorded.
    since: Instant,
    generation: u64,
}

impl State<'_> {
    /// Works until there are no more orders, or until an error.
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

    /// Asks for one if the syncer is idle.
    fn ask_for_checkpoint(&mut self, ask: &SyncSender<(u64, u64)>) -> Result<(), TransferError> {
        match ask.try_send((self.written, self.generation)) {
            Ok(()) => {
                self.recorded = self.written;
                self.since = Instant::now();
                Ok(())
            }
            Err(TrySendError::Full(_)) => Ok(()),
            // The syncer has failed, and its result says why.
            Err(TrySendError::Disconnected(_)) => Err(TransferError::Stopped),
        }
    }

    fn is_due(&self) -> bool {
        let elapsed = self.since.elapsed();
        elapsed >= LONGEST || self.written - self.recorded >= INTERVAL && elapsed >= SHORTEST
    }
}
