//! A server on loopback that answers what a test wants.

pub(crate) mod certificates;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Answers requests until it is dropped, each on a connection of its own.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
    task: tokio::task::JoinHandle<()>,
}

/// `answer` gets a request as text, and gives the bytes to send; none leave the client waiting.
pub(crate) async fn serve(answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let requests = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&requests);
    let answer = Arc::new(answer);
    let task = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (answer, seen) = (Arc::clone(&answer), Arc::clone(&seen));
            tokio::spawn(async move { exchange(stream, &*answer, &seen).await });
        }
    });
    Server {
        address,
        requests,
        task,
    }
}

async fn exchange(
    mut stream: TcpStream,
    answer: &(dyn Fn(&str) -> Vec<u8> + Send + Sync),
    seen: &Mutex<Vec<String>>,
) {
    let mut request = Vec::new();
    while !is_whole(&request) {
        if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
            return;
        }
        if request[0] == TLS_HANDSHAKE {
            return;
        }
    }
    let request = String::from_utf8(request).unwrap();
    let bytes = answer(&request);
    seen.lock().unwrap().push(request);
    let _ = stream.write_all(&bytes).await;
    if bytes.is_empty() || bytes.ends_with(STALL) {
        // Until the client gives up.
        let _ = stream.read_u8().await;
    }
}

/// What a client begins with that wants TLS, which this server doesn't know.
const TLS_HANDSHAKE: u8 = 0x16;

/// After these bytes nothing comes, and the connection stays open.
pub(crate) const STALL: &[u8] = b"...";

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = header(head, "content-length").and_then(|it| it.parse().ok());
    body.len() >= length.unwrap_or(0)
}

/// The value of a header of a request.
pub(crate) fn header<'a>(request: &'a str, name: &str) -> Option<&'a str> {
    request.lines().find_map(|line| {
        let (known, value) = line.split_once(':')?;
        known.eq_ignore_ascii_case(name).then_some(value.trim())
    })
}

/// The path and query that a request asks for.
pub(crate) fn path(request: &str) -> &str {
    request.split(' ').nth(1).unwrap_or_default()
}

/// An answer with a body, after which the connection ends.
pub(crate) fn reply(status: u16, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} Because\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n"
    );
    [head.as_bytes(), body].concat()
}

impl Server {
    /// An address on it.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The requests that it has answered.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What is said of a proxy that can't be used.
pub(crate) fn bad_proxy() -> super::BadProxy {
    let server = http::Uri::from_static("https://registry.example");
    super::proxy::proxy_for(&server, Some("ftp://proxy"), |_| None)
        .expect_err("no scheme of a proxy")
}
