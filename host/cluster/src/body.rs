//! The body of a response. It ends successfully only if all of it has arrived.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep};

use super::exchange::{Connection, Parking};
use super::{ClusterError, Phase, PodPort};

/// The bytes from a backend, as they arrive.
///
/// The end (`None`) is returned only when the body is complete: at its Content-Length or at its last chunk.
/// If the backend announced neither, the end is a properly closed connection. A dead tunnel, an early end and
/// a passed deadline are errors that say how many bytes had arrived.
pub struct BackendBody {
    incoming: Incoming,
    at: PodPort,
    /// `None` once the body has ended or failed.
    connection: Option<Connection>,
    parking: Parking,
    received: u64,
    expected: Option<u64>,
    delimited: bool,
    idle: Duration,
    idle_timer: Pin<Box<Sleep>>,
    /// True while this side waits for bytes. Only then the idle timer runs.
    waiting: bool,
    total: Option<(Duration, Pin<Box<Sleep>>)>,
}

impl BackendBody {
    pub(super) fn new(
        incoming: Incoming,
        delimited: bool,
        connection: Connection,
        parking: Parking,
        idle: Duration,
        total: Option<(Duration, Instant)>,
    ) -> Self {
        let mut body = Self {
            expected: incoming.size_hint().exact(),
            incoming,
            at: connection.at().clone(),
            connection: Some(connection),
            parking,
            received: 0,
            delimited,
            idle,
            idle_timer: Box::pin(tokio::time::sleep(idle)),
            waiting: false,
            total: total.map(|(length, at)| (length, Box::pin(tokio::time::sleep_until(at)))),
        };
        body.park_if_complete();
        body
    }

    /// Returns how many bytes have arrived.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Returns how many bytes the backend announced, if it did.
    #[must_use]
    pub fn expected(&self) -> Option<u64> {
        self.expected
    }

    /// Returns true if the backend marks the end of the body. Without a mark, a backend that stops early and
    /// closes properly looks like one that is done: check a digest.
    #[must_use]
    pub fn is_delimited(&self) -> bool {
        self.delimited
    }

    /// Returns the next piece; `None` when the body is complete.
    ///
    /// # Errors
    /// When the rest can't arrive any more, or not in time.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, ClusterError> {
        loop {
            match self.frame().await {
                None => return Ok(None),
                // Trailers carry nothing that an engine could ask for.
                Some(frame) => {
                    if let Ok(bytes) = frame?.into_data() {
                        return Ok(Some(bytes));
                    }
                }
            }
        }
    }

    /// Returns the whole body if it has at most `limit` bytes.
    ///
    /// # Errors
    /// When it is longer, and those of [`BackendBody::chunk`].
    pub async fn read_to_end(mut self, limit: usize) -> Result<Bytes, ClusterError> {
        let mut whole = Vec::new();
        while let Some(bytes) = self.chunk().await? {
            if whole.len() + bytes.len() > limit {
                return Err(ClusterError::BodyTooLong { at: self.at, limit });
            }
            whole.extend_from_slice(&bytes);
        }
        Ok(whole.into())
    }

    fn park_if_complete(&mut self) {
        if self.incoming.is_end_stream()
            && let Some(connection) = self.connection.take()
        {
            self.parking.put(connection);
        }
    }
}

impl BackendBody {
    fn late(&mut self, phase: Phase, after: Duration) -> ClusterError {
        // Without its connection, no further bytes can arrive.
        self.connection = None;
        ClusterError::TimedOut {
            at: self.at.clone(),
            phase,
            after,
            received: self.received,
            expected: self.expected,
        }
    }

    /// Returns an error if a deadline has passed.
    fn poll_late(&mut self, context: &mut Context<'_>) -> Poll<ClusterError> {
        if !self.waiting {
            self.waiting = true;
            self.idle_timer.as_mut().reset(Instant::now() + self.idle);
        }
        if self.idle_timer.as_mut().poll(context).is_ready() {
            let idle = self.idle;
            return Poll::Ready(self.late(Phase::Idle, idle));
        }
        self.poll_total(context)
    }

    fn poll_total(&mut self, context: &mut Context<'_>) -> Poll<ClusterError> {
        let Some((length, timer)) = &mut self.total else {
            return Poll::Pending;
        };
        let length = *length;
        timer
            .as_mut()
            .poll(context)
            .map(|()| self.late(Phase::Total, length))
    }
}

impl Body for BackendBody {
    type Data = Bytes;
    type Error = ClusterError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ClusterError>>> {
        let this = &mut *self;
        if this.connection.is_none() {
            return Poll::Ready(None);
        }
        // A backend that sends single bytes never lets the idle timer expire, so the total is checked before
        // each piece.
        if let Poll::Ready(late) = this.poll_total(context) {
            return Poll::Ready(Some(Err(late)));
        }
        match Pin::new(&mut this.incoming).poll_frame(context) {
            Poll::Pending => this.poll_late(context).map(|late| Some(Err(late))),
            Poll::Ready(Some(Ok(frame))) => {
                this.waiting = false;
                if let Some(bytes) = frame.data_ref() {
                    this.received += bytes.len() as u64;
                }
                this.park_if_complete();
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(source))) => {
                let connection = this.connection.take();
                Poll::Ready(connection.map(|connection| {
                    Err(connection.body_error(source, this.received, this.expected))
                }))
            }
            Poll::Ready(None) => {
                if let Some(connection) = this.connection.take() {
                    this.parking.put(connection);
                }
                Poll::Ready(None)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.connection.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl std::fmt::Debug for BackendBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BackendBody")
            .field("at", &self.at)
            .field("received", &self.received)
            .field("expected", &self.expected)
            .finish_non_exhaustive()
    }
}
