use futures_util::FutureExt as _;
use http::Request;
use http_body_util::Full;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::super::testing::{Answers, endpoint, owned_pod, serve, target};
use super::super::{Backend, ClusterError, Deadlines};
use super::*;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n";

fn pod(phase: &str, address: &str) -> Value {
    let mut pod = owned_pod("broker-0", true, &json!([]));
    pod["status"]["phase"] = json!(phase);
    pod["status"]["podIP"] = json!(address);
    pod
}

/// Returns the backend of a pod. Its port-forward answers `tunnel`.
async fn backend(pod: &Value, port: u16) -> Backend {
    let answers = Answers::default().with("pods/broker-0", 200, pod);
    let cluster = serve(answers, |mut far| {
        async move {
            far.request().await;
            far.send(&format!("{OK}tunnel")).await;
            far.request().await;
        }
        .boxed()
    })
    .await;
    let cluster = cluster.dialing_pods();
    let spec = endpoint("pod", json!({"numbers": [port]}));
    cluster.backend(&target(None), &spec).await.unwrap()
}

async fn ask(backend: &Backend) -> Result<bytes::Bytes, ClusterError> {
    let request = Request::get("/").body(Full::<bytes::Bytes>::default());
    let response = backend.send(request.unwrap(), &Deadlines::default()).await;
    response?.into_body().read_to_end(100).await
}

/// Answers each connection with `answer`, and then drops it.
async fn listening(answer: &'static str) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 1000];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    port
}

/// Returns a port on which nothing listens.
async fn closed() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    listener.local_addr().unwrap().port()
}

#[tokio::test]
async fn a_pod_that_answers_is_reached_at_its_address_and_that_is_said() {
    let port = listening("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\ndirect").await;
    let backend = backend(&pod("Running", "127.0.0.1"), port).await;
    assert_eq!(ask(&backend).await.unwrap(), "direct");
    assert_eq!(
        backend.take_notes(),
        [format!(
            "port {port} of pod broker-0 is reached at its pod's own address, 127.0.0.1:{port}"
        )]
    );
    assert_eq!(ask(&backend).await.unwrap(), "direct");
    assert_eq!(backend.take_notes(), [""; 0]);
}

#[tokio::test]
async fn an_address_that_refuses_is_tried_once() {
    let port = closed().await;
    let backend = backend(&pod("Running", "127.0.0.1"), port).await;
    assert_eq!(ask(&backend).await.unwrap(), "tunnel");
    let notes = backend.take_notes();
    assert!(
        matches!(&notes[..], [note] if note.contains("is reached through a port-forward")),
        "{notes:?}"
    );
    // An unsafe request takes a connection of its own.
    let unsafe_one = Request::post("/").body(Full::<bytes::Bytes>::default());
    let answer = backend
        .send(unsafe_one.unwrap(), &Deadlines::default())
        .await;
    assert!(answer.is_ok());
    assert_eq!(backend.take_notes(), [""; 0]);
}

#[tokio::test]
async fn an_address_that_accepts_and_says_nothing_is_left_for_a_port_forward() {
    let port = listening("").await;
    let backend = backend(&pod("Running", "127.0.0.1"), port).await;
    assert_eq!(ask(&backend).await.unwrap(), "tunnel");
    let notes = backend.take_notes();
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(notes[1].contains("does not answer"), "{notes:?}");
}

#[tokio::test]
async fn the_address_of_a_pod_that_has_ended_is_not_used() {
    let port = listening(OK).await;
    for pod in [
        pod("Succeeded", "127.0.0.1"),
        pod("Running", "169.254.169.254"),
    ] {
        let backend = backend(&pod, port).await;
        assert_eq!(ask(&backend).await.unwrap(), "tunnel");
    }
}

#[tokio::test]
async fn an_early_end_counts_the_bytes() {
    let port = listening("HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\nhalf").await;
    let backend = backend(&pod("Running", "127.0.0.1"), port).await;
    let error = ask(&backend).await.unwrap_err();
    assert!(
        matches!(
            error,
            ClusterError::Incomplete {
                received: 4,
                expected: Some(60),
                ..
            }
        ),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_connection_that_is_reset_is_lost() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (seen, until_seen) = tokio::sync::oneshot::channel::<()>();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_u8().await.unwrap();
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\nhalf";
        stream.write_all(answer).await.unwrap();
        let _ = until_seen.await;
        // The rest of the request is unread, and so the system resets the connection.
    });
    let backend = backend(&pod("Running", "127.0.0.1"), port).await;
    let request = Request::get("/").body(Full::<bytes::Bytes>::default());
    let response = backend.send(request.unwrap(), &Deadlines::default()).await;
    let mut body = response.unwrap().into_body();
    assert_eq!(body.chunk().await.unwrap().unwrap(), "half");
    seen.send(()).unwrap();
    let error = body.chunk().await.unwrap_err();
    assert!(
        matches!(error, ClusterError::ConnectionLost { received: 4, .. }),
        "{error:?}"
    );
}

#[test]
fn addresses_that_no_pod_has_are_refused() {
    for text in [
        "169.254.169.254",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "fe80::1",
        "ff02::1",
        "::ffff:169.254.169.254",
        "",
        "localhost",
    ] {
        let pod = serde_json::from_value(pod("Running", text)).unwrap();
        assert!(address(&pod).is_err(), "{text}");
    }
    for text in ["10.244.1.7", "fd00::7", "::ffff:10.0.0.1"] {
        let pod = serde_json::from_value(pod("Running", text)).unwrap();
        assert!(address(&pod).is_ok(), "{text}");
    }
}
