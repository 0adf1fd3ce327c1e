//! HTTP servers of the tests that pass requests on to another server.

use std::error::Error;
use std::net::SocketAddr;

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

/// An error of a handler. The connection is then closed without an answer.
pub type Closed = Box<dyn Error + Send + Sync>;
pub type Body = UnsyncBoxBody<Bytes, Closed>;
pub type Answer = Result<Response<Body>, Closed>;

/// A server on a loopback port. It and its connections end when this is dropped.
pub struct Proxy {
    pub address: SocketAddr,
    _runtime: Runtime,
}

impl Proxy {
    pub fn start<H, F>(handler: H) -> Self
    where
        H: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
        F: Future<Output = Answer> + Send + 'static,
    {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let listener = runtime
            .block_on(TcpListener::bind("127.0.0.1:0"))
            .expect("a port");
        let address = listener.local_addr().expect("an address");
        runtime.spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else {
                    continue;
                };
                let _ = stream.set_nodelay(true);
                let connection = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service_fn(handler.clone()));
                tokio::spawn(connection);
            }
        });
        Self {
            address,
            _runtime: runtime,
        }
    }
}

/// Sends a request unchanged, with its host and its path, so that its signature remains valid.
pub async fn forward(to: SocketAddr, request: Request<Body>) -> Answer {
    let stream = TcpStream::connect(to).await?;
    let _ = stream.set_nodelay(true);
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let answer = sender.send_request(request).await?;
    Ok(answer.map(streamed))
}

/// Returns the body that a client or a server sends.
pub fn streamed(body: Incoming) -> Body {
    body.map_err(Into::into).boxed_unsync()
}

/// Returns a body that is complete from the start.
pub fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// Returns an error as S3 and Google Cloud Storage write it.
pub fn refusal(status: StatusCode, code: &str) -> Response<Body> {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{code}</Message></Error>"
    );
    let mut answer = Response::new(full(body));
    *answer.status_mut() = status;
    answer.headers_mut().insert(
        header::CONTENT_TYPE,
        http::HeaderValue::from_static("application/xml"),
    );
    answer
}
