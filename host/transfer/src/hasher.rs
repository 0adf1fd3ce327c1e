//! SHA-256 on a thread of its own: in the thread that writes, it would halve the rate.

use std::io::{Read as _, Seek as _};
use std::sync::Arc;

use host_base::Sha256;
use sha2::Digest as _;
use tokio::sync::oneshot;

use super::TransferError;
use super::part::Part;
use super::worker::{Order, Orders, Worker};

pub(super) type Hasher = Worker<Result<Sha256, TransferError>>;

/// How much of a file is read at once.
const BLOCK: usize = 256 << 10;

/// Hashes what comes.
pub(super) fn start() -> Result<Hasher, TransferError> {
    spawn(|orders| Ok(follow(sha2::Sha256::new(), orders)))
}

/// Hashes the first `length` bytes of the part, and then what comes. The receiver hears when the
/// first is done; until then nobody else may use the part.
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
