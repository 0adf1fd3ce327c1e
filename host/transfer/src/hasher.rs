//! Computes SHA-256 on a separate thread: in the writing thread, it would halve the rate.

use std::io::{Read as _, Seek as _};
use std::sync::Arc;

use host_base::Sha256;
use sha2::Digest as _;
use tokio::sync::oneshot;

use super::TransferError;
use super::part::Part;
use super::worker::{Order, Orders, Worker};

pub(super) type Hasher = Worker<Result<Sha256, TransferError>>;

/// The number of bytes of a file that are read at once.
const BLOCK: usize = 256 << 10;

/// Starts a thread that hashes the bytes that it is sent.
pub(super) fn start() -> Result<Hasher, TransferError> {
    spawn(|orders| Ok(follow(sha2::Sha256::new(), orders)))
}

/// Starts a thread that hashes the first `length` bytes of the partial download, and then the bytes that it
/// is sent. The receiver is notified when the first part is done. Until then, no other code may use the file.
pub(super) fn start_after(
    part: &Arc<Part>,
    length: u64,
) -> Result<(Hasher, oneshot::Receiver<()>), TransferError> {
    let part = Arc::clone(part);
    let (ready, is_ready) = oneshot::channel();
    let hasher = spawn(move |orders| {
        let state = reread(&part, length, &orders)?;
        drop(part);
        let _ = ready.send(());
        Ok(follow(state, orders))
    })?;
    Ok((hasher, is_ready))
}

fn spawn(
    work: impl FnOnce(Orders) -> Result<Sha256, TransferError> + Send + 'static,
) -> Result<Hasher, TransferError> {
    Worker::start("sha256", work).map_err(|_| TransferError::Stopped)
}

fn follow(mut state: sha2::Sha256, orders: Orders) -> Sha256 {
    for order in orders {
        match order {
            Order::Bytes(piece) => state.update(&**piece),
            Order::Restart(_) => state.reset(),
        }
    }
    Sha256::of(state)
}

fn reread(part: &Part, length: u64, orders: &Orders) -> Result<sha2::Sha256, TransferError> {
    let failed = |source| TransferError::io("read", part.path(), source);
    let mut state = sha2::Sha256::new();
    let mut file = part.file();
    file.rewind().map_err(failed)?;
    let mut rest = file.take(length);
    let mut block = vec![0; BLOCK];
    while !orders.abandoned() {
        let count = rest.read(&mut block).map_err(failed)?;
        if count == 0 {
            break;
        }
        state.update(&block[..count]);
    }
    Ok(state)
}
