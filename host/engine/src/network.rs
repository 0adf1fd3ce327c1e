use std::time::Duration;

use broker_manifest::{Auth, Select};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use host_base::Report;
use http_body_util::combinators::UnsyncBoxBody;

use super::Artifact;

/// The body of an answer, as it arrives.
pub type Body = UnsyncBoxBody<Bytes, Report>;

/// An answer of a backend.
pub type Answer = http::Response<Body>;

/// A request that has been granted. Its URI has only a path and a query.
#[derive(Clone, Debug)]
pub struct Outgoing {
    pub endpoint: String,
    /// What is behind it.
    pub select: Select,
    pub auth: Auth,
    /// How long the answer may take to begin, where the engine knows that it takes long.
    pub patience: Option<Duration>,
    pub request: http::Request<Sent>,
}

/// What a request brings along.
#[derive(Clone, Debug)]
pub enum Sent {
    Bytes(Bytes),
    /// The bytes of a file.
    Artifact(Artifact),
}

impl Outgoing {
    /// Whether asking once more changes nothing at the backend (RFC 9110, 9.2.1).
    #[must_use]
    pub fn is_safe(&self) -> bool {
        self.request.method().is_safe() && !matches!(self.request.body(), Sent::Artifact(_))
    }
}

/// What carries the requests of an engine to its endpoints. The real one opens port-forwards; a test
/// gives answers from a script.
pub trait Network: Send + Sync {
    /// Sends a request and waits for the head of its answer.
    fn send(&self, outgoing: Outgoing) -> BoxFuture<'_, Result<Answer, Report>>;

    /// Whether what has come holds credentials that are added to requests, of this endpoint or another: an
    /// engine must not see them. Those who add none have nothing to look for.
    fn reveals(&self, _: &[u8]) -> bool {
        false
    }
}

/// How much a note of an engine matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Debug,
    Info,
    Warn,
}

/// Who hears what an engine says while it works. All text is the engine's: escape it.
pub trait Observer: Send + Sync {
    fn log(&self, engine: &str, level: Level, message: &str);

    /// `done` of `total`, in units of the engine's own.
    fn progress(&self, engine: &str, message: &str, done: u64, total: Option<u64>);
}
