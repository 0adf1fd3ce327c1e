use std::time::Duration;

use wasmtime::{StoreLimits, StoreLimitsBuilder};

/// How often a running engine is interrupted, so that deadlines and Ctrl-C are seen.
pub(super) const TICK: Duration = Duration::from_millis(10);

/// What one call of an engine may use.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Largest linear memory, in bytes. Engines in Python and JavaScript need about 100 MiB.
    pub memory: usize,
    /// Time in which WebAssembly itself runs. Waiting for the host does not count.
    pub computing: Duration,
    /// Time from the call to its result, waiting included.
    pub total: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: 256 << 20,
            computing: Duration::from_secs(10),
            total: Duration::from_mins(2),
        }
    }
}

impl Limits {
    /// A growth beyond the limit ends the call: few engines handle a failed allocation, and one that
    /// aborts says less about the reason.
    pub(super) fn store_limits(&self) -> StoreLimits {
        StoreLimitsBuilder::new()
            .memory_size(self.memory)
            .table_elements(1 << 20)
            .instances(64)
            .tables(64)
            .memories(16)
            .trap_on_grow_failure(true)
            .build()
    }
}

/// Counts the ticks that WebAssembly used.
#[derive(Debug)]
pub(super) struct Budget {
    ticks: u64,
    allowed: u64,
    waited: bool,
}

/// The computing time is used up.
#[derive(Debug, thiserror::Error)]
#[error("the computing time is used up")]
pub(super) struct UsedUp;

impl Budget {
    pub(super) fn new(computing: Duration) -> Self {
        let allowed = computing.as_millis() / TICK.as_millis();
        Self {
            ticks: 0,
            allowed: u64::try_from(allowed).unwrap_or(u64::MAX),
            waited: false,
        }
    }

    /// A host call returns: the tick that is due now was spent waiting.
    pub(super) fn returned_from_host(&mut self) {
        self.waited = true;
    }

    pub(super) fn tick(&mut self) -> Result<(), UsedUp> {
        if std::mem::take(&mut self.waited) {
            return Ok(());
        }
        self.ticks += 1;
        if self.ticks > self.allowed {
            return Err(UsedUp);
        }
        Ok(())
    }
}
