use std::sync::Arc;

use host_base::ReportKind;
use host_web::{Connector, Proxies, ProxySettings};
use http_body_util::BodyExt as _;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use testbed::google::{Google as Cloud, GoogleFault, Turn};
use testbed::scripted::{header, path as path_of, reply, serve};

use super::*;
use crate::client::CONNECT;
use crate::google::account::Account;
use crate::{Copy, GoogleWriter};

const PATIENCE: Duration = Duration::from_secs(5);

/// Returns a client for a server of the test.
fn client(address: &str, token: &str) -> Google {
    let proxies = Proxies::new(ProxySettings::default()).unwrap();
    let connector = Connector::new(proxies, None, CONNECT).unwrap();
    let pool = Client::builder(TokioExecutor::new()).build(connector.over_tls());
    Google::over(Account::fixed(pool, address, token))
}

/// Returns a cloud with a bucket, and a client that it knows.
async fn cloud() -> (Cloud, Arc<Google>) {
    let cloud = Cloud::start().await.unwrap();
    cloud.add_bucket("acme");
    cloud.add_bucket("copies");
    let [_, (_, token)] = cloud.variables();
    let google = client(&cloud.url(), &token);
    (cloud, Arc::new(google))
}

fn at(key: &str) -> Location {
    Location {
        bucket: "acme".to_owned(),
        key: key.to_owned(),
    }
}

fn copy(key: &str, etag: Option<String>) -> Copy {
    Copy {
        source: at(key),
        target: Location {
            bucket: "copies".to_owned(),
            key: format!("of/{key}"),
        },
        size: None,
        etag,
    }
}

fn kind<T: std::fmt::Debug>(result: Result<T, GoogleError>) -> ReportKind {
    result.unwrap_err().report().kind
}

async fn read(google: &Google, target: &str, headers: &[(&str, &str)]) -> (u16, String, Bytes) {
    let mut request = Request::get(target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Bytes::new()).unwrap();
    let answer = google
        .get(&request, Access::Signed, PATIENCE)
        .await
        .unwrap();
    let tag = answer.headers()[ETAG].to_str().unwrap().to_owned();
    let status = answer.status().as_u16();
    (
        status,
        tag,
        answer.into_body().collect().await.unwrap().to_bytes(),
    )
}

#[tokio::test]
async fn keys_of_any_form_are_written_listed_copied_read_and_deleted() {
    let (cloud, google) = cloud().await;
    let keys = ["//x", "a b/ü+&<>?#%.pdf", "folder/", "plain"];
    for key in keys {
        let body = Bytes::from(key.to_owned());
        let put = async |at: Location| {
            let kind = Some("text/plain");
            google
                .put(&at, body.clone(), kind, &Condition::None, PATIENCE)
                .await
        };
        let facts = put(at(key)).await.unwrap();
        assert_eq!((facts.key.as_str(), facts.size), (key, key.len() as u64));
        let etag = facts.etag;
        let copied = google
            .copy(&copy(key, etag.clone()), PATIENCE)
            .await
            .unwrap();
        // As in S3, the copy has the entity tag of the source.
        assert_eq!((copied.key, copied.etag), (format!("of/{key}"), etag));
        let found = cloud.object("copies", &format!("of/{key}")).unwrap();
        assert_eq!(found.content_type.as_deref(), Some("text/plain"));
        let (status, _, bytes) = read(&google, &at(key).path(), &[]).await;
        assert_eq!((status, bytes), (200, Bytes::from(key.to_owned())));
    }
    let all = Selection {
        bucket: "acme".to_owned(),
        ..Selection::default()
    };
    let listing = google.list(&all, Access::Signed, PATIENCE).await.unwrap();
    let listed: Vec<_> = listing.objects.iter().map(|it| it.key.as_str()).collect();
    assert_eq!(listed, keys);
    let modified = listing.objects[0].modified.as_ref().unwrap();
    assert!(modified.ends_with('Z'), "{modified}");
    for key in keys {
        google.delete(&at(key), PATIENCE).await.unwrap();
        // It is no error if there is none.
        google.delete(&at(key), PATIENCE).await.unwrap();
    }
    assert!(cloud.keys("acme").is_empty());
    assert_eq!(
        kind(google.head(&at("plain"), Access::Signed, PATIENCE).await),
        ReportKind::NotFound
    );
}

#[tokio::test]
async fn lists_have_pages_and_folders() {
    let (cloud, google) = cloud().await;
    cloud.page_size(2);
    for key in ["a", "b/1", "b/2", "c", "d/1"] {
        cloud.put("acme", key, "");
    }
    let mut selection = Selection {
        bucket: "acme".to_owned(),
        folders: true,
        ..Selection::default()
    };
    let (mut keys, mut folders) = (Vec::new(), Vec::new());
    loop {
        let listing = google
            .list(&selection, Access::Signed, PATIENCE)
            .await
            .unwrap();
        keys.extend(listing.objects.into_iter().map(|it| it.key));
        folders.extend(listing.folders);
        selection.cursor = listing.next;
        if selection.cursor.is_none() {
            break;
        }
    }
    assert_eq!(
        (keys, folders),
        (
            vec!["a".to_owned(), "c".to_owned()],
            vec!["b/".to_owned(), "d/".to_owned()]
        )
    );
    assert_eq!(cloud.count("list"), 2);
    selection.cursor = Some("none of the service's".to_owned());
    let refused = google.list(&selection, Access::Signed, PATIENCE).await;
    assert_eq!(kind(refused), ReportKind::InvalidArgument);
    selection.bucket = "nowhere".to_owned();
    let refused = google.list(&selection, Access::Signed, PATIENCE).await;
    assert_eq!(kind(refused), ReportKind::NotFound);
}

#[tokio::test]
async fn a_write_has_its_condition_and_is_repeated_only_without_one() {
    let (cloud, google) = cloud().await;
    let put = async |body: &'static str, condition| {
        let body = Bytes::from_static(body.as_bytes());
        google.put(&at("a"), body, None, &condition, PATIENCE).await
    };
    let first = put("1", Condition::Absent).await.unwrap().etag.unwrap();
    assert_eq!(
        kind(put("2", Condition::Absent).await),
        ReportKind::Conflict
    );
    put("2", Condition::Unchanged(first.clone())).await.unwrap();
    let changed = put("3", Condition::Unchanged(first)).await;
    assert_eq!(kind(changed), ReportKind::Conflict);
    assert_eq!(cloud.object("acme", "a").unwrap().bytes, "2");

    let before = cloud.count("insert");
    cloud.fault(
        "insert",
        Turn::Nth(before as u64 + 1),
        GoogleFault::Status(503),
    );
    let absent = google
        .put(&at("b"), Bytes::new(), None, &Condition::Absent, PATIENCE)
        .await;
    assert_eq!(kind(absent), ReportKind::Unavailable);
    assert_eq!(cloud.count("insert"), before + 1);
    cloud.fault(
        "insert",
        Turn::Nth(before as u64 + 2),
        GoogleFault::Status(503),
    );
    let always = google
        .put(&at("b"), Bytes::new(), None, &Condition::None, PATIENCE)
        .await;
    assert_eq!(always.unwrap().size, 0);
    assert_eq!(cloud.count("insert"), before + 3);
    let kind = Some("text/plain\r\nx: y");
    let split = google
        .put(&at("c"), Bytes::new(), kind, &Condition::None, PATIENCE)
        .await;
    assert!(
        matches!(split, Err(GoogleError::NotSent { .. })),
        "{split:?}"
    );
}

#[tokio::test]
async fn a_source_that_changes_or_vanishes_is_not_copied() {
    let (cloud, google) = cloud().await;
    cloud.put("acme", "a", "one");
    let etag = google
        .head(&at("a"), Access::Signed, PATIENCE)
        .await
        .unwrap()
        .etag;
    let change = |bytes: Option<&'static str>| GoogleFault::Change {
        bucket: "acme".to_owned(),
        name: "a".to_owned(),
        bytes: bytes.map(|text| Bytes::from_static(text.as_bytes())),
    };
    // It changes between the look at the source and the copy.
    cloud.fault("rewrite", Turn::Nth(1), change(Some("two")));
    let copied = google.copy(&copy("a", etag.clone()), PATIENCE).await;
    assert_eq!(kind(copied), ReportKind::Conflict);
    // It has changed before.
    let copied = google.copy(&copy("a", etag), PATIENCE).await;
    assert_eq!(kind(copied), ReportKind::Conflict);
    cloud.fault("rewrite", Turn::Nth(2), change(None));
    let copied = google.copy(&copy("a", None), PATIENCE).await;
    assert_eq!(kind(copied), ReportKind::NotFound);
    assert!(cloud.keys("copies").is_empty());
}

#[tokio::test]
async fn a_long_copy_takes_several_requests_and_a_composite_object_has_an_entity_tag() {
    let (cloud, google) = cloud().await;
    cloud.rewrites_at_once(4);
    cloud.put("acme", "a", "0123456789");
    cloud.make_composite("acme", "a");
    cloud.fault("rewrite", Turn::Nth(2), GoogleFault::Status(503));
    let facts = google
        .head(&at("a"), Access::Signed, PATIENCE)
        .await
        .unwrap();
    // crc32c of 0123456789 is 0x280c069e.
    assert_eq!(facts.etag.as_deref(), Some("\"crc32c-280c069e-10\""));
    let copied = google
        .copy(&copy("a", facts.etag.clone()), PATIENCE)
        .await
        .unwrap();
    assert_eq!((copied.size, copied.etag), (10, facts.etag));
    assert_eq!(cloud.object("copies", "of/a").unwrap().bytes, "0123456789");
    assert_eq!(cloud.count("rewrite"), 4);
}

#[tokio::test]
async fn an_object_in_pieces_exists_at_its_end_and_survives_faults() {
    let (cloud, google) = cloud().await;
    // Three pieces. The service takes only a part of each at once.
    let bytes: Vec<u8> = (0..(33 << 20) + 7_u32).map(|at| (at % 251) as u8).collect();
    cloud.takes_at_once(10 << 20);
    cloud.fault("piece", Turn::Nth(2), GoogleFault::CutAfter);
    let writer = |key: &str, is_new| {
        GoogleWriter::new(
            Arc::clone(&google),
            at(key),
            Some("text/plain".to_owned()),
            is_new,
            PATIENCE,
        )
    };
    let mut upload = writer("long", true);
    for piece in bytes.chunks(5 << 20) {
        upload.write(piece).await.unwrap();
    }
    assert!(cloud.object("acme", "long").is_none());
    let facts = upload.finish().await.unwrap();
    let found = cloud.object("acme", "long").unwrap();
    assert!(found.bytes == bytes && found.content_type.as_deref() == Some("text/plain"));
    assert_eq!(facts.size, bytes.len() as u64);
    assert_eq!(cloud.open_uploads(), 0);
    // The condition counts at the beginning, and at the end.
    let mut again = writer("long", true);
    assert_eq!(kind(again.write(&bytes).await), ReportKind::Conflict);
    let mut late = writer("late", true);
    late.write(&bytes).await.unwrap();
    cloud.put("acme", "late", "of somebody else");
    assert_eq!(kind(late.finish().await), ReportKind::Conflict);
    assert_eq!(
        cloud.object("acme", "late").unwrap().bytes,
        "of somebody else"
    );

    let mut dropped = writer("dropped", false);
    dropped.write(&bytes).await.unwrap();
    assert_eq!(cloud.open_uploads(), 1);
    dropped.discard().await.unwrap();
    assert_eq!(cloud.open_uploads(), 0);
    let mut short = writer("short", true);
    short.write(b"a").await.unwrap();
    assert_eq!(short.finish().await.unwrap().size, 1);
    let mut taken = writer("short", true);
    assert_eq!(kind(taken.finish().await), ReportKind::Conflict);
}

#[tokio::test]
async fn a_download_is_resumed_only_from_the_same_generation() {
    let (cloud, google) = cloud().await;
    cloud.put("acme", "a", "0123456789");
    let (status, tag, _) = read(&google, "/acme/a", &[]).await;
    assert_eq!(status, 200);
    let ranged = [("range", "bytes=4-"), ("if-range", tag.as_str())];
    let (status, _, bytes) = read(&google, "/acme/a", &ranged).await;
    assert_eq!((status, &*bytes), (206, &b"456789"[..]));
    cloud.put("acme", "a", "abcdefghij");
    let (status, new, bytes) = read(&google, "/acme/a", &ranged).await;
    assert_eq!((status, &*bytes), (200, &b"abcdefghij"[..]));
    assert_ne!(new, tag);
}

#[tokio::test]
async fn refusals_are_told_and_a_busy_service_is_asked_again() {
    let (cloud, google) = cloud().await;
    cloud.put("acme", "a", "one");
    cloud.fault("get", Turn::Nth(1), GoogleFault::Status(429));
    google
        .head(&at("a"), Access::Signed, PATIENCE)
        .await
        .unwrap();
    assert_eq!(cloud.count("get"), 2);
    for (permission, bucket) in [
        ("storage.objects.create", "copies"),
        ("storage.objects.delete", "acme"),
    ] {
        cloud.deny(permission, bucket);
    }
    let refused = google
        .copy(&copy("a", None), PATIENCE)
        .await
        .unwrap_err()
        .report();
    assert_eq!(refused.kind, ReportKind::Forbidden);
    let hint = refused.hint.unwrap();
    assert!(hint.contains("storage.objects.create"), "{hint}");
    assert_eq!(
        kind(google.delete(&at("a"), PATIENCE).await),
        ReportKind::Forbidden
    );
    let stranger = client(&cloud.url(), "other");
    let refused = stranger.head(&at("a"), Access::Signed, PATIENCE).await;
    assert_eq!(kind(refused), ReportKind::Unauthenticated);
    let nobody = google.head(&at("a"), Access::Anonymous, PATIENCE).await;
    assert_eq!(kind(nobody), ReportKind::Unauthenticated);
}

#[tokio::test]
async fn answers_of_something_else_are_not_understood() {
    for body in [
        "<html>",
        "{}",
        r#"{"name": "a"}"#,
        r#"{"name": "b", "size": "1"}"#,
        r#"{"name": "a", "size": "x"}"#,
    ] {
        let server = serve(move |_| reply(200, "", body.as_bytes())).await;
        let google = client(server.url("").trim_end_matches('/'), "token");
        let head = google.head(&at("a"), Access::Signed, PATIENCE).await;
        assert_eq!(kind(head), ReportKind::Protocol, "{body}");
    }
}

/// The bytes of an upload, and so its address, must stay with the service.
#[tokio::test]
async fn an_upload_does_not_follow_the_service_to_another_server() {
    let elsewhere = serve(|_| reply(200, "", b"{}")).await;
    let location = format!("location: {}\r\n", elsewhere.url("/upload?upload_id=1"));
    let server = serve(move |_| reply(200, &location, b"")).await;
    let google = Arc::new(client(server.url("").trim_end_matches('/'), "canary"));
    let mut upload = GoogleWriter::new(google, at("a"), None, false, PATIENCE);
    let written = upload.write(&vec![0; (16 << 20) + 1]).await;
    assert_eq!(kind(written), ReportKind::Protocol);
    assert!(elsewhere.requests().is_empty());
    let request = &server.requests()[0];
    assert!(
        path_of(request).starts_with("/upload/storage/v1/b/acme/o?"),
        "{request}"
    );
    assert_eq!(header(request, "authorization"), Some("Bearer canary"));
}

/// A copy that never gets further must end.
#[tokio::test]
async fn a_copy_without_progress_ends() {
    let answer = br#"{"done": false, "rewriteToken": "t", "totalBytesRewritten": "5"}"#;
    let server = serve(|_| reply(200, "", answer)).await;
    let google = client(server.url("").trim_end_matches('/'), "token");
    let copied = google.copy(&copy("a", None), PATIENCE).await;
    assert_eq!(kind(copied), ReportKind::Protocol);
    assert!(server.requests().len() < 20);
}
