use std::time::Duration;

use wasmtime::{StoreLimits, StoreLimitsBuilder};

/// How often a running engine is interrupted, so that deadlines and Ctrl-C are seen.
pub(super) const TICK: Duration = Duration::from_millis(10);

/// What one call of an engine may use.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Largest linear memory, in bytes. Engines in Python and JavaScript need about 100 MiB.
    pub memory: usize,
    /// Processor time in which WebAssembly itself runs.
    pub computing: Duration,
    /// Time from the call to its result, waiting included.
    pub total: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: 256 << 20,
            computing: Duration::from_secs(10),
            // Some backends answer a restore when it is done.
            total: Duration::from_mins(15),
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

/// How much of its computing time an engine has used.
///
/// It is the processor time of the thread that runs it: waiting for the host, and for a processor,
/// costs nothing. The thread does other things too, so that no more than a tick is counted at each.
#[derive(Debug)]
pub(super) struct Budget {
    used: Duration,
    allowed: Duration,
    last: Duration,
}

/// The computing time is used up.
#[derive(Debug, thiserror::Error)]
#[error("the computing time is used up")]
pub(super) struct UsedUp;

impl Budget {
    pub(super) fn new(allowed: Duration) -> Self {
        Self {
            used: Duration::ZERO,
            allowed,
            last: processor_time(),
        }
    }

    /// Called at each tick at which WebAssembly runs.
    pub(super) fn tick(&mut self) -> Result<(), UsedUp> {
        let now = processor_time();
        self.used += now.saturating_sub(self.last).min(TICK);
        self.last = now;
        if self.used > self.allowed {
            return Err(UsedUp);
        }
        Ok(())
    }
}

/// Of this thread.
#[cfg(unix)]
fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// Where there is no such clock, all time counts.
#[cfg(not(unix))]
fn processor_time() -> Duration {
    use std::sync::OnceLock;
    use std::time::Instant;

    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}
