//! Remembers the first bytes of a server, which show whether it speaks TLS.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The maximum number of bytes that are kept.
const KEPT: usize = 1024;

/// The types of the records that a server of TLS begins with: an alert, and a handshake.
const RECORDS: [u8; 2] = [0x15, 0x16];

/// The texts with which servers of TLS refuse a plain request: Go's `net/http`, nginx, and Apache.
const REFUSALS: [&[u8]; 3] = [
    b"HTTP request to an HTTPS server",
    b"plain HTTP request was sent to HTTPS port",
    b"speaking plain HTTP to an SSL-enabled server port",
];

/// The first bytes that a server sent.
#[derive(Clone, Default)]
pub(super) struct FirstBytes(Arc<Mutex<Vec<u8>>>);

impl FirstBytes {
    /// Returns true if the server speaks HTTP without TLS.
    pub fn are_http(&self) -> bool {
        self.bytes(|bytes| bytes.starts_with(b"HTTP/"))
    }

    /// Returns true if the server speaks TLS, or refuses to speak without it.
    pub fn want_tls(&self) -> bool {
        self.bytes(|bytes| {
            let begins_a_record = matches!(bytes, [kind, 3, ..] if RECORDS.contains(kind));
            let says = |text: &&[u8]| bytes.windows(text.len()).any(|part| part == *text);
            begins_a_record || REFUSALS.iter().any(says)
        })
    }

    fn bytes<T>(&self, look: impl FnOnce(&[u8]) -> T) -> T {
        look(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Adds received bytes. Returns true if no more are needed.
    fn add(&self, bytes: &[u8]) -> bool {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let free = KEPT - kept.len();
        kept.extend_from_slice(&bytes[..bytes.len().min(free)]);
        kept.len() == KEPT
    }
}

/// A stream whose first bytes are remembered.
pub(super) struct Remembering<S> {
    stream: S,
    first: FirstBytes,
    is_full: bool,
}

impl<S> Remembering<S> {
    pub fn new(stream: S) -> Self {
        Self {
            stream,
            first: FirstBytes::default(),
            is_full: false,
        }
    }

    pub fn first(&self) -> FirstBytes {
        self.first.clone()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Remembering<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        if !self.is_full {
            self.is_full = self.first.add(&buffer.filled()[before..]);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Remembering<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;

    #[tokio::test]
    async fn the_first_bytes_show_what_a_server_speaks() {
        for (bytes, http, tls) in [
            (&b"HTTP/1.1 200 OK\r\n\r\n"[..], true, false),
            (b"\x15\x03\x01\x00\x02\x02\x46", false, true),
            (b"\x16\x03\x03\x00\x7a\x02", false, true),
            (
                b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n",
                true,
                true,
            ),
            (b"\x15", false, false),
            (b"220 ready", false, false),
            (b"", false, false),
        ] {
            let mut stream = Remembering::new(bytes);
            let mut read = Vec::new();
            stream.read_to_end(&mut read).await.unwrap();
            assert_eq!(read, bytes);
            let first = stream.first();
            assert_eq!((first.are_http(), first.want_tls()), (http, tls), "{bytes:?}");
        }
    }

    #[tokio::test]
    async fn no_more_than_the_first_bytes_are_kept() {
        let long = [b"HTTP/".as_slice(), &[0; 5000], REFUSALS[0]].concat();
        let mut stream = Remembering::new(&long[..]);
        let mut read = Vec::new();
        stream.read_to_end(&mut read).await.unwrap();
        assert_eq!(read.len(), long.len());
        assert_eq!(stream.first().bytes(<[u8]>::len), KEPT);
        assert!(stream.first().are_http() && !stream.first().want_tls());
    }
}
