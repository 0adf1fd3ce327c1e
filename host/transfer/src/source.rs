//! Where bytes come from, and who hears how far they are.

use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use host_base::Report;
use http::HeaderMap;
use http_body_util::combinators::UnsyncBoxBody;

use super::{Expectation, TransferError};

/// The body of an answer, as it arrives.
pub type Body = UnsyncBoxBody<Bytes, Report>;

/// An answer of a backend.
pub type Answer = http::Response<Body>;

/// What can ask for the same bytes again.
pub trait Source: Send + Sync {
    /// What the bytes are, the same in every run: cluster, target and request, without credentials.
    /// It is kept in a file beside an unfinished download.
    fn identity(&self) -> &str;

    /// Whether the request may be sent again. One that makes the backend work may not: its answer is
    /// the only one.
    fn can_repeat(&self) -> bool {
        true
    }

    /// Sends the request once more, with these headers added: `Accept-Encoding`, and `Range` and
    /// `If-Range` where the bytes are wanted from an offset. Any status is an answer.
    ///
    /// [`Source::can_repeat`] says whether that may be done at all.
    fn open<'a>(&'a self, headers: &'a HeaderMap) -> BoxFuture<'a, Result<Answer, Report>>;
}

/// What waits between two tries.
pub trait Sleeper: Send + Sync {
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

/// Who hears how far a transfer is. It is called for each piece: whoever shows it decides how often.
pub trait Progress: Send + Sync {
    /// `done` of `total` bytes of the whole, those of an earlier run included. `done` falls back to 0
    /// when a transfer has to begin again.
    fn bytes(&self, done: u64, total: Option<u64>);

    /// Something that the user may want to know while it goes on.
    fn event(&self, _event: &Event<'_>) {}
}

/// What happens besides bytes.
#[derive(Debug)]
pub enum Event<'a> {
    /// Bytes of an earlier run are read again, for the checksum, before the rest is asked for.
    Rereading { bytes: u64 },
    /// The transfer goes on from this offset.
    Resumed { offset: u64 },
    /// The transfer begins again at zero.
    Restarted { reason: &'a str },
    /// The stream was cut; the next try comes after `wait`.
    Retrying {
        error: &'a TransferError,
        attempt: u32,
        wait: Duration,
    },
}

/// How often a transfer that was cut is taken up again.
#[derive(Clone, Copy, Debug)]
pub struct Retry {
    /// Most tries in a row without progress, and most fresh starts of one transfer.
    pub tries: u32,
    /// What counts as progress: this many bytes further than ever before. A backend that gives a byte
    /// at each try is not worth a thousand of them.
    pub progress: u64,
    pub first_wait: Duration,
    /// The longest wait, also where the backend asks for a longer one (`Retry-After`).
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
    /// The wait before try number `attempt`, counted from 1.
    pub(super) fn wait(&self, attempt: u32, asked: Option<Duration>) -> Duration {
        let doubled = self
            .first_wait
            .saturating_mul(1 << attempt.saturating_sub(1).min(16));
        doubled
            .max(asked.unwrap_or_default())
            .min(self.longest_wait)
    }
}

/// A transfer whose first answer has come.
pub struct Download<'a> {
    /// The answer to the request as the engine sent it, without `Range`.
    pub first: Answer,
    pub source: &'a dyn Source,
    pub expectation: Expectation,
    /// Whether bytes are taken for the whole backup although nothing proves that they are.
    pub accept_unproven: bool,
    pub retry: Retry,
    pub sleeper: &'a dyn Sleeper,
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
