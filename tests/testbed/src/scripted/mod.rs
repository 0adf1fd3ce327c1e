//! A server on loopback with the answers that a test chooses.
#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "it serves unit tests, which end where it can't go on"
)]

pub mod certificates;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// A server that answers until it is dropped, with one request per connection.
pub struct Server {
    pub address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
    task: tokio::task::JoinHandle<()>,
}

/// Starts a server. `answer` gets a request as text and returns the bytes to send; an empty answer leaves the
/// client waiting.
pub async fn serve(answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> Server {
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
        // The server waits until the client disconnects.
        let _ = stream.read_u8().await;
    }
}

/// The first byte of a TLS handshake, which this server doesn't support.
const TLS_HANDSHAKE: u8 = 0x16;

/// After these bytes the server sends nothing, and the connection stays open.
pub const STALL: &[u8] = b"...";

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = header(head, "content-length").and_then(|it| it.parse().ok());
    body.len() >= length.unwrap_or(0)
}

/// Returns the value of a header of a request.
pub fn header<'a>(request: &'a str, name: &str) -> Option<&'a str> {
    request.lines().find_map(|line| {
        let (known, value) = line.split_once(':')?;
        known.eq_ignore_ascii_case(name).then_some(value.trim())
    })
}

/// Returns the path and the query of a request.
pub fn path(request: &str) -> &str {
    request.split(' ').nth(1).unwrap_or_default()
}

/// Returns the body of a request.
pub fn body(request: &str) -> &str {
    request.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

/// Returns an answer with a body, after which the connection ends.
pub fn reply(status: u16, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} Because\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n"
    );
    [head.as_bytes(), body].concat()
}

impl Server {
    /// Returns a URL on the server.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Returns the requests that the server has answered.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}
