//! A minimal HTTP client for servers of the tests, with one connection per request.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

/// Sends a request, and returns the whole answer with its head. `headers` are lines with their line breaks.
pub fn send(server: SocketAddr, request: &str, headers: &str, body: &[u8]) -> String {
    let mut stream = TcpStream::connect(server).expect("a connection");
    let length = body.len();
    write!(
        stream,
        "{request} HTTP/1.1\r\nhost: {server}\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n",
    )
    .and_then(|()| stream.write_all(body))
    .expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}
