use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::sync::mpsc::Receiver;

use super::places::Place;
use super::reply;
use crate::export::{End, Session};
use crate::log::Log;
use crate::strategy::{Failure, Piece};

/// An answer that notifies the place of its connection when its whole body has been read.
pub struct Placed {
    pub body: reply::Body,
    pub place: Arc<Place>,
}

impl Drop for Placed {
    fn drop(&mut self) {
        self.place.answered();
    }
}

impl Body for Placed {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The body of an artifact.
///
/// An error in the middle ends the connection before the announced length, or without the final chunk. A
/// client therefore can't mistake a part for a whole artifact. Dropping this value drops its export.
pub struct Leaving {
    first: Option<Frame<Bytes>>,
    pieces: Receiver<Piece>,
    /// The number of bytes that remain, if the length was announced.
    left: Option<u64>,
    sent: u64,
    session: Arc<Session>,
    log: Log,
}

impl Leaving {
    pub fn new(
        first: Option<Frame<Bytes>>,
        pieces: Receiver<Piece>,
        size: Option<u64>,
        session: Arc<Session>,
        log: Log,
    ) -> Self {
        Self {
            first,
            pieces,
            left: size,
            sent: 0,
            session,
            log,
        }
    }

    fn pass(&mut self, frame: Frame<Bytes>) -> Frame<Bytes> {
        let length = frame.data_ref().map_or(0, |data| data.len() as u64);
        self.sent += length;
        self.left = self.left.map(|left| left.saturating_sub(length));
        // The reader of a body of a known length may not poll again after its last byte.
        if frame.is_trailers() || self.left == Some(0) {
            self.session.end(End::Sent { bytes: self.sent });
        }
        frame
    }

    fn fail(&self, failure: Failure) -> Failure {
        self.session.end(End::Failed);
        let number = self.session.number;
        self.log.error(&format!(
            "export {number}: aborted after {} bytes: {failure}",
            self.sent
        ));
        failure
    }
}

impl Body for Leaving {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(self.pass(first))));
        }
        let piece = ready!(self.pieces.poll_recv(context));
        Poll::Ready(match piece {
            Some(Ok(frame)) => Some(Ok(self.pass(frame))),
            Some(Err(failure)) => Some(Err(self.fail(failure))),
            None => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.left == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        self.left
            .map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
