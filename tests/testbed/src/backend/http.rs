//! The common parts of all HTTP backends: the server, the log, and the faults of any answer.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::sync::Notify;

use super::shape::{Shape, shaped};
use super::{Backend, PodAddress};
use crate::faults::Faults;
use crate::faults::reply::{BackendKind, BodyFault, Echo, ReplyFaults};
use crate::log::{BackendRequest, Log};
use crate::tasks::Tasks;
use crate::web::{self, Query, Reply};

/// Maximum length of the body of a request to a backend, in bytes.
const BODY_LIMIT: usize = 1024 * 1024;

/// One request to a backend.
pub struct Call {
    pub pod: PodAddress,
    pub method: Method,
    /// The path as it was sent, still percent-encoded.
    pub path: String,
    pub query: Query,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// A signal that all written bytes have left the server.
    pub flushed: Arc<Notify>,
}

/// The error that the backend drops the connection instead of answering.
#[derive(Debug, thiserror::Error)]
#[error("the connection is dropped without an answer")]
pub struct NoAnswer;

/// The part of an HTTP backend that differs between backends.
pub trait Service: Send + Sync + 'static {
    const KIND: BackendKind;

    fn answer(&self, call: &Call) -> Result<Reply, NoAnswer>;

    /// Returns an error in the backend's own format.
    fn error(&self, status: StatusCode, message: &str) -> Reply;
}

/// A [`Service`] behind a port.
pub struct HttpBackend<S> {
    inner: Arc<Inner<S>>,
}

struct Inner<S> {
    service: Arc<S>,
    faults: Faults,
    log: Log<BackendRequest>,
    tasks: Tasks,
}

impl<S: Service> HttpBackend<S> {
    pub fn new(service: Arc<S>, faults: Faults, log: Log<BackendRequest>, tasks: Tasks) -> Self {
        Self {
            inner: Arc::new(Inner {
                service,
                faults,
                log,
                tasks,
            }),
        }
    }
}

impl<S: Service> Backend for HttpBackend<S> {
    fn listening(&self) -> bool {
        !self.inner.faults.snapshot().reply(S::KIND).off
    }

    fn accept(&self, connection: DuplexStream, pod: &PodAddress) {
        let inner = Arc::clone(&self.inner);
        let pod = pod.clone();
        let flushed = Arc::new(Notify::new());
        let io = FlushWatch::new(connection, Arc::clone(&flushed));
        self.inner.tasks.spawn(async move {
            let service = service_fn(move |request| {
                let (inner, pod) = (Arc::clone(&inner), pod.clone());
                let flushed = Arc::clone(&flushed);
                async move { inner.answer(request, pod, flushed).await }
            });
            // Errors come from faults or from clients that disconnected.
            let _ = http1::Builder::new()
                .half_close(true)
                .serve_connection(TokioIo::new(io), service)
                .await;
        });
    }
}

impl<S: Service> Inner<S> {
    async fn answer(
        &self,
        request: Request<Incoming>,
        pod: PodAddress,
        flushed: Arc<Notify>,
    ) -> Result<Reply, NoAnswer> {
        let (parts, body) = request.into_parts();
        let body = Limited::new(body, BODY_LIMIT).collect().await;
        let body = body.map_err(|_| NoAnswer)?.to_bytes();
        self.log.push(BackendRequest {
            backend: S::KIND,
            pod: pod.clone(),
            method: parts.method.to_string(),
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            headers: parts.headers.clone(),
            body: body.clone(),
        });
        let (faults, retry) = self.faults.edit(|settings| {
            let faults = settings.reply_mut(S::KIND);
            (faults.clone(), faults.take_retry_after())
        });
        if let Some(retry) = retry {
            let mut reply = self.service.error(retry.status, "come back later");
            reply
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(retry.seconds));
            return Ok(reply);
        }
        if let Some(echo) = faults.echo {
            return Ok(distort(repeated(&parts.headers, echo), &faults, &flushed));
        }
        if let Some(status) = faults.html {
            return Ok(web::proxy_page(status));
        }
        if let Some(status) = faults.status {
            return Ok(self
                .service
                .error(status, "something is wrong with the service"));
        }
        let call = Call {
            pod,
            query: Query::parse(parts.uri.query()),
            path: parts.uri.path().to_owned(),
            method: parts.method,
            headers: parts.headers,
            body,
            flushed,
        };
        let reply = self.service.answer(&call)?;
        Ok(distort(reply, &faults, &call.flushed))
    }
}

/// Returns the headers of a request as an answer to it.
fn repeated(headers: &HeaderMap, echo: Echo) -> Reply {
    let pairs = headers.iter();
    let lines: Vec<_> = pairs
        .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())))
        .collect();
    let all = lines.join("\r\n");
    let body = match echo {
        Echo::Body => serde_json::json!({ "items": [], "headers": lines }),
        Echo::Base64 => serde_json::json!({ "items": [], "seen": BASE64_STANDARD.encode(&all) }),
        Echo::Header => serde_json::json!({ "items": [] }),
    };
    let mut reply = web::reply(StatusCode::OK, "application/json", body.to_string());
    if echo == Echo::Header
        && let Some(value) = headers.get(header::AUTHORIZATION)
    {
        reply.headers_mut().insert("x-you-sent", value.clone());
    }
    reply
}

/// Applies the faults to a successful answer.
fn distort(reply: Reply, faults: &ReplyFaults, flushed: &Arc<Notify>) -> Reply {
    let json = HeaderValue::from_static("application/json");
    let is_json = reply.headers().get(header::CONTENT_TYPE) == Some(&json);
    let good = reply.status().is_success();
    let reply = match faults.body {
        Some(BodyFault::NotJson) if good && is_json => web::reply(
            reply.status(),
            "application/json",
            "{\"items\": [{\"id\": \"2025",
        ),
        Some(BodyFault::WrongShape) if good && is_json => web::reply(
            reply.status(),
            "application/json",
            r#"{"items": {"id": 7}, "backups": "none", "backup": []}"#,
        ),
        _ => reply,
    };
    if faults.cut.is_none() && faults.drip.is_none() {
        return reply;
    }
    let (mut parts, body) = reply.into_parts();
    let Some(length) = body.size_hint().exact() else {
        return Reply::from_parts(parts, body);
    };
    // The length is announced before the body is changed: that makes a truncated body.
    parts
        .headers
        .insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    let shape = Shape {
        end: faults.cut.map(|percent| length * u64::from(percent) / 100),
        drip: faults.drip,
    };
    Reply::from_parts(parts, shaped(body, shape, Arc::clone(flushed)))
}

/// A connection that signals when hyper has nothing left to write.
pub(crate) struct FlushWatch<I> {
    io: I,
    flushed: Arc<Notify>,
}

impl<I> FlushWatch<I> {
    pub(crate) fn new(io: I, flushed: Arc<Notify>) -> Self {
        Self { io, flushed }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for FlushWatch<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for FlushWatch<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, data)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, data)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.io).poll_flush(cx))?;
        self.flushed.notify_waiters();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
