//! Faults of the API server and of the backends' answers, and the forms of downloads.

use http::{Request, StatusCode, header};
use http_body_util::BodyExt;
use sha2::{Digest, Sha256};
use testbed::Testbed;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::support::{Answer, bed, fault, get, open, send};

const FILE: &str = "/api/v1/management/files/backups/20250806-080853";
const LIST: &str = "/v1/backup/list-remote";

async fn remote(bed: &Testbed) -> Answer {
    let request = Request::get(LIST).body(String::new()).unwrap();
    send(bed, "messaging/broker-0", 8085, request)
        .await
        .unwrap()
}

async fn download(bed: &Testbed, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::get(FILE);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(String::new()).unwrap();
    send(bed, "messaging/broker-0", 8081, request)
        .await
        .unwrap()
}

fn sha256(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    let hex: Vec<String> = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    hex.concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_server_fails_as_told() {
    let bed = bed().await;
    for (name, status) in [
        ("api-status=503", 503),
        ("api-html", 502),
        ("unauthorized", 401),
    ] {
        fault(&bed, name);
        let (got, _) = get(&bed, "/api/v1/pods").await;
        assert_eq!(got.as_u16(), status, "{name}");
        bed.faults().clear();
    }
    assert_eq!(get(&bed, "/api/v1/pods").await.0, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hanging_server_reads_and_does_not_answer() {
    let bed = bed().await;
    bed.requests().clear();
    fault(&bed, "hang");
    let asked = get(&bed, "/api/v1/pods");
    let seen = async {
        while bed.requests().count("GET", "/api/v1/pods") == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        _ = asked => panic!("the server has answered"),
        () = seen => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_answers_wrongly_as_told() {
    let bed = bed().await;
    fault(&bed, "sidecar-status=503");
    let answer = remote(&bed).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(
        answer.headers[header::CONTENT_TYPE]
            .to_str()
            .unwrap()
            .starts_with("text/plain")
    );
    bed.faults().clear();
    fault(&bed, "sidecar-html=502");
    assert!(remote(&bed).await.text().contains("<html>"));
    bed.faults().clear();
    fault(&bed, "sidecar-not-json");
    let answer = remote(&bed).await;
    assert_eq!(
        (answer.status, answer.json()),
        (StatusCode::OK, serde_json::Value::Null)
    );
    bed.faults().clear();
    fault(&bed, "sidecar-wrong-shape");
    assert!(!remote(&bed).await.json()["backups"].is_array());
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_can_be_long_and_hostile() {
    let bed = bed().await;
    fault(&bed, "sidecar-count=10000");
    fault(&bed, "sidecar-hostile-names");
    let list = remote(&bed).await.json();
    let list = list["backups"].as_array().unwrap();
    assert_eq!(list.len(), 10_000);
    let hostile = |part: &str| {
        list.iter()
            .any(|o| o["key"].as_str().unwrap().contains(part))
    };
    for part in [
        "\u{1b}[31m",
        "\u{1b}]0;",
        "\r\n",
        "\u{7}",
        "\u{202e}",
        "\u{200b}",
        "../",
    ] {
        assert!(hostile(part), "{part:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_cut_ends_early() {
    let bed = bed().await;
    let whole = remote(&bed).await.body.len();
    fault(&bed, "sidecar-cut=50");
    let answer = remote(&bed).await;
    assert_eq!((answer.body.len(), answer.complete), (whole / 2, false));
    bed.faults().clear();
    fault(&bed, "sidecar-drip=100000");
    let answer = remote(&bed).await;
    assert_eq!((answer.body.len(), answer.complete), (whole, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_asks_to_come_back_later_so_many_times() {
    let bed = bed().await;
    fault(&bed, "sidecar-retry-after=429:7:1");
    let answer = remote(&bed).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.headers[header::RETRY_AFTER], "7");
    assert_eq!(remote(&bed).await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_has_the_content_that_is_known() {
    let bed = bed().await;
    fault(&bed, "download-checksum=on");
    fault(&bed, "download-disposition=attachment; filename=\"../x\"");
    let content = bed
        .hivemq("messaging")
        .unwrap()
        .content("20250806-080853")
        .unwrap();
    let answer = download(&bed, &[]).await;
    assert_eq!(
        answer.headers[header::CONTENT_LENGTH],
        content.size().to_string().as_str()
    );
    assert_eq!(sha256(&answer.body), content.sha256());
    assert_eq!(
        answer.headers["x-checksum-sha256"],
        content.sha256().as_str()
    );
    assert_eq!(
        answer.headers[header::CONTENT_DISPOSITION],
        "attachment; filename=\"../x\""
    );
    fault(&bed, "download-corrupt");
    let wrong = download(&bed, &[]).await;
    assert_eq!(wrong.body.len(), answer.body.len());
    assert_ne!(sha256(&wrong.body), content.sha256());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_framing_is_complete_or_cut_at_the_same_byte() {
    let bed = bed().await;
    // With the close framing the client can't detect the cut; that is its danger.
    for (framing, noticed) in [("length", true), ("chunked", true), ("close", false)] {
        bed.faults().clear();
        fault(&bed, "download-size=1000000");
        fault(&bed, &format!("download-framing={framing}"));
        let whole = download(&bed, &[]).await;
        assert_eq!(
            (whole.body.len(), whole.complete),
            (1_000_000, true),
            "{framing}"
        );
        let length = whole.headers.contains_key(header::CONTENT_LENGTH);
        assert_eq!(length, framing == "length");
        fault(&bed, "download-cut=40:1");
        let cut = download(&bed, &[]).await;
        assert_eq!(
            (cut.body.len(), cut.complete),
            (400_000, !noticed),
            "{framing}"
        );
        assert!(download(&bed, &[]).await.body == whole.body, "{framing}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_is_resumed_by_range() {
    let bed = bed().await;
    fault(&bed, "download-resume=on");
    let whole = download(&bed, &[]).await;
    let etag = whole.headers[header::ETAG].to_str().unwrap().to_owned();
    let rest = download(&bed, &[("range", "bytes=1000000-"), ("if-range", &etag)]).await;
    assert_eq!(rest.status, StatusCode::PARTIAL_CONTENT);
    assert_eq!(
        rest.headers[header::CONTENT_RANGE],
        "bytes 1000000-1204223/1204224"
    );
    assert!(rest.body == whole.body[1_000_000..]);
    let changed = download(
        &bed,
        &[("range", "bytes=1000000-"), ("if-range", "\"other\"")],
    )
    .await;
    assert_eq!(
        (changed.status, changed.body.len()),
        (StatusCode::OK, whole.body.len())
    );
    let beyond = download(&bed, &[("range", "bytes=1204224-")]).await;
    assert_eq!(beyond.status, StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(beyond.headers[header::CONTENT_RANGE], "bytes */1204224");
    let all = download(&bed, &[("range", "bytes=0-")]).await;
    assert_eq!(all.status, StatusCode::PARTIAL_CONTENT);
    assert_eq!(
        all.headers[header::CONTENT_RANGE],
        "bytes 0-1204223/1204224"
    );
    fault(&bed, "download-etag-changes");
    let changed = download(&bed, &[("range", "bytes=1-"), ("if-range", &etag)]).await;
    assert_eq!(changed.status, StatusCode::OK);
    fault(&bed, "download-html");
    assert!(download(&bed, &[]).await.text().contains("<html>"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_download_streams_through() {
    let bed = bed().await;
    fault(&bed, "download-size=67108864");
    let content = bed
        .hivemq("messaging")
        .unwrap()
        .content("20250806-080853")
        .unwrap();
    let answer = download(&bed, &[]).await;
    assert_eq!(sha256(&answer.body), content.sha256());
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_break_and_new_ones_are_refused_until_that_is_lifted() {
    let bed = bed().await;
    let mut watch = open(&bed, Request::get("/api/v1/pods?watch=true"))
        .await
        .into_body();
    assert!(
        watch.frame().await.is_some_and(|it| it.is_ok()),
        "the first event"
    );
    bed.break_connections();
    let mut rest = watch.frame().await;
    while rest.as_ref().is_some_and(Result::is_ok) {
        rest = watch.frame().await;
    }
    assert!(rest.is_some(), "it breaks, and does not end");
    assert_eq!(get(&bed, "/api/v1/pods").await.0, StatusCode::OK);
    bed.refuse_connections(true);
    let address = bed.url().strip_prefix("https://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    assert_eq!(stream.read(&mut [0]).await.unwrap_or(0), 0);
    bed.refuse_connections(false);
    assert_eq!(get(&bed, "/api/v1/pods").await.0, StatusCode::OK);
}
