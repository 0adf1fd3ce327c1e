//! Bodies that arrive slowly, and bodies that end early.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use tokio::sync::Notify;

use crate::web::Body;

/// Number of parts per second of a slow body.
const DRIPS_PER_SECOND: u64 = 10;

/// The changes to a body.
#[derive(Debug, Clone, Copy, Default)]
pub struct Shape {
    /// The number of bytes after which the body ends early.
    pub end: Option<u64>,
    /// The speed in bytes per second.
    pub drip: Option<u64>,
}

struct State {
    body: Body,
    waiting: VecDeque<Bytes>,
    left: Option<u64>,
    shape: Shape,
    flushed: Arc<Notify>,
    finished: bool,
}

/// Applies a shape to a body. A body that ends early also ends the connection, but only after all its bytes
/// have arrived. The end is therefore at the same byte each time.
pub fn shaped(body: Body, shape: Shape, flushed: Arc<Notify>) -> Body {
    let state = State {
        body,
        waiting: VecDeque::new(),
        left: shape.end,
        shape,
        flushed,
        finished: false,
    };
    let frames = stream::unfold(state, |mut state| async {
        let frame = state.next().await?;
        Some((frame.map(Frame::data), state))
    });
    StreamBody::new(frames).boxed_unsync()
}

impl State {
    async fn next(&mut self) -> Option<io::Result<Bytes>> {
        if self.finished {
            return None;
        }
        if self.left == Some(0) {
            self.finished = true;
            self.flushed.notified().await;
            return Some(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        while self.waiting.is_empty() {
            match self.body.frame().await? {
                Ok(frame) => self
                    .waiting
                    .extend(frame.into_data().ok().filter(|d| !d.is_empty())),
                Err(error) => return Some(Err(error)),
            }
        }
        let mut piece = self.waiting.pop_front()?;
        let mut most = self.left.unwrap_or(u64::MAX);
        if let Some(rate) = self.shape.drip {
            let drip = rate.div_ceil(DRIPS_PER_SECOND);
            tokio::time::sleep(Duration::from_secs_f64(drip_seconds(drip, rate))).await;
            most = most.min(drip);
        }
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        if piece.len() > most {
            self.waiting.push_front(piece.split_off(most));
        }
        self.left = self.left.map(|left| left - piece.len() as u64);
        Some(Ok(piece))
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "rates are far below 2^52 bytes a second"
)]
fn drip_seconds(bytes: u64, rate: u64) -> f64 {
    bytes as f64 / rate as f64
}
