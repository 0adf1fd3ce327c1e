//! The HTTP server of the operator: a page for people, metrics, and whether it lives and works.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;

use crate::metrics::Metrics;
use crate::page::{POLICY, Page, STYLE};

/// The media type of Prometheus' text format.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The things that the server tells.
pub(crate) struct Served {
    pub(crate) metrics: Arc<Metrics>,
    /// The page for people, unless it is turned off.
    pub(crate) page: Option<Arc<Page>>,
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
                    let served = Arc::clone(&served);
                    async move { Ok::<_, Infallible>(answer(&request, &served).await) }
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

async fn answer<B>(request: &Request<B>, served: &Served) -> Response<Full<Bytes>> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n");
    }
    let uri = request.uri();
    match (uri.path(), &served.page) {
        ("/", Some(page)) => {
            let (status, page) = page.answer(uri.query().unwrap_or_default()).await;
            for_people(of_type(status, "text/html; charset=utf-8", page))
        }
        ("/page.css", Some(_)) => {
            for_people(of_type(StatusCode::OK, "text/css; charset=utf-8", STYLE))
        }
        (path, _) => for_programs(path, served),
    }
}

/// Adds the headers that keep a page from doing anything but being read.
fn for_people(mut response: Response<Full<Bytes>>) -> Response<Full<Bytes>> {
    const HEADERS: [(HeaderName, &str); 4] = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-store"),
    ];
    for (name, value) in HEADERS {
        let value = HeaderValue::from_static(value);
        response.headers_mut().insert(name, value);
    }
    response
}

fn for_programs(path: &str, served: &Served) -> Response<Full<Bytes>> {
    match path {
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
    let value = HeaderValue::from_static(media_type);
    response.headers_mut().insert(CONTENT_TYPE, value);
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    async fn get(path: &str, page: bool) -> Response<Full<Bytes>> {
        let page = page.then(|| Arc::new(Page::new(Clock::system())));
        let served = Served {
            metrics: Arc::new(Metrics::new()),
            page,
            is_ready: AtomicBool::new(true),
        };
        let request = Request::get(path).body(()).expect("a request");
        answer(&request, &served).await
    }

    #[tokio::test]
    async fn a_page_may_load_its_style_and_nothing_else() {
        for path in ["/", "/?namespace=a", "/page.css"] {
            let answer = get(path, true).await;
            assert_eq!(answer.status(), StatusCode::OK, "{path}");
            let header = |name: HeaderName| answer.headers()[name].to_str().expect("text");
            let policy = header(CONTENT_SECURITY_POLICY);
            assert!(policy.starts_with("default-src 'none'; style-src 'self';"));
            assert_eq!(header(X_CONTENT_TYPE_OPTIONS), "nosniff");
            assert_eq!(header(CACHE_CONTROL), "no-store");
        }
    }

    #[tokio::test]
    async fn a_page_that_is_turned_off_is_not_there() {
        for path in ["/", "/page.css"] {
            assert_eq!(get(path, false).await.status(), StatusCode::NOT_FOUND);
        }
        assert_eq!(get("/healthz", false).await.status(), StatusCode::OK);
    }
}
