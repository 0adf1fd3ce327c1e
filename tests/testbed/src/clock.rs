//! The time that the simulated cluster believes in.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// A clock that stands still or follows the system's, and that tests can move forward.
///
/// Clones share the same time.
#[derive(Debug, Clone)]
pub struct Clock {
    inner: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    /// The moment at which a standing clock stands.
    fixed: Option<Timestamp>,
    ahead: SignedDuration,
}

impl Clock {
    /// A clock that follows the system's.
    pub fn system() -> Self {
        Self::new(None)
    }

    /// A clock that stands at `moment` until it is moved.
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
        }
    }

    /// The present moment.
    pub fn now(&self) -> Timestamp {
        let state = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        state.fixed.unwrap_or_else(Timestamp::now) + state.ahead
    }

    /// Moves the clock forward (or back, with a negative duration).
    pub fn advance(&self, by: SignedDuration) {
        self.inner
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .ahead += by;
    }
}

/// RFC 3339 in whole seconds, as Kubernetes writes `metav1.Time`.
pub(crate) fn seconds(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// RFC 3339 in milliseconds, as HiveMQ writes some of its times.
pub(crate) fn millis(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}
