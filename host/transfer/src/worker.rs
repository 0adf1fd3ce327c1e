//! Threads that hash and write while the next bytes come.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::oneshot;

use super::gather::Piece;
use super::record::Record;

/// What a thread is to do next.
#[derive(Clone)]
pub(super) enum Order {
    Bytes(Piece),
    /// Everything so far is void.
    Restart(Record),
}

/// A thread that works through orders and comes to a result.
///
/// Dropping it waits for the thread: what came is written and recorded when the drop is over, and so
/// before the process can end. That wait is for the disk, for as long as it takes to sync what is not
/// synced; what is still in the queue is a few MiB at most.
pub(super) struct Worker<T> {
    orders: Option<Sender<Order>>,
    /// Until it has been given.
    result: Option<oneshot::Receiver<T>>,
    thread: Option<JoinHandle<()>>,
    abandoned: Arc<AtomicBool>,
}

/// The orders of one thread, as they come, until there are no more.
pub(super) struct Orders {
    queue: Receiver<Order>,
    abandoned: Arc<AtomicBool>,
}

impl Orders {
    /// Whether nobody waits for the result any more: what takes long may be left undone.
    pub(super) fn abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Relaxed)
    }

    /// The next order, as [`Iterator::next`], if it comes in time.
    ///
    /// # Errors
    /// Says whether it did not come within `longest`, or there are no more.
    pub(super) fn next_within(&self, longest: Duration) -> Result<Order, RecvTimeoutError> {
        self.queue.recv_timeout(longest)
    }
}

impl Iterator for Orders {
    type Item = Order;

    fn next(&mut self) -> Option<Order> {
        self.queue.recv().ok()
    }
}

impl<T: Send + 'static> Worker<T> {
    pub(super) fn start(
        name: &str,
        work: impl FnOnce(Orders) -> T + Send + 'static,
    ) -> io::Result<Self> {
        let (orders, queue) = mpsc::channel();
        let (done, result) = oneshot::channel();
        let abandoned = Arc::new(AtomicBool::new(false));
        let for_thread = Orders {
            queue,
            abandoned: Arc::clone(&abandoned),
        };
        let thread = thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                // Nobody may want the result any more.
                let _ = done.send(work(for_thread));
            })?;
        Ok(Self {
            orders: Some(orders),
            result: Some(result),
            thread: Some(thread),
            abandoned,
        })
    }

    /// Whether the thread still takes orders. One that does not has a result that says why.
    pub(super) fn send(&self, order: Order) -> bool {
        self.orders
            .as_ref()
            .is_some_and(|orders| orders.send(order).is_ok())
    }

    /// The result, after all orders. None when the thread died, and when it was given already.
    pub(super) async fn finish(&mut self) -> Option<T> {
        self.orders = None;
        let result = self.result.as_mut()?.await;
        self.result = None;
        result.ok()
    }
}

impl<T> Drop for Worker<T> {
    fn drop(&mut self) {
        self.abandoned.store(true, Ordering::Relaxed);
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            // A panic there has been seen as a missing result.
            let _ = thread.join();
        }
    }
}
