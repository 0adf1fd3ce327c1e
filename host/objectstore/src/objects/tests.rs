use std::sync::atomic::{AtomicUsize, Ordering};

use host_base::ReportKind;
use testbed::scripted::{Server, body, header, path, reply, serve};

use super::*;
use crate::client::tests::s3_at;
use crate::{Action, Copy};

const PATIENCE: Duration = Duration::from_secs(5);

fn at(key: &str) -> Location {
    Location {
        bucket: "acme".to_owned(),
        key: key.to_owned(),
    }
}

async fn put(server: &Server, condition: Condition) -> Result<Facts, S3Error> {
    let body = Bytes::from_static(b"object");
    let s3 = s3_at(server);
    let at = at("a/b c+d");
    let written = s3.put(&at, body, Some("text/plain"), &condition, PATIENCE);
    written.await
}

#[tokio::test]
async fn an_object_is_written_with_its_digest_and_its_condition() {
    let server = serve(|_| reply(200, "etag: \"1\"\r\n", b"")).await;
    let facts = put(&server, Condition::Absent).await.unwrap();
    assert_eq!((facts.size, facts.etag.as_deref()), (6, Some("\"1\"")));
    let digest = Sha256::digest(b"object");
    assert_eq!(facts.sha256, Some(digest.to_string()));
    put(&server, Condition::Unchanged("\"1\"".to_owned()))
        .await
        .unwrap();
    let requests = server.requests();
    assert_eq!(path(&requests[0]), "/acme/a/b%20c%2Bd");
    assert_eq!(header(&requests[0], "if-none-match"), Some("*"));
    assert_eq!(header(&requests[1], "if-match"), Some("\"1\""));
    let sent = header(&requests[0], "x-amz-checksum-sha256").unwrap();
    assert_eq!(hexadecimal(sent), Some(digest.to_string()));
    assert_eq!(body(&requests[0]), "object");
    let signed = header(&requests[0], "authorization").unwrap();
    assert!(signed.contains("if-none-match;"), "{signed}");
}

/// S3 refuses to write an object of unknown length, and hyper says nothing about an empty body.
#[tokio::test]
async fn the_length_of_an_empty_object_is_said() {
    let server = serve(|_| reply(200, "etag: \"1\"\r\n", b"")).await;
    let s3 = s3_at(&server);
    let pin = at("pin");
    let written = s3.put(&pin, Bytes::new(), None, &Condition::None, PATIENCE);
    written.await.unwrap();
    let requests = server.requests();
    assert_eq!(header(&requests[0], "content-length"), Some("0"));
}

#[tokio::test]
async fn a_condition_that_is_not_met_is_a_conflict() {
    let server = serve(|_| reply(412, "", b"")).await;
    let error = put(&server, Condition::Absent).await.unwrap_err();
    assert_eq!(error.report().kind, ReportKind::Conflict);
    assert!(!error.report().retryable);
}

/// A 500 may come after the object was written. The second request would then find its own object.
#[tokio::test(start_paused = true)]
async fn a_write_with_a_condition_is_repeated_only_if_the_first_had_no_effect() {
    for (status, condition, times) in [
        (500, Condition::Absent, 1),
        (503, Condition::Absent, 3),
        (500, Condition::None, 3),
    ] {
        let server = serve(move |_| reply(status, "", b"")).await;
        put(&server, condition).await.unwrap_err();
        assert_eq!(server.requests().len(), times, "{status}");
    }
}

const PAGE: &str = "<?xml version=\"1.0\"?><ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
    <EncodingType>url</EncodingType><IsTruncated>true</IsTruncated><NextContinuationToken>a+b=&amp;</NextContinuationToken>\
    <Contents><Key>a/b+c%2Bd</Key><LastModified>2026-01-02T03:04:05.000Z</LastModified><ETag>&quot;1&quot;</ETag><Size>7</Size></Contents>\
    <CommonPrefixes><Prefix>a/x%20y/</Prefix></CommonPrefixes></ListBucketResult>";

#[tokio::test]
async fn a_page_has_objects_folders_and_the_way_to_the_next_page() {
    let server = serve(|_| reply(200, "", PAGE.as_bytes())).await;
    let s3 = s3_at(&server);
    let selection = Selection {
        bucket: "acme".to_owned(),
        prefix: "a/".to_owned(),
        folders: true,
        cursor: Some("a+b=&".to_owned()),
        limit: Some(5000),
    };
    let page = s3.list(&selection, Access::Signed, PATIENCE).await.unwrap();
    assert_eq!(page.objects[0].key, "a/b c+d");
    assert_eq!(page.objects[0].size, 7);
    assert_eq!(page.folders, ["a/x y/"]);
    assert_eq!(page.next.as_deref(), Some("a+b=&"));
    assert_eq!(
        path(&server.requests()[0]),
        "/acme/?encoding-type=url&list-type=2&max-keys=1000&prefix=a%2F&delimiter=%2F&continuation-token=a%2Bb%3D%26"
    );
}

#[test]
fn keys_are_decoded_only_if_the_store_says_that_it_encodes_them() {
    let plain = PAGE.replace("<EncodingType>url</EncodingType>", "");
    let page = listing(&plain).unwrap();
    assert_eq!(page.objects[0].key, "a/b+c%2Bd");
    assert_eq!(page.folders, ["a/x%20y/"]);
}

#[test]
fn what_is_no_whole_page_is_no_short_list() {
    let whole = PAGE.replace("true", "false");
    // An object of unknown length is none of length 0.
    assert!(listing(&whole.replace("<Size>7</Size>", "")).is_none());
    assert_eq!(listing(&whole).unwrap().next, None);
    let no_token = PAGE.replace("NextContinuationToken", "Other");
    for text in [
        "",
        "<html></html>",
        "{}",
        &PAGE[..PAGE.len() - 40],
        no_token.as_str(),
        &PAGE.replace("<Size>7", "<Size>x"),
    ] {
        assert_eq!(listing(text), None, "{text}");
    }
}

#[tokio::test]
async fn the_digest_of_an_object_is_that_of_the_whole() {
    let digest = Sha256::digest(b"object");
    let base64 = BASE64.encode(digest.to_bytes());
    for (kind, value, expected) in [
        ("FULL_OBJECT", base64.clone(), Some(digest.to_string())),
        ("COMPOSITE", base64.clone(), None),
        ("FULL_OBJECT", format!("{base64}-2"), None),
    ] {
        let head = format!(
            "last-modified: Fri, 02 Jan 2026 03:04:05 GMT\r\nx-amz-checksum-type: {kind}\r\nx-amz-checksum-sha256: {value}\r\n"
        );
        let server = serve(move |_| reply(200, &head, b"")).await;
        let facts = s3_at(&server)
            .head(&at("a"), Access::Signed, PATIENCE)
            .await;
        let facts = facts.unwrap();
        assert_eq!(facts.sha256, expected, "{kind} {value}");
        assert_eq!(facts.modified.as_deref(), Some("2026-01-02T03:04:05Z"));
    }
}

const COPIED: &[u8] = b"<CopyObjectResult><ETag>\"2\"</ETag></CopyObjectResult>";

fn copy(size: Option<u64>) -> Copy {
    Copy {
        source: at("a b"),
        target: at("c"),
        size,
        etag: Some("\"1\"".to_owned()),
    }
}

#[tokio::test]
async fn a_copy_of_known_length_is_one_request() {
    let server = serve(|_| reply(200, "", COPIED)).await;
    let facts = s3_at(&server).copy(&copy(Some(7)), PATIENCE).await.unwrap();
    assert_eq!((facts.key.as_str(), facts.size), ("c", 7));
    let request = &server.requests()[0];
    assert_eq!(header(request, "x-amz-copy-source"), Some("/acme/a%20b"));
    assert_eq!(header(request, "x-amz-copy-source-if-match"), Some("\"1\""));
    assert_eq!(server.requests().len(), 1);
}

/// S3 sends the head of the response before the work is done.
#[tokio::test]
async fn a_copy_that_fails_after_its_status_is_an_error() {
    let error = b"<Error><Code>InternalError</Code><Message>Because</Message></Error>";
    let (failed, protocol) = (ReportKind::Unavailable, ReportKind::Protocol);
    for (body, kind, requests) in [
        (&error[..], failed, 3),
        (
            b"<Error><Code>AccessDenied</Code></Error>",
            ReportKind::Failed,
            1,
        ),
        (b"", protocol, 1),
        (b"<html></html>", protocol, 1),
    ] {
        let server = serve(move |_| reply(200, "", body)).await;
        let copied = s3_at(&server).copy(&copy(Some(7)), PATIENCE).await;
        assert_eq!(copied.unwrap_err().report().kind, kind);
        assert_eq!(server.requests().len(), requests);
    }
}

#[tokio::test]
async fn a_copy_that_fails_after_its_status_is_made_again() {
    for code in ["InternalError", "SlowDown"] {
        let error = format!("<Error><Code>{code}</Code></Error>");
        let number = AtomicUsize::new(0);
        let server = serve(move |_| match number.fetch_add(1, Ordering::Relaxed) {
            0 => reply(200, "", error.as_bytes()),
            _ => reply(200, "", COPIED),
        });
        let server = server.await;
        let copied = s3_at(&server).copy(&copy(Some(7)), PATIENCE).await;
        assert_eq!(copied.unwrap().key, "c");
        assert_eq!(server.requests().len(), 2);
    }
}

/// Plays S3 for a copy of 6 GiB. A part fails if `breaks`.
fn large(breaks: bool) -> impl Fn(&str) -> Vec<u8> + Send + Sync + 'static {
    move |request| {
        let target = path(request);
        let is = |part: &str| target.contains(part);
        if request.starts_with("HEAD") {
            let head = "content-length: 6442450944\r\netag: \"1\"\r\nx-amz-meta-of: acme\r\ncontent-encoding: gzip\r\n";
            return format!("HTTP/1.1 200 OK\r\n{head}\r\n").into_bytes();
        }
        let text: &[u8] = if is("uploads=") {
            b"<InitiateMultipartUploadResult><UploadId>u/1</UploadId></InitiateMultipartUploadResult>"
        } else if is("partNumber=3") && breaks {
            return reply(403, "", b"");
        } else if is("partNumber=") {
            b"<CopyPartResult><ETag>\"p\"</ETag></CopyPartResult>"
        } else {
            b"<CompleteMultipartUploadResult><ETag>\"whole-12\"</ETag></CompleteMultipartUploadResult>"
        };
        reply(200, "", text)
    }
}

#[tokio::test]
async fn a_large_object_is_copied_in_parts_of_one_version() {
    let server = serve(large(false)).await;
    let facts = s3_at(&server).copy(&copy(None), PATIENCE).await.unwrap();
    assert_eq!(facts.etag.as_deref(), Some("\"whole-12\""));
    assert_eq!(facts.size, 6 << 30);
    let requests = server.requests();
    let begun = requests
        .iter()
        .find(|it| path(it).contains("uploads="))
        .unwrap();
    assert_eq!(header(begun, "x-amz-meta-of"), Some("acme"));
    assert_eq!(header(begun, "content-encoding"), Some("gzip"));
    let parts: Vec<_> = requests
        .iter()
        .filter(|it| path(it).contains("partNumber="))
        .collect();
    assert_eq!(parts.len(), 12);
    for part in parts {
        assert!(path(part).ends_with("&uploadId=u%2F1"));
        assert_eq!(header(part, "x-amz-copy-source-if-match"), Some("\"1\""));
    }
}

#[tokio::test]
async fn a_large_copy_whose_end_is_not_understood_is_an_error() {
    let error = b"<Error><Code>InternalError</Code></Error>";
    for body in [&error[..], b"", b"<html></html>"] {
        let whole = large(false);
        let server = serve(move |request| match path(request) {
            target if request.starts_with("POST") && target.contains("uploadId=") => {
                reply(200, "", body)
            }
            _ => whole(request),
        });
        let server = server.await;
        let copied = s3_at(&server).copy(&copy(None), PATIENCE).await;
        copied.unwrap_err();
    }
}

#[tokio::test]
async fn a_large_copy_that_fails_leaves_no_parts() {
    let server = serve(large(true)).await;
    s3_at(&server)
        .copy(&copy(None), PATIENCE)
        .await
        .unwrap_err();
    let requests = server.requests();
    let last = requests.last().unwrap();
    assert!(last.starts_with("DELETE /acme/c?uploadId=u%2F1 "), "{last}");
}

fn action(reads: bool) -> Action {
    Action {
        service: "rds".to_owned(),
        version: "2014-10-31".to_owned(),
        name: "DescribeDBSnapshots".to_owned(),
        parameters: vec![("DBInstanceIdentifier".to_owned(), "a b&c".to_owned())],
        region: Some("eu-west-1".to_owned()),
        reads,
    }
}

#[tokio::test]
async fn an_action_is_a_signed_form() {
    let server = serve(|_| reply(200, "", b"<R/>")).await;
    let answer = s3_at(&server).call(&action(true), PATIENCE).await.unwrap();
    assert_eq!(answer, "<R/>");
    let request = &server.requests()[0];
    assert_eq!(
        body(request),
        "Action=DescribeDBSnapshots&Version=2014-10-31&DBInstanceIdentifier=a%20b%26c"
    );
    let signed = header(request, "authorization").unwrap();
    assert!(signed.contains("/eu-west-1/rds/aws4_request"), "{signed}");
}

#[tokio::test(start_paused = true)]
async fn a_refused_action_says_what_it_means_and_is_repeated_if_it_had_no_effect() {
    let refused = |code: &str| {
        format!(
            "<ErrorResponse><Error><Code>{code}</Code><Message>Because</Message></Error></ErrorResponse>"
        )
    };
    for (status, code, kind, writes, reads) in [
        (404, "DBSnapshotNotFound", ReportKind::NotFound, 1, 1),
        (400, "DBSnapshotAlreadyExists", ReportKind::Conflict, 1, 1),
        (400, "InvalidDBInstanceState", ReportKind::Conflict, 1, 1),
        (400, "SnapshotQuotaExceeded", ReportKind::Failed, 1, 1),
        (
            400,
            "InvalidParameterValue",
            ReportKind::InvalidArgument,
            1,
            1,
        ),
        (403, "AccessDenied", ReportKind::Forbidden, 1, 1),
        (
            403,
            "InvalidClientTokenId",
            ReportKind::Unauthenticated,
            1,
            1,
        ),
        (400, "Throttling", ReportKind::Unavailable, 3, 3),
        (500, "InternalFailure", ReportKind::Unavailable, 1, 3),
        (503, "ServiceUnavailable", ReportKind::Unavailable, 1, 3),
    ] {
        for (may_repeat, times) in [(false, writes), (true, reads)] {
            let text = refused(code);
            let server = serve(move |_| reply(status, "", text.as_bytes())).await;
            let error = s3_at(&server)
                .call(&action(may_repeat), PATIENCE)
                .await
                .unwrap_err();
            assert_eq!(error.report().kind, kind, "{code}");
            assert_eq!(server.requests().len(), times, "{code}");
        }
    }
}

#[tokio::test]
async fn a_region_that_would_be_another_host_is_refused() {
    let server = serve(|_| reply(200, "", b"<R/>")).await;
    let mut action = action(true);
    action.region = Some("x.evil.example/".to_owned());
    let error = s3_at(&server).call(&action, PATIENCE).await.unwrap_err();
    assert!(matches!(error, S3Error::BadRegion { .. }), "{error}");
    assert!(server.requests().is_empty());
}
