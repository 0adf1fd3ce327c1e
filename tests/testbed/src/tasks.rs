//! Background tasks that end with their testbed.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::JoinSet;

/// A set of background tasks. Clones share the set; [`Tasks::stop`] aborts all of them.
#[derive(Debug, Clone, Default)]
pub struct Tasks {
    set: Arc<Mutex<JoinSet<()>>>,
}

impl Tasks {
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut set = self.set.lock().unwrap_or_else(PoisonError::into_inner);
        // A set keeps the result of every finished task: without this loop it would only grow.
        while set.try_join_next().is_some() {}
        set.spawn(task);
    }

    pub fn stop(&self) {
        self.set
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .abort_all();
    }
}
