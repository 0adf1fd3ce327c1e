use std::io::{self, Write};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue};
use http_body::Frame;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc::Sender;

use super::artifact::hex;
use crate::process::Output;

/// The size of a chunk in bytes; the Python sidecar has the same.
pub const CHUNK: usize = 64 * 1024;
/// The name of the trailer of a streamed export.
pub const CHECKSUM: &str = "x-checksum-sha256";

/// A stream of bytes to the client, in chunks of one size.
///
/// The last chunk is kept until [`Chunks::finish`]. A command that writes little and then fails is thus known
/// to have failed before its first byte is sent.
pub struct Chunks<E> {
    to: Sender<Result<Frame<Bytes>, E>>,
    kept: BytesMut,
    hash: Sha256,
    size: u64,
}

impl<E: Send + 'static> Chunks<E> {
    pub fn new(to: Sender<Result<Frame<Bytes>, E>>) -> Self {
        Self {
            to,
            kept: BytesMut::with_capacity(CHUNK),
            hash: Sha256::new(),
            size: 0,
        }
    }

    /// Returns the number of bytes so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Sends the last chunk, and the checksum after it.
    ///
    /// # Errors
    ///
    /// Fails if the client is gone.
    pub async fn finish(self) -> io::Result<()> {
        if !self.kept.is_empty() {
            let last = Frame::data(self.kept.freeze());
            self.to.send(Ok(last)).await.map_err(|_| gone())?;
        }
        let mut trailers = HeaderMap::new();
        // Hexadecimal digits are valid in a header.
        if let Ok(value) = HeaderValue::from_str(&hex(&self.hash.finalize())) {
            trailers.insert(CHECKSUM, value);
        }
        let trailers = Frame::trailers(trailers);
        self.to.send(Ok(trailers)).await.map_err(|_| gone())
    }

    /// Keeps as many bytes as fit, and returns a full chunk once more bytes follow it.
    fn keep(&mut self, bytes: &mut &[u8]) -> Option<Frame<Bytes>> {
        let full = (self.kept.len() == CHUNK && !bytes.is_empty())
            .then(|| std::mem::replace(&mut self.kept, BytesMut::with_capacity(CHUNK)));
        let (now, later) = bytes.split_at(bytes.len().min(CHUNK - self.kept.len()));
        self.kept.extend_from_slice(now);
        self.hash.update(now);
        self.size += now.len() as u64;
        *bytes = later;
        full.map(|chunk| Frame::data(chunk.freeze()))
    }
}

impl<E: Send + 'static> Output for Chunks<E> {
    async fn take(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            if let Some(chunk) = self.keep(&mut bytes) {
                self.to.send(Ok(chunk)).await.map_err(|_| gone())?;
            }
        }
        Ok(())
    }
}

/// A writer for a thread that may block until the client reads.
pub struct Blocking<E>(pub Chunks<E>);

impl<E: Send + 'static> Write for Blocking<E> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut rest = bytes;
        while !rest.is_empty() {
            if let Some(chunk) = self.0.keep(&mut rest) {
                self.0.to.blocking_send(Ok(chunk)).map_err(|_| gone())?;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn gone() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "the client has disconnected")
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::mpsc;

    #[tokio::test]
    async fn the_last_chunk_waits_for_the_end() {
        let (to, mut from) = mpsc::channel::<Result<Frame<Bytes>, ()>>(8);
        let mut chunks = Chunks::new(to);
        chunks
            .take(&vec![1; CHUNK])
            .await
            .expect("somebody listens");
        assert!(from.try_recv().is_err(), "a full chunk may be the last");
        chunks.take(&[2; 3]).await.expect("somebody listens");
        let first = from
            .try_recv()
            .expect("there is more behind it")
            .expect("no error");
        assert_eq!(first.into_data().map(|data| data.len()).ok(), Some(CHUNK));
        assert_eq!(chunks.size(), CHUNK as u64 + 3);
        chunks.finish().await.expect("somebody listens");
        let last = from
            .recv()
            .await
            .expect("the last chunk")
            .expect("no error");
        assert_eq!(last.into_data().ok().as_deref(), Some(&[2, 2, 2][..]));
        let trailers = from.recv().await.expect("trailers").expect("no error");
        let trailers = trailers.into_trailers().expect("trailers");
        assert_eq!(trailers[CHECKSUM].len(), 64);
    }

    #[tokio::test]
    async fn whoever_sends_learns_that_nobody_listens() {
        let (to, from) = mpsc::channel::<Result<Frame<Bytes>, ()>>(8);
        drop(from);
        let mut chunks = Chunks::new(to);
        assert!(chunks.take(&vec![0; CHUNK + 1]).await.is_err());
    }
}
