use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How often a running engine is interrupted, so that deadlines and Ctrl-C are seen.
pub(super) const TICK: Duration = Duration::from_millis(10);

/// What one call of an engine may use.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// All of its linear memories and tables together, in bytes. Engines in Python and JavaScript need
    /// about 100 MiB.
    pub memory: usize,
    /// Time until it can be called. There is nothing that it could wait for before.
    pub start: Duration,
    /// Processor time of WebAssembly itself, and of the host while it does what the engine asks for.
    pub computing: Duration,
    /// Time until an engine says whether its backend answers, its start included, where one is chosen.
    pub detect: Duration,
    /// Time from the call to its result, waiting included.
    pub total: Duration,
    /// Time for an answer that is read, from its head to its end: a backend that drips passes for one
    /// that works otherwise.
    pub answer: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: 256 << 20,
            start: Duration::from_secs(30),
            detect: Duration::from_secs(5),
            computing: Duration::from_secs(10),
            // Some backends answer a restore when it is done.
            total: Duration::from_mins(15),
            answer: Duration::from_mins(1),
        }
    }
}

/// The call took longer than this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Late(pub(super) Duration);

/// How long a call may still take. Time in which the host moves files does not count.
#[derive(Clone, Debug, Default)]
pub(super) struct Allowance(Arc<Mutex<Paused>>);

#[derive(Debug, Default)]
struct Paused {
    since: Option<Instant>,
    before: Duration,
}

/// Time does not count until this is dropped.
pub(super) struct Pause(Allowance);

impl Allowance {
    pub(super) fn pause(&self) -> Pause {
        self.lock().since = Some(Instant::now());
        Pause(self.clone())
    }

    /// Waits for `call` as long as it may take.
    pub(super) async fn bound<T>(
        &self,
        total: Duration,
        call: impl Future<Output = T>,
    ) -> Result<T, Late> {
        let begun = Instant::now();
        // Of the calls before this one.
        let paused = self.paused();
        tokio::pin!(call);
        loop {
            let used = begun.elapsed() + paused;
            let used = used.saturating_sub(self.paused());
            let left = total.saturating_sub(used);
            if left.is_zero() {
                return Err(Late(total));
            }
            if let Ok(result) = tokio::time::timeout(left.max(TICK), &mut call).await {
                return Ok(result);
            }
        }
    }

    fn paused(&self) -> Duration {
        let paused = self.lock();
        paused.before
            + paused
                .since
                .map(|since| since.elapsed())
                .unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, Paused> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pause {
    fn drop(&mut self) {
        let mut paused = self.0.lock();
        if let Some(since) = paused.since.take() {
            paused.before += since.elapsed();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn a_call_ends_when_its_time_is_up() {
        let allowance = Allowance::default();
        let late = tokio::time::sleep(11 * SECOND);
        assert_eq!(
            allowance.bound(10 * SECOND, late).await,
            Err(Late(10 * SECOND))
        );
        let soon = tokio::time::sleep(9 * SECOND);
        assert_eq!(allowance.bound(10 * SECOND, soon).await, Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn moving_files_does_not_count() {
        let allowance = Allowance::default();
        let call = async {
            let pause = allowance.pause();
            tokio::time::sleep(1000 * SECOND).await;
            drop(pause);
            tokio::time::sleep(9 * SECOND).await;
        };
        assert_eq!(allowance.bound(10 * SECOND, call).await, Ok(()));
        // What the first call moved is not time for the next one.
        let call = tokio::time::sleep(11 * SECOND);
        assert_eq!(
            allowance.bound(10 * SECOND, call).await,
            Err(Late(10 * SECOND))
        );
    }
}
