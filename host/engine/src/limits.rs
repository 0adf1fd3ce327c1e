use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How often a running engine is interrupted, so that deadlines and Ctrl-C take effect.
pub(super) const TICK: Duration = Duration::from_millis(10);

/// The maximum time that an engine may let a request wait for its response.
pub(super) const MAX_PATIENCE: Duration = Duration::from_hours(1);

/// The resources that one call of an engine may use.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// All linear memories and tables of the engine together, in bytes. Engines in Python and JavaScript need
    /// about 100 MiB.
    pub memory: usize,
    /// Time until the engine is ready. An engine has nothing to wait for before its first call.
    pub start: Duration,
    /// Processor time of WebAssembly itself, and of the host while it works for the engine.
    pub computing: Duration,
    /// Time until an engine says whether its backend responds, including its start. It applies when `auto`
    /// chooses an engine.
    pub detect: Duration,
    /// Time from the call to its result, including time spent waiting.
    pub total: Duration,
    /// Time to read one response, from its head to its end. Without it, a backend that sends single bytes
    /// would look alive until the deadline of the call.
    pub answer: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: 256 << 20,
            start: Duration::from_secs(30),
            detect: Duration::from_secs(5),
            computing: Duration::from_secs(10),
            // Some backends respond to a restore only when it is complete.
            total: Duration::from_mins(15),
            answer: Duration::from_mins(1),
        }
    }
}

/// An error: the call took longer than this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Late(pub(super) Duration);

/// Measures how long a call may still take. Time in which the host moves files does not count.
#[derive(Clone, Debug, Default)]
pub(super) struct Allowance(Arc<Mutex<Paused>>);

#[derive(Debug, Default)]
struct Paused {
    since: Option<Instant>,
    before: Duration,
}

/// A guard: time does not count until it is dropped.
pub(super) struct Pause(Allowance);

impl Allowance {
    pub(super) fn pause(&self) -> Pause {
        self.lock().since = Some(Instant::now());
        Pause(self.clone())
    }

    /// Waits for `call` until its time is used up.
    pub(super) async fn bound<T>(
        &self,
        total: Duration,
        call: impl Future<Output = T>,
    ) -> Result<T, Late> {
        let begun = Instant::now();
        // Pauses of earlier calls don't extend this one.
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
        // The pause of the first call does not extend the next one.
        let call = tokio::time::sleep(11 * SECOND);
        assert_eq!(
            allowance.bound(10 * SECOND, call).await,
            Err(Late(10 * SECOND))
        );
    }
}
