//! HTTP requests to the endpoints of the manifest.

use serde::de::DeserializeOwned;

use crate::error::{Error, Result};

pub use crate::bindings::kubectl_broker::engine::artifacts::Expectation;
use crate::bindings::kubectl_broker::engine::http::{Answer as RawAnswer, Request as Raw};
pub use crate::bindings::kubectl_broker::engine::http::{Method, Part};
use crate::bindings::kubectl_broker::engine::types::Artifact;
#[cfg(target_family = "wasm")]
use crate::bindings::kubectl_broker::engine::{artifacts, http as host};
#[cfg(not(target_family = "wasm"))]
use crate::mock::{self as host, artifacts};
use crate::operations::Saved;

/// Maximum length of a JSON body, in bytes. The host has the same limit.
const MAX_JSON: u64 = 64 << 20;
/// Maximum length of a text body, in bytes. A report to the host has the same limit.
const MAX_TEXT: u64 = 8 << 20;
/// Maximum length of the body of an error response, in bytes.
const MAX_ERROR_BODY: u64 = 1 << 20;
/// Maximum length of the text of an error, in characters.
const MAX_ERROR_TEXT: usize = 400;

const OTHER_PROGRAM: &str =
    "Another program may be listening on that port; check which port the backend serves";

/// A request under construction.
#[derive(Debug)]
#[must_use = "a request does nothing until it is sent"]
pub struct Request(Raw);

/// An answer with any status.
#[derive(Debug)]
pub struct Response {
    raw: host::Response,
    request: String,
}

/// Returns a `GET` request on a route of the manifest: `get("api", "/v1/backups/{id}")`.
pub fn get(endpoint: &str, route: &str) -> Request {
    Request::new(Method::Get, endpoint, route)
}

/// Returns a `POST` request on a route of the manifest.
pub fn post(endpoint: &str, route: &str) -> Request {
    Request::new(Method::Post, endpoint, route)
}

/// Returns a `PUT` request on a route of the manifest.
pub fn put(endpoint: &str, route: &str) -> Request {
    Request::new(Method::Put, endpoint, route)
}

/// Returns a `PATCH` request on a route of the manifest.
pub fn patch(endpoint: &str, route: &str) -> Request {
    Request::new(Method::Patch, endpoint, route)
}

/// Returns a `DELETE` request on a route of the manifest.
pub fn delete(endpoint: &str, route: &str) -> Request {
    Request::new(Method::Delete, endpoint, route)
}

/// Returns the names of the running pods behind an endpoint whose manifest says `replicas`.
///
/// # Errors
/// Fails if the manifest does not say so, or if the pods can't be found.
pub fn pods(endpoint: &str) -> Result<Vec<String>> {
    host::pods(endpoint)
}

/// Sends up to 1000 requests, several at the same time, and returns their answers in the order of the
/// requests. A body of more than `limit` bytes is an error.
///
/// # Errors
/// Fails if there are too many requests. The failure of one request is in its place in the list.
pub fn send_all(
    requests: impl IntoIterator<Item = Request>,
    limit: u64,
) -> Result<Vec<Result<Answer>>> {
    let requests: Vec<_> = requests.into_iter().map(|request| request.0).collect();
    let answers = host::send_all(&requests, limit)?;
    let answers = requests.iter().zip(answers).map(|(request, answer)| {
        Ok(Answer {
            raw: answer?,
            request: told(request),
        })
    });
    Ok(answers.collect())
}

impl Request {
    /// Returns a request with any method on a route of the manifest.
    pub fn new(method: Method, endpoint: &str, route: &str) -> Self {
        Self(Raw {
            endpoint: endpoint.to_owned(),
            method,
            route: route.to_owned(),
            parameters: Vec::new(),
            query: Vec::new(),
            headers: Vec::new(),
            body: None,
            patience: None,
            pod: None,
        })
    }

    /// Sets the value of a parameter in the route. The host encodes it.
    pub fn parameter(mut self, name: &str, value: &str) -> Self {
        self.0.parameters.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds a parameter to the query. The host encodes it.
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.0.query.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.0.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets the seconds until the answer must begin, for a backend that answers only when the work is
    /// complete.
    pub fn patience(mut self, seconds: u32) -> Self {
        self.0.patience = Some(seconds);
        self
    }

    /// Sends the request to a pod, one of [`pods`].
    pub fn in_pod(mut self, pod: &str) -> Self {
        self.0.pod = Some(pod.to_owned());
        self
    }

    /// Sets a JSON body.
    ///
    /// # Errors
    /// Fails if the value can't be serialized as JSON.
    pub fn json(mut self, value: &impl serde::Serialize) -> Result<Self> {
        let body = serde_json::to_vec(value)
            .map_err(|e| Error::protocol(format!("the request has no JSON form: {e}")))?;
        self.0.body = Some(body);
        Ok(self.header("content-type", "application/json"))
    }

    /// Sends the request. An HTTP error status is a response, not an error.
    ///
    /// # Errors
    /// Fails if the host denies the request, or if no answer arrived.
    pub fn send(self) -> Result<Response> {
        let request = told(&self.0);
        let raw = host::send(&self.0)?;
        Ok(Response { raw, request })
    }

    /// Sends the request with the bytes of a file as its body. The bytes don't pass through the engine.
    ///
    /// # Errors
    /// Fails if the host denies the request, if no answer arrived, or if the file has changed since the host
    /// verified it.
    pub fn send_file(self, file: &Artifact) -> Result<Response> {
        let request = told(&self.0);
        let raw = host::send_file(&self.0, file)?;
        Ok(Response { raw, request })
    }

    /// Sends the request with a form as its body: `multipart/form-data`, in the order of the parts. The bytes of
    /// its files don't pass through the engine.
    ///
    /// The request must have neither a body nor the header `content-type`, which the host sets.
    ///
    /// # Errors
    /// Fails if the host denies the request, if the form exceeds a limit, or if no answer arrived. It also fails if
    /// a file has changed since the host verified it.
    pub fn send_form(self, parts: &[Part<'_>]) -> Result<Response> {
        let request = told(&self.0);
        let raw = host::send_form(&self.0, parts)?;
        Ok(Response { raw, request })
    }
}

impl<'a> Part<'a> {
    /// Returns a part with a text, which is sent unchanged.
    #[must_use]
    pub fn text(name: &str, text: &str) -> Self {
        Self::Text((name.to_owned(), text.to_owned()))
    }

    /// Returns a part with the bytes of a file, and with its name.
    #[must_use]
    pub fn file(name: &str, file: &'a Artifact) -> Self {
        Self::File((name.to_owned(), file))
    }
}

/// An expectation of any bytes.
impl Default for Expectation {
    fn default() -> Self {
        Self {
            name: None,
            length: None,
            sha256: None,
        }
    }
}

impl Response {
    /// Returns a response to what messages call `request`.
    pub(crate) fn over(raw: host::Response, request: String) -> Self {
        Self { raw, request }
    }

    /// Returns the HTTP status code.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.raw.status()
    }

    /// Returns the first value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        self.raw.header(name).into_iter().next()
    }

    /// Returns the whole body.
    ///
    /// # Errors
    /// Fails if the body has more than `limit` bytes or ends early.
    pub fn read(&self, limit: u64) -> Result<Vec<u8>> {
        self.raw.read(limit)
    }

    /// Returns the next piece of the body, at most `limit` bytes, or `None` at its end.
    ///
    /// # Errors
    /// Fails if the body ends early.
    pub fn next_piece(&self, limit: u64) -> Result<Option<Vec<u8>>> {
        self.raw.next(limit)
    }

    /// Returns the response if its status is 2xx. Otherwise the error contains the text of the body.
    ///
    /// # Errors
    /// See [`Error::from_status`].
    pub fn expect_ok(self) -> Result<Self> {
        self.expect_ok_or(|_, _| None)
    }

    /// Works like [`Response::expect_ok`], but `explain` may extract the text of the error from a body in the
    /// backend's own format.
    ///
    /// # Errors
    /// See [`Error::from_status`].
    pub fn expect_ok_or(self, explain: impl Fn(u16, &[u8]) -> Option<String>) -> Result<Self> {
        let status = self.status();
        if (200..300).contains(&status) {
            return Ok(self);
        }
        // An unreadable body must not hide the status.
        let body = self.read(MAX_ERROR_BODY).unwrap_or_default();
        let detail = explain(status, &body).unwrap_or_else(|| summary(&body));
        Err(Error::from_status(status, &self.request, &detail))
    }

    /// Writes the body to the file that the user asked for, if every expectation is met. The bytes don't pass
    /// through the engine. If the manifest says `many-files`, several answers may be saved, each under its own
    /// name.
    ///
    /// # Errors
    /// Fails if the file could not be completed.
    pub fn save(self, expectation: &Expectation) -> Result<Saved> {
        artifacts::save(self.raw, expectation)
    }

    /// Reads the body as text. An HTML page is rejected: it comes from another program, or from a proxy.
    ///
    /// # Errors
    /// Fails if the body is too long, ends early, is not UTF-8, or is an HTML page.
    pub fn text(self) -> Result<String> {
        let body = self.read(MAX_TEXT)?;
        let what = if looks_like_html(&body) {
            "an HTML page instead of text"
        } else {
            match String::from_utf8(body) {
                Ok(text) => return Ok(text),
                Err(_) => "something that is not text",
            }
        };
        Err(Error::protocol(format!("{} answered {what}", self.request)).with_hint(OTHER_PROGRAM))
    }

    /// Reads the body as JSON.
    ///
    /// # Errors
    /// Fails if the body is too long, ends early, or is not valid JSON for `T`.
    pub fn json<T: DeserializeOwned>(self) -> Result<T> {
        json_of(&self.request, &self.read(MAX_JSON)?)
    }
}

/// An answer of [`send_all`], with its whole body.
#[derive(Debug)]
pub struct Answer {
    raw: RawAnswer,
    request: String,
}

impl Answer {
    /// Returns the HTTP status code.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.raw.status
    }

    /// Returns the first value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.raw.headers.iter();
        let header = headers.find(|(given, _)| given.eq_ignore_ascii_case(name));
        header.map(|(_, value)| value.as_str())
    }

    /// Returns the body.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.raw.body
    }

    /// Returns the answer if its status is 2xx. Otherwise the error contains the text of the body.
    ///
    /// # Errors
    /// See [`Error::from_status`].
    pub fn expect_ok(self) -> Result<Self> {
        if (200..300).contains(&self.status()) {
            return Ok(self);
        }
        let detail = summary(&self.raw.body);
        Err(Error::from_status(self.status(), &self.request, &detail))
    }

    /// Reads the body as JSON.
    ///
    /// # Errors
    /// Fails if the body is not valid JSON for `T`.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        json_of(&self.request, &self.raw.body)
    }
}

fn json_of<T: DeserializeOwned>(request: &str, body: &[u8]) -> Result<T> {
    serde_json::from_slice(body).map_err(|reason| {
        let what = if looks_like_html(body) {
            "an HTML page instead of JSON".to_owned()
        } else if reason.is_data() {
            format!("JSON that is not of the expected form ({reason})")
        } else {
            format!("something that is not JSON ({reason})")
        };
        Error::protocol(format!("{request} answered {what}")).with_hint(OTHER_PROGRAM)
    })
}

/// Returns the request as messages show it: its method, and its route with the values of its parameters.
fn told(request: &Raw) -> String {
    let mut path = request.route.clone();
    for (name, value) in &request.parameters {
        for placeholder in [format!("{{{name}}}"), format!("{{+{name}}}")] {
            path = path.replace(&placeholder, &shorten(value));
        }
    }
    format!("{} {path}", method_name(request.method))
}

/// Returns the text of a body in an unknown format, in one line.
fn summary(body: &[u8]) -> String {
    if looks_like_html(body) {
        return match html_title(body) {
            Some(title) => format!("an HTML page titled {title:?}"),
            None => "an HTML page".to_owned(),
        };
    }
    let text = String::from_utf8_lossy(body);
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    shorten(&line)
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(MAX_ERROR_TEXT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn looks_like_html(body: &[u8]) -> bool {
    let start = body.trim_ascii_start();
    let start = start[..start.len().min(15)].to_ascii_lowercase();
    start.starts_with(b"<!doctype html") || start.starts_with(b"<html")
}

fn html_title(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    let (_, rest) = text.split_once("<title>")?;
    let (title, _) = rest.split_once("</title>")?;
    Some(shorten(title.trim()))
}

const fn method_name(method: Method) -> &'static str {
    match method {
        Method::Get => "GET",
        Method::Head => "HEAD",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Patch => "PATCH",
        Method::Delete => "DELETE",
    }
}

impl std::fmt::Display for Method {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(method_name(*self))
    }
}
