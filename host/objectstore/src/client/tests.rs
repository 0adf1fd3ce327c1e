use aws_credential_types::Credentials;
use host_base::ReportKind;
use testbed::scripted::{STALL, Server, header, path, reply, serve};

use super::*;

const PATIENCE: Duration = Duration::from_secs(5);

/// Returns a client for an S3 server of the test.
pub(crate) fn s3_at(server: &Server) -> S3 {
    let connector = Connector::new(
        Proxies::new(ProxySettings::default()).unwrap(),
        None,
        CONNECT,
    );
    let pool = Client::builder(TokioExecutor::new()).build(connector.unwrap().over_tls());
    let credentials = Credentials::new(
        "AKIAEXAMPLE",
        "canary",
        Some("session".to_owned()),
        None,
        "test",
    );
    let account = Account::fixed(server.url("").parse().unwrap(), credentials);
    S3 {
        settings: Settings::default(),
        opened: OnceCell::new_with(Some(Opened { pool, account })),
        regions: Mutex::default(),
    }
}

fn get(target: &str) -> Request<Bytes> {
    Request::get(target).body(Bytes::new()).unwrap()
}

async fn read(s3: &S3, target: &str) -> Result<Bytes, S3Error> {
    let answer = s3.send(get(target), Access::Signed, PATIENCE).await?;
    Ok(answer.into_body().collect().await?.to_bytes())
}

fn refusal(code: &str, more: &str) -> Vec<u8> {
    format!("<Error><Code>{code}</Code><Message>Because</Message>{more}</Error>").into_bytes()
}

/// Returns the region that a request is signed for.
fn region(request: &str) -> String {
    let signed = header(request, "authorization").unwrap_or_default();
    signed.split('/').nth(2).unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_request_is_signed_and_what_comes_is_the_object() {
    let server = serve(|_| reply(200, "", b"object")).await;
    let s3 = s3_at(&server);
    let bytes = read(&s3, "/acme/a/b%20c?versionId=7").await.unwrap();
    assert_eq!(bytes, "object");
    let request = &server.requests()[0];
    assert_eq!(path(request), "/acme/a/b%20c?versionId=7");
    let signed = header(request, "authorization").unwrap();
    assert!(
        signed.starts_with("AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/"),
        "{signed}"
    );
    assert!(signed.contains("host;"), "{signed}");
    assert_eq!(header(request, "x-amz-security-token"), Some("session"));
    assert!(!request.contains("canary"), "{request}");
}

#[tokio::test]
async fn who_asks_as_everybody_sends_nothing_of_the_users() {
    let server = serve(|_| reply(200, "", b"object")).await;
    let sent = s3_at(&server)
        .send(get("/acme/a"), Access::Anonymous, PATIENCE)
        .await;
    assert!(sent.is_ok());
    let request = &server.requests()[0];
    for name in ["authorization", "x-amz-security-token", "x-amz-date"] {
        assert_eq!(header(request, name), None, "{name}");
    }
}

#[tokio::test]
async fn a_bucket_elsewhere_is_asked_for_there_and_the_place_is_kept() {
    let server = serve(|request| {
        if region(request) == "eu-west-1" {
            return reply(200, "", b"object");
        }
        reply(301, "x-amz-bucket-region: eu-west-1\r\n", b"")
    })
    .await;
    let s3 = s3_at(&server);
    for _ in 0..2 {
        assert_eq!(read(&s3, "/acme/a").await.unwrap(), "object");
    }
    let regions: Vec<_> = server.requests().iter().map(|it| region(it)).collect();
    assert_eq!(regions, ["us-east-1", "eu-west-1", "eu-west-1"]);
}

#[tokio::test]
async fn a_server_that_sends_from_region_to_region_is_not_followed_for_ever() {
    let server = serve(|request| {
        let next = if region(request) == "us-east-1" {
            "<Region>eu-west-1</Region>"
        } else {
            "<Region>us-east-1</Region>"
        };
        reply(400, "", &refusal("AuthorizationHeaderMalformed", next))
    })
    .await;
    let error = read(&s3_at(&server), "/acme/a").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "S3 answered 400 for s3://acme/a with access key AKIAEXAMPLE: AuthorizationHeaderMalformed (Because)"
    );
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn a_region_that_would_be_another_host_is_not_gone_to() {
    let server = serve(|_| reply(301, "x-amz-bucket-region: x.evil.example/\r\n", b"")).await;
    let error = read(&s3_at(&server), "/acme/a").await.unwrap_err();
    assert!(error.to_string().starts_with("S3 answered 301"), "{error}");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn s3_that_is_busy_is_asked_three_times() {
    let server = serve(|_| reply(503, "", &refusal("SlowDown", ""))).await;
    let report = read(&s3_at(&server), "/acme/a").await.unwrap_err().report();
    assert_eq!(report.kind, ReportKind::Unavailable);
    assert!(report.retryable);
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn an_object_that_ends_early_is_an_error() {
    let server = serve(|_| b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nobj".to_vec()).await;
    let error = read(&s3_at(&server), "/acme/a").await.unwrap_err();
    assert!(matches!(error, S3Error::Cut { .. }), "{error}");
    assert!(error.report().retryable);
}

#[tokio::test(start_paused = true)]
async fn an_object_that_stands_still_is_given_up() {
    let server =
        serve(|_| [b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nobj", STALL].concat()).await;
    let error = read(&s3_at(&server), "/acme/a").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the request for s3://acme/a timed out after 30s"
    );
}

#[tokio::test]
async fn what_a_condition_brings_about_is_an_answer() {
    for status in [206, 304, 412, 416] {
        let server = serve(move |_| reply(status, "", b"")).await;
        let sent = s3_at(&server)
            .send(get("/acme/a"), Access::Signed, PATIENCE)
            .await;
        assert_eq!(sent.unwrap().status().as_u16(), status);
    }
}
