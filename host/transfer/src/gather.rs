//! Gathers pieces of a stream in large buffers before other threads get them.
//!
//! A port-forward delivers 32 KiB at a time. Passing each piece to two threads costs more than hashing it.

use std::mem;
use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// The size of one buffer in bytes. Tests use smaller ones.
pub(super) const SIZE: usize = if cfg!(test) { 32 << 10 } else { 1 << 20 };
/// The number of buffers of one transfer: one is filled, one hashed, one written, and one waits.
const COUNT: usize = 4;
/// How long the bytes of a slow stream wait for more bytes before they are passed on.
const PATIENCE: Duration = Duration::from_secs(1);

/// Bytes that several threads read. The buffer is reused when the last thread is done.
pub(super) type Piece = Arc<Buffer>;

pub(super) struct Buffer {
    bytes: Vec<u8>,
    home: UnboundedSender<Vec<u8>>,
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // After the end of the transfer nothing needs the buffer, so a failed send is ignored.
        let _ = self.home.send(mem::take(&mut self.bytes));
    }
}

/// The buffers of one transfer. Their number limits how many bytes wait for the threads.
pub(super) struct Gather {
    filling: Vec<u8>,
    /// When the first byte of `filling` arrived.
    since: Instant,
    made: usize,
    free: UnboundedReceiver<Vec<u8>>,
    home: UnboundedSender<Vec<u8>>,
}

impl Gather {
    pub(super) fn new() -> Self {
        let (home, free) = unbounded_channel();
        Self {
            filling: Vec::new(),
            since: Instant::now(),
            made: 0,
            free,
            home,
        }
    }

    /// Takes bytes from the front of `rest`. Returns a piece when a buffer is full; without one, all of
    /// `rest` is taken. Waits while all buffers are in use.
    pub(super) async fn add(&mut self, rest: &mut &[u8]) -> Option<Piece> {
        if rest.is_empty() {
            return None;
        }
        if self.filling.capacity() == 0 {
            self.filling = self.empty_buffer().await;
        }
        if self.filling.is_empty() {
            self.since = Instant::now();
        }
        let (now, later) = rest.split_at(rest.len().min(SIZE - self.filling.len()));
        self.filling.extend_from_slice(now);
        *rest = later;
        let is_due = self.filling.len() == SIZE || self.since.elapsed() >= PATIENCE;
        if is_due { self.take() } else { None }
    }

    /// Takes the bytes that are not in a piece yet.
    pub(super) fn take(&mut self) -> Option<Piece> {
        if self.filling.is_empty() {
            return None;
        }
        Some(Arc::new(Buffer {
            bytes: mem::take(&mut self.filling),
            home: self.home.clone(),
        }))
    }

    /// Returns how many bytes are not in a piece yet.
    pub(super) fn len(&self) -> u64 {
        self.filling.len() as u64
    }

    /// Discards the bytes that are not in a piece yet.
    pub(super) fn clear(&mut self) {
        self.filling.clear();
    }

    async fn empty_buffer(&mut self) -> Vec<u8> {
        let used = if self.made < COUNT {
            self.free.try_recv().ok()
        } else {
            // The channel is never closed, because this struct has a sender, too.
            self.free.recv().await
        };
        let mut buffer = used.unwrap_or_else(|| {
            self.made += 1;
            Vec::with_capacity(SIZE)
        });
        buffer.clear();
        buffer
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    #[tokio::test]
    async fn small_pieces_become_one_large_one() {
        let mut gather = Gather::new();
        let bytes: Vec<u8> = (0..SIZE + 7)
            .map(|n| u8::try_from(n % 251).unwrap())
            .collect();
        let mut pieces = Vec::new();
        for mut small in bytes.chunks(1000) {
            while let Some(piece) = gather.add(&mut small).await {
                pieces.push(piece);
            }
            assert!(small.is_empty());
        }
        assert_eq!(pieces.len(), 1);
        pieces.extend(gather.take());
        assert_eq!(
            pieces.iter().map(|piece| piece.len()).collect::<Vec<_>>(),
            [SIZE, 7]
        );
        assert_eq!(
            pieces[0]
                .iter()
                .chain(pieces[1].iter())
                .copied()
                .collect::<Vec<_>>(),
            bytes
        );
        assert!(gather.take().is_none());
    }

    #[tokio::test]
    async fn buffers_are_used_again_and_their_number_is_bounded() {
        let mut gather = Gather::new();
        let bytes = vec![1; SIZE];
        let mut held = Vec::new();
        for _ in 0..COUNT {
            held.push(gather.add(&mut bytes.as_slice()).await.unwrap());
        }
        let mut more = bytes.as_slice();
        assert!(
            gather.add(&mut more).now_or_never().is_none(),
            "all are in use"
        );
        let first = held[0].as_ptr();
        held.remove(0);
        let again = gather.add(&mut more).now_or_never().flatten().unwrap();
        assert_eq!(again.as_ptr(), first);
        assert!(more.is_empty());
    }

    #[tokio::test]
    async fn what_is_void_is_forgotten() {
        let mut gather = Gather::new();
        assert!(gather.add(&mut [1, 2].as_slice()).await.is_none());
        gather.clear();
        assert!(gather.add(&mut [3].as_slice()).await.is_none());
        assert_eq!(&**gather.take().unwrap(), [3]);
    }
}
