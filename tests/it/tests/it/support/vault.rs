//! The made-up backend of the template of `plugin new`.

use std::sync::Arc;

use testbed::{Backend, PodAddress, Testbed};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream};

use super::Bed;

/// A backend with two backups, which answers one request per connection.
pub struct Vault;

/// The port of the backend, and its container.
const PORT: u16 = 8200;
const CONTAINER: &str = "hivemq";

impl Vault {
    /// Returns a cluster with the backend in the pods.
    pub fn bed() -> Bed {
        Bed::of(Testbed::builder().with(|world| {
            for pod in ["broker-0", "broker-1", "broker-2"] {
                let pod = PodAddress::new("messaging", pod);
                let vault = Arc::new(Self);
                world.backends.listen(&pod, PORT, CONTAINER, vault);
            }
        }))
    }
}

const BACKUPS: [(&str, &str); 2] = [
    (
        "a",
        r#"{"id": "a", "state": "done", "created": "2025-09-05T03:04:05Z", "bytes": 1024}"#,
    ),
    (
        "b",
        r#"{"id": "b", "state": "failed", "created": "2025-09-06T03:04:05Z", "error": "disk full"}"#,
    ),
];

impl Backend for Vault {
    fn accept(&self, connection: DuplexStream, _: &PodAddress) {
        tokio::spawn(answer(connection));
    }
}

async fn answer(connection: DuplexStream) {
    let mut connection = BufReader::new(connection);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        let read = connection.read_line(&mut line).await;
        if !matches!(read, Ok(1..)) {
            return;
        }
        if line.trim().is_empty() {
            break;
        }
        head.push(line);
    }
    let request = head.first().map(String::as_str).unwrap_or_default();
    let mut words = request.split(' ');
    let (status, body) = match (words.next(), words.next()) {
        (Some("GET"), Some("/v1/health")) => (
            "200 OK",
            r#"{"product": "vault", "version": "1.4.2"}"#.to_owned(),
        ),
        (Some("GET"), Some("/v1/backups")) => {
            let backups = BACKUPS.map(|(_, backup)| backup).join(", ");
            ("200 OK", format!(r#"{{"backups": [{backups}]}}"#))
        }
        (Some("POST"), Some("/v1/backups")) => ("202 Accepted", BACKUPS[0].1.to_owned()),
        (Some(method @ ("GET" | "DELETE")), Some(path)) => {
            let id = path.strip_prefix("/v1/backups/");
            match BACKUPS.iter().find(|(known, _)| Some(*known) == id) {
                Some(_) if method == "DELETE" => ("202 Accepted", "{}".to_owned()),
                Some((_, backup)) => ("200 OK", (*backup).to_owned()),
                None => ("404 Not Found", r#"{"error": "no such backup"}"#.to_owned()),
            }
        }
        _ => ("405 Method Not Allowed", "{}".to_owned()),
    };
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    // A client that has disconnected needs no answer.
    let _ = connection.write_all(answer.as_bytes()).await;
    let _ = connection.shutdown().await;
}
