//! A proxy in front of an object store that injects faults, and records the requests.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, BodyStream, StreamBody};
use hyper::body::{Frame, Incoming};
use serde_json::Value;
use tokio::sync::Notify;

use super::Cloud;
use super::proxy::{Answer, Body, Closed, Proxy, forward, full, refusal, streamed};
use crate::support::Invocation;

/// The timeout of [`Held::wait`]. No request takes this long.
const NEVER: Duration = Duration::from_mins(3);

/// The requests that a rule is about.
#[derive(Clone, Debug)]
pub struct When {
    method: Option<Method>,
    path: String,
    query: String,
    header: Option<&'static str>,
    count: RangeInclusive<u64>,
}

impl When {
    /// Returns every request.
    pub fn any() -> Self {
        Self {
            method: None,
            path: String::new(),
            query: String::new(),
            header: None,
            count: 1..=u64::MAX,
        }
    }

    /// Returns every request with this method.
    pub fn method(method: Method) -> Self {
        Self {
            method: Some(method),
            ..Self::any()
        }
    }

    /// Restricts the requests to those whose path contains `text`.
    pub fn path(self, text: &str) -> Self {
        let path = text.to_owned();
        Self { path, ..self }
    }

    /// Restricts the requests to those whose query contains `text`.
    pub fn query(self, text: &str) -> Self {
        let query = text.to_owned();
        Self { query, ..self }
    }

    /// Restricts the requests to those with this header.
    pub fn header(self, name: &'static str) -> Self {
        let header = Some(name);
        Self { header, ..self }
    }

    /// Restricts the requests to one of them, counted from 1 since the rule was made.
    pub fn nth(self, n: u64) -> Self {
        let count = n..=n;
        Self { count, ..self }
    }

    /// Restricts the requests to the first `n` of them.
    pub fn first(self, n: u64) -> Self {
        let count = 1..=n;
        Self { count, ..self }
    }

    fn fits(&self, seen: &Seen) -> bool {
        self.method
            .as_ref()
            .is_none_or(|method| *method == seen.method)
            && seen.path.contains(&self.path)
            && seen.query.contains(&self.query)
            && self.header.is_none_or(|it| seen.headers.contains_key(it))
    }
}

/// The fault of a rule.
#[derive(Clone, Debug)]
pub enum Then {
    /// Answers 503 `SlowDown`, with the seconds of `Retry-After`. The server sees nothing.
    SlowDown(Option<u32>),
    /// Answers 403 `AccessDenied`. The server sees nothing.
    Forbidden,
    /// Answers 403 `ExpiredToken`. The server sees nothing.
    Expired,
    /// Answers a status and a code. The server sees nothing.
    Refused(u16, &'static str),
    /// Closes the connection. The server sees nothing.
    CloseBefore,
    /// Closes the connection when the server has done its work.
    CloseAfter,
    /// Never answers. The server sees nothing.
    Hang,
    /// Closes the connection within the first bytes of the answer's body: the client gets at most so many.
    CutBody(usize),
    /// Flips the lowest bit of one byte of the answer's body.
    Damage(usize),
    /// See [`Faulty::hold_before`].
    HoldBefore(Gate),
    /// See [`Faulty::hold_after`].
    HoldAfter(Gate),
}

/// The connection between a rule and its [`Held`].
#[derive(Clone, Debug)]
pub struct Gate {
    arrived: mpsc::Sender<()>,
    open: Arc<Notify>,
}

/// A request that has no answer until it is released.
pub struct Held {
    arrived: Receiver<()>,
    open: Arc<Notify>,
}

impl Held {
    /// Waits until the request has arrived. Without [`Held::release`] it is never answered.
    pub fn wait(&self) {
        let arrived = self.arrived.recv_timeout(NEVER);
        arrived.expect("the request arrives");
    }

    pub fn release(&self) {
        self.open.notify_one();
    }
}

/// A request that has arrived.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: Method,
    pub path: String,
    pub query: String,
    pub headers: HeaderMap,
}

struct Rule {
    when: When,
    then: Then,
    count: u64,
}

#[derive(Default)]
struct Shared {
    rules: Vec<Rule>,
    seen: Vec<Seen>,
}

/// A proxy on a loopback port, which is a cloud itself. It passes on what no rule is about.
pub struct Faulty<'a> {
    cloud: &'a dyn Cloud,
    proxy: Proxy,
    shared: Arc<Mutex<Shared>>,
}

impl<'a> Faulty<'a> {
    pub fn before(cloud: &'a dyn Cloud) -> Self {
        let shared = Arc::new(Mutex::new(Shared::default()));
        let server = cloud.address();
        let handlers = Arc::clone(&shared);
        let proxy = Proxy::start(move |request| answer(server, Arc::clone(&handlers), request));
        Self {
            cloud,
            proxy,
            shared,
        }
    }

    /// Adds a rule. The oldest rule that fits applies.
    pub fn rule(&self, when: When, then: Then) {
        let count = 0;
        lock(&self.shared).rules.push(Rule { when, then, count });
    }

    /// Holds a request before the server sees it.
    pub fn hold_before(&self, when: When) -> Held {
        self.hold(when, Then::HoldBefore)
    }

    /// Holds a request when the server has done its work.
    pub fn hold_after(&self, when: When) -> Held {
        self.hold(when, Then::HoldAfter)
    }

    fn hold(&self, when: When, then: fn(Gate) -> Then) -> Held {
        let (sender, arrived) = mpsc::channel();
        let open = Arc::new(Notify::new());
        self.rule(
            when,
            then(Gate {
                arrived: sender,
                open: Arc::clone(&open),
            }),
        );
        Held { arrived, open }
    }

    /// Removes all rules.
    pub fn heal(&self) {
        lock(&self.shared).rules.clear();
    }

    /// Returns the requests since the start or the last call, in the order of their arrival.
    pub fn requests(&self) -> Vec<Seen> {
        std::mem::take(&mut lock(&self.shared).seen)
    }
}

impl Cloud for Faulty<'_> {
    fn url(&self) -> String {
        self.cloud.url()
    }

    fn address(&self) -> SocketAddr {
        self.proxy.address
    }

    fn known_at(&self, program: Invocation, address: SocketAddr) -> Invocation {
        self.cloud.known_at(program, address)
    }

    fn place_at(&self, address: SocketAddr) -> Value {
        self.cloud.place_at(address)
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// Records a request, counts it for every rule that fits, and returns the fault.
    fn record(&mut self, seen: Seen) -> Option<Then> {
        let mut fault = None;
        for rule in self.rules.iter_mut().filter(|rule| rule.when.fits(&seen)) {
            rule.count += 1;
            if fault.is_none() && rule.when.count.contains(&rule.count) {
                fault = Some(rule.then.clone());
            }
        }
        self.seen.push(seen);
        fault
    }
}

async fn answer(
    server: SocketAddr,
    shared: Arc<Mutex<Shared>>,
    request: Request<Incoming>,
) -> Answer {
    let fault = lock(&shared).record(Seen {
        method: request.method().clone(),
        path: request.uri().path().to_owned(),
        query: request.uri().query().unwrap_or_default().to_owned(),
        headers: request.headers().clone(),
    });
    match fault {
        None => forward(server, request.map(streamed)).await,
        Some(Then::SlowDown(wait)) => {
            discard(request).await;
            let mut answer = refusal(StatusCode::SERVICE_UNAVAILABLE, "SlowDown");
            if let Some(wait) = wait {
                answer
                    .headers_mut()
                    .insert(header::RETRY_AFTER, wait.into());
            }
            Ok(answer)
        }
        Some(Then::Forbidden) => {
            discard(request).await;
            Ok(refusal(StatusCode::FORBIDDEN, "AccessDenied"))
        }
        Some(Then::Expired) => {
            discard(request).await;
            Ok(refusal(StatusCode::FORBIDDEN, "ExpiredToken"))
        }
        Some(Then::Refused(status, code)) => {
            discard(request).await;
            Ok(refusal(StatusCode::from_u16(status)?, code))
        }
        Some(Then::CloseBefore) => Err("closed by a rule".into()),
        Some(Then::CloseAfter) => {
            complete(server, request.map(streamed)).await?;
            Err("closed by a rule".into())
        }
        Some(Then::Hang) => {
            discard(request).await;
            std::future::pending().await
        }
        Some(Then::CutBody(at)) => {
            let answer = forward(server, request.map(streamed)).await?;
            Ok(answer.map(|body| cut(body, at)))
        }
        Some(Then::Damage(at)) => {
            let answer = forward(server, request.map(streamed)).await?;
            Ok(answer.map(|body| damaged(body, at)))
        }
        Some(Then::HoldBefore(gate)) => {
            let (parts, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            gate.pass().await;
            forward(server, Request::from_parts(parts, full(body))).await
        }
        Some(Then::HoldAfter(gate)) => {
            let answer = complete(server, request.map(streamed)).await?;
            gate.pass().await;
            Ok(answer)
        }
    }
}

impl Gate {
    async fn pass(&self) {
        // The test may have dropped its end.
        let _ = self.arrived.send(());
        self.open.notified().await;
    }
}

/// Reads the body of a request, which the client may have to send before it reads an answer.
async fn discard(request: Request<Incoming>) {
    let _ = request.into_body().collect().await;
}

/// Forwards a request, and returns the answer when it is complete.
async fn complete(server: SocketAddr, request: Request<Body>) -> Answer {
    let (parts, body) = forward(server, request).await?.into_parts();
    let body = body.collect().await?.to_bytes();
    Ok(Response::from_parts(parts, full(body)))
}

/// Returns the data of a body in pieces, each with the number of bytes before it.
fn pieces(body: Body) -> impl stream::Stream<Item = Result<(usize, Bytes), Closed>> {
    let mut before = 0;
    BodyStream::new(body)
        .try_filter_map(async |frame| Ok(frame.into_data().ok()))
        .map_ok(move |piece| {
            let at = before;
            before += piece.len();
            (at, piece)
        })
}

fn cut(body: Body, at: usize) -> Body {
    let kept = pieces(body)
        .try_take_while(move |(before, _)| std::future::ready(Ok(*before < at)))
        .map_ok(move |(before, piece)| Frame::data(piece.slice(..piece.len().min(at - before))));
    let end = stream::once(async {
        // hyper sends its buffer only when a body has to wait.
        tokio::task::yield_now().await;
        Err::<_, Closed>("cut by a rule".into())
    });
    StreamBody::new(kept.chain(end)).boxed_unsync()
}

fn damaged(body: Body, at: usize) -> Body {
    let pieces = pieces(body).map_ok(move |(before, piece)| {
        let mut piece = piece.to_vec();
        if let Some(byte) = at.checked_sub(before).and_then(|at| piece.get_mut(at)) {
            *byte ^= 1;
        }
        Frame::data(piece.into())
    });
    StreamBody::new(pieces).boxed_unsync()
}
