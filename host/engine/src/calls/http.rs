//! HTTP requests of an engine, in the host's own types: the host checks them against the grants and sends
//! them. Each version of the interface converts its records to [`Ask`].

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use broker_manifest::{Auth, Method, Select, StoreKind};
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt as _, stream};
use host_base::{Report, ReportKind};
use http::header::CONTENT_TYPE;
use http_body_util::BodyExt;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use wasmtime::component::Resource;

use crate::grants::Granted;
use crate::instance::{HostResult, HostState};
use crate::limits::MAX_PATIENCE;
use crate::random::Random;
use crate::{
    Answer, Artifact, Form, FormPart, FormValue, Grants, Network, Outgoing, Sent, StoreAccess,
};

/// The maximum size of a body that an engine may send, in bytes.
const MAX_SENT: usize = 1 << 20;
/// The maximum size of a body that an engine may read at once, in bytes. It is also the maximum size of all
/// bodies of one batch.
const MAX_READ: u64 = 64 << 20;
/// The maximum size of one piece of a body, in bytes.
const MAX_PIECE: u64 = 1 << 20;
/// The maximum number of requests in one batch.
pub(crate) const MAX_BATCH: usize = 1000;
/// The number of requests of a batch that run at the same time. Each needs a port-forward of its own.
const AT_ONCE: usize = 32;
/// The length of the boundary of a form, in characters: 190 random bits.
const BOUNDARY: u32 = 40;
/// The characters to encode: all except RFC 3986's unreserved ones.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A request as an engine asks for it.
#[derive(Debug)]
pub(crate) struct Ask {
    pub(crate) endpoint: String,
    pub(crate) method: Method,
    pub(crate) route: String,
    pub(crate) parameters: Vec<(String, String)>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<Vec<u8>>,
    /// Seconds until the answer must begin.
    pub(crate) patience: Option<u32>,
    /// The pod to ask, if the engine chose one.
    pub(crate) pod: Option<String>,
}

/// The response behind an engine's handle.
pub struct Response {
    pub(crate) answer: Answer,
    /// The request that caused the response.
    pub(crate) request: Outgoing,
    /// True if the engine has read of the body, which is gone then.
    pub(crate) is_read: bool,
    /// The end of the pieces that the engine has got. A secret may span two pieces.
    seen: Vec<u8>,
    /// Bytes that have arrived, but that the engine has not got.
    held: BytesMut,
    has_ended: bool,
}

/// An answer with its whole body.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Ask {
    /// Returns the number of bytes that the request sends.
    pub(crate) fn sent(&self) -> usize {
        self.body.as_ref().map_or(0, Vec::len)
    }

    /// Describes the request for the audit. Values of headers are left out: they may be secrets of the backend.
    pub(crate) fn arguments(&self, artifact: Option<&Artifact>) -> Value {
        let headers: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        let mut arguments = json!({
            "endpoint": self.endpoint,
            "method": self.method.name(),
            "route": self.route,
            "parameters": self.parameters,
            "query": self.query,
            "headers": headers,
            "bodyBytes": self.body.as_ref().map(Vec::len),
            "file": artifact.map(known_file),
        });
        if let Some(pod) = &self.pod {
            arguments["pod"] = Value::from(pod.as_str());
        }
        arguments
    }

    /// Describes the request with its form for the audit. Texts are left out, as bodies are.
    pub(crate) fn arguments_of_form(&self, parts: &[FormPart]) -> Value {
        let parts = parts.iter().map(|part| match &part.value {
            FormValue::Text(text) => json!({ "name": part.name, "bytes": text.len() }),
            FormValue::File(file) => json!({ "name": part.name, "file": known_file(file) }),
        });
        let mut arguments = self.arguments(None);
        arguments["form"] = parts.collect();
        arguments
    }
}

/// Describes a file for the audit.
fn known_file(file: &Artifact) -> Value {
    json!({ "name": file.name, "bytes": file.length, "sha256": file.sha256 })
}

impl Response {
    /// Describes the response for the audit.
    pub(crate) fn known(&self) -> Value {
        json!({ "status": self.answer.status().as_u16() })
    }

    /// Returns all values of a header that are text.
    pub(crate) fn header(&self, name: &str) -> Vec<String> {
        let values = self.answer.headers().get_all(name).iter();
        let texts = values.filter_map(|value| value.to_str().ok());
        texts.map(str::to_owned).collect()
    }
}

impl HostState {
    /// Sends one request and waits for the head of the answer. `content` is sent instead of a body of its own.
    pub(crate) async fn send(&mut self, ask: Ask, content: Option<Sent>) -> HostResult<Response> {
        // Sending a file takes long, and so may the response to it.
        let sends_file = match &content {
            None | Some(Sent::Bytes(_)) => false,
            Some(Sent::Artifact(_)) => true,
            Some(Sent::Form(form)) => form.has_files(),
        };
        let request = self.grant(ask, content)?;
        let _pause = sends_file.then(|| self.allowance.pause());
        let meter = self.meter.clone();
        let network = Arc::clone(&self.network);
        let opened = open(&*network, request);
        if sends_file {
            meter.spare(opened).await
        } else {
            opened.await
        }
    }

    /// Sends a request with a form, and waits for the head of the answer.
    pub(crate) async fn send_form(
        &mut self,
        ask: Ask,
        parts: Vec<FormPart>,
    ) -> HostResult<Response> {
        // It is random even if the tokens of the engine are the same in each run.
        let boundary = Random::new(None).token(BOUNDARY).map_err(|error| {
            let message = format!("there are no random bytes for the boundary of a form: {error}");
            Report::new(ReportKind::Failed, message)
        })?;
        let form = Form::new(boundary, parts)?;
        self.send(ask, Some(Sent::Form(form))).await
    }

    /// Reads the whole body of a response.
    pub(crate) async fn read_of(
        &mut self,
        response: &Resource<Response>,
        limit: u64,
    ) -> wasmtime::Result<HostResult<Vec<u8>>> {
        self.count(0)?;
        let asked = Self::asked(|| json!({ "limit": limit }));
        let response = self.table.get_mut(response)?;
        if !response.seen.is_empty() {
            let message = "the body of this answer is read in pieces";
            return Ok(Err(Report::new(ReportKind::InvalidArgument, message)));
        }
        response.is_read = true;
        response.has_ended = true;
        let body = read_within(self.answer, &mut response.answer, limit.min(MAX_READ)).await;
        // The whole body is checked at once: a secret could span two pieces.
        let body = match body {
            Ok(body) if self.network.reveals(&body) => Err(revealed()),
            Ok(body) => Ok(body),
            Err(report) => Err(without_secrets(&*self.network, report)),
        };
        let length = |body: &Vec<u8>| json!({ "bytes": body.len() });
        self.tell("http.response.read", asked, &body, length);
        Ok(body)
    }

    /// Reads the next piece of the body of a response.
    pub(crate) async fn piece_of(
        &mut self,
        response: &Resource<Response>,
        limit: u64,
    ) -> wasmtime::Result<HostResult<Option<Vec<u8>>>> {
        self.count(0)?;
        let asked = Self::asked(|| json!({ "limit": limit }));
        let network = Arc::clone(&self.network);
        let response = self.table.get_mut(response)?;
        response.is_read = true;
        let longest = network.longest_secret();
        let piece = response.next(longest, |text| network.reveals(text), limit);
        let piece = tokio::time::timeout(self.answer, piece)
            .await
            .unwrap_or_else(|_| Err(late(self.answer)))
            .map_err(|report| without_secrets(&*network, report));
        if let Ok(Some(piece)) = &piece {
            self.meter.earn(piece.len());
        }
        let length = |piece: &Option<Vec<u8>>| json!({ "bytes": piece.as_ref().map(Vec::len) });
        self.tell("http.response.next", asked, &piece, length);
        Ok(piece)
    }

    /// Sends several requests at the same time, and returns their answers in the order of the requests.
    pub(crate) async fn send_all(
        &mut self,
        asks: Vec<Ask>,
        limit: u64,
    ) -> HostResult<Vec<HostResult<Read>>> {
        if asks.len() > MAX_BATCH {
            let message = format!(
                "{} requests at once; at most {MAX_BATCH} can be sent",
                asks.len()
            );
            return Err(Report::new(ReportKind::InvalidArgument, message));
        }
        let granted: Vec<_> = asks.into_iter().map(|ask| self.grant(ask, None)).collect();
        Ok(send_batch(&*self.network, self.answer, granted, limit).await)
    }

    /// Returns the names of the pods behind an endpoint.
    pub(crate) async fn replicas(&mut self, endpoint: &str) -> HostResult<Vec<String>> {
        self.grants.check_replicas(endpoint)?;
        self.network.pods(endpoint).await
    }

    /// Checks a request against the grants, and fills its route in.
    fn grant(&mut self, mut ask: Ask, content: Option<Sent>) -> HostResult<Outgoing> {
        if ask.body.is_some() && content.is_some() {
            return Err(Report::new(
                ReportKind::InvalidArgument,
                "a request that sends a file or a form has no body of its own",
            ));
        }
        if let Some(Sent::Form(form)) = &content {
            let mut names = ask.headers.iter().map(|(name, _)| name);
            if names.any(|name| name.eq_ignore_ascii_case(CONTENT_TYPE.as_str())) {
                let message = "a request that sends a form has no header `content-type` of its own: the host sets it";
                return Err(Report::new(ReportKind::InvalidArgument, message));
            }
            ask.headers
                .push((CONTENT_TYPE.to_string(), form.content_type()));
        }
        let granted =
            self.grants
                .check_request(&ask.endpoint, ask.method, &ask.route, &ask.parameters);
        let granted = granted.inspect_err(|report| self.remember_refusal(report))?;
        for (name, _) in &ask.headers {
            self.grants.check_header(&ask.endpoint, name)?;
        }
        for (name, _) in &ask.query {
            Grants::check_query(name)?;
        }
        if ask.pod.is_some() {
            self.grants.check_replicas(&ask.endpoint)?;
        }
        if granted.select == Select::S3 {
            for (name, _) in ask.headers.iter().chain(&ask.query) {
                Grants::check_s3_name(name)?;
            }
        }
        let Granted {
            method,
            path,
            auth,
            select,
        } = granted;
        let is_signed = auth == Auth::Aws;
        let kind = StoreKind::S3;
        Ok(Outgoing {
            endpoint: ask.endpoint.clone(),
            store: (select == Select::S3).then_some(StoreAccess { kind, is_signed }),
            auth,
            patience: ask
                .patience
                .map(|seconds| Duration::from_secs(seconds.into()).min(MAX_PATIENCE)),
            pod: ask.pod.clone(),
            request: build(ask, content, method.name(), path)?,
        })
    }
}

impl Response {
    /// Returns the next piece once the bytes after it show that no secret begins in it.
    async fn next(
        &mut self,
        overlap: usize,
        reveals: impl Fn(&[u8]) -> bool,
        limit: u64,
    ) -> HostResult<Option<Vec<u8>>> {
        let limit = usize::try_from(limit.clamp(1, MAX_PIECE)).unwrap_or(usize::MAX);
        while !self.has_ended && self.held.len() <= overlap {
            match self.answer.body_mut().frame().await {
                None => self.has_ended = true,
                Some(frame) => {
                    // Trailers carry nothing that an engine reads.
                    if let Ok(data) = frame?.into_data() {
                        self.held.extend_from_slice(&data);
                    }
                }
            }
        }
        let window = [&self.seen[..], &self.held].concat();
        if reveals(&window) {
            // The rest of the secret must not come with the next call.
            self.has_ended = true;
            self.held.clear();
            return Err(revealed());
        }
        let free = if self.has_ended {
            self.held.len()
        } else {
            self.held.len() - overlap
        };
        if free == 0 {
            return Ok(None);
        }
        let piece = self.held.split_to(free.min(limit));
        self.seen.extend_from_slice(&piece);
        let old = self.seen.len().saturating_sub(overlap);
        self.seen.drain(..old);
        Ok(Some(piece.to_vec()))
    }
}

/// Sends a granted request and waits for the head of the answer.
pub(crate) async fn open(network: &dyn Network, request: Outgoing) -> HostResult<Response> {
    let answer = checked(network, network.send(request.clone()).await)?;
    Ok(Response {
        answer,
        request,
        is_read: false,
        seen: Vec::new(),
        held: BytesMut::new(),
        has_ended: false,
    })
}

/// Removes secrets from an error before the engine sees it. The error may quote text that the server sent.
pub(crate) fn without_secrets(network: &dyn Network, report: Report) -> Report {
    let reveals = |text: &str| network.reveals(text.as_bytes());
    if reveals(&report.message) || report.hint.as_deref().is_some_and(reveals) {
        return revealed();
    }
    report
}

/// Checks the head of an answer, or the error instead of it.
fn checked(network: &dyn Network, answer: HostResult<Answer>) -> HostResult<Answer> {
    let answer = answer.map_err(|report| without_secrets(network, report))?;
    let mut values = answer.headers().values();
    if values.any(|value| network.reveals(value.as_bytes())) {
        return Err(revealed());
    }
    Ok(answer)
}

/// Sends requests, [`AT_ONCE`] of them at the same time. The answers are in the order of the requests.
async fn send_batch(
    network: &dyn Network,
    deadline: Duration,
    requests: Vec<HostResult<Outgoing>>,
    limit: u64,
) -> Vec<HostResult<Read>> {
    let left = AtomicU64::new(MAX_READ);
    let answers = requests.into_iter().map(|request| async {
        let mut answer = checked(network, network.send(request?).await)?;
        read_of_batch(network, deadline, &mut answer, limit, &left).await
    });
    stream::iter(answers).buffered(AT_ONCE).collect().await
}

fn revealed() -> Report {
    let message =
        "the answer contains the credentials of the request, and is withheld from the engine";
    Report::new(ReportKind::Protocol, message).with_hint(
        "Another program on this port may echo requests: check the port, and change the credentials if that program keeps a log",
    )
}

async fn read_of_batch(
    network: &dyn Network,
    deadline: Duration,
    answer: &mut Answer,
    limit: u64,
    left: &AtomicU64,
) -> HostResult<Read> {
    let body = read_within(deadline, answer, limit.min(MAX_READ)).await;
    let body = body.map_err(|report| without_secrets(network, report))?;
    if network.reveals(&body) {
        return Err(revealed());
    }
    let length = body.len() as u64;
    let take = |left: u64| left.checked_sub(length);
    if left
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
        .is_err()
    {
        let message = format!("the answers are longer than {MAX_READ} bytes together");
        return Err(Report::new(ReportKind::Protocol, message));
    }
    let headers = answer.headers().iter().filter_map(|(name, value)| {
        let value = value.to_str().ok()?;
        Some((name.as_str().to_owned(), value.to_owned()))
    });
    Ok(Read {
        status: answer.status().as_u16(),
        headers: headers.collect(),
        body,
    })
}

fn late(deadline: Duration) -> Report {
    let message = format!("the answer was not complete after {} s", deadline.as_secs());
    Report::new(ReportKind::TimedOut, message)
        .with_hint("The backend or the network may be overloaded: try again later")
}

async fn read_within(deadline: Duration, answer: &mut Answer, limit: u64) -> HostResult<Vec<u8>> {
    tokio::time::timeout(deadline, read(answer, limit))
        .await
        .map_err(|_| late(deadline))?
}

async fn read(answer: &mut Answer, limit: u64) -> HostResult<Vec<u8>> {
    let body = answer.body_mut();
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        // Trailers carry nothing that an engine reads.
        let Ok(data) = frame?.into_data() else {
            continue;
        };
        bytes.extend_from_slice(&data);
        if bytes.len() as u64 > limit {
            return Err(Report::new(
                ReportKind::Protocol,
                format!("the answer is longer than {limit} bytes"),
            ));
        }
    }
    Ok(bytes)
}

fn build(
    ask: Ask,
    content: Option<Sent>,
    method: &str,
    path: String,
) -> HostResult<http::Request<Sent>> {
    let body = ask.body.unwrap_or_default();
    if body.len() > MAX_SENT {
        return Err(Report::new(
            ReportKind::InvalidArgument,
            format!(
                "the request's body has {} bytes; at most {MAX_SENT} can be sent",
                body.len()
            ),
        ));
    }
    let mut target = path;
    for (index, (name, value)) in ask.query.iter().enumerate() {
        target.push(if index == 0 { '?' } else { '&' });
        target.extend(utf8_percent_encode(name, QUERY));
        target.push('=');
        target.extend(utf8_percent_encode(value, QUERY));
    }
    let mut built = http::Request::builder().method(method).uri(target);
    for (name, value) in &ask.headers {
        built = built.header(name, value);
    }
    let body = content.unwrap_or_else(|| Sent::Bytes(Bytes::from(body)));
    built.body(body).map_err(|e| {
        Report::new(
            ReportKind::InvalidArgument,
            format!("the request can't be sent: {e}"),
        )
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use broker_manifest::Auth;
    use futures_util::FutureExt as _;
    use futures_util::future::BoxFuture;
    use http_body::Frame;
    use http_body_util::{Full, StreamBody};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_drips_is_given_up_and_one_that_ends_is_not() {
        let drops = |count: u64| {
            let drops = stream::unfold(0, move |sent| async move {
                tokio::time::sleep(Duration::from_secs(1)).await;
                let frame = Ok(Frame::data(Bytes::from_static(b"x")));
                (sent < count).then_some((frame, sent + 1))
            });
            Answer::new(StreamBody::new(drops).boxed_unsync())
        };
        let minute = Duration::from_mins(1);
        let read = |count| async move { read_within(minute, &mut drops(count), 100).await };
        assert_eq!(read(50).await.expect("read").len(), 50);
        let report = read(70).await.expect_err("too slow");
        assert_eq!(report.kind, ReportKind::TimedOut);
        assert_eq!(report.message, "the answer was not complete after 60 s");
    }

    /// A network with a latency of 20 ms. The body of each answer is the path of its request, repeated.
    #[derive(Default)]
    struct Slow {
        in_flight: AtomicUsize,
        most: AtomicUsize,
        repeat: usize,
    }

    impl Network for Slow {
        fn send(&self, outgoing: Outgoing) -> BoxFuture<'_, HostResult<Answer>> {
            async move {
                let now = self.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
                self.most.fetch_max(now, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(20)).await;
                self.in_flight.fetch_sub(1, Ordering::Relaxed);
                let path = outgoing.request.uri().path().to_owned();
                let body = Full::new(Bytes::from(path.repeat(self.repeat)));
                Ok(Answer::new(
                    body.map_err(|never| match never {}).boxed_unsync(),
                ))
            }
            .boxed()
        }

        fn pods<'a>(&'a self, _: &'a str) -> BoxFuture<'a, HostResult<Vec<String>>> {
            async { Ok(Vec::new()) }.boxed()
        }
    }

    fn requests(count: usize) -> Vec<HostResult<Outgoing>> {
        let requests = (0..count).map(|number| {
            let request = http::Request::get(format!("/{number:04}"));
            let body = Sent::Bytes(Bytes::new());
            Ok(Outgoing {
                endpoint: "api".to_owned(),
                store: None,
                auth: Auth::None,
                patience: None,
                pod: None,
                request: request.body(body).expect("a request"),
            })
        });
        requests.collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_batch_takes_a_small_part_of_the_time_of_its_requests_one_by_one() {
        let slow = Slow {
            repeat: 1,
            ..Slow::default()
        };
        let begun = tokio::time::Instant::now();
        let mut asked = requests(1000);
        asked[7] = Err(Report::new(ReportKind::Denied, "no"));
        let answers = send_batch(&slow, Duration::from_mins(1), asked, 10).await;
        // One after the other they would take 20 s. The clock of the test moves only while all wait.
        assert!(
            begun.elapsed() < Duration::from_secs(1),
            "{:?}",
            begun.elapsed()
        );
        assert_eq!(slow.most.load(Ordering::Relaxed), AT_ONCE);
        for (number, answer) in answers.iter().enumerate() {
            match answer {
                Ok(read) => assert_eq!(read.body, format!("/{number:04}").into_bytes()),
                Err(report) => assert_eq!((number, report.kind), (7, ReportKind::Denied)),
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_answers_of_a_batch_are_bounded_alone_and_together() {
        let slow = Slow {
            repeat: 2_000_000,
            ..Slow::default()
        };
        let minute = Duration::from_mins(1);
        let answers = send_batch(&slow, minute, requests(10), MAX_READ).await;
        let whole = answers.iter().filter(|answer| answer.is_ok()).count();
        // Each has 10,000,000 bytes, of 64 MiB.
        assert_eq!(whole, 6);
        let answers = send_batch(&slow, minute, requests(2), 9_999_999).await;
        assert!(answers.iter().all(|answer| {
            matches!(answer, Err(report) if report.kind == ReportKind::Protocol)
        }));
    }

    /// Returns a response whose body comes in these frames.
    fn response(frames: &[&'static str]) -> Response {
        let frames: Vec<_> = frames
            .iter()
            .map(|text| Ok(Frame::data(Bytes::from_static(text.as_bytes()))))
            .collect();
        let request = requests(1).remove(0).expect("a request");
        Response {
            answer: Answer::new(StreamBody::new(stream::iter(frames)).boxed_unsync()),
            request,
            is_read: false,
            seen: Vec::new(),
            held: BytesMut::new(),
            has_ended: false,
        }
    }

    #[tokio::test]
    async fn a_body_comes_in_pieces_and_no_half_of_a_secret_is_among_them() {
        const SECRET: &[u8] = b"canary";
        let reveals = |text: &[u8]| text.windows(SECRET.len()).any(|part| part == SECRET);
        let mut plain = response(&["abc", "", "defghijkl", "m"]);
        let mut body = Vec::new();
        while let Some(piece) = plain.next(SECRET.len(), reveals, 4).await.expect("a piece") {
            assert!((1..=4).contains(&piece.len()));
            body.extend(piece);
        }
        assert_eq!(body, b"abcdefghijklm");
        let mut echo = response(&["x can", "ar", "y of the user"]);
        let mut got = Vec::new();
        let report = loop {
            match echo.next(SECRET.len(), reveals, 100).await {
                Ok(Some(piece)) => got.extend(piece),
                Ok(None) => panic!("{:?}", String::from_utf8_lossy(&got)),
                Err(report) => break report,
            }
        };
        assert_eq!(report.kind, ReportKind::Protocol);
        assert!(!got.windows(3).any(|part| part == b"can"));
        // Nothing follows, not even the rest of it.
        assert_eq!(echo.next(SECRET.len(), reveals, 100).await, Ok(None));
    }
}
