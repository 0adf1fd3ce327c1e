//! The connections to the API server, which tests can break.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::watch;

/// All connections to the API server. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Connections {
    broken: Arc<watch::Sender<()>>,
    refused: Arc<AtomicBool>,
}

impl Connections {
    /// Breaks every open connection, in the middle of what it does.
    pub fn break_all(&self) {
        self.broken.send_replace(());
    }

    /// Sets whether new connections are closed at once.
    pub fn refuse(&self, refused: bool) {
        self.refused.store(refused, Ordering::SeqCst);
    }

    /// Takes a new connection, unless all are refused.
    pub(super) fn accept(&self, stream: TcpStream) -> Option<Connection> {
        // A connection that is not refused is broken with the others.
        let mut broken = self.broken.subscribe();
        if self.refused.load(Ordering::SeqCst) {
            return None;
        }
        Some(Connection {
            stream,
            broken: Box::pin(async move {
                // The sender lives as long as the server.
                let _ = broken.changed().await;
            }),
            is_broken: false,
        })
    }
}

/// A connection that ends when all are broken. Port-forwards and watches go over it, too.
pub struct Connection {
    stream: TcpStream,
    broken: Pin<Box<dyn Future<Output = ()> + Send>>,
    is_broken: bool,
}

impl Connection {
    fn check(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        self.is_broken = self.is_broken || self.broken.as_mut().poll(context).is_ready();
        if self.is_broken {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Ok(())
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(context)?;
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        // Only a reader is woken, because one waker is kept: it closes the connection for both.
        if self.is_broken {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
