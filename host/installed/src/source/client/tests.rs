use std::time::Duration;

use host_base::{Failure, Problem};
use host_web::WebError;
use testbed::scripted::{STALL, Server, header, path, reply, serve};

use super::*;

const LIMIT: u64 = 1000;

fn client() -> Client {
    client_with(|_| ())
}

fn client_with(change: impl FnOnce(&mut SourceOptions)) -> Client {
    let mut options = SourceOptions::default();
    change(&mut options);
    Client::new(options).unwrap()
}

async fn get(client: &Client, url: &str) -> Result<Answer, SourceError> {
    client
        .get(&url.parse().unwrap(), HeaderMap::new(), LIMIT)
        .await
}

async fn error_of(answer: Vec<u8>) -> SourceError {
    let server = serve(move |_| answer.clone()).await;
    get(&client(), &server.url("/x"))
        .await
        .err()
        .expect("an error")
}

/// Returns a server that redirects from `/N` to `/N-1` and so on to `/0`.
async fn stairs() -> Server {
    serve(|request| match path(request)[1..].parse::<u32>().unwrap() {
        0 => reply(200, "", b"here"),
        step => reply(302, &format!("location: /{}\r\n", step - 1), b""),
    })
    .await
}

#[tokio::test]
async fn five_redirects_are_followed_and_not_six() {
    let server = stairs().await;
    let answer = get(&client(), &server.url("/5")).await.unwrap();
    assert_eq!(answer.body, b"here");
    let error = get(&client(), &server.url("/6")).await.err().unwrap();
    assert!(
        matches!(error, SourceError::TooManyRedirects { .. }),
        "{error}"
    );
    assert_eq!(server.requests().len(), 12);
}

#[tokio::test]
async fn credentials_stay_with_the_port_they_are_for() {
    let other = serve(|_| reply(200, "", b"")).await;
    let away = other.url("/away");
    let server = serve(move |request| match path(request) {
        "/same" => reply(307, "location: /end\r\n", b""),
        "/other" => reply(307, &format!("location: {away}\r\n"), b""),
        _ => reply(200, "", b""),
    })
    .await;
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, HeaderValue::from_static("Basic canary"));
    for start in ["/same", "/other"] {
        let address = server.url(start).parse().unwrap();
        client()
            .get(&address, headers.clone(), LIMIT)
            .await
            .unwrap();
    }
    let sent: Vec<_> = server
        .requests()
        .iter()
        .map(|it| header(it, "authorization").is_some())
        .collect();
    assert_eq!(sent, [true, true, true]);
    assert_eq!(header(&other.requests()[0], "authorization"), None);
}

#[tokio::test]
async fn an_answer_is_cut_off_at_its_limit_whatever_length_it_states() {
    let announced = error_of(b"HTTP/1.1 200 OK\r\ncontent-length: 1001\r\n\r\n...".to_vec()).await;
    assert!(
        matches!(announced, SourceError::TooLong { limit: LIMIT, .. }),
        "{announced}"
    );

    let mut chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    for _ in 0..11 {
        chunked.extend_from_slice(format!("64\r\n{}\r\n", "x".repeat(100)).as_bytes());
    }
    let unannounced = error_of(chunked).await;
    assert!(
        matches!(unannounced, SourceError::TooLong { .. }),
        "{unannounced}"
    );

    let mut endless = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n".to_vec();
    endless.extend_from_slice(&[b'x'; 1001]);
    let endless = error_of(endless).await;
    assert!(matches!(endless, SourceError::TooLong { .. }), "{endless}");
}

#[tokio::test]
async fn an_answer_that_ends_early_is_no_answer() {
    let error = error_of(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf".to_vec()).await;
    assert!(matches!(error, SourceError::Broken { .. }), "{error}");
}

#[tokio::test]
async fn http_is_spoken_with_loopback_and_with_named_hosts_only() {
    for url in ["http://192.0.2.1/x", "http://registry.example/x"] {
        let error = get(&client(), url).await.err().unwrap();
        assert!(matches!(error, SourceError::PlainHttp { .. }), "{error}");
    }
    let named = client_with(|options| {
        options.insecure_registries = vec!["a.example".into(), "b.example:5000".into()];
    });
    for (authority, insecure) in [
        ("a.example", true),
        ("A.example:5000", true),
        ("b.example:5000", true),
        ("b.example", false),
        ("b.example:5001", false),
        ("x.a.example", false),
        ("[::1]:5000", false),
    ] {
        assert_eq!(named.is_insecure(authority), insecure, "{authority}");
    }
}

#[tokio::test]
async fn a_redirect_cannot_lead_to_http_elsewhere() {
    let error = error_of(reply(302, "location: http://192.0.2.1/x\r\n", b"")).await;
    assert!(matches!(error, SourceError::PlainHttp { .. }), "{error}");
}

#[tokio::test]
async fn an_address_with_a_password_is_refused_without_showing_it() {
    let error = get(&client(), "https://me:canary@127.0.0.1:1/x?canary")
        .await
        .err()
        .unwrap();
    assert!(matches!(error, SourceError::BadUrl { .. }));
    assert!(!error.to_string().contains("canary"), "{error}");
}

#[tokio::test]
async fn a_server_that_stops_sending_is_given_up() {
    let hasty = || client_with(|options| options.deadlines.idle = Duration::from_millis(50));
    let silent = serve(|_| Vec::new()).await;
    let stalling =
        serve(|_| [b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n", STALL].concat()).await;
    for server in [silent, stalling] {
        let error = get(&hasty(), &server.url("/x?canary")).await.err().unwrap();
        assert_eq!(error.failure(), Failure::TimedOut);
        assert!(!error.to_string().contains("canary"), "{error}");
    }
}

#[tokio::test]
async fn a_host_that_refuses_is_named() {
    let address = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let error = get(&client(), &format!("http://{address}/x"))
        .await
        .err()
        .unwrap();
    assert!(
        matches!(error, SourceError::Web(WebError::Unreachable { .. })),
        "{error}"
    );
    assert!(error.to_string().contains(&address.to_string()), "{error}");
}

#[tokio::test]
async fn a_status_says_what_kind_of_failure_it_is() {
    for (status, failure) in [
        (401, Failure::NotAllowed),
        (403, Failure::NotAllowed),
        (404, Failure::NotFound),
        (410, Failure::NotFound),
        (206, Failure::Failed),
        (429, Failure::Failed),
        (503, Failure::Failed),
    ] {
        let server = serve(move |_| reply(status, "", b"no")).await;
        let answer = get(&client(), &server.url("/x")).await.unwrap();
        let error = answer.successful("the engine").err().unwrap();
        assert_eq!(error.failure(), failure, "{status}");
        assert!(error.to_string().contains("the engine"), "{error}");
    }
}

#[test]
fn a_refusal_is_shown_in_the_servers_words_unless_they_are_a_page() {
    let message = |body: &str| {
        let answer = Answer {
            status: StatusCode::NOT_FOUND,
            headers: HeaderMap::new(),
            body: body.as_bytes().to_vec(),
        };
        answer.message()
    };
    assert_eq!(
        message(r#"{"errors":[{"code":"X","message":"unknown tag"}]}"#),
        "unknown tag"
    );
    assert_eq!(message("no such file\n"), "no such file");
    assert_eq!(message("<html>\n<body>Not found"), "");
    assert_eq!(message(r#"{"something":"else"}"#), "");
}

#[test]
fn trusted_certificates_come_from_the_named_file_or_it_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    for path in [empty, folder.path().join("missing.pem")] {
        let options = SourceOptions {
            ca_file: Some(path.clone()),
            ..SourceOptions::default()
        };
        let error = Client::new(options).err().unwrap();
        assert_eq!(error.failure(), Failure::Usage);
        assert!(
            error.to_string().contains(path.to_str().unwrap()),
            "{error}"
        );
    }
}
