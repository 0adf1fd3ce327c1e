//! A client of the testbed that shares no code with it, and stock kubectl.

use std::process::{Output, Stdio};
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use testbed::Testbed;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};

pub type Socket = WebSocketStream<TlsStream<TcpStream>>;

pub async fn bed() -> Testbed {
    Testbed::builder().start().await.unwrap()
}

/// Runs kubectl. If kubectl is missing, the test fails with a clear message and is not skipped.
pub async fn kubectl(bed: &Testbed, arguments: &[&str]) -> Output {
    kubectl_command(bed, arguments)
        .output()
        .await
        .unwrap_or_else(|error| panic!("kubectl must be on PATH for this test: {error}"))
}

pub fn kubectl_command(bed: &Testbed, arguments: &[&str]) -> Command {
    let mut command = Command::new("kubectl");
    command
        .args(arguments)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", bed.folder())
        .env("KUBECONFIG", bed.kubeconfig())
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

/// Returns the output of kubectl, which must succeed.
pub async fn kubectl_out(bed: &Testbed, arguments: &[&str]) -> String {
    let output = kubectl(bed, arguments).await;
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "kubectl {arguments:?}: {stderr}");
    String::from_utf8(output.stdout).unwrap()
}

/// Returns a TLS connection to the API server that trusts only the server's CA.
pub async fn tls(bed: &Testbed) -> TlsStream<TcpStream> {
    let body: String = bed
        .ca_pem()
        .lines()
        .filter(|line| !line.starts_with('-'))
        .collect();
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from(BASE64_STANDARD.decode(body).unwrap());
    roots.add(certificate).unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let address = bed.url().strip_prefix("https://").unwrap().to_owned();
    let stream = TcpStream::connect(&address).await.unwrap();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
        .unwrap()
}

/// Sends an authorized request to the API server.
pub async fn api(bed: &Testbed, request: http::request::Builder, body: &str) -> Response<Bytes> {
    let request = request.header("authorization", format!("Bearer {}", bed.token()));
    api_raw(bed, request, body).await
}

/// Sends a request to the API server unchanged.
pub async fn api_raw(
    bed: &Testbed,
    request: http::request::Builder,
    body: &str,
) -> Response<Bytes> {
    let (parts, body) = sent(bed, request, body).await.into_parts();
    Response::from_parts(parts, body.collect().await.unwrap().to_bytes())
}

/// Sends an authorized request to the API server, and leaves the answer's body to the caller.
pub async fn open(bed: &Testbed, request: http::request::Builder) -> Response<Incoming> {
    let request = request.header("authorization", format!("Bearer {}", bed.token()));
    sent(bed, request, "").await
}

async fn sent(bed: &Testbed, request: http::request::Builder, body: &str) -> Response<Incoming> {
    let io = TokioIo::new(tls(bed).await);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
    tokio::spawn(connection);
    let request = request
        .header("host", "testbed")
        .body(Full::new(Bytes::from(body.to_owned())));
    sender.send_request(request.unwrap()).await.unwrap()
}

pub async fn get(bed: &Testbed, path: &str) -> (StatusCode, Value) {
    json(&api(bed, Request::get(path), "").await)
}

pub fn json(response: &Response<Bytes>) -> (StatusCode, Value) {
    let status = response.status();
    (
        status,
        serde_json::from_slice(response.body()).unwrap_or(Value::Null),
    )
}

/// Requests a port-forward. The error is the answer of a server that denies it.
pub async fn forward(
    bed: &Testbed,
    target: &str,
    protocols: &str,
) -> Result<(Socket, Option<String>), (StatusCode, String)> {
    let path = format!("/api/v1/namespaces/{target}");
    let url = format!("{}{path}", bed.url().replace("https", "wss"));
    let mut request = url.into_client_request().unwrap();
    let token = format!("Bearer {}", bed.token()).parse().unwrap();
    request.headers_mut().insert("authorization", token);
    request
        .headers_mut()
        .insert("sec-websocket-protocol", protocols.parse().unwrap());
    match tokio_tungstenite::client_async(request, tls(bed).await).await {
        Ok((socket, response)) => {
            let protocol = response.headers().get("sec-websocket-protocol");
            let protocol = protocol.map(|value| value.to_str().unwrap().to_owned());
            Ok((socket, protocol))
        }
        Err(Error::Http(response)) => {
            let body = response.body().clone().unwrap_or_default();
            Err((
                response.status(),
                String::from_utf8_lossy(&body).into_owned(),
            ))
        }
        Err(error) => panic!("{error}"),
    }
}

/// Returns the next binary message, or `None` if the server has closed the socket properly.
pub async fn next(socket: &mut Socket) -> Option<Result<Bytes, Error>> {
    loop {
        match socket.next().await? {
            Ok(Message::Binary(frame)) => return Some(Ok(frame)),
            Ok(Message::Close(_)) => return None,
            Ok(_) => {}
            Err(error) => return Some(Err(error)),
        }
    }
}

/// Returns a stream to a port of a pod. The stream ends when the tunnel ends for any reason.
pub async fn connect(bed: &Testbed, pod: &str, port: u16) -> DuplexStream {
    let (namespace, name) = pod.split_once('/').unwrap();
    let target = format!("{namespace}/pods/{name}/portforward?ports={port}");
    let (mut socket, _) = forward(bed, &target, "v4.channel.k8s.io").await.unwrap();
    for _ in 0..2 {
        next(&mut socket).await.unwrap().unwrap();
    }
    let (near, far) = tokio::io::duplex(64 * 1024);
    let (mut sink, mut stream) = socket.split();
    let (mut reader, mut writer) = tokio::io::split(far);
    tokio::spawn(async move {
        while let Some(Ok(message)) = stream.next().await {
            if let Message::Binary(frame) = message
                && frame[0] == 0
                && writer.write_all(&frame[1..]).await.is_err()
            {
                break;
            }
        }
        let _ = writer.shutdown().await;
    });
    tokio::spawn(async move {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(read @ 1..) = reader.read(&mut buffer[1..]).await {
            let frame = Bytes::copy_from_slice(&buffer[..=read]);
            if sink.send(Message::Binary(frame)).await.is_err() {
                break;
            }
        }
    });
    near
}

/// The answer of a backend.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: http::HeaderMap,
    pub body: Vec<u8>,
    /// Whether the body is complete.
    pub complete: bool,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Sends a request to a port of a pod. Returns `None` if the connection ends without an answer.
pub async fn send(bed: &Testbed, pod: &str, port: u16, request: Request<String>) -> Option<Answer> {
    let io = TokioIo::new(connect(bed, pod, port).await);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
    tokio::spawn(connection);
    let (mut parts, body) = request.into_parts();
    parts.headers.insert("host", "localhost".parse().unwrap());
    let request = Request::from_parts(parts, Full::new(Bytes::from(body)));
    let (parts, mut incoming) = sender.send_request(request).await.ok()?.into_parts();
    let (mut body, mut complete) = (Vec::new(), true);
    while let Some(frame) = incoming.frame().await {
        let Ok(frame) = frame else {
            complete = false;
            break;
        };
        body.extend_from_slice(frame.data_ref().unwrap_or(&Bytes::new()));
    }
    Some(Answer {
        status: parts.status,
        headers: parts.headers,
        body,
        complete,
    })
}

/// Switches a fault on by its name.
pub fn fault(bed: &Testbed, text: &str) {
    bed.faults().set(text.parse().unwrap());
}

/// Returns bytes as text for messages.
pub fn text(bytes: impl AsRef<[u8]>) -> String {
    String::from_utf8_lossy(bytes.as_ref()).into_owned()
}
