//! The strategy sidecar of gabofunebre/backuper, with the answers of its source (`sidecar/`). It has two
//! routes and a token, and an export returns the backup as its body. Only its documents describe jobs in the
//! background.

mod api;
mod pages;

use std::sync::{Arc, Mutex, PoisonError};

use super::content::Content;
use crate::faults::Faults;

/// The token of the configuration, unless a fault sets another. It is useless beyond loopback.
pub const TOKEN: &str = "strategy-testbed-token";
/// The size of the strategy's backups in bytes, a little more than the period of the testbed's content.
const SIZE: u64 = 1_500_000;

/// The sidecar of one application. Clones share the state.
#[derive(Debug, Clone)]
pub struct Strategy {
    state: Arc<Mutex<State>>,
    faults: Faults,
}

#[derive(Debug, Default)]
struct State {
    /// The number of times the strategy has run.
    exports: usize,
    /// The number of polls of a deferred export's job.
    looks: u32,
}

impl Strategy {
    pub(crate) fn new(faults: Faults) -> Self {
        Self {
            state: Arc::default(),
            faults,
        }
    }

    /// Returns the number of times the strategy has run. Each time makes a backup.
    pub fn exports(&self) -> usize {
        self.with(|state| state.exports)
    }

    /// Returns the content of the strategy's backups, which never changes.
    pub fn content(&self) -> Content {
        let size = self.faults.snapshot().download.size.unwrap_or(SIZE);
        Content::new("app", size)
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
