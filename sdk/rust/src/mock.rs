//! A host for native tests: it answers from a script and refuses what the manifest does not allow.
//!
//! ```
//! use broker_engine::{http, mock};
//!
//! let host = mock::Host::without_manifest()
//!     .answer("GET /v1/health", mock::Reply::text(200, "fine"));
//! let status = host.run(|| http::get("api", "/v1/health").send().map(|r| r.status()));
//! assert_eq!(status, Ok(200));
//! ```

mod act;
pub(crate) mod exec;
pub(crate) mod resources;

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use broker_manifest::Manifest;

use crate::bindings::kubectl_broker::engine::http::Request as Raw;
use crate::error::{Error, ErrorKind, Result};
use crate::log::Level;

pub use exec::Ran;
pub use resources::Done;

/// A scripted host.
#[derive(Debug, Clone)]
pub struct Host(Rc<RefCell<Script>>);

#[derive(Debug, Default)]
struct Script {
    manifest: Option<Manifest>,
    replies: BTreeMap<String, VecDeque<Reply>>,
    sent: Vec<Sent>,
    warnings: Vec<String>,
    saved: Vec<Vec<u8>>,
    commands: exec::Commands,
    objects: resources::Objects,
    now: u64,
}

/// A request that the engine made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// `GET /v1/backups/{id}`
    pub route: String,
    /// The path with its parameters filled in, and the query.
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Option<Vec<u8>>,
}

/// What the backend answers.
#[derive(Debug, Clone)]
pub enum Reply {
    Answer(Answer),
    /// No answer: the call itself fails.
    Failure(Error),
}

#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    #[must_use]
    pub fn text(status: u16, body: &str) -> Self {
        Self::Answer(Answer {
            status,
            headers: Vec::new(),
            body: body.as_bytes().to_vec(),
        })
    }

    /// An answer that never came.
    #[must_use]
    pub fn unavailable(message: &str) -> Self {
        Self::Failure(Error::new(ErrorKind::Unavailable, message))
    }
}

thread_local! {
    static CURRENT: RefCell<Option<Host>> = const { RefCell::new(None) };
}

impl Host {
    /// A host that refuses what `manifest` (TOML) does not allow.
    ///
    /// # Panics
    /// When the manifest is not valid: the `engine!` macro has then refused it already.
    #[must_use]
    pub fn new(manifest: &str) -> Self {
        let manifest = match Manifest::from_toml(manifest) {
            Ok(manifest) => manifest,
            Err(reason) => panic!("the manifest is not valid: {reason}"),
        };
        Self(Rc::new(RefCell::new(Script {
            manifest: Some(manifest),
            ..Script::default()
        })))
    }

    /// A host that allows every request.
    #[must_use]
    pub fn without_manifest() -> Self {
        Self(Rc::default())
    }

    /// Answers the next request on `route` that has no answer yet. Replies to one route are used in
    /// the order in which they were given; the last is used again and again.
    #[must_use]
    pub fn answer(self, route: &str, reply: Reply) -> Self {
        self.0
            .borrow_mut()
            .replies
            .entry(route.to_owned())
            .or_default()
            .push_back(reply);
        self
    }

    /// The time that the clock shows, in milliseconds since the Unix epoch; 0 without this.
    #[must_use]
    pub fn at(self, now: u64) -> Self {
        self.0.borrow_mut().now = now;
        self
    }

    /// Runs `code` with this host behind the SDK.
    pub fn run<T>(&self, code: impl FnOnce() -> T) -> T {
        let before = CURRENT.replace(Some(self.clone()));
        let result = code();
        CURRENT.set(before);
        result
    }

    /// The requests that were let through so far.
    #[must_use]
    pub fn sent(&self) -> Vec<Sent> {
        self.0.borrow().sent.clone()
    }

    /// What the engine logged as a warning so far.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        self.0.borrow().warnings.clone()
    }

    /// The bytes of each file that was saved so far.
    #[must_use]
    pub fn saved(&self) -> Vec<Vec<u8>> {
        self.0.borrow().saved.clone()
    }

    fn send(&self, request: &Raw) -> Result<Response> {
        let mut script = self.0.borrow_mut();
        let name = format!("{} {}", request.method, request.route);
        let route: broker_manifest::Route = name
            .parse()
            .map_err(|e| Error::new(ErrorKind::Denied, format!("{e}")))?;
        if let Some(manifest) = &script.manifest {
            let granted = manifest
                .endpoints
                .get(&request.endpoint)
                .is_some_and(|endpoint| endpoint.allow.contains(&route));
            if !granted {
                return Err(Error::new(
                    ErrorKind::Denied,
                    format!("the manifest does not allow {name} on {}", request.endpoint),
                ));
            }
            let endpoint = &manifest.endpoints[&request.endpoint];
            let mut headers = request.headers.iter().map(|(name, _)| name);
            if let Some(name) = headers.find(|name| !endpoint.may_send(name)) {
                return Err(Error::new(
                    ErrorKind::Denied,
                    format!(
                        "the manifest does not name the header {name} for {}",
                        request.endpoint
                    ),
                ));
            }
        }
        let path = route
            .fill(&request.parameters)
            .map_err(|e| Error::new(ErrorKind::InvalidArgument, e.to_string()))?;
        let query: Vec<_> = request
            .query
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        script.sent.push(Sent {
            route: name.clone(),
            target: if query.is_empty() {
                path
            } else {
                format!("{path}?{}", query.join("&"))
            },
            headers: request.headers.clone(),
            body: request.body.clone(),
        });
        let replies = script
            .replies
            .get_mut(&name)
            .unwrap_or_else(|| panic!("the test has no answer for {name}"));
        let reply = if replies.len() > 1 {
            replies.pop_front()
        } else {
            replies.front().cloned()
        };
        match reply {
            Some(Reply::Answer(answer)) => Ok(Response(RefCell::new(answer))),
            Some(Reply::Failure(error)) => Err(error),
            None => panic!("the test has no answer for {name}"),
        }
    }
}

/// An answer as the engine sees it.
#[derive(Debug)]
pub struct Response(RefCell<Answer>);

impl Response {
    pub(crate) fn status(&self) -> u16 {
        self.0.borrow().status
    }

    pub(crate) fn header(&self, name: &str) -> Vec<String> {
        self.0
            .borrow()
            .headers
            .iter()
            .filter(|(given, _)| given.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.clone())
            .collect()
    }

    pub(crate) fn read(&self, limit: u64) -> Result<Vec<u8>> {
        let body = std::mem::take(&mut self.0.borrow_mut().body);
        if body.len() as u64 > limit {
            return Err(Error::protocol(format!("the body has over {limit} bytes")));
        }
        Ok(body)
    }
}

/// Time that stands still.
pub(crate) mod clock {
    pub(crate) fn now() -> u64 {
        super::current().0.borrow().now
    }
}

/// Files, as they are saved natively: only their digests are kept.
pub(crate) mod artifacts {
    use super::{Raw, Response, current};
    use crate::error::{Error, Result};
    use crate::http::Expectation;
    use crate::operations::{Artifact, Saved};

    /// Handles of files come from the host alone: natively there is none that this could be given.
    pub(crate) fn send(_: &Raw, _: &Artifact) -> Result<Response> {
        Err(Error::unsupported("files are sent by the real host alone"))
    }

    #[expect(
        clippy::needless_pass_by_value,
        clippy::unnecessary_wraps,
        reason = "it has the signature of the real one"
    )]
    pub(crate) fn save(response: Response, expectation: &Expectation) -> Result<Saved> {
        let body = std::mem::take(&mut response.0.borrow_mut().body);
        let name = expectation.name.clone();
        let saved = Saved {
            name: name.unwrap_or_else(|| "backup".to_owned()),
            length: body.len() as u64,
            sha256: String::new(),
        };
        current().0.borrow_mut().saved.push(body);
        Ok(saved)
    }
}

fn current() -> Host {
    CURRENT
        .with_borrow(Clone::clone)
        .unwrap_or_else(|| panic!("the SDK was called natively outside `mock::Host::run`"))
}

pub(crate) fn send(request: &Raw) -> Result<Response> {
    current().send(request)
}

pub(crate) fn log(level: Level, message: &str) {
    if let (Level::Warn, Some(host)) = (level, CURRENT.with_borrow(Clone::clone)) {
        host.0.borrow_mut().warnings.push(message.to_owned());
    }
}
