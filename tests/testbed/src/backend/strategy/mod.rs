//! The strategy sidecar of gabofunebre/backuper, as its source (`sidecar/`) answers: two routes, a token,
//! and the backup as the body of an export. Jobs in the background are promised by its documents only.

mod api;
mod pages;

use std::sync::{Arc, Mutex, PoisonError};

use super::content::Content;
use crate::faults::Faults;

/// The token of its configuration, unless a fault sets another. It is worth nothing beyond loopback.
pub const TOKEN: &str = "strategy-testbed-token";
/// What its strategy makes: a little more than the testbed's content repeats after.
const SIZE: u64 = 1_500_000;

/// The sidecar of one application. Clones share the state.
#[derive(Debug, Clone)]
pub struct Strategy {
    state: Arc<Mutex<State>>,
    faults: Faults,
}

#[derive(Debug, Default)]
struct State {
    /// How often the strategy has run.
    exports: usize,
    /// How often the job of a deferred export was looked at.
    looks: u32,
}

impl Strategy {
    pub(crate) fn new(faults: Faults) -> Self {
        Self {
            state: Arc::default(),
            faults,
        }
    }

    /// How often the strategy has run: each time is a backup.
    pub fn exports(&self) -> usize {
        self.with(|state| state.exports)
    }

    /// What the strategy makes, each time the same.
    pub fn content(&self) -> Content {
        let size = self.faults.snapshot().download.size.unwrap_or(SIZE);
        Content::new("app", size)
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
