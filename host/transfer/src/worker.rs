//! Runs threads that hash and write while the next bytes arrive.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::oneshot;

use super::gather::Piece;
use super::record::Record;

/// The next order for a thread.
#[derive(Clone)]
pub(super) enum Order {
    Bytes(Piece),
    /// All bytes so far are void.
    Restart(Record),
}

/// A thread that processes orders and returns a result.
///
/// Dropping it waits for the thread. So the received bytes are written and recorded when the drop returns,
/// and before the process can end. The wait lasts as long as the disk needs to sync; the queue holds only a
/// few MiB.
pub(super) struct Worker<T> {
    orders: Option<Sender<Order>>,
    /// `Some` until the result has been returned.
    result: Option<oneshot::Receiver<T>>,
    thread: Option<JoinHandle<()>>,
    abandoned: Arc<AtomicBool>,
}

/// The orders of one thread, as they arrive, until there are no more.
pub(super) struct Orders {
    queue: Receiver<Order>,
    abandoned: Arc<AtomicBool>,
}

impl Orders {
    /// Returns true if nothing waits for the result any more, so that long work may be skipped.
    pub(super) fn abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Relaxed)
    }

    /// Returns the next order, like [`Iterator::next`], if it arrives in time.
    ///
    /// # Errors
    /// A timeout if no order arrived within `longest`, or a disconnection if there are no more orders.
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
                // The receiver may be gone, so a failed send is ignored.
                let _ = done.send(work(for_thread));
            })?;
        Ok(Self {
            orders: Some(orders),
            result: Some(result),
            thread: Some(thread),
            abandoned,
        })
    }

    /// Sends an order. Returns false if the thread takes no more orders; its result has the reason.
    pub(super) fn send(&self, order: Order) -> bool {
        self.orders
            .as_ref()
            .is_some_and(|orders| orders.send(order).is_ok())
    }

    /// Returns the result after all orders. It is `None` if the thread panicked or the result was returned
    /// before.
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
            // A panic of the thread has already shown as a missing result.
            let _ = thread.join();
        }
    }
}
