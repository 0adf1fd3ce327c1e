//! What the operator serves over HTTP: metrics, and whether it lives and works.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;

use crate::metrics::Metrics;

/// The media type of Prometheus' text format.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What the server tells.
#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) metrics: Arc<Metrics>,
    /// Whether the API server has answered once. A standby replica is ready, too.
    pub(crate) is_ready: AtomicBool,
}

/// Listens, and returns the address and the work.
pub(crate) async fn listen(
    address: SocketAddr,
    served: Arc<Served>,
) -> io::Result<(SocketAddr, impl Future<Output = io::Error>)> {
    let listener = TcpListener::bind(address).await?;
    let bound = listener.local_addr()?;
    let work = async move {
        loop {
            let stream = match listener.accept().await {
                Ok((stream, _)) => stream,
                // A client that is gone again, or no free descriptor for now.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
                Err(error) => return error,
            };
            let served = Arc::clone(&served);
            tokio::spawn(async move {
                let service = service_fn(move |request| {
                    let answer = answer(&request, &served);
                    async move { Ok::<_, Infallible>(answer) }
                });
                let connection = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .serve_connection(TokioIo::new(stream), service);
                if let Err(error) = connection.await {
                    tracing::debug!(%error, "a connection has ended");
                }
            });
        }
    };
    Ok((bound, work))
}

fn answer(request: &Request<Incoming>, served: &Served) -> Response<Full<Bytes>> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n");
    }
    match request.uri().path() {
        "/healthz" => text(StatusCode::OK, "ok\n"),
        "/readyz" if served.is_ready.load(Ordering::Relaxed) => text(StatusCode::OK, "ok\n"),
        "/readyz" => text(
            StatusCode::SERVICE_UNAVAILABLE,
            "the API server has not answered yet\n",
        ),
        "/metrics" => match served.metrics.text() {
            Ok(metrics) => of_type(StatusCode::OK, OPEN_METRICS, metrics),
            Err(_) => text(StatusCode::INTERNAL_SERVER_ERROR, "no metrics\n"),
        },
        _ => text(StatusCode::NOT_FOUND, "not found\n"),
    }
}

fn text(status: StatusCode, body: &'static str) -> Response<Full<Bytes>> {
    of_type(status, "text/plain; charset=utf-8", body)
}

fn of_type(
    status: StatusCode,
    media_type: &'static str,
    body: impl Into<Bytes>,
) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let value = http::HeaderValue::from_static(media_type);
    response.headers_mut().insert(CONTENT_TYPE, value);
    response
}
