//! Work that goes on after a command was stopped, such as aborting an upload.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

/// Counts the tasks of all stores of a process. Copies of it count together.
#[derive(Clone, Debug)]
pub struct Cleanup(Arc<watch::Sender<usize>>);

impl Default for Cleanup {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }
}

/// One task; dropping it ends the count.
pub(crate) struct Working(Cleanup);

impl Cleanup {
    pub(crate) fn begin(&self) -> Working {
        self.0.send_modify(|count| *count += 1);
        Working(self.clone())
    }

    /// Waits until all tasks have ended, but no longer than `longest`. A process that is stopped calls it before
    /// it exits.
    pub async fn settled(&self, longest: Duration) {
        let mut count = self.0.subscribe();
        let _ = tokio::time::timeout(longest, count.wait_for(|count| *count == 0)).await;
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        self.0.0.send_modify(|count| *count -= 1);
    }
}
