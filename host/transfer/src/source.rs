//! Defines where bytes come from, and who receives the progress.

use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use host_base::Report;
use http::HeaderMap;
use http_body_util::combinators::UnsyncBoxBody;

use super::{Expectation, TransferError};

/// The body of a response, as it arrives.
pub type Body = UnsyncBoxBody<Bytes, Report>;

/// A response of a backend.
pub type Answer = http::Response<Body>;

/// A source that can request the same bytes again.
pub trait Source: Send + Sync {
    /// Returns what identifies the bytes in every run: cluster, target and request, without credentials. It
    /// is stored in a file beside the partial download.
    fn identity(&self) -> &str;

    /// Returns true if the request may be repeated. A request that makes the backend create a backup may not
    /// be: its response is the only one.
    fn can_repeat(&self) -> bool {
        true
    }

    /// Repeats the request with these additional headers: `Accept-Encoding`, and `Range` and `If-Range` to
    /// resume from an offset. A response of any status is returned as `Ok`.
    ///
    /// Callers must check [`Source::can_repeat`] first.
    fn open<'a>(&'a self, headers: &'a HeaderMap) -> BoxFuture<'a, Result<Answer, Report>>;
}

/// Waits between two attempts.
pub trait Sleeper: Send + Sync {
    /// Waits for this time.
    fn sleep(&self, length: Duration) -> BoxFuture<'_, ()>;
}

/// Waits on tokio's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct TokioSleeper;

impl Sleeper for TokioSleeper {
    fn sleep(&self, length: Duration) -> BoxFuture<'_, ()> {
        tokio::time::sleep(length).boxed()
    }
}

/// Receives the progress of a transfer. It is called for each piece; the receiver limits how often it shows
/// it.
pub trait Progress: Send + Sync {
    /// Reports `done` of `total` bytes of the whole, including those of an earlier run. `done` returns to 0
    /// when a transfer must begin again.
    fn bytes(&self, done: u64, total: Option<u64>);

    /// Reports an event that the user may want to know about.
    fn event(&self, _event: &Event<'_>) {}
}

/// An event of a transfer, apart from received bytes.
#[derive(Debug)]
pub enum Event<'a> {
    /// The bytes of an earlier run are read again for the checksum, before the rest is requested.
    Rereading { bytes: u64 },
    /// The transfer resumes from this offset.
    Resumed { offset: u64 },
    /// The transfer begins again at zero.
    Restarted { reason: &'a str },
    /// The stream was cut; the next attempt follows after `wait`.
    Retrying {
        error: &'a TransferError,
        attempt: u32,
        wait: Duration,
    },
}

/// How often an interrupted transfer is resumed.
#[derive(Clone, Copy, Debug)]
pub struct Retry {
    /// The maximum number of attempts in a row without progress, and of restarts of one transfer.
    pub tries: u32,
    /// The number of bytes beyond the furthest position that counts as progress. Without this minimum, a
    /// backend that sends one byte per attempt would be retried forever.
    pub progress: u64,
    /// The wait before the first retry; it doubles with each further one.
    pub first_wait: Duration,
    /// The maximum wait, even if the backend asks for a longer one (`Retry-After`).
    pub longest_wait: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            tries: 6,
            progress: 256 << 10,
            first_wait: Duration::from_millis(500),
            longest_wait: Duration::from_secs(30),
        }
    }
}

impl Retry {
    /// Returns the wait before an attempt; `attempt` counts from 1.
    pub(super) fn wait(&self, attempt: u32, asked: Option<Duration>) -> Duration {
        let doubled = self
            .first_wait
            .saturating_mul(1 << attempt.saturating_sub(1).min(16));
        doubled
            .max(asked.unwrap_or_default())
            .min(self.longest_wait)
    }
}

/// A transfer whose first response has arrived.
pub struct Download<'a> {
    /// The response to the engine's request, which has no `Range`.
    pub first: Answer,
    /// The source that can repeat the request.
    pub source: &'a dyn Source,
    /// The facts that the engine knows about the bytes.
    pub expectation: Expectation,
    /// True if bytes are accepted as the whole backup although nothing proves it.
    pub accept_unproven: bool,
    /// How often an interrupted transfer is resumed.
    pub retry: Retry,
    /// Waits between two attempts.
    pub sleeper: &'a dyn Sleeper,
    /// Receives the progress.
    pub progress: &'a dyn Progress,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_and_have_an_end() {
        let retry = Retry::default();
        let waits: Vec<_> = (1..=8)
            .map(|attempt| retry.wait(attempt, None).as_millis())
            .collect();
        assert_eq!(waits, [500, 1000, 2000, 4000, 8000, 16000, 30000, 30000]);
        assert_eq!(retry.wait(u32::MAX, None), retry.longest_wait);
    }

    #[test]
    fn a_backend_may_ask_for_a_longer_wait_but_not_for_an_endless_one() {
        let retry = Retry::default();
        assert_eq!(
            retry.wait(1, Some(Duration::from_secs(7))),
            Duration::from_secs(7)
        );
        assert_eq!(
            retry.wait(1, Some(Duration::from_hours(1))),
            retry.longest_wait
        );
    }
}
