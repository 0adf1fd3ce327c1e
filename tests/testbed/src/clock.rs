//! The time of the simulated cluster.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

/// A clock that stands still or follows the system's, and that tests can move.
///
/// Clones share the same time.
#[derive(Debug, Clone)]
pub struct Clock {
    inner: Arc<Mutex<State>>,
    moved: Arc<watch::Sender<()>>,
}

#[derive(Debug)]
struct State {
    /// The time of a stopped clock.
    fixed: Option<Timestamp>,
    ahead: SignedDuration,
}

impl Clock {
    /// Returns a clock that follows the system's.
    pub fn system() -> Self {
        Self::new(None)
    }

    /// Returns a clock that stands at `moment` until it is moved.
    pub fn fixed(moment: Timestamp) -> Self {
        Self::new(Some(moment))
    }

    fn new(fixed: Option<Timestamp>) -> Self {
        let state = State {
            fixed,
            ahead: SignedDuration::ZERO,
        };
        Self {
            inner: Arc::new(Mutex::new(state)),
            moved: Arc::default(),
        }
    }

    /// Returns the current time.
    pub fn now(&self) -> Timestamp {
        let state = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        state.fixed.unwrap_or_else(Timestamp::now) + state.ahead
    }

    /// Moves the clock forward, or back for a negative duration.
    pub fn advance(&self, by: SignedDuration) {
        self.inner
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .ahead += by;
        self.moved.send_replace(());
    }

    /// Waits until the clock reaches a time. A stopped clock reaches it only when it is moved.
    pub(crate) async fn reach(&self, moment: Timestamp) {
        let mut moves = self.moved.subscribe();
        loop {
            moves.mark_unchanged();
            let left = moment.duration_since(self.now());
            let Some(left) = left
                .try_into()
                .ok()
                .filter(|left: &Duration| !left.is_zero())
            else {
                return;
            };
            if self.stands() {
                // The sender lives as long as the clock.
                let _ = moves.changed().await;
                continue;
            }
            tokio::select! {
                () = tokio::time::sleep(left) => {}
                _ = moves.changed() => {}
            }
        }
    }

    fn stands(&self) -> bool {
        let state = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        state.fixed.is_some()
    }
}

/// Formats a time as RFC 3339 in whole seconds, like `metav1.Time` of Kubernetes.
pub(crate) fn seconds(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Formats a time as RFC 3339 in milliseconds, like some of HiveMQ's times.
pub(crate) fn millis(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::task::Poll;

    use super::*;

    #[tokio::test]
    async fn a_stopped_clock_reaches_a_time_when_it_is_moved() {
        let clock = Clock::fixed("2026-01-05T10:00:00Z".parse().unwrap());
        let moment = clock.now() + SignedDuration::from_secs(10);
        let mut waiting = Box::pin(clock.reach(moment));
        clock.advance(SignedDuration::from_secs(9));
        let still = std::future::poll_fn(|context| {
            Poll::Ready(waiting.as_mut().poll(context).is_pending())
        });
        assert!(still.await);
        clock.advance(SignedDuration::from_secs(1));
        waiting.await;
    }
}
