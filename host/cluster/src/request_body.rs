//! The body of a request to a backend: bytes in memory, or a stream.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::Instant;

/// The reason why the stream of a request body failed.
pub type StreamError = Box<dyn std::error::Error + Send + Sync>;

/// The body of a request.
///
/// A stream can't be sent twice: once a byte of it was taken, its request is not repeated.
pub struct RequestBody(Kind);

enum Kind {
    Whole(Full<Bytes>),
    Stream(Arc<Mutex<Source>>),
}

/// A stream and its progress. The sender and the code that waits for the response share it.
struct Source {
    body: BoxBody<Bytes, StreamError>,
    sent: u64,
    /// When a piece was last taken; `None` before the first.
    moved: Option<Instant>,
    ended: bool,
    /// The failure of the stream. The code that reports the failure takes it.
    failed: Option<StreamError>,
}

impl RequestBody {
    /// Creates a streamed body. Its length is announced if its size hint is exact.
    pub fn stream<B>(body: B) -> Self
    where
        B: Body<Data = Bytes> + Send + Sync + 'static,
        B::Error: Into<StreamError>,
    {
        Self(Kind::Stream(Arc::new(Mutex::new(Source {
            body: body.map_err(Into::into).boxed(),
            sent: 0,
            moved: None,
            ended: false,
            failed: None,
        }))))
    }

    /// Returns the same body for one attempt: the sender uses one handle, and the waiting code another.
    pub(super) fn share(&self) -> Self {
        Self(match &self.0 {
            Kind::Whole(body) => Kind::Whole(body.clone()),
            Kind::Stream(source) => Kind::Stream(Arc::clone(source)),
        })
    }

    /// Returns true if the body permits a repetition of the request.
    pub(super) fn is_untouched(&self) -> bool {
        self.source().is_none_or(|source| source.moved.is_none())
    }

    /// Returns when the backend must have taken the next piece or responded: `idle` after the last piece, and
    /// `first_byte` after all of them.
    pub(super) fn due(&self, begun: Instant, first_byte: Duration, idle: Duration) -> Instant {
        match self.source() {
            None => begun + first_byte,
            Some(source) if source.ended => source.moved.unwrap_or(begun) + first_byte,
            Some(source) => source.moved.unwrap_or(begun) + idle,
        }
    }

    /// Returns how many bytes were sent, if there are more to send.
    pub(super) fn unfinished(&self) -> Option<u64> {
        let source = self.source()?;
        (!source.ended).then_some(source.sent)
    }

    pub(super) fn take_failure(&self) -> Option<StreamError> {
        self.source()?.failed.take()
    }

    fn source(&self) -> Option<MutexGuard<'_, Source>> {
        match &self.0 {
            Kind::Whole(_) => None,
            Kind::Stream(source) => Some(source.lock().unwrap_or_else(PoisonError::into_inner)),
        }
    }
}

impl From<Full<Bytes>> for RequestBody {
    fn from(body: Full<Bytes>) -> Self {
        Self(Kind::Whole(body))
    }
}

impl From<Bytes> for RequestBody {
    fn from(bytes: Bytes) -> Self {
        Full::new(bytes).into()
    }
}

/// An error for the sender: the stream failed, and the waiting code has the reason.
#[derive(Debug, thiserror::Error)]
#[error("the body of the request can't be read any further")]
pub struct Broken;

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        if let Kind::Whole(body) = &mut self.0 {
            let polled = Pin::new(body).poll_frame(context);
            return polled.map_err(|never| match never {});
        }
        let Some(mut source) = self.source() else {
            return Poll::Ready(None);
        };
        let polled = Pin::new(&mut source.body).poll_frame(context);
        source.moved.get_or_insert_with(Instant::now);
        let Poll::Ready(frame) = polled else {
            return Poll::Pending;
        };
        source.moved = Some(Instant::now());
        Poll::Ready(match frame {
            Some(Ok(frame)) => {
                source.sent += frame.data_ref().map_or(0, |data| data.len() as u64);
                source.ended = source.body.is_end_stream();
                Some(Ok(frame))
            }
            Some(Err(error)) => {
                source.failed = Some(error);
                Some(Err(Broken))
            }
            None => {
                source.ended = true;
                None
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Whole(body) => body.is_end_stream(),
            Kind::Stream(_) => self
                .source()
                .is_none_or(|source| source.body.is_end_stream()),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Whole(body) => body.size_hint(),
            Kind::Stream(_) => self
                .source()
                .map_or_else(SizeHint::new, |source| source.body.size_hint()),
        }
    }
}
