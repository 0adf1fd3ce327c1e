//! Single objects: read, write, copy and delete.

use super::{Caller, all};
use crate::aws::digest::{Algorithm, base64, digest, hexadecimal};
use crate::aws::{Bucket, Data, Object};

fn sha256(bytes: &[u8]) -> String {
    base64(&digest(Algorithm::Sha256, bytes))
}

#[tokio::test]
async fn an_object_is_read_with_its_facts() {
    let caller = Caller::start().await;
    let object = Object::new("0123456789")
        .with_sha256()
        .header("Content-Type", "text/plain")
        .header("x-amz-meta-author", "me")
        .tag("a", "b");
    caller.aws.put("acme", "ten", object);
    let got = caller
        .send("GET /acme/ten", &[("x-amz-checksum-mode", "ENABLED")], "")
        .await
        .ok();
    assert_eq!(got.text(), "0123456789");
    assert_eq!(got.header("etag"), "\"781e5e245d69b566979b86e28d23f2c7\"");
    assert_eq!(got.header("last-modified"), "Sun, 09 Nov 2025 14:30:00 GMT");
    assert_eq!(got.header("x-amz-checksum-sha256"), sha256(b"0123456789"));
    assert_eq!(got.header("x-amz-checksum-type"), "FULL_OBJECT");
    assert_eq!(got.header("content-type"), "text/plain");
    assert_eq!(got.header("x-amz-meta-author"), "me");
    assert_eq!(got.header("x-amz-tagging-count"), "1");
    let head = caller.ask("HEAD /acme/ten").await.ok();
    assert_eq!(head.header("content-length"), "10");
    assert_eq!(head.header("x-amz-checksum-sha256"), "");
    let tags = caller.ask("GET /acme/ten?tagging").await.ok();
    assert_eq!(all(tags.text(), "Key"), ["a"]);
}

#[tokio::test]
async fn an_object_without_a_checksum_has_the_one_of_s3() {
    let caller = Caller::start().await;
    let mode = [("x-amz-checksum-mode", "ENABLED")];
    caller.aws.put("acme", "nine", Object::new("123456789"));
    let head = caller.send("HEAD /acme/nine", &mode, "").await.ok();
    assert_eq!(head.header("x-amz-checksum-crc64nvme"), "rosUhgp5mIg=");
    assert_eq!(head.header("x-amz-checksum-sha256"), "");
}

#[tokio::test]
async fn ranges_are_those_of_http() {
    let caller = Caller::start().await;
    caller.aws.put("acme", "ten", Object::new("0123456789"));
    for (range, status, body, shown) in [
        ("bytes=2-4", 206, "234", "bytes 2-4/10"),
        ("bytes=7-", 206, "789", "bytes 7-9/10"),
        ("bytes=-2", 206, "89", "bytes 8-9/10"),
        ("bytes=8-99", 206, "89", "bytes 8-9/10"),
        ("bytes=4-2", 200, "0123456789", ""),
        ("lines=1-2", 200, "0123456789", ""),
    ] {
        let got = caller.send("GET /acme/ten", &[("range", range)], "").await;
        assert_eq!((got.status, got.text()), (status, body), "{range}");
        assert_eq!(got.header("content-range"), shown, "{range}");
    }
    let got = caller
        .send("GET /acme/ten", &[("range", "bytes=10-")], "")
        .await;
    assert_eq!(got.error(), (416, "InvalidRange".to_owned()));
    assert_eq!(got.root().child("ActualObjectSize"), Some("10"));
}

#[tokio::test]
async fn conditions_of_reading_are_about_the_entity_tag() {
    let caller = Caller::start().await;
    let etag = caller.aws.object("acme", "a/b c+d").unwrap().etag();
    let line = "GET /acme/a/b%20c%2Bd";
    let status =
        async |name: &str, value: &str| caller.send(line, &[(name, value)], "").await.status;
    assert_eq!(status("if-match", &etag).await, 200);
    assert_eq!(status("if-match", "\"x\"").await, 412);
    assert_eq!(status("if-none-match", &etag).await, 304);
    assert_eq!(status("if-none-match", "\"x\"").await, 200);
}

#[tokio::test]
async fn a_missing_object_or_bucket_is_told() {
    let caller = Caller::start().await;
    let got = caller.ask("GET /acme/x%3Cy").await;
    assert_eq!(got.error(), (404, "NoSuchKey".to_owned()));
    assert_eq!(got.root().child("Key"), Some("x<y"));
    let got = caller.ask("GET /other/x").await;
    assert_eq!(got.error(), (404, "NoSuchBucket".to_owned()));
    assert_eq!(got.root().child("BucketName"), Some("other"));
    let head = caller.ask("HEAD /acme/x").await;
    assert_eq!((head.status, head.text()), (404, ""));
    assert_eq!(caller.ask("HEAD /acme").await.status, 200);
    assert_eq!(caller.ask("HEAD /other").await.status, 404);
}

#[tokio::test]
async fn an_object_is_written_with_its_headers_and_tags() {
    let caller = Caller::start().await;
    let headers = [
        ("content-type", "text/plain"),
        ("x-amz-meta-a", "b"),
        ("x-amz-tagging", "k=v%20w&x="),
        ("x-amz-checksum-sha256", &sha256(b"body")),
    ];
    let got = caller
        .send("PUT /acme/x//../%C3%BC", &headers, "body")
        .await
        .ok();
    assert_eq!(got.header("x-amz-checksum-sha256"), sha256(b"body"));
    let object = caller.aws.object("acme", "x//../ü").unwrap();
    assert_eq!(object.data().to_bytes(), "body");
    assert_eq!(got.header("etag"), object.etag());
    assert_eq!(object.header_value("content-type"), Some("text/plain"));
    assert_eq!(object.header_value("x-amz-meta-a"), Some("b"));
    let tags = [("k", "v w"), ("x", "")].map(|(k, v)| (k.to_owned(), v.to_owned()));
    assert_eq!(object.tags(), tags);
    assert!(object.stored_checksum().ends_with(" FULL_OBJECT"));
}

#[tokio::test]
async fn wrong_digests_are_refused_and_nothing_is_written() {
    let caller = Caller::start().await;
    let md5 = base64(&digest(Algorithm::Md5, b"body"));
    let hex = hexadecimal(&digest(Algorithm::Sha256, b"other"));
    let other = sha256(b"other");
    for (name, value, status, code) in [
        ("x-amz-checksum-sha256", other.as_str(), 400, "BadDigest"),
        ("x-amz-checksum-sha256", "x", 400, "InvalidRequest"),
        ("x-amz-checksum-crc32", "AAAAAA==", 400, "BadDigest"),
        ("x-amz-checksum-sha1", "AAAA", 501, "NotImplemented"),
        (
            "x-amz-sdk-checksum-algorithm",
            "SHA256",
            400,
            "InvalidRequest",
        ),
        ("content-md5", "AAAAAAAAAAAAAAAAAAAAAA==", 400, "BadDigest"),
        ("content-md5", "x", 400, "InvalidDigest"),
        (
            "x-amz-content-sha256",
            &hex,
            400,
            "XAmzContentSHA256Mismatch",
        ),
    ] {
        let got = caller.send("PUT /acme/x", &[(name, value)], "body").await;
        assert_eq!(got.error(), (status, code.to_owned()), "{name}: {value}");
    }
    assert!(caller.aws.object("acme", "x").is_none());
    caller
        .send("PUT /acme/x", &[("content-md5", &md5)], "body")
        .await
        .ok();
}

#[tokio::test]
async fn conditions_of_writing_protect_what_is_there() {
    let caller = Caller::start().await;
    let put = async |headers: &[(&str, &str)], body: &'static str| {
        caller.send("PUT /acme/x", headers, body).await
    };
    let got = put(&[("if-match", "\"x\"")], "0").await;
    assert_eq!(got.error(), (404, "NoSuchKey".to_owned()));
    let first = put(&[("if-none-match", "*")], "1").await.ok();
    let got = put(&[("if-none-match", "*")], "2").await;
    assert_eq!(got.error(), (412, "PreconditionFailed".to_owned()));
    assert_eq!(got.root().child("Condition"), Some("If-None-Match"));
    let got = put(&[("if-none-match", "\"x\"")], "2").await;
    assert_eq!(got.error(), (501, "NotImplemented".to_owned()));
    let etag = first.header("etag").to_owned();
    put(&[("if-match", &etag)], "3").await.ok();
    let got = put(&[("if-match", &etag)], "4").await;
    assert_eq!(got.error(), (412, "PreconditionFailed".to_owned()));
    assert_eq!(
        caller.aws.object("acme", "x").unwrap().data().to_bytes(),
        "3"
    );
}

/// hyper sends no length of an empty body unless it is told to.
#[tokio::test]
async fn a_body_without_a_length_is_refused() {
    use http_body_util::{BodyExt as _, Empty};

    let caller = Caller::start().await;
    let scope = "Credential=a/20251109/eu-central-1/s3/aws4_request";
    let request = http::Request::put(format!("{}/acme/x", caller.aws.url()))
        .header("authorization", format!("AWS4-HMAC-SHA256 {scope}"))
        .body(Empty::<bytes::Bytes>::new())
        .unwrap();
    let executor = hyper_util::rt::TokioExecutor::new();
    let client = hyper_util::client::legacy::Client::builder(executor).build_http();
    let answer = client.request(request).await.unwrap();
    assert_eq!(answer.status(), 411);
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    let code = "<Code>MissingContentLength</Code>";
    assert!(String::from_utf8_lossy(&body).contains(code));
}

#[tokio::test]
async fn keys_have_at_most_1024_bytes_of_utf_8() {
    let caller = Caller::start().await;
    let put = async |key: &str| caller.send(&format!("PUT /acme/{key}"), &[], "").await;
    put(&"%C3%BC".repeat(512)).await.ok();
    let got = put(&"x".repeat(1025)).await;
    assert_eq!(got.error(), (400, "KeyTooLongError".to_owned()));
    assert_eq!(put("%FF").await.error(), (400, "InvalidURI".to_owned()));
}

#[tokio::test]
async fn a_copy_has_the_digest_that_was_asked_for() {
    let caller = Caller::start().await;
    caller.aws.add_bucket(Bucket::new("dest"));
    let source = Object::new("object")
        .header("content-type", "x/y")
        .tag("a", "b");
    caller.aws.put("acme", "a/b c+d", source);
    let headers = [
        ("x-amz-copy-source", "/acme/a/b%20c%2Bd"),
        ("x-amz-checksum-algorithm", "SHA256"),
        ("x-amz-tagging", "c=d"),
        ("x-amz-tagging-directive", "REPLACE"),
    ];
    let got = caller.send("PUT /dest/x", &headers, "").await.ok();
    let root = got.root();
    assert_eq!(root.name, "CopyObjectResult");
    assert_eq!(root.child("ChecksumSHA256"), Some(&*sha256(b"object")));
    assert_eq!(root.child("LastModified"), Some("2025-11-09T14:30:00.000Z"));
    let copy = caller.aws.object("dest", "x").unwrap();
    assert_eq!(root.child("ETag"), Some(&*copy.etag()));
    assert_eq!(
        copy.etag(),
        caller.aws.object("acme", "a/b c+d").unwrap().etag()
    );
    assert_eq!(copy.header_value("content-type"), Some("x/y"));
    assert_eq!(copy.tags(), [("c".to_owned(), "d".to_owned())]);
}

#[tokio::test]
async fn a_copy_of_an_object_in_parts_is_one_of_a_single_request() {
    let caller = Caller::start().await;
    let source = Object::in_parts(vec![7; 6 << 20], 5 << 20);
    assert!(source.etag().ends_with("-2\""));
    caller.aws.put("acme", "parts", source.clone());
    let headers = [("x-amz-copy-source", "acme/parts")];
    caller.send("PUT /acme/copy", &headers, "").await.ok();
    let copy = caller.aws.object("acme", "copy").unwrap();
    let md5 = hexadecimal(&digest(Algorithm::Md5, &vec![7; 6 << 20]));
    assert_eq!(copy.etag(), format!("\"{md5}\""));
    assert_eq!(copy.sha256(), source.sha256());
}

#[tokio::test]
async fn a_copy_that_may_not_be_made_changes_nothing() {
    let caller = Caller::start().await;
    caller.aws.add_bucket(Bucket::new("foreign").foreign());
    caller
        .aws
        .put("acme", "large", Object::new(Data::sparse((5 << 30) + 1, 0)));
    let wrong = ("x-amz-copy-source-if-match", "\"x\"");
    let none = ("x-amz-meta-a", "b");
    for (source, header, status, code) in [
        ("/acme/a/b%20c%2Bd", wrong, 412, "PreconditionFailed"),
        ("/acme/a/b c+d", none, 404, "NoSuchKey"),
        ("/acme/missing", none, 404, "NoSuchKey"),
        ("/missing/x", none, 404, "NoSuchBucket"),
        ("/foreign/x", none, 403, "AccessDenied"),
        ("acme", none, 400, "InvalidArgument"),
        ("/acme/large", none, 400, "InvalidRequest"),
        (
            "/acme/large",
            ("x-amz-checksum-algorithm", "X"),
            400,
            "InvalidRequest",
        ),
        ("/acme/x?versionId=1", none, 501, "NotImplemented"),
    ] {
        let headers = [("x-amz-copy-source", source), header];
        let got = caller.send("PUT /acme/x", &headers, "").await;
        assert_eq!(
            got.error(),
            (status, code.to_owned()),
            "{source} {header:?}"
        );
    }
    let headers = [("x-amz-copy-source", "/acme/a/b%20c%2Bd")];
    let got = caller.send("PUT /acme/a/b%20c%2Bd", &headers, "").await;
    assert_eq!(got.error(), (400, "InvalidRequest".to_owned()));
    assert_eq!(caller.aws.keys("acme"), ["a/b c+d", "large"]);
    let headers = [headers[0], ("if-none-match", "*")];
    let got = caller.send("PUT /acme/large", &headers, "").await;
    assert_eq!(got.error(), (412, "PreconditionFailed".to_owned()));
}

#[tokio::test]
async fn deleting_is_no_error_if_there_is_nothing() {
    let caller = Caller::start().await;
    let wrong = [("if-match", "\"x\"")];
    let got = caller.send("DELETE /acme/a/b%20c%2Bd", &wrong, "").await;
    assert_eq!(got.error(), (412, "PreconditionFailed".to_owned()));
    for _ in 0..2 {
        assert_eq!(caller.ask("DELETE /acme/a/b%20c%2Bd").await.status, 204);
    }
    assert!(caller.aws.keys("acme").is_empty());
}

#[tokio::test]
async fn many_keys_are_deleted_by_one_request_with_a_digest() {
    let caller = Caller::start().await;
    caller.aws.put("acme", " <&> ", Object::new(""));
    caller.aws.put("acme", "kept", Object::new(""));
    let body = "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
                <Object><Key> &lt;&amp;&#62; </Key></Object><Object><Key>missing</Key></Object></Delete>";
    let post = async |body: &str, headers: &[(&str, &str)]| {
        caller
            .send("POST /acme?delete", headers, body.to_owned())
            .await
    };
    let got = post(body, &[]).await;
    assert_eq!(got.error(), (400, "InvalidRequest".to_owned()));
    let sum = sha256(body.as_bytes());
    let got = post(body, &[("x-amz-checksum-sha256", &sum)]).await.ok();
    assert_eq!(all(got.text(), "Key"), [" &lt;&amp;&gt; ", "missing"]);
    assert_eq!(caller.aws.keys("acme"), ["a/b c+d", "kept"]);
    let many: String = (0..1001)
        .map(|it| format!("<Object><Key>{it}</Key></Object>"))
        .collect();
    for body in [
        "<Delete>",
        "<Delete/>",
        "",
        &format!("<Delete>{many}</Delete>"),
    ] {
        let sum = sha256(body.as_bytes());
        let got = post(body, &[("x-amz-checksum-sha256", &sum)]).await;
        assert_eq!(got.error(), (400, "MalformedXML".to_owned()), "{body}");
    }
    let quiet = "<Delete><Quiet>true</Quiet><Object><Key>kept</Key></Object></Delete>";
    let sum = sha256(quiet.as_bytes());
    let got = post(quiet, &[("x-amz-checksum-sha256", &sum)]).await.ok();
    assert!(all(got.text(), "Deleted").is_empty());
    assert_eq!(caller.aws.keys("acme"), ["a/b c+d"]);
}

/// Objects that are encrypted with a key of KMS have such entity tags. Each copy gets another one.
#[tokio::test]
async fn an_entity_tag_may_be_no_digest() {
    let caller = Caller::start().await;
    let etag = "0123456789abcdef0123456789abcdef";
    caller
        .aws
        .put("acme", "kms", Object::new("x").with_etag(etag));
    let head = caller.ask("HEAD /acme/kms").await.ok();
    assert_eq!(head.header("etag"), format!("\"{etag}\""));
    let headers = [("x-amz-copy-source", "acme/kms")];
    let got = caller.send("PUT /acme/copy", &headers, "").await.ok();
    let md5 = hexadecimal(&digest(Algorithm::Md5, b"x"));
    assert_eq!(got.root().child("ETag"), Some(&*format!("\"{md5}\"")));
}

#[tokio::test]
async fn a_large_object_is_read_without_memory() {
    let caller = Caller::start().await;
    caller
        .aws
        .put("acme", "large", Object::new(Data::sparse(6 << 30, 7)));
    let head = caller.ask("HEAD /acme/large").await.ok();
    assert_eq!(head.header("content-length"), (6_u64 << 30).to_string());
    let range = [("range", "bytes=6442450000-6442450003")];
    let got = caller.send("GET /acme/large", &range, "").await.ok();
    assert_eq!(got.body, [7; 4][..]);
}
