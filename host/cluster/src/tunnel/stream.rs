//! Presents one forwarded port as a byte stream over a websocket.
//!
//! Source of the protocol: `k8s.io/kubelet/pkg/cri/streaming/portforward/websocket.go` and
//! `k8s.io/apimachinery/pkg/util/httpstream/wsstream`. Every message is binary and begins with its channel: 0
//! is data, 1 is errors. The first message of each channel contains the port, little-endian. A kubelet
//! negotiates `v4.channel.k8s.io`. Under `v5`, which a component in between may choose, the message `[255,
//! channel]` closes a channel.
//!
//! The stream ends (a read of 0 bytes) only when the far end closed it properly. A dead websocket and a
//! reason on the error channel are errors. At most one message is buffered in each direction, so a reader
//! that stops reading stops the far end.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use futures_util::{Sink, Stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::super::upgrade::cause;
use super::ending::{Ending, Verdict};

const DATA: u8 = 0;
const ERRORS: u8 = 1;
const CLOSE: u8 = 255;

/// The maximum number of bytes of one write that go into one message.
const MAX_WRITE: usize = 256 * 1024;

/// The maximum length of a text from the error channel, in bytes.
const MAX_REASON: usize = 4096;

/// How long after the end of the data a reason may still arrive on the error channel.
const REASON_GRACE: Duration = Duration::from_secs(2);

pub(in super::super) struct TunnelStream<S> {
    websocket: WebSocketStream<S>,
    port: u16,
    verdict: Verdict,
    /// The rest of the last data message.
    unread: Bytes,
    /// True for each channel that has sent its port.
    named: [bool; 2],
    /// Set after the end of the data, while a reason may still follow.
    grace: Option<Pin<Box<Sleep>>>,
    ended: bool,
    /// True after writing has failed. Further writes are dropped; see [`TunnelStream::give_up_writing`].
    unwritable: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> TunnelStream<S> {
    pub fn new(websocket: WebSocketStream<S>, port: u16, verdict: Verdict) -> Self {
        Self {
            websocket,
            port,
            verdict,
            unread: Bytes::new(),
            named: [false; 2],
            grace: None,
            ended: false,
            unwritable: false,
        }
    }

    /// Waits until there is data, the proper end (`Ok`, nothing unread), or an error.
    fn poll_data(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.unread.is_empty() && !self.ended {
            let message = match Pin::new(&mut self.websocket).poll_next(context) {
                Poll::Ready(message) => message,
                Poll::Pending => {
                    let Some(grace) = &mut self.grace else {
                        return Poll::Pending;
                    };
                    ready!(grace.as_mut().poll(context));
                    self.end(Ending::Closed);
                    continue;
                }
            };
            match message {
                Some(Ok(Message::Binary(bytes))) => self.take(bytes),
                // tungstenite answers pings itself, and the protocol has no text.
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Ok(Message::Text(_))) => {
                    self.lose("the API server sent text, which the protocol does not allow");
                }
                Some(Ok(Message::Close(frame))) => match frame {
                    None => self.end(Ending::Closed),
                    Some(frame) if matches!(frame.code, CloseCode::Normal | CloseCode::Status) => {
                        self.end(Ending::Closed);
                    }
                    Some(frame) => self.lose(&format!("it was closed with {frame}")),
                },
                Some(Err(error)) => self.lose(&cause(&error)),
                None => self.lose("it ended without a close message"),
            }
        }
        match self.verdict.get() {
            Some(ending) if self.unread.is_empty() && ending != Ending::Closed => {
                Poll::Ready(Err(broken(ending)))
            }
            _ => Poll::Ready(Ok(())),
        }
    }

    fn take(&mut self, mut message: Bytes) {
        let Some(channel) = message.first().copied() else {
            return;
        };
        message.advance(1);
        match channel {
            DATA | ERRORS if !self.named[usize::from(channel)] => {
                self.named[usize::from(channel)] = true;
                if *message != self.port.to_le_bytes() {
                    self.lose("it did not begin with the number of the port");
                }
            }
            // No data may follow the end of the data.
            DATA if self.grace.is_none() => self.unread = message,
            ERRORS if !message.is_empty() => {
                message.truncate(MAX_REASON);
                let reason = String::from_utf8_lossy(&message).trim().to_owned();
                self.end(Ending::Refused(reason));
            }
            CLOSE if *message == [DATA] && self.grace.is_none() => {
                self.grace = Some(Box::pin(tokio::time::sleep(REASON_GRACE)));
            }
            CLOSE if *message == [ERRORS] && self.grace.is_some() => self.end(Ending::Closed),
            // Empty messages are ignored, and so are closes and channels that don't concern this port.
            _ => {}
        }
    }

    fn lose(&mut self, reason: &str) {
        // After the end of the data, it does not matter how the websocket closes.
        let ending = if self.grace.is_some() {
            Ending::Closed
        } else {
            Ending::Lost(reason.to_owned())
        };
        self.end(ending);
    }

    fn end(&mut self, ending: Ending) {
        self.ended = true;
        self.verdict.set(ending);
    }

    /// Ends writing without an error. The last words of the far end are still unread, and they are the better
    /// reason. Reading meets the same end and reports it.
    fn give_up_writing(&mut self) {
        self.unwritable = true;
    }
}

fn broken(ending: Ending) -> io::Error {
    let (kind, reason) = match ending {
        Ending::Closed => (io::ErrorKind::UnexpectedEof, "closed".to_owned()),
        Ending::Refused(reason) => (io::ErrorKind::ConnectionRefused, reason),
        Ending::Lost(reason) => (io::ErrorKind::ConnectionAborted, reason),
    };
    io::Error::new(kind, reason)
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for TunnelStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        ready!(self.poll_data(context))?;
        loop {
            let length = self.unread.len().min(buffer.remaining());
            buffer.put_slice(&self.unread[..length]);
            self.unread.advance(length);
            if self.unread.is_empty() {
                // An empty rest would keep the websocket from reusing the memory of this message.
                self.unread = Bytes::new();
            }
            // Data that is already here is returned, too. An error after it is returned by the next read.
            let more = buffer.remaining() > 0
                && !self.ended
                && matches!(self.poll_data(context), Poll::Ready(Ok(())))
                && !self.unread.is_empty();
            if !more {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for TunnelStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let length = bytes.len().min(MAX_WRITE);
        if self.unwritable || length == 0 {
            return Poll::Ready(Ok(bytes.len()));
        }
        if ready!(Pin::new(&mut self.websocket).poll_ready(context)).is_err() {
            self.give_up_writing();
            return Poll::Ready(Ok(bytes.len()));
        }
        let mut message = Vec::with_capacity(length + 1);
        message.push(DATA);
        message.extend_from_slice(&bytes[..length]);
        let sent = Pin::new(&mut self.websocket).start_send(Message::Binary(message.into()));
        if sent.is_err() {
            self.give_up_writing();
            return Poll::Ready(Ok(bytes.len()));
        }
        Poll::Ready(Ok(length))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.unwritable && ready!(Pin::new(&mut self.websocket).poll_flush(context)).is_err() {
            self.give_up_writing();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.unwritable && ready!(Pin::new(&mut self.websocket).poll_close(context)).is_err() {
            self.give_up_writing();
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests;
