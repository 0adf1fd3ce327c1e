use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role};

use super::*;
use crate::upgrade::websocket_config;

const PORT: u16 = 8081;

struct Server(WebSocketStream<DuplexStream>);

impl Server {
    async fn send(&mut self, bytes: impl Into<Vec<u8>>) {
        self.0
            .send(Message::Binary(bytes.into().into()))
            .await
            .unwrap();
    }

    async fn names_its_ports(&mut self) {
        self.send([0, 0x91, 0x1f]).await;
        self.send([1, 0x91, 0x1f]).await;
    }

    async fn close(&mut self, code: CloseCode) {
        let frame = CloseFrame {
            code,
            reason: "".into(),
        };
        self.0.send(Message::Close(Some(frame))).await.unwrap();
    }
}

/// Creates a tunnel and its far end; `buffer` bytes fit into the pipe between them.
async fn tunnel(buffer: usize) -> (TunnelStream<DuplexStream>, Server, Verdict) {
    let (near, far) = tokio::io::duplex(buffer);
    let client =
        WebSocketStream::from_raw_socket(near, Role::Client, Some(websocket_config())).await;
    let server = WebSocketStream::from_raw_socket(far, Role::Server, None).await;
    let verdict = Verdict::default();
    (
        TunnelStream::new(client, PORT, verdict.clone()),
        Server(server),
        verdict,
    )
}

async fn read_all(tunnel: &mut TunnelStream<DuplexStream>) -> (Vec<u8>, io::Result<()>) {
    let mut bytes = Vec::new();
    let result = tunnel.read_to_end(&mut bytes).await.map(|_| ());
    (bytes, result)
}

#[tokio::test]
async fn data_comes_without_its_framing_and_ends_with_a_proper_close() {
    let (mut tunnel, mut server, verdict) = tunnel(1 << 16).await;
    server.names_its_ports().await;
    server.send(b"\0hello ".to_vec()).await;
    server.0.send(Message::Ping("x".into())).await.unwrap();
    server.send([0]).await;
    server.send(b"\0world".to_vec()).await;
    server.close(CloseCode::Normal).await;
    let (bytes, result) = read_all(&mut tunnel).await;
    assert_eq!(
        (bytes.as_slice(), result.is_ok()),
        (&b"hello world"[..], true)
    );
    assert_eq!(verdict.get(), Some(Ending::Closed));
}

#[tokio::test]
async fn a_websocket_that_dies_is_an_error_and_not_an_end() {
    let (mut tunnel, mut server, verdict) = tunnel(1 << 16).await;
    server.names_its_ports().await;
    server.send(b"\0half".to_vec()).await;
    drop(server);
    let (bytes, result) = read_all(&mut tunnel).await;
    assert_eq!(bytes, b"half");
    assert_eq!(result.unwrap_err().kind(), io::ErrorKind::ConnectionAborted);
    assert!(matches!(verdict.get(), Some(Ending::Lost(_))));
}

#[tokio::test]
async fn a_server_that_goes_away_is_an_error_too() {
    let (mut tunnel, mut server, _) = tunnel(1 << 16).await;
    server.names_its_ports().await;
    server.close(CloseCode::Away).await;
    assert!(read_all(&mut tunnel).await.1.is_err());
}

#[tokio::test]
async fn the_reason_of_the_error_channel_is_kept_even_when_writing_fails_first() {
    let (mut tunnel, mut server, verdict) = tunnel(1 << 16).await;
    server.names_its_ports().await;
    server.send(b"\x01connection refused\n".to_vec()).await;
    server.close(CloseCode::Normal).await;
    drop(server);
    for _ in 0..4 {
        tunnel.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        tunnel.flush().await.unwrap();
    }
    assert!(read_all(&mut tunnel).await.1.is_err());
    assert_eq!(
        verdict.get(),
        Some(Ending::Refused("connection refused".into()))
    );
}

#[tokio::test]
async fn the_wrong_port_is_refused() {
    let (mut tunnel, mut server, verdict) = tunnel(1 << 16).await;
    server.send([0, 1, 0]).await;
    assert!(read_all(&mut tunnel).await.1.is_err());
    assert!(matches!(verdict.get(), Some(Ending::Lost(_))));
}

#[tokio::test(start_paused = true)]
async fn under_v5_a_reason_may_follow_the_end_of_the_data() {
    let (mut tunnel, mut server, verdict) = tunnel(1 << 16).await;
    server.names_its_ports().await;
    server.send([255, 0]).await;
    let task = tokio::spawn(async move { (read_all(&mut tunnel).await, tunnel) });
    tokio::time::sleep(Duration::from_millis(100)).await;
    server.send(b"\x01broken pipe".to_vec()).await;
    let ((_, result), _tunnel) = task.await.unwrap();
    assert!(result.is_err());
    assert_eq!(verdict.get(), Some(Ending::Refused("broken pipe".into())));
}

#[tokio::test(start_paused = true)]
async fn under_v5_the_end_of_the_data_is_an_end_though_the_websocket_stays_open() {
    let (mut tunnel, mut server, _) = tunnel(1 << 16).await;
    server.names_its_ports().await;
    server.send(b"\0all".to_vec()).await;
    server.send([255, 0]).await;
    let (bytes, result) = read_all(&mut tunnel).await;
    assert_eq!((bytes.as_slice(), result.is_ok()), (&b"all"[..], true));
}

#[tokio::test]
async fn what_is_written_arrives_in_messages_of_bounded_size() {
    let (mut tunnel, mut server, _) = tunnel(1 << 16).await;
    let sent: Vec<u8> = (0..1_000_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    let expected = sent.clone();
    let task = tokio::spawn(async move {
        tunnel.write_all(&sent).await.unwrap();
        tunnel.shutdown().await.unwrap();
    });
    let mut received = Vec::new();
    while let Some(Ok(message)) = server.0.next().await {
        if let Message::Binary(bytes) = message {
            assert_eq!(bytes[0], 0);
            assert!(bytes.len() <= MAX_WRITE + 1);
            received.extend_from_slice(&bytes[1..]);
        }
    }
    task.await.unwrap();
    assert!(received == expected);
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_stops_stops_the_far_end() {
    let (mut tunnel, mut server, _) = tunnel(4096).await;
    let message = Message::Binary(vec![0; 64 * 1024].into());
    let mut first = [0; 1];
    let (sent, read) = tokio::join!(
        async {
            server.names_its_ports().await;
            server.0.send(message.clone()).await
        },
        tunnel.read_exact(&mut first)
    );
    assert!(sent.is_ok() && read.is_ok());
    let next = tokio::time::timeout(Duration::from_secs(50), server.0.send(message)).await;
    assert!(
        next.is_err(),
        "the second message went through, though nobody reads"
    );
    drop(tunnel);
}
