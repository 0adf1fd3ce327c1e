use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http_body_util::Full;
use serde_json::json;

use super::*;
use crate::testing::{Answers, FarEnd, endpoint, owned_pod, serve, status, target};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

fn get(path: &str) -> Request<Full<Bytes>> {
    Request::get(path).body(Full::default()).unwrap()
}

fn pod(name: &str) -> serde_json::Value {
    owned_pod(name, true, &json!([]))
}

fn answers() -> Answers {
    Answers::default().with("pods/broker-0", 200, &pod("broker-0"))
}

async fn backend(
    answers: Answers,
    script: impl Fn(FarEnd) -> BoxFuture<'static, ()> + Send + Sync + 'static,
) -> Backend {
    let cluster = serve(answers, script).await;
    let spec = endpoint("pod", json!({"numbers": [8888, 8081]}));
    cluster.backend(&target(None), &spec).await.unwrap()
}

/// Answers the first tunnel's request with `answer`, and closes the connection properly.
async fn answered(answer: &'static str) -> Result<Response<BackendBody>, ClusterError> {
    let backend = backend(answers(), move |mut pod| {
        async move {
            pod.request().await;
            pod.send(answer).await;
            pod.close().await;
        }
        .boxed()
    })
    .await;
    backend.send(get("/"), &Deadlines::default()).await
}

async fn body_of(answer: &'static str) -> Result<Bytes, ClusterError> {
    answered(answer).await?.into_body().read_to_end(1000).await
}

#[tokio::test]
async fn a_body_ends_at_its_length_though_the_stream_stays_open_and_the_connection_is_used_again() {
    let backend = backend(answers(), |mut pod| {
        async move {
            assert!(pod.request().await.starts_with("GET /detect HTTP/1.1\r\n"));
            pod.send(OK).await;
            let request = pod.request().await.to_ascii_lowercase();
            assert!(
                request.starts_with("get /list?limit=1 http/1.1\r\n"),
                "{request}"
            );
            assert!(
                request.contains("\r\nhost: localhost:8888\r\n"),
                "{request}"
            );
            pod.send(OK).await;
            pod.request().await;
        }
        .boxed()
    })
    .await;
    for path in ["/detect", "http://elsewhere/list?limit=1"] {
        let response = backend
            .send(get(path), &Deadlines::default())
            .await
            .unwrap();
        assert_eq!(response.body().expected(), Some(5));
        assert_eq!(response.into_body().read_to_end(5).await.unwrap(), "hello");
    }
    assert_eq!(
        backend.cluster.request_count(),
        2,
        "one for the pod, one tunnel"
    );
}

#[tokio::test]
async fn an_early_end_is_an_error_that_counts_the_bytes() {
    let error = body_of("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            ClusterError::Incomplete {
                received: 4,
                expected: Some(10),
                ..
            }
        ),
        "{error}"
    );
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n";
    let error = body_of(chunked).await.unwrap_err();
    assert!(
        matches!(
            error,
            ClusterError::Incomplete {
                received: 4,
                expected: None,
                ..
            }
        ),
        "{error}"
    );
}

#[tokio::test]
async fn without_a_length_only_a_proper_close_is_the_end() {
    let response = answered("HTTP/1.1 200 OK\r\n\r\nall").await.unwrap();
    assert!(!response.body().is_delimited());
    assert_eq!(response.into_body().read_to_end(3).await.unwrap(), "all");
    let died = backend(answers(), |mut pod| {
        async move {
            pod.request().await;
            pod.send("HTTP/1.1 200 OK\r\n\r\nhalf").await;
            drop(pod);
        }
        .boxed()
    })
    .await;
    let response = died.send(get("/"), &Deadlines::default()).await.unwrap();
    let error = response.into_body().read_to_end(1000).await.unwrap_err();
    assert!(
        matches!(error, ClusterError::ConnectionLost { received: 4, .. }),
        "{error}"
    );
}

#[tokio::test]
async fn the_reason_of_the_kubelet_wins_in_the_middle_of_a_body() {
    let backend = backend(answers(), |mut pod| {
        async move {
            pod.request().await;
            pod.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
                .await;
            pod.fail("lost connection to pod").await;
        }
        .boxed()
    })
    .await;
    let response = backend.send(get("/"), &Deadlines::default()).await.unwrap();
    let error = response.into_body().read_to_end(1000).await.unwrap_err();
    assert!(
        matches!(&error, ClusterError::PortForward { reason, .. } if reason == "lost connection to pod"),
        "{error}"
    );
}

#[tokio::test]
async fn a_closed_port_is_passed_over_with_any_request() {
    let backend = backend(answers(), |mut pod| {
        async move {
            if pod.port == 8888 {
                pod.fail("dial tcp4 127.0.0.1:8888: connect: connection refused")
                    .await;
            } else {
                pod.request().await;
                pod.send(OK).await;
                pod.request().await;
            }
        }
        .boxed()
    })
    .await;
    let post = Request::post("/").body(Full::from("x")).unwrap();
    let response = backend.send(post, &Deadlines::default()).await.unwrap();
    assert_eq!(response.into_body().read_to_end(5).await.unwrap(), "hello");
    assert_eq!(backend.candidate().unwrap().port, 8081);
}

#[tokio::test]
async fn when_all_ports_are_closed_all_are_named() {
    let backend = backend(answers(), |pod| pod.fail("connection refused").boxed()).await;
    for _ in 0..2 {
        let error = backend
            .send(get("/"), &Deadlines::default())
            .await
            .unwrap_err();
        assert!(
            matches!(&error, ClusterError::AllPortsClosed { ports, .. } if *ports == [8888, 8081]),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_stale_connection_is_replaced_for_a_get_and_never_used_for_a_post() {
    let backend = backend(answers(), |mut pod| {
        async move {
            pod.request().await;
            pod.send(OK).await;
            if pod.number == 0 {
                // The far end reads the next request and closes without a response.
                pod.request().await;
                pod.close().await;
            } else {
                pod.request().await;
            }
        }
        .boxed()
    })
    .await;
    for _ in 0..2 {
        let response = backend.send(get("/"), &Deadlines::default()).await.unwrap();
        response.into_body().read_to_end(5).await.unwrap();
    }
    let tunnels = || backend.cluster.request_count() - 1;
    assert_eq!(tunnels(), 2);
    let post = Request::post("/").body(Full::from("x")).unwrap();
    backend.send(post, &Deadlines::default()).await.unwrap();
    assert_eq!(tunnels(), 3);
}

#[tokio::test]
async fn a_post_without_an_answer_is_not_sent_again() {
    let backend = backend(answers(), |mut pod| {
        async move {
            pod.request().await;
            pod.close().await;
        }
        .boxed()
    })
    .await;
    let post = Request::post("/").body(Full::from("x")).unwrap();
    let error = backend.send(post, &Deadlines::default()).await.unwrap_err();
    assert!(matches!(error, ClusterError::NoAnswer { .. }), "{error}");
    assert_eq!(
        backend.cluster.request_count(),
        2,
        "one for the pod, one tunnel"
    );
}

#[tokio::test]
async fn a_pod_that_went_away_is_replaced_by_the_next_ready_one() {
    let set = json!({"metadata": {"name": "broker"}, "spec": {"replicas": 2, "selector": {}, "template": {}}});
    let answers = answers()
        .with(
            "pods/broker-0/portforward",
            404,
            &status(404, "pods \"broker-0\" not found"),
        )
        .with(
            "/apis/apps/v1/namespaces/mqtt/statefulsets/broker",
            200,
            &set,
        )
        .list("pods", &[pod("broker-0"), pod("broker-1")]);
    let backend = backend(answers, |mut pod| {
        async move {
            assert_eq!(pod.pod, "broker-1");
            pod.request().await;
            pod.send(OK).await;
            pod.request().await;
        }
        .boxed()
    })
    .await;
    let post = Request::post("/").body(Full::from("x")).unwrap();
    let error = backend.send(post, &Deadlines::default()).await.unwrap_err();
    assert!(matches!(error, ClusterError::PodGone { .. }), "{error}");
    backend.send(get("/"), &Deadlines::default()).await.unwrap();
    assert_eq!(
        backend.take_notes(),
        ["pod broker-0 is gone; trying another pod"]
    );
}

#[tokio::test]
async fn a_pod_that_the_user_was_told_of_is_replaced_by_no_other() {
    let gone = status(404, "pods \"broker-0\" not found");
    let answers = answers()
        .with("pods/broker-0/portforward", 404, &gone)
        .list("pods", &[pod("broker-0"), pod("broker-1")]);
    let backend = backend(answers, |_| async {}.boxed()).await;
    assert_eq!(backend.settle_on_pod().as_deref(), Some("broker-0"));
    let sent = backend.send(get("/"), &Deadlines::default()).await;
    let error = sent.unwrap_err();
    assert!(matches!(error, ClusterError::PodGone { .. }), "{error}");
    assert_eq!(backend.answered(), None);
}

#[tokio::test]
async fn refusals_to_open_the_tunnel_are_understood() {
    let refused = async |code: u16, text: &str, json: bool| {
        let message = status(code, text);
        let path = "pods/broker-0/portforward";
        let answers = if json {
            answers().with(path, code, &message)
        } else {
            answers().with_text(path, code, text)
        };
        let backend = backend(answers, |pod| pod.close().boxed()).await;
        let post = Request::post("/").body(Full::from("x")).unwrap();
        backend.send(post, &Deadlines::default()).await.unwrap_err()
    };
    let error = refused(400, "pod broker-0 does not have a host assigned", true).await;
    assert!(
        matches!(error, ClusterError::PodUnscheduled { .. }),
        "{error}"
    );
    let error = refused(403, "pods \"broker-0\" is forbidden: ", true).await;
    assert!(
        error
            .to_string()
            .contains("not allowed to create pods/portforward"),
        "{error}"
    );
    let error = refused(200, "<html>", false).await;
    assert!(
        matches!(error, ClusterError::UpgradeRefused { .. }),
        "{error}"
    );
}

#[tokio::test]
async fn what_is_not_http_is_said_to_be_so() {
    let error = answered("220 mail ready\r\n").await.unwrap_err();
    assert!(matches!(error, ClusterError::NotHttp { .. }), "{error}");
}

#[tokio::test]
async fn a_server_that_wants_tls_is_recognized_by_its_alert_or_its_words() {
    for answer in [
        "\x15\x03\x01\x00\x02\x02\x46",
        "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n",
    ] {
        let error = answered(answer).await.unwrap_err();
        let ClusterError::Tls(failure) = &error else {
            panic!("{error}");
        };
        assert_eq!(failure.trouble, TlsTrouble::Required);
    }
    // Any other 400 is an answer.
    let response = answered("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await;
    assert_eq!(response.unwrap().status(), 400);
}

#[tokio::test]
async fn a_redirect_is_handed_back_and_a_head_has_no_body() {
    let response = answered("HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n")
        .await
        .unwrap();
    assert_eq!(response.status(), 302);
    assert_eq!(response.into_body().read_to_end(0).await.unwrap(), "");
}

#[tokio::test]
async fn a_body_longer_than_its_limit_is_refused() {
    let response = answered(OK).await.unwrap();
    let error = response.into_body().read_to_end(4).await.unwrap_err();
    assert!(
        matches!(error, ClusterError::BodyTooLong { limit: 4, .. }),
        "{error}"
    );
}

#[tokio::test]
async fn each_deadline_is_its_own() {
    let script = |mut pod: FarEnd| {
        async move {
            if pod.request().await.contains("/silent") {
                std::future::pending::<()>().await;
            }
            pod.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
                .await;
            pod.request().await;
        }
        .boxed()
    };
    let backend = backend(answers(), script).await;
    let short = Duration::from_millis(50);
    let phase = |error: ClusterError| match error {
        ClusterError::TimedOut { phase, .. } => phase,
        other => panic!("{other}"),
    };
    let first_byte = Deadlines {
        first_byte: short,
        ..Deadlines::default()
    };
    let error = backend.send(get("/silent"), &first_byte).await.unwrap_err();
    assert_eq!(phase(error), Phase::FirstByte);
    let total = Deadlines {
        total: Some(short),
        ..Deadlines::default()
    };
    let error = backend.send(get("/silent"), &total).await.unwrap_err();
    assert_eq!(phase(error), Phase::Total);
    let idle = Deadlines {
        idle: short,
        ..Deadlines::default()
    };
    let response = backend.send(get("/"), &idle).await.unwrap();
    let error = response.into_body().read_to_end(1000).await.unwrap_err();
    assert_eq!(phase(error), Phase::Idle);
}

/// Returns a body that gives `pieces`, and then hangs or fails.
fn stream(pieces: &[&'static str], fails: bool) -> RequestBody {
    let mut frames: Vec<Result<_, io::Error>> = pieces
        .iter()
        .map(|piece| {
            Ok(hyper::body::Frame::data(Bytes::from_static(
                piece.as_bytes(),
            )))
        })
        .collect();
    if fails {
        frames.push(Err(io::Error::other("the disk is gone")));
    }
    let frames = futures_util::stream::iter(frames);
    RequestBody::stream(http_body_util::StreamBody::new(frames))
}

fn upload(body: RequestBody) -> Request<RequestBody> {
    Request::put("/file").body(body).unwrap()
}

#[tokio::test]
async fn a_body_that_comes_in_pieces_is_sent_as_it_comes() {
    let backend = backend(answers(), |mut pod| {
        async move {
            let mut sent = String::new();
            while !sent.ends_with("\r\n0\r\n\r\n") {
                sent += &pod.text().await;
            }
            assert!(sent.contains("transfer-encoding: chunked"), "{sent}");
            assert!(
                sent.ends_with("3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"),
                "{sent}"
            );
            pod.send(OK).await;
            pod.request().await;
        }
        .boxed()
    })
    .await;
    let request = upload(stream(&["one", "two"], false));
    let response = backend.send(request, &Deadlines::default()).await.unwrap();
    assert_eq!(response.status(), 200);
}

#[tokio::test]
async fn a_body_of_which_something_was_taken_is_not_sent_again() {
    let backend = backend(answers(), |mut pod| {
        async move {
            assert_eq!(pod.number, 0, "it was sent twice");
            pod.request().await;
            pod.fail("dial tcp4 127.0.0.1:8888: connect: connection refused")
                .await;
        }
        .boxed()
    })
    .await;
    let request = upload(stream(&["one"], false));
    let error = backend
        .send(request, &Deadlines::default())
        .await
        .unwrap_err();
    assert!(matches!(error, ClusterError::PortClosed { .. }), "{error}");
}

#[tokio::test]
async fn a_body_that_breaks_off_says_why() {
    let backend = backend(answers(), |mut pod| {
        async move {
            pod.request().await;
            pod.request().await;
        }
        .boxed()
    })
    .await;
    let request = upload(stream(&["one"], true));
    let error = backend
        .send(request, &Deadlines::default())
        .await
        .unwrap_err();
    assert!(
        matches!(&error, ClusterError::RequestBody { source, .. } if source.to_string() == "the disk is gone"),
        "{error}"
    );
}

#[tokio::test]
async fn a_backend_that_takes_nothing_more_is_late_and_not_silent() {
    let script = |pod: FarEnd| {
        async move {
            let _pod = pod;
            std::future::pending::<()>().await;
        }
        .boxed()
    };
    let backend = backend(answers(), script).await;
    let deadlines = Deadlines {
        idle: Duration::from_millis(50),
        ..Deadlines::default()
    };
    let endless = futures_util::stream::repeat_with(|| {
        Ok::<_, io::Error>(hyper::body::Frame::data(Bytes::from(vec![0; 1 << 20])))
    });
    let body = RequestBody::stream(http_body_util::StreamBody::new(endless));
    let error = backend.send(upload(body), &deadlines).await.unwrap_err();
    assert!(
        matches!(error, ClusterError::NotTaken { sent, .. } if sent > 0),
        "{error}"
    );
}

const AWAY: &str = "error dialing backend: dial tcp 192.168.49.2:10250: connect: no route to host";

#[tokio::test]
async fn a_pod_whose_node_is_away_is_replaced_for_what_changes_nothing() {
    let answers = answers()
        .with("pods/broker-0/portforward", 500, &status(500, AWAY))
        .list("pods", &[pod("broker-0"), pod("broker-1")]);
    let backend = backend(answers, |mut pod| {
        async move {
            assert_eq!(pod.pod, "broker-1");
            pod.request().await;
            pod.send(OK).await;
            pod.request().await;
        }
        .boxed()
    })
    .await;
    let post = Request::post("/").body(Full::from("x")).unwrap();
    let error = backend.send(post, &Deadlines::default()).await.unwrap_err();
    assert!(matches!(error, ClusterError::KubeletFailed(_)), "{error}");
    backend.send(get("/"), &Deadlines::default()).await.unwrap();
    let notes = backend.take_notes();
    assert!(
        notes[0].ends_with("no route to host (tried 4 times); trying another pod"),
        "{notes:?}"
    );
}

#[tokio::test]
async fn where_no_other_pod_is_left_the_node_is_what_is_told() {
    let answers = answers()
        .with("pods/broker-0/portforward", 500, &status(500, AWAY))
        .list("pods", &[pod("broker-0")]);
    let backend = backend(answers, |pod| pod.close().boxed()).await;
    let error = backend
        .send(get("/"), &Deadlines::default())
        .await
        .unwrap_err();
    assert!(matches!(error, ClusterError::KubeletFailed(_)), "{error}");
    assert_eq!(backend.take_notes(), Vec::<String>::new());
}
