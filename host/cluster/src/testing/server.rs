use std::sync::Arc;

use futures_util::future::BoxFuture;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Message, Role};

use super::Answers;
use crate::Cluster;

/// The pod's side of a tunnel or of a command.
pub(crate) struct FarEnd {
    websocket: WebSocketStream<TcpStream>,
    /// The number of the tunnel, counted from 0.
    pub number: usize,
    pub pod: String,
    /// The forwarded port; 0 for a command.
    pub port: u16,
    /// The query of the request.
    pub query: String,
}

impl FarEnd {
    /// Returns the head of the next request; it is empty if the near end is gone.
    pub async fn request(&mut self) -> String {
        let mut head = Vec::new();
        while let Some(Ok(message)) = self.websocket.next().await {
            if let Message::Binary(bytes) = message {
                head.extend_from_slice(&bytes[1..]);
                if head.windows(4).any(|end| end == b"\r\n\r\n") {
                    break;
                }
            }
        }
        String::from_utf8(head).unwrap()
    }

    /// Returns the next received text; it is empty if the near end is gone.
    pub async fn text(&mut self) -> String {
        while let Some(Ok(message)) = self.websocket.next().await {
            if let Message::Binary(bytes) = message {
                return String::from_utf8(bytes[1..].to_vec()).unwrap();
            }
        }
        String::new()
    }

    pub async fn send(&mut self, data: &str) {
        self.message(0, data.as_bytes()).await;
    }

    pub async fn fail(mut self, reason: &str) {
        self.message(1, reason.as_bytes()).await;
        self.close().await;
    }

    pub async fn close(mut self) {
        let _ = self.websocket.close(None).await;
    }

    pub async fn message(&mut self, channel: u8, bytes: &[u8]) {
        let message = [&[channel], bytes].concat();
        let _ = self.websocket.send(Message::Binary(message.into())).await;
    }
}

type Script = dyn Fn(FarEnd) -> BoxFuture<'static, ()> + Send + Sync;

/// Runs an API server on loopback that gives `answers` and runs `script` at the end of each tunnel.
pub(crate) async fn serve(
    answers: Answers,
    script: impl Fn(FarEnd) -> BoxFuture<'static, ()> + Send + Sync + 'static,
) -> Cluster {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let script: Arc<Script> = Arc::new(script);
    tokio::spawn(async move {
        let tunnels = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(connection(
                socket,
                answers.clone(),
                script.clone(),
                tunnels.clone(),
            ));
        }
    });
    let mut config = kube::Config::new(format!("http://{address}").parse().unwrap());
    config.default_retry = false;
    super::cluster(kube::Client::try_from(config).unwrap())
}

async fn connection(
    mut socket: TcpStream,
    answers: Answers,
    script: Arc<Script>,
    tunnels: Arc<std::sync::atomic::AtomicUsize>,
) {
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match socket.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) => return,
            }
        }
        let head = String::from_utf8(head).unwrap();
        let uri = head.split(' ').nth(1).unwrap().to_owned();
        let path = uri.split('?').next().unwrap();
        let pod = path
            .strip_suffix("/portforward")
            .or_else(|| path.strip_suffix("/exec"))
            .filter(|_| !answers.refuses(path));
        if let Some(pod) = pod {
            let key = head
                .lines()
                .find_map(|line| {
                    line.to_ascii_lowercase()
                        .starts_with("sec-websocket-key:")
                        .then(|| line[18..].trim())
                })
                .unwrap();
            let accept = derive_accept_key(key.as_bytes());
            let answer = format!(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                 Sec-WebSocket-Protocol: v4.channel.k8s.io\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
            );
            socket.write_all(answer.as_bytes()).await.unwrap();
            let mut far_end = FarEnd {
                websocket: WebSocketStream::from_raw_socket(socket, Role::Server, None).await,
                number: tunnels.fetch_add(1, std::sync::atomic::Ordering::Relaxed),
                pod: pod.rsplit('/').next().unwrap().to_owned(),
                port: uri
                    .split("ports=")
                    .nth(1)
                    .map_or(0, |port| port.parse().unwrap()),
                query: uri.split('?').nth(1).unwrap_or_default().to_owned(),
            };
            if far_end.port != 0 {
                let port = far_end.port.to_le_bytes();
                far_end.message(0, &port).await;
                far_end.message(1, &port).await;
            }
            return script(far_end).await;
        }
        let (status, body) = answers.answer(path);
        let answer = format!(
            "HTTP/1.1 {status} x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        socket.write_all(answer.as_bytes()).await.unwrap();
    }
}
