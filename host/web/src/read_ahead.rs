//! Reads a connection in large pieces.
//!
//! rustls asks for 4 KiB at a time. Without this buffer, a download makes a system call for each of them.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};

/// The size of one read, in bytes. The pages of the buffer are touched only where bytes arrive.
const SIZE: usize = 128 << 10;

/// A connection with a large read buffer.
pub struct ReadAhead<T> {
    inner: T,
    buffer: Box<[u8]>,
    /// The start of the unread bytes in `buffer`.
    start: usize,
    end: usize,
}

impl<T> ReadAhead<T> {
    pub(crate) fn new(inner: T) -> Self {
        Self {
            inner,
            buffer: vec![0; SIZE].into_boxed_slice(),
            start: 0,
            end: 0,
        }
    }
}

impl<T: Read + Unpin> Read for ReadAhead<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut wanted: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.start == this.end {
            let mut read = ReadBuf::new(&mut this.buffer);
            ready!(Pin::new(&mut this.inner).poll_read(context, read.unfilled()))?;
            (this.start, this.end) = (0, read.filled().len());
        }
        let length = wanted.remaining().min(this.end - this.start);
        wanted.put_slice(&this.buffer[this.start..this.start + length]);
        this.start += length;
        Poll::Ready(Ok(()))
    }
}

impl<T: Write + Unpin> Write for ReadAhead<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write_vectored(context, slices)
    }
}

impl<T: Connection> Connection for ReadAhead<T> {
    fn connected(&self) -> Connected {
        self.inner.connected()
    }
}

#[cfg(test)]
mod tests {
    use hyper_util::rt::TokioIo;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn small_reads_come_out_of_one_large_read() {
        let (mut far, near) = tokio::io::duplex(SIZE * 2);
        let bytes: Vec<u8> = (0..SIZE + 10_000)
            .map(|n| u8::try_from(n % 251).unwrap())
            .collect();
        far.write_all(&bytes).await.unwrap();
        let mut ahead = TokioIo::new(ReadAhead::new(TokioIo::new(near)));
        let mut first = [0; 100];
        ahead.read_exact(&mut first).await.unwrap();
        let inner = ahead.inner();
        assert_eq!((inner.start, inner.end), (100, SIZE));
        // The end of the connection shows only after all bytes before it.
        drop(far);
        let mut rest = Vec::new();
        ahead.read_to_end(&mut rest).await.unwrap();
        assert_eq!([&first[..], &rest].concat(), bytes);
    }

    #[tokio::test]
    async fn what_is_written_goes_out_at_once() {
        let (mut far, near) = tokio::io::duplex(64);
        let mut ahead = TokioIo::new(ReadAhead::new(TokioIo::new(near)));
        ahead.write_all(b"ping").await.unwrap();
        ahead.flush().await.unwrap();
        let mut got = [0; 4];
        far.read_exact(&mut got).await.unwrap();
        assert_eq!(&got, b"ping");
    }
}
