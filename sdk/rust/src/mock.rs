//! A host for native tests: it answers from a script and denies requests that the manifest does not allow.
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
pub(crate) mod storage;

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use broker_manifest::Manifest;

use crate::bindings::kubectl_broker::engine::http::{Answer as RawAnswer, Part, Request as Raw};
use crate::error::{Error, ErrorKind, Result};
use crate::log::Level;
use crate::operations::Artifact;
use crate::target::Target;

/// The maximum number of requests in one batch. The host has the same limit.
const MAX_BATCH: usize = 1000;
/// The limits of a form. The host has the same limits.
const MAX_PARTS: usize = 100;
const MAX_FORM: usize = 1 << 20;
const MAX_NAME: usize = 256;

pub use exec::Ran;
pub use resources::Done;
pub use storage::aws::Called;

/// A scripted host.
#[derive(Debug, Clone)]
pub struct Host(Rc<RefCell<Script>>);

#[derive(Debug, Default)]
struct Script {
    manifest: Option<Manifest>,
    replies: BTreeMap<String, VecDeque<Reply>>,
    sent: Vec<Sent>,
    warnings: Vec<String>,
    saved: Vec<(String, Vec<u8>)>,
    commands: exec::Commands,
    objects: resources::Objects,
    outside: storage::Outside,
    now: u64,
    tick: u64,
    target: Option<Target>,
    tokens: usize,
}

/// A request that the engine sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The method and the route: `GET /v1/backups/{id}`.
    pub route: String,
    /// The path with the values of its parameters, and the query.
    pub target: String,
    /// The headers, in order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Option<Vec<u8>>,
    /// The names and texts of a form.
    pub form: Option<Vec<(String, String)>>,
    /// The pod that the engine chose.
    pub pod: Option<String>,
}

/// The backend's answer to a request.
#[derive(Debug, Clone)]
pub enum Reply {
    /// An answer with a status.
    Answer(Answer),
    /// A call that fails without an answer.
    Failure(Error),
}

/// An HTTP answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status code.
    pub status: u16,
    /// The headers, in order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Reply {
    /// Returns an answer with a text as its body.
    #[must_use]
    pub fn text(status: u16, body: &str) -> Self {
        Self::Answer(Answer {
            status,
            headers: Vec::new(),
            body: body.as_bytes().to_vec(),
        })
    }

    /// Returns a failed call: the backend does not respond.
    #[must_use]
    pub fn unavailable(message: &str) -> Self {
        Self::Failure(Error::new(ErrorKind::Unavailable, message))
    }
}

thread_local! {
    static CURRENT: RefCell<Option<Host>> = const { RefCell::new(None) };
}

impl Host {
    /// Returns a host that denies requests that `manifest` (TOML) does not allow.
    ///
    /// # Panics
    /// Panics if the manifest is invalid. The `engine!` macro rejects such a manifest at compile time.
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

    /// Returns a host that allows every request.
    #[must_use]
    pub fn without_manifest() -> Self {
        Self(Rc::default())
    }

    /// Adds an answer to requests on `route`. Requests get the answers in order; the last answer is repeated.
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

    /// Sets the clock, in milliseconds since the Unix epoch. The default is 0.
    #[must_use]
    pub fn at(self, now: u64) -> Self {
        self.0.borrow_mut().now = now;
        self
    }

    /// Lets the clock go on by some milliseconds with each look at it. By default it stands still.
    #[must_use]
    pub fn ticking(self, milliseconds: u64) -> Self {
        self.0.borrow_mut().tick = milliseconds;
        self
    }

    /// Sets the target of the command. The default is namespace `default` without a StatefulSet.
    #[must_use]
    pub fn target(self, target: Target) -> Self {
        self.0.borrow_mut().target = Some(target);
        self
    }

    /// Runs `code`; its calls of the SDK go to this host.
    pub fn run<T>(&self, code: impl FnOnce() -> T) -> T {
        let before = CURRENT.replace(Some(self.clone()));
        let result = code();
        CURRENT.set(before);
        result
    }

    /// Returns the requests that the host has allowed so far.
    #[must_use]
    pub fn sent(&self) -> Vec<Sent> {
        self.0.borrow().sent.clone()
    }

    /// Returns the warnings that the engine has logged so far.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        self.0.borrow().warnings.clone()
    }

    /// Returns the bytes of each file that the engine has saved so far.
    #[must_use]
    pub fn saved(&self) -> Vec<Vec<u8>> {
        let saved = &self.0.borrow().saved;
        saved.iter().map(|(_, bytes)| bytes.clone()).collect()
    }

    /// Returns the name of each file that the engine has saved so far. A file without a name is called `backup`.
    #[must_use]
    pub fn saved_names(&self) -> Vec<String> {
        let saved = &self.0.borrow().saved;
        saved.iter().map(|(name, _)| name.clone()).collect()
    }

    fn send(&self, request: &Raw, form: Option<Vec<(String, String)>>) -> Result<Response> {
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
            if request.pod.is_some() && !endpoint.replicas {
                return Err(no_replicas(&request.endpoint));
            }
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
        let manifest = script.manifest.as_ref();
        let endpoint = manifest.and_then(|it| it.endpoints.get(&request.endpoint));
        let path = match endpoint {
            Some(endpoint) => endpoint.fill(&route, &request.parameters),
            None => route.fill(&request.parameters),
        };
        let path = path.map_err(|e| Error::new(ErrorKind::InvalidArgument, e.to_string()))?;
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
            form,
            pod: request.pod.clone(),
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

/// An answer from the engine's point of view.
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

    #[expect(
        clippy::unnecessary_wraps,
        reason = "it stands in for the host's function, which may fail"
    )]
    pub(crate) fn next(&self, limit: u64) -> Result<Option<Vec<u8>>> {
        let body = &mut self.0.borrow_mut().body;
        let length = body
            .len()
            .min(usize::try_from(limit.max(1)).unwrap_or(usize::MAX));
        let piece: Vec<_> = body.drain(..length).collect();
        Ok((!piece.is_empty()).then_some(piece))
    }

    pub(crate) fn read(&self, limit: u64) -> Result<Vec<u8>> {
        let body = std::mem::take(&mut self.0.borrow_mut().body);
        if body.len() as u64 > limit {
            return Err(Error::protocol(format!("the body has over {limit} bytes")));
        }
        Ok(body)
    }
}

/// A clock that stands still, unless the test lets it tick.
pub(crate) mod clock {
    pub(crate) fn now() -> u64 {
        let host = super::current();
        let mut script = host.0.borrow_mut();
        let now = script.now;
        script.now += script.tick;
        now
    }

    /// The user of the mock host is in the time zone UTC.
    pub(crate) fn offset(_: u64) -> i32 {
        0
    }
}

/// Text that is the same in each run.
pub(crate) mod random {
    const CHARACTERS: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

    pub(crate) fn token(length: u32) -> String {
        let host = super::current();
        let mut script = host.0.borrow_mut();
        let characters = (0..length.clamp(1, 64)).map(|_| {
            script.tokens += 1;
            char::from(CHARACTERS[script.tokens * 7 % CHARACTERS.len()])
        });
        characters.collect()
    }
}

/// The target that the test gave.
pub(crate) mod target {
    use crate::target::Target;

    pub(crate) fn get() -> Target {
        let target = super::current().0.borrow().target.clone();
        target.unwrap_or_else(|| Target {
            namespace: "default".to_owned(),
            statefulset: None,
            pod: None,
            context: None,
        })
    }
}

/// The native implementation of files: it keeps the bytes that the engine saves.
pub(crate) mod artifacts {
    use super::{Response, current};
    use crate::error::Result;
    use crate::http::Expectation;
    use crate::operations::Saved;

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
        let host = current();
        let mut script = host.0.borrow_mut();
        script.saved.push((saved.name.clone(), body));
        Ok(saved)
    }
}

fn current() -> Host {
    CURRENT
        .with_borrow(Clone::clone)
        .unwrap_or_else(|| panic!("the SDK was called natively outside `mock::Host::run`"))
}

pub(crate) fn send(request: &Raw) -> Result<Response> {
    current().send(request, None)
}

/// Always fails: natively an engine never gets an [`Artifact`], because only the host creates them.
pub(crate) fn send_file(_: &Raw, _: &Artifact) -> Result<Response> {
    Err(Error::unsupported("files are sent by the real host alone"))
}

/// Sends a form. Like [`send_file`], it fails if a part is a file.
pub(crate) fn send_form(request: &Raw, parts: &[Part<'_>]) -> Result<Response> {
    let mut headers = request.headers.iter();
    if request.body.is_some() || headers.any(|(name, _)| name.eq_ignore_ascii_case("content-type"))
    {
        let message = "a request that sends a form has no body and no `content-type` of its own";
        return Err(Error::invalid(message));
    }
    let form = parts.iter().map(|part| match part {
        Part::Text(part) => Ok(part.clone()),
        Part::File(_) => Err(Error::unsupported("files are sent by the real host alone")),
    });
    let form = form.collect::<Result<Vec<_>>>()?;
    let is_refused = |c: char| c.is_control() && !matches!(c, '\r' | '\n');
    let is_bad = |name: &str| !(1..=MAX_NAME).contains(&name.len()) || name.contains(is_refused);
    if let Some((name, _)) = form.iter().find(|(name, _)| is_bad(name)) {
        let message = format!("a part can't have the name {name:?}");
        return Err(Error::invalid(message));
    }
    let length: usize = form
        .iter()
        .map(|(name, text)| name.len() + text.len())
        .sum();
    if !(1..=MAX_PARTS).contains(&form.len()) || length > MAX_FORM {
        let message = format!("a form of {} parts and {length} bytes", form.len());
        return Err(Error::invalid(message));
    }
    current().send(request, Some(form))
}

pub(crate) fn send_all(requests: &[Raw], limit: u64) -> Result<Vec<Result<RawAnswer>>> {
    if requests.len() > MAX_BATCH {
        let message = format!("{} requests at once", requests.len());
        return Err(Error::invalid(message));
    }
    let answers = requests.iter().map(|request| {
        let response = send(request)?;
        let body = response.read(limit)?;
        let answer = response.0.into_inner();
        let headers = answer.headers.into_iter();
        Ok(RawAnswer {
            status: answer.status,
            headers: headers
                .map(|(name, value)| (name.to_ascii_lowercase(), value))
                .collect(),
            body,
        })
    });
    Ok(answers.collect())
}

pub(crate) fn pods(endpoint: &str) -> Result<Vec<String>> {
    let host = current();
    let script = host.0.borrow();
    if let Some(manifest) = &script.manifest
        && !manifest
            .endpoints
            .get(endpoint)
            .is_some_and(|it| it.replicas)
    {
        return Err(no_replicas(endpoint));
    }
    Ok(script.commands.pods.clone())
}

fn no_replicas(endpoint: &str) -> Error {
    let message = format!("the manifest does not say `replicas` for {endpoint}");
    Error::new(ErrorKind::Denied, message)
}

pub(crate) fn log(level: Level, message: &str) {
    if let (Level::Warn, Some(host)) = (level, CURRENT.with_borrow(Clone::clone)) {
        host.0.borrow_mut().warnings.push(message.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{self, Expectation};

    #[test]
    fn the_parts_of_a_form_are_kept_and_the_form_has_limits() {
        let host = Host::without_manifest().answer("POST /a", Reply::text(200, "ok"));
        let send = |request: http::Request, parts: &[Part<'_>]| {
            let sent = host.run(|| request.send_form(parts));
            sent.map(|answer| answer.status())
                .map_err(|error| error.kind)
        };
        let post = || http::post("api", "/a");
        let parts = [Part::text("mode", "full"), Part::text("a\r\n\"", "")];
        assert_eq!(send(post(), &parts), Ok(200));
        let form = ["mode=full", "a\r\n\"="].map(|part| {
            let (name, text) = part.split_once('=').expect("a pair");
            (name.to_owned(), text.to_owned())
        });
        assert_eq!(host.sent()[0].form, Some(form.to_vec()));
        let many: Vec<_> = (0..=MAX_PARTS).map(|_| Part::text("a", "")).collect();
        assert_eq!(send(post(), &many[1..]), Ok(200));
        let refused = Err(ErrorKind::InvalidArgument);
        assert_eq!(send(post(), &many), refused);
        assert_eq!(send(post(), &[]), refused);
        for name in ["", "a\u{1b}", &"x".repeat(MAX_NAME + 1)] {
            assert_eq!(send(post(), &[Part::text(name, "")]), refused);
        }
        let long = "x".repeat(MAX_FORM);
        assert_eq!(send(post(), &[Part::text("a", &long)]), refused);
        assert_eq!(
            send(post().header("Content-Type", "text/plain"), &parts),
            refused
        );
        assert_eq!(send(post().json(&1).expect("JSON"), &parts), refused);
        assert_eq!(host.sent().len(), 2);
    }

    #[test]
    fn the_names_of_several_files_are_kept() {
        let host = Host::without_manifest()
            .answer("GET /a", Reply::text(200, "first"))
            .answer("GET /b", Reply::text(200, "second"));
        let save = |route: &str, name: Option<&str>| {
            http::get("api", route).send()?.save(&Expectation {
                name: name.map(str::to_owned),
                ..Expectation::default()
            })
        };
        let saved = host.run(|| Ok([save("/a", Some("a.tar"))?, save("/b", None)?]));
        let saved = saved.map(|files: [_; 2]| files.map(|file| (file.name, file.length)));
        let expected = [("a.tar".to_owned(), 5), ("backup".to_owned(), 6)];
        assert_eq!(saved, Ok::<_, Error>(expected));
        assert_eq!(host.saved_names(), ["a.tar", "backup"]);
        assert_eq!(host.saved(), [b"first".to_vec(), b"second".to_vec()]);
    }

    #[test]
    fn a_clock_ticks_only_on_demand() {
        let host = Host::without_manifest().at(5);
        let looks = |host: &Host| host.run(|| (crate::clock::now(), crate::clock::now()));
        assert_eq!(looks(&host), (5, 5));
        assert_eq!(looks(&host.ticking(3)), (5, 8));
    }
}
