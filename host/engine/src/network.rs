use std::time::Duration;

use broker_manifest::Auth;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use host_base::Report;
use http_body_util::combinators::UnsyncBoxBody;

use super::{Artifact, Form, StoreAccess};

/// The body of a response, as it arrives.
pub type Body = UnsyncBoxBody<Bytes, Report>;

/// A response of a backend.
pub type Answer = http::Response<Body>;

/// A request that the grants allow. Its URI has only a path and a query.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// Name of the endpoint in the manifest.
    pub endpoint: String,
    /// The object store outside the cluster that the request is for. None for an endpoint in pods.
    pub store: Option<StoreAccess>,
    /// How the host authenticates the request.
    pub auth: Auth,
    /// How long the response may take to begin, if the engine knows that it takes long.
    pub patience: Option<Duration>,
    /// The pod to ask, if the engine chose one. It is not checked yet.
    pub pod: Option<String>,
    /// Method, path, query, headers and body.
    pub request: http::Request<Sent>,
}

/// The body of a request.
#[derive(Clone, Debug)]
pub enum Sent {
    /// Bytes that the engine gave.
    Bytes(Bytes),
    /// The bytes of a file of the user.
    Artifact(Artifact),
    /// A form, which may contain files of the user.
    Form(Form),
}

impl Outgoing {
    /// Returns true if repeating the request changes nothing at the backend (RFC 9110, 9.2.1).
    #[must_use]
    pub fn is_safe(&self) -> bool {
        self.request.method().is_safe() && matches!(self.request.body(), Sent::Bytes(_))
    }
}

/// Carries the requests of an engine to its endpoints. The real one opens port-forwards; tests give scripted
/// responses.
pub trait Network: Send + Sync {
    /// Sends a request and waits for the head of its response.
    fn send(&self, outgoing: Outgoing) -> BoxFuture<'_, Result<Answer, Report>>;

    /// Returns the names of the ready pods behind an endpoint, by ordinal.
    fn pods<'a>(&'a self, endpoint: &'a str) -> BoxFuture<'a, Result<Vec<String>, Report>>;

    /// Returns true if received bytes contain credentials that the network adds to requests of any endpoint.
    /// An engine must not see such bytes. The default suits a network that adds no credentials.
    fn reveals(&self, _: &[u8]) -> bool {
        false
    }

    /// Returns the length of the longest text that [`Network::reveals`] looks for, in bytes.
    fn longest_secret(&self) -> usize {
        0
    }
}

/// The severity of a log message of an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Details for the engine's author.
    Debug,
    /// Information for the user.
    Info,
    /// A problem that the user should know about.
    Warn,
}

/// Receives the log messages and progress of an engine. All text is the engine's own: escape it.
pub trait Observer: Send + Sync {
    /// Receives one log message.
    fn log(&self, engine: &str, level: Level, message: &str);

    /// Receives progress: `done` of `total`, in a unit that the engine chooses.
    fn progress(&self, engine: &str, message: &str, done: u64, total: Option<u64>);
}
