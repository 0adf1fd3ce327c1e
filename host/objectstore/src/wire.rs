//! Connects the library for object stores through this program's own connections, so that proxies, certificates
//! and deadlines are the same everywhere.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream;
use host_web::WebError;
use http::StatusCode;
use http::header::RETRY_AFTER;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Incoming;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse,
    HttpResponseBody, HttpService,
};

use super::client::Pool;

/// Maximum time until the head of a response, without the time for the request's own bytes.
const FIRST_BYTE: Duration = Duration::from_mins(1);
/// The lowest rate of an upload, in bytes per second.
const LOWEST_RATE: u64 = 50_000;
/// Maximum time between two pieces of a response.
const IDLE: Duration = Duration::from_secs(30);
/// The longest wait that a service may ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// This program's own connections, as the library uses them.
#[derive(Clone)]
pub struct Wire(pub Pool);

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").finish_non_exhaustive()
    }
}

impl HttpConnector for Wire {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

#[async_trait]
impl HttpService for Wire {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (head, body) = request.into_parts();
        let address = head.uri.clone();
        // Bodies are in memory. A body of one piece is not copied.
        let body = body.collect().await?.to_bytes();
        let limit = FIRST_BYTE + Duration::from_secs(body.len() as u64 / LOWEST_RATE);
        let request = http::Request::from_parts(head, Full::new(body));
        let answer = tokio::time::timeout(limit, self.0.request(request)).await;
        let answer = match answer {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => {
                let is_before = error.is_connect();
                let error = host_web::failed(&address, &error, limit);
                let kind = match error {
                    // It is not trusted a moment later either, so the library must not repeat the request.
                    WebError::Certificate { .. } => HttpErrorKind::Unknown,
                    _ if is_before => HttpErrorKind::Connect,
                    _ => HttpErrorKind::Interrupted,
                };
                return Err(HttpError::new(kind, error));
            }
            Err(late) => return Err(HttpError::new(HttpErrorKind::Timeout, late)),
        };
        if let Some(wait) = asked_wait(&answer) {
            // The library repeats the request after a wait of its own, and does not read this header.
            tokio::time::sleep(wait.min(LONGEST_WAIT)).await;
        }
        Ok(answer.map(|body| HttpResponseBody::new(watched(body))))
    }
}

fn asked_wait<B>(answer: &http::Response<B>) -> Option<Duration> {
    let is_busy = matches!(
        answer.status(),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
    );
    let value = answer.headers().get(RETRY_AFTER).filter(|_| is_busy)?;
    Some(Duration::from_secs(value.to_str().ok()?.parse().ok()?))
}

/// Returns the body with a check: a stalled body is an error.
fn watched(body: Incoming) -> impl http_body::Body<Data = bytes::Bytes, Error = HttpError> {
    let frames = stream::try_unfold(body, |mut body| async move {
        match tokio::time::timeout(IDLE, body.frame()).await {
            Ok(None) => Ok(None),
            Ok(Some(Ok(frame))) => Ok(Some((frame, body))),
            Ok(Some(Err(error))) => Err(HttpError::new(HttpErrorKind::Interrupted, error)),
            Err(late) => Err(HttpError::new(HttpErrorKind::Timeout, late)),
        }
    });
    StreamBody::new(frames)
}
