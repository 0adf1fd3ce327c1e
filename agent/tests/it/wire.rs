//! A minimal HTTP/1.1 client that shows the bytes on the wire and whether an answer is complete.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// The timeout of a test that hangs. No test needs this long.
const PATIENCE: Duration = Duration::from_mins(2);

pub struct Reply {
    pub status: u16,
    /// The headers, with lower-case names.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
    pub trailers: BTreeMap<String, String>,
    /// Whether the body had its announced length, or its final chunk.
    pub is_whole: bool,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("the body is text")
    }

    /// Returns the text of `{"error": "…"}`.
    pub fn error(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/json"));
        let value: serde_json::Value =
            serde_json::from_slice(&self.body).expect("the body is JSON");
        let fields = value.as_object().expect("an object");
        assert_eq!(fields.len(), 1, "{value}");
        value["error"].as_str().expect("a text").to_owned()
    }
}

pub fn connect(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(to).expect("the agent accepts connections");
    stream
        .set_read_timeout(Some(PATIENCE))
        .expect("a timeout can be set");
    stream
}

/// Sends a request and reads its whole answer. `head` is the request line and further headers.
pub fn send(to: SocketAddr, head: &[&str], body: &[u8]) -> Reply {
    let mut stream = connect(to);
    write(&mut stream, head, body);
    read(stream)
}

pub fn write(stream: &mut TcpStream, head: &[&str], body: &[u8]) {
    let mut request = head.join("\r\n");
    request.push_str("\r\nHost: agent\r\nConnection: close\r\nTE: trailers\r\n");
    request.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
    stream
        .write_all(request.as_bytes())
        .expect("the head is sent");
    stream.write_all(body).expect("the body is sent");
}

pub fn read(stream: TcpStream) -> Reply {
    let mut from = BufReader::new(stream);
    let status = line(&mut from).expect("a status line");
    let status = status
        .split(' ')
        .nth(1)
        .and_then(|code| code.parse().ok())
        .expect("a status");
    let headers = fields(&mut from).expect("headers");
    let mut reply = Reply {
        status,
        headers,
        body: Vec::new(),
        trailers: BTreeMap::new(),
        is_whole: false,
    };
    // If the connection ends early, the answer stays marked as incomplete.
    let _ = read_body(&mut from, &mut reply);
    reply
}

fn read_body(from: &mut impl BufRead, reply: &mut Reply) -> io::Result<()> {
    if reply.header("transfer-encoding") == Some("chunked") {
        loop {
            let size = line(from)?;
            let size = usize::from_str_radix(&size, 16).map_err(io::Error::other)?;
            if size == 0 {
                break;
            }
            take(from, size, &mut reply.body)?;
            line(from)?;
        }
        reply.trailers = fields(from)?;
    } else {
        let length = reply
            .header("content-length")
            .and_then(|text| text.parse().ok());
        take(from, length.expect("a length"), &mut reply.body)?;
    }
    reply.is_whole = true;
    Ok(())
}

fn take(from: &mut impl BufRead, size: usize, to: &mut Vec<u8>) -> io::Result<()> {
    let got = from.take(size as u64).read_to_end(to)?;
    if got < size {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(())
}

fn fields(from: &mut impl BufRead) -> io::Result<BTreeMap<String, String>> {
    let mut fields = BTreeMap::new();
    loop {
        let text = line(from)?;
        if text.is_empty() {
            return Ok(fields);
        }
        let (name, value) = text.split_once(':').expect("a header");
        let is_new = fields
            .insert(name.to_ascii_lowercase(), value.trim().to_owned())
            .is_none();
        assert!(is_new, "{name} stands twice");
    }
}

fn line(from: &mut impl BufRead) -> io::Result<String> {
    let mut text = String::new();
    from.read_line(&mut text)?;
    if !text.ends_with("\r\n") {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    text.truncate(text.len() - 2);
    Ok(text)
}
