//! A connection with a timeout for clients that accept no data.

use std::future::Future as _;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

use super::places::Place;

/// Minimum number of bytes that a client must accept within the timeout. A slower client counts as stalled.
const PROGRESS: usize = 64 * 1024;

/// The stream of one connection. It notifies its place when no data is waiting to be sent.
pub struct Patient {
    stream: TcpStream,
    place: Arc<Place>,
    /// The timeout; zero means none.
    stall: Duration,
    /// The deadline, which runs while data is waiting to be sent.
    deadline: Option<Pin<Box<Sleep>>>,
    /// The number of accepted bytes since the deadline started.
    taken: usize,
}

impl Patient {
    pub fn new(stream: TcpStream, place: Arc<Place>, stall: Duration) -> Self {
        Self {
            stream,
            place,
            stall,
            deadline: None,
            taken: 0,
        }
    }

    /// Handles the result of an attempt to send `offered` bytes.
    fn bound(
        &mut self,
        context: &mut Context<'_>,
        offered: usize,
        sent: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match sent {
            Poll::Ready(Ok(bytes)) => {
                self.taken += bytes;
                if bytes == offered || self.taken >= PROGRESS {
                    self.restart();
                }
                sent
            }
            Poll::Pending if !self.stall.is_zero() => {
                let (stall, taken) = (self.stall, &mut self.taken);
                let deadline = self.deadline.get_or_insert_with(|| {
                    *taken = 0;
                    Box::pin(sleep(stall))
                });
                deadline.as_mut().poll(context).map(|()| {
                    let text = "the client reads nothing";
                    Err(io::Error::new(io::ErrorKind::TimedOut, text))
                })
            }
            other => other,
        }
    }

    fn restart(&mut self) {
        self.deadline = None;
        self.taken = 0;
    }
}

impl AsyncRead for Patient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Patient {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let sent = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.bound(context, bytes.len(), sent)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let offered = parts.iter().map(|part| part.len()).sum();
        let sent = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.bound(context, offered, sent)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        if let Poll::Ready(Ok(())) = flushed {
            self.restart();
            self.place.flushed();
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
