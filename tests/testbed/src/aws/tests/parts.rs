//! Objects in parts.

use super::{Caller, Got, all};
use crate::aws::digest::{Algorithm, base64, digest, hexadecimal};
use crate::aws::{Data, Object};

const PART: usize = 5 << 20;

fn sha256(bytes: &[u8]) -> String {
    base64(&digest(Algorithm::Sha256, bytes))
}

fn encoded(text: &str) -> String {
    let all = percent_encoding::NON_ALPHANUMERIC;
    percent_encoding::utf8_percent_encode(text, all).to_string()
}

/// Begins an upload of `acme/x`, and returns its id, encoded for a query.
async fn begin(caller: &Caller, headers: &[(&str, &str)]) -> String {
    let got = caller.send("POST /acme/x?uploads", headers, "").await.ok();
    let root = got.root();
    assert_eq!(root.child("Bucket"), Some("acme"));
    encoded(root.child("UploadId").unwrap())
}

async fn put(
    caller: &Caller,
    id: &str,
    number: u32,
    body: Vec<u8>,
    headers: &[(&str, &str)],
) -> Got {
    let line = format!("PUT /acme/x?partNumber={number}&uploadId={id}");
    caller.send(&line, headers, body).await
}

async fn complete(
    caller: &Caller,
    id: &str,
    parts: &[(u32, &str, &str)],
    headers: &[(&str, &str)],
) -> Got {
    let parts: String = parts
        .iter()
        .map(|(number, etag, sum)| {
            let sum = match *sum {
                "" => String::new(),
                sum => format!("<ChecksumSHA256>{sum}</ChecksumSHA256>"),
            };
            let etag = etag.replace('"', "&quot;");
            format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag>{sum}</Part>")
        })
        .collect();
    let body = format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>");
    let line = format!("POST /acme/x?uploadId={id}");
    caller.send(&line, headers, body).await
}

#[tokio::test]
async fn an_object_of_parts_has_digests_of_digests() {
    let caller = Caller::start().await;
    let wanted = [
        ("x-amz-checksum-algorithm", "SHA256"),
        ("content-type", "x/y"),
    ];
    let id = begin(&caller, &wanted).await;
    let bodies = [vec![1; PART], vec![2; 7]];
    let sums = bodies.each_ref().map(|it| sha256(it));
    let mut etags = Vec::new();
    for (number, (body, sum)) in (1..).zip(bodies.iter().zip(&sums)) {
        let headers = [("x-amz-checksum-sha256", sum.as_str())];
        let got = put(&caller, &id, number, body.clone(), &headers).await.ok();
        assert_eq!(got.header("x-amz-checksum-sha256"), sum);
        etags.push(got.header("etag").to_owned());
    }
    assert!(caller.aws.object("acme", "x").is_none());
    assert_eq!(caller.aws.open_uploads("acme"), ["x"]);
    let parts = [(1, &*etags[0], &*sums[0]), (2, &*etags[1], &*sums[1])];
    let got = complete(&caller, &id, &parts, &[]).await.ok();
    let root = got.root();
    assert_eq!(root.name, "CompleteMultipartUploadResult");
    let digests = bodies.each_ref().map(|it| digest(Algorithm::Md5, it));
    let etag = hexadecimal(&digest(Algorithm::Md5, &digests.concat()));
    assert_eq!(root.child("ETag"), Some(&*format!("\"{etag}-2\"")));
    let digests = bodies.each_ref().map(|it| digest(Algorithm::Sha256, it));
    let sum = format!("{}-2", sha256(&digests.concat()));
    assert_eq!(root.child("ChecksumSHA256"), Some(&*sum));
    assert_eq!(root.child("ChecksumType"), Some("COMPOSITE"));
    let mode = [("x-amz-checksum-mode", "ENABLED")];
    let head = caller.send("HEAD /acme/x", &mode, "").await.ok();
    assert_eq!(head.header("x-amz-checksum-sha256"), sum);
    assert_eq!(head.header("x-amz-checksum-type"), "COMPOSITE");
    assert_eq!(head.header("content-type"), "x/y");
    let object = caller.aws.object("acme", "x").unwrap();
    assert_eq!(
        object.sha256(),
        hexadecimal(&digest(Algorithm::Sha256, &bodies.concat()))
    );
    assert!(caller.aws.open_uploads("acme").is_empty());
    let again = complete(&caller, &id, &parts, &[]).await;
    assert_eq!(again.error(), (404, "NoSuchUpload".to_owned()));
}

#[tokio::test]
async fn parts_that_do_not_fit_are_refused() {
    let caller = Caller::start().await;
    let id = begin(&caller, &[("x-amz-checksum-algorithm", "SHA256")]).await;
    let got = put(&caller, &id, 1, vec![1; 3], &[]).await;
    assert_eq!(got.error(), (400, "InvalidRequest".to_owned()));
    assert!(
        got.text()
            .contains("expected checksum Type: sha256, actual checksum Type: null")
    );
    let sum = sha256(&[1; 3]);
    let headers = [("x-amz-checksum-sha256", sum.as_str())];
    for (number, id, status, code) in [
        (0, id.as_str(), 400, "InvalidArgument"),
        (10_001, &id, 400, "InvalidArgument"),
        (1, "x", 404, "NoSuchUpload"),
    ] {
        let got = put(&caller, id, number, vec![1; 3], &headers).await;
        assert_eq!(got.error(), (status, code.to_owned()), "{number}");
    }
    let one = put(&caller, &id, 1, vec![1; 3], &headers).await.ok();
    let etag = one.header("etag").to_owned();
    put(&caller, &id, 2, vec![1; 3], &headers).await.ok();
    for (parts, code) in [
        (
            &[(1, &*etag, &*sum), (2, &*etag, &*sum)][..],
            "EntityTooSmall",
        ),
        (
            &[(2, &*etag, &*sum), (1, &*etag, &*sum)],
            "InvalidPartOrder",
        ),
        (&[(3, &*etag, &*sum)], "InvalidPart"),
        (&[(1, "\"x\"", &*sum)], "InvalidPart"),
        (&[(1, &*etag, &*sha256(b""))], "InvalidPart"),
        (&[(1, &*etag, "")], "InvalidRequest"),
        (&[], "MalformedXML"),
    ] {
        let got = complete(&caller, &id, parts, &[]).await;
        assert_eq!(got.error(), (400, code.to_owned()), "{parts:?}");
    }
    // Refusals keep the upload.
    complete(&caller, &id, &[(1, &etag, &sum)], &[]).await.ok();
}

#[tokio::test]
async fn an_upload_may_be_bound_to_an_absent_object() {
    let caller = Caller::start().await;
    let id = begin(&caller, &[]).await;
    let got = put(&caller, &id, 1, vec![1; 3], &[]).await.ok();
    let etag = got.header("etag").to_owned();
    caller.aws.put("acme", "x", Object::new("first"));
    let absent = [("if-none-match", "*")];
    let got = complete(&caller, &id, &[(1, &etag, "")], &absent).await;
    assert_eq!(got.error(), (412, "PreconditionFailed".to_owned()));
    caller.aws.remove("acme", "x");
    complete(&caller, &id, &[(1, &etag, "")], &absent)
        .await
        .ok();
    let object = caller.aws.object("acme", "x").unwrap();
    assert!(object.stored_checksum().starts_with("CRC64NVME "));
    assert!(object.stored_checksum().ends_with(" FULL_OBJECT"));
}

#[tokio::test]
async fn a_large_object_is_copied_in_ranges() {
    let caller = Caller::start().await;
    let source = Object::new(Data::sparse(6 << 30, 7));
    let etag = source.etag();
    caller.aws.put("acme", "large", source);
    let id = begin(&caller, &[]).await;
    let copy = async |number: u32, range: &str, etag: &str| {
        let headers = [
            ("x-amz-copy-source", "/acme/large"),
            ("x-amz-copy-source-range", range),
            ("x-amz-copy-source-if-match", etag),
        ];
        put(&caller, &id, number, Vec::new(), &headers).await
    };
    for (range, etag, status, code) in [
        ("bytes=0-1", "\"x\"", 412, "PreconditionFailed"),
        ("bytes=0-6442450944", &etag, 400, "InvalidArgument"),
        ("bytes=0-", &etag, 400, "InvalidArgument"),
        ("bytes=0-6442450943", &etag, 400, "InvalidRequest"),
    ] {
        let got = copy(1, range, etag).await;
        assert_eq!(got.error(), (status, code.to_owned()), "{range}");
    }
    let mut etags = Vec::new();
    for (number, range) in [
        (1, "bytes=0-3221225471"),
        (2, "bytes=3221225472-6442450943"),
    ] {
        let got = copy(number, range, &etag).await.ok();
        assert_eq!(got.root().name, "CopyPartResult");
        etags.push(got.root().child("ETag").unwrap().to_owned());
    }
    let parts = [(1, &*etags[0], ""), (2, &*etags[1], "")];
    complete(&caller, &id, &parts, &[]).await.ok();
    let object = caller.aws.object("acme", "x").unwrap();
    assert_eq!(
        object.data(),
        caller.aws.object("acme", "large").unwrap().data()
    );
    assert!(object.etag().ends_with("-2\""));
}

#[tokio::test]
async fn a_copied_part_has_the_digest_of_its_upload() {
    let caller = Caller::start().await;
    let id = begin(&caller, &[("x-amz-checksum-algorithm", "SHA256")]).await;
    let headers = [
        ("x-amz-copy-source", "/acme/a/b%20c%2Bd"),
        ("x-amz-copy-source-range", "bytes=1-3"),
    ];
    let got = put(&caller, &id, 1, Vec::new(), &headers).await.ok();
    assert_eq!(got.root().child("ChecksumSHA256"), Some(&*sha256(b"bje")));
}

#[tokio::test]
async fn open_uploads_and_their_parts_are_listed_in_pages() {
    let caller = Caller::start().await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(begin(&caller, &[]).await);
    }
    for number in 1..=3 {
        put(&caller, &ids[0], number, vec![1; 3], &[]).await.ok();
    }
    let line = "GET /acme?uploads&max-uploads=2&prefix=x&encoding-type=url";
    let first = caller.ask(line).await.ok();
    assert_eq!(all(first.text(), "IsTruncated"), ["true"]);
    let root = first.root();
    let (key, id) = (
        root.child("NextKeyMarker").unwrap(),
        root.child("NextUploadIdMarker").unwrap(),
    );
    let line = format!("{line}&key-marker={key}&upload-id-marker={}", encoded(id));
    let second = caller.ask(&line).await.ok();
    assert_eq!(all(second.text(), "IsTruncated"), ["false"]);
    let mut found = all(first.text(), "UploadId");
    found.extend(all(second.text(), "UploadId"));
    let mut found: Vec<_> = found.into_iter().map(encoded).collect();
    found.sort();
    ids.sort();
    let owner = ids.clone();
    assert_eq!(found, owner);
    let none = caller.ask("GET /acme?uploads&prefix=y").await.ok();
    assert!(all(none.text(), "Upload").is_empty());

    let uploads = caller.aws.requests().of("UploadPart");
    let id = encoded(uploads[0].parameter("uploadId").unwrap());
    let line = format!("GET /acme/x?uploadId={id}&max-parts=2");
    let first = caller.ask(&line).await.ok();
    assert_eq!(all(first.text(), "PartNumber"), ["1", "2"]);
    assert_eq!(all(first.text(), "NextPartNumberMarker"), ["2"]);
    let second = caller
        .ask(&format!("{line}&part-number-marker=2"))
        .await
        .ok();
    assert_eq!(all(second.text(), "PartNumber"), ["3"]);
    assert_eq!(all(second.text(), "Size"), ["3"]);
}

#[tokio::test]
async fn an_aborted_upload_is_gone() {
    let caller = Caller::start().await;
    let id = begin(&caller, &[]).await;
    let abort = format!("DELETE /acme/x?uploadId={id}");
    // An upload belongs to one key.
    let got = caller.ask(&format!("DELETE /acme/y?uploadId={id}")).await;
    assert_eq!(got.error(), (404, "NoSuchUpload".to_owned()));
    assert_eq!(caller.ask(&abort).await.status, 204);
    assert_eq!(
        caller.ask(&abort).await.error(),
        (404, "NoSuchUpload".to_owned())
    );
    assert!(caller.aws.open_uploads("acme").is_empty());
}

#[tokio::test]
async fn a_digest_of_the_whole_needs_an_algorithm_that_can_be_combined() {
    let caller = Caller::start().await;
    let headers = [
        ("x-amz-checksum-algorithm", "SHA256"),
        ("x-amz-checksum-type", "FULL_OBJECT"),
    ];
    let got = caller.send("POST /acme/x?uploads", &headers, "").await;
    assert_eq!(got.error(), (400, "InvalidRequest".to_owned()));
    let headers = [("x-amz-checksum-algorithm", "CRC32"), headers[1]];
    let id = begin(&caller, &headers).await;
    let got = put(&caller, &id, 1, b"123456789".to_vec(), &[]).await.ok();
    let etag = got.header("etag").to_owned();
    let got = complete(&caller, &id, &[(1, &etag, "")], &[]).await.ok();
    assert_eq!(got.root().child("ChecksumCRC32"), Some("y/Q5Jg=="));
    assert_eq!(got.root().child("ChecksumType"), Some("FULL_OBJECT"));
}
