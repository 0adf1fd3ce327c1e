//! Faults, permissions and regions.

use super::{Caller, all};
use crate::aws::xml::DECLARATION;
use crate::aws::{AwsFault, AwsService, Bucket, Change, Data, Denial, Object, On};

const OBJECT: &str = "/acme/a/b%20c%2Bd";

#[tokio::test]
async fn every_nth_request_is_throttled_in_the_words_of_its_service() {
    let caller = Caller::start().await;
    caller
        .aws
        .fault(On::service(AwsService::S3).every(3), AwsFault::Throttle);
    let mut found = Vec::new();
    for _ in 0..6 {
        found.push(caller.ask(&format!("HEAD {OBJECT}")).await.status);
    }
    assert_eq!(found, [200, 200, 503, 200, 200, 503]);
    caller.aws.clear_faults();
    caller.aws.fault(On::any().first(2), AwsFault::Throttle);
    let got = caller.ask(&format!("GET {OBJECT}")).await;
    assert_eq!(got.error(), (503, "SlowDown".to_owned()));
    let got = caller.act("DescribeDBInstances", "").await;
    assert_eq!(got.error(), (400, "Throttling".to_owned()));
    caller.act("DescribeDBInstances", "").await.ok();
}

#[tokio::test]
async fn a_fault_is_about_chosen_requests() {
    let caller = Caller::start().await;
    let on = On::operation("Put*")
        .resource("acme/x/*")
        .access_key(super::KEY)
        .nth(2);
    let error = AwsFault::error(409, "ConditionalRequestConflict", "Because");
    caller.aws.fault(on, error);
    let put = async |key: &str| caller.send(&format!("PUT /acme/{key}"), &[], "").await;
    put("x/1").await.ok();
    put("y/1").await.ok();
    let got = put("x/2").await;
    assert_eq!(got.error(), (409, "ConditionalRequestConflict".to_owned()));
    put("x/2").await.ok();
    let last = &caller.aws.requests().of("PutObject")[2];
    assert_eq!(last.code.as_deref(), Some("ConditionalRequestConflict"));
}

#[tokio::test]
async fn a_connection_may_end_before_or_after_the_work() {
    let caller = Caller::start().await;
    for (fault, is_written) in [(AwsFault::CutBefore, false), (AwsFault::CutAfter, true)] {
        caller.aws.clear_faults();
        caller.aws.fault(On::operation("PutObject").nth(1), fault);
        assert!(caller.try_send("PUT /acme/x", &[], "").await.is_err());
        assert_eq!(caller.aws.object("acme", "x").is_some(), is_written);
        let last = caller.aws.requests().all().pop().unwrap();
        assert_eq!((last.operation.as_str(), last.status), ("PutObject", None));
        caller.ask("HEAD /acme").await.ok();
    }
}

#[tokio::test]
async fn a_request_may_never_be_answered() {
    let caller = Caller::start().await;
    caller.aws.fault(On::operation("PutObject"), AwsFault::Hang);
    let mut hanging = Box::pin(caller.send("PUT /acme/x", &[], ""));
    let others = async {
        while caller.aws.requests().of("PutObject").is_empty() {
            tokio::task::yield_now().await;
        }
        caller.ask("HEAD /acme").await.ok();
    };
    tokio::select! {
        biased;
        _ = &mut hanging => panic!("an answer came"),
        () = others => {}
    }
    assert!(caller.aws.object("acme", "x").is_none());
}

#[tokio::test]
async fn an_answer_may_end_early() {
    let caller = Caller::start().await;
    caller
        .aws
        .put("acme", "large", Object::new(Data::sparse(1 << 20, 1)));
    caller.aws.fault(On::any(), AwsFault::CutWithin(100));
    assert!(caller.try_send("GET /acme/large", &[], "").await.is_err());
    caller.aws.clear_faults();
    assert_eq!(caller.ask("GET /acme/large").await.ok().body.len(), 1 << 20);
}

#[tokio::test]
async fn a_copy_may_fail_after_its_status() {
    let caller = Caller::start().await;
    let late = AwsFault::late_error("InternalError", "We encountered an internal error.");
    caller.aws.fault(On::operation("CopyObject").nth(1), late);
    let headers = [("x-amz-copy-source", OBJECT)];
    let got = caller.send("PUT /acme/x", &headers, "").await;
    assert_eq!(got.error(), (200, "InternalError".to_owned()));
    assert!(caller.aws.object("acme", "x").is_none());
    let got = caller.send("PUT /acme/x", &headers, "").await;
    assert_eq!(got.root().name, "CopyObjectResult");
}

#[tokio::test]
async fn spaces_come_before_a_late_result() {
    let caller = Caller::start().await;
    caller
        .aws
        .fault(On::operation("CopyObject"), AwsFault::Spaces(3));
    let headers = [("x-amz-copy-source", OBJECT)];
    let got = caller.send("PUT /acme/x", &headers, "").await.ok();
    let expected = format!("{DECLARATION}   <CopyObjectResult");
    assert!(got.text().starts_with(&expected), "{}", got.text());
    assert_eq!(got.header("content-length"), "");
    assert_eq!(got.root().name, "CopyObjectResult");
}

#[tokio::test]
async fn a_store_may_not_know_a_header() {
    let caller = Caller::start().await;
    let name = "x-amz-copy-source-if-match".to_owned();
    caller.aws.fault(On::any(), AwsFault::IgnoreHeader(name));
    let headers = [
        ("x-amz-copy-source", OBJECT),
        ("x-amz-copy-source-if-match", "\"wrong\""),
    ];
    caller.send("PUT /acme/x", &headers, "").await.ok();
}

#[tokio::test]
async fn objects_may_change_between_a_list_and_a_copy() {
    let caller = Caller::start().await;
    let etag = caller.aws.object("acme", "a/b c+d").unwrap().etag();
    let (bucket, key) = ("acme".to_owned(), "a/b c+d".to_owned());
    let put = Change::Put {
        bucket: bucket.clone(),
        key: key.clone(),
        data: Data::new("changed"),
    };
    let list = On::operation("ListObjectsV2");
    caller
        .aws
        .fault(list.clone().nth(1), AwsFault::Afterwards(put));
    let remove = Change::Remove { bucket, key };
    caller.aws.fault(list.nth(2), AwsFault::Afterwards(remove));
    let got = caller.ask("GET /acme?list-type=2").await.ok();
    assert_eq!(all(got.text(), "ETag"), [etag.replace('"', "&quot;")]);
    let copy = [
        ("x-amz-copy-source", OBJECT),
        ("x-amz-copy-source-if-match", &etag),
    ];
    let got = caller.send("PUT /acme/x", &copy, "").await;
    assert_eq!(got.error(), (412, "PreconditionFailed".to_owned()));
    let got = caller.ask("GET /acme?list-type=2").await.ok();
    assert_eq!(all(got.text(), "Size"), ["7"]);
    let got = caller.send("PUT /acme/x", &copy, "").await;
    assert_eq!(got.error(), (404, "NoSuchKey".to_owned()));
}

#[tokio::test]
async fn a_database_may_change_its_status_meanwhile() {
    let caller = Caller::start().await;
    let change = Change::Status {
        id: "retail-prd".to_owned(),
        status: "modifying".to_owned(),
    };
    let on = On::operation("DescribeDBInstances").resource("retail-*");
    caller.aws.fault(on, AwsFault::Afterwards(change));
    let describe = "DBInstanceIdentifier=retail-prd";
    let got = caller.act("DescribeDBInstances", describe).await.ok();
    assert_eq!(all(got.text(), "DBInstanceStatus"), ["available"]);
    let create = "DBInstanceIdentifier=retail-prd&DBSnapshotIdentifier=a";
    let got = caller.act("CreateDBSnapshot", create).await;
    assert_eq!(got.error(), (400, "InvalidDBInstanceState".to_owned()));
}

#[tokio::test]
async fn a_missing_permission_is_named() {
    let caller = Caller::start().await;
    caller
        .aws
        .deny(Denial::new("s3:PutObject", "arn:aws:s3:::acme/dl/*").for_key(super::KEY));
    caller.aws.deny(Denial::new(
        "rds:CreateDBSnapshot",
        "arn:aws:rds:*:db:retail-prd",
    ));
    let got = caller.send("PUT /acme/dl/x", &[], "").await;
    assert_eq!(got.error(), (403, "AccessDenied".to_owned()));
    let message = got.root().child("Message").unwrap().to_owned();
    assert!(
        message.contains("s3:PutObject on resource: \"arn:aws:s3:::acme/dl/x\""),
        "{message}"
    );
    caller.send("PUT /acme/x", &[], "").await.ok();
    let create = "DBInstanceIdentifier=retail-prd&DBSnapshotIdentifier=a";
    let got = caller.act("CreateDBSnapshot", create).await;
    assert_eq!(got.error(), (403, "AccessDenied".to_owned()));
    assert!(got.text().contains("rds:CreateDBSnapshot"));
    caller.act("DescribeDBInstances", "").await.ok();
    caller.aws.allow_all();
    caller.send("PUT /acme/dl/x", &[], "").await.ok();
}

#[tokio::test]
async fn tags_need_permissions_of_their_own() {
    let caller = Caller::start().await;
    caller
        .aws
        .put("acme", "tagged", Object::new("").tag("a", "b"));
    for permission in ["s3:GetObjectTagging", "s3:PutObjectTagging"] {
        caller.aws.allow_all();
        caller.aws.deny(Denial::new(permission, "*"));
        let copy = [("x-amz-copy-source", "acme/tagged")];
        let got = caller.send("PUT /acme/copy", &copy, "").await;
        assert_eq!(
            got.error(),
            (403, "AccessDenied".to_owned()),
            "{permission}"
        );
        let copy = [("x-amz-copy-source", OBJECT)];
        caller.send("PUT /acme/copy", &copy, "").await.ok();
    }
    caller.aws.deny(Denial::new("rds:AddTagsToResource", "*"));
    let create = "DBInstanceIdentifier=retail-prd&DBSnapshotIdentifier=a";
    let tagged = format!("{create}&Tags.Tag.1.Key=a");
    let got = caller.act("CreateDBSnapshot", &tagged).await;
    assert_eq!(got.error(), (403, "AccessDenied".to_owned()));
    caller.act("CreateDBSnapshot", create).await.ok();
}

#[tokio::test]
async fn a_missing_object_is_denied_without_the_permission_to_list() {
    let caller = Caller::start().await;
    caller
        .aws
        .deny(Denial::new("s3:ListBucket", "arn:aws:s3:::acme"));
    assert_eq!(caller.ask("GET /acme/missing").await.status, 403);
    caller.ask(&format!("GET {OBJECT}")).await.ok();
}

#[tokio::test]
async fn keys_of_one_deletion_are_denied_one_by_one() {
    let caller = Caller::start().await;
    caller.aws.put("acme", "kept", Object::new(""));
    caller.aws.deny(Denial::new("s3:DeleteObject", "*/kept"));
    let body =
        "<Delete><Object><Key>kept</Key></Object><Object><Key>a/b c+d</Key></Object></Delete>";
    let md5 = crate::aws::digest::digest(crate::aws::digest::Algorithm::Md5, body.as_bytes());
    let md5 = crate::aws::digest::base64(&md5);
    let got = caller
        .send("POST /acme?delete", &[("content-md5", &md5)], body)
        .await
        .ok();
    let root = got.root();
    let error = root.children("Error").next().unwrap();
    assert_eq!(
        (error.child("Key"), error.child("Code")),
        (Some("kept"), Some("AccessDenied"))
    );
    assert_eq!(caller.aws.keys("acme"), ["kept"]);
}

#[tokio::test]
async fn buckets_of_others_refuse_everything() {
    let caller = Caller::start().await;
    caller.aws.add_bucket(
        Bucket::new("foreign")
            .foreign()
            .object("a", Object::new("")),
    );
    for line in [
        "GET /foreign/a",
        "GET /foreign?list-type=2",
        "PUT /foreign/b",
    ] {
        let got = caller.ask(line).await;
        assert_eq!(got.error(), (403, "AccessDenied".to_owned()), "{line}");
    }
    assert_eq!(caller.ask("HEAD /foreign").await.status, 403);
    let owner = [("x-amz-expected-bucket-owner", "999999999999")];
    let got = caller.send("HEAD /acme", &owner, "").await;
    assert_eq!(got.status, 403);
}

#[tokio::test]
async fn anonymous_requests_read_public_buckets_only() {
    let mut caller = Caller::start().await;
    caller
        .aws
        .add_bucket(Bucket::new("public").public().object("a", Object::new("x")));
    caller.key = "";
    assert_eq!(caller.ask("GET /public/a").await.ok().text(), "x");
    caller.ask("GET /public?list-type=2").await.ok();
    for line in ["PUT /public/b", &format!("GET {OBJECT}"), "GET /"] {
        let got = caller.ask(line).await;
        assert_eq!(got.error(), (403, "AccessDenied".to_owned()), "{line}");
    }
    let got = caller.act("DescribeDBInstances", "").await;
    assert_eq!(got.error(), (403, "MissingAuthenticationToken".to_owned()));
}

#[tokio::test]
async fn only_known_access_keys_are_valid_if_any_is_named() {
    let mut caller = Caller::start().await;
    caller.aws.access_keys([super::KEY]);
    caller.ask(&format!("GET {OBJECT}")).await.ok();
    caller.key = "AKIAOTHER";
    let got = caller.ask(&format!("GET {OBJECT}")).await;
    assert_eq!(got.error(), (403, "InvalidAccessKeyId".to_owned()));
    let got = caller.act("DescribeDBInstances", "").await;
    assert_eq!(got.error(), (403, "InvalidClientTokenId".to_owned()));
}

#[tokio::test]
async fn a_wrong_region_is_told_with_the_right_one() {
    let mut caller = Caller::start().await;
    caller.region = "us-east-1";
    let got = caller.ask(&format!("GET {OBJECT}")).await;
    assert_eq!(
        got.error(),
        (400, "AuthorizationHeaderMalformed".to_owned())
    );
    assert_eq!(got.root().child("Region"), Some("eu-central-1"));
    assert_eq!(got.header("x-amz-bucket-region"), "eu-central-1");
    caller.aws.redirect_regions(true);
    let got = caller.ask(&format!("GET {OBJECT}")).await;
    assert_eq!(got.error(), (301, "PermanentRedirect".to_owned()));
    let endpoint = "acme.s3.eu-central-1.amazonaws.com";
    assert_eq!(got.root().child("Endpoint"), Some(endpoint));
    let head = caller.ask("HEAD /acme").await;
    assert_eq!(
        (head.status, head.header("x-amz-bucket-region")),
        (301, "eu-central-1")
    );
    // A database is in one region, and the endpoints of others don't know it.
    let got = caller
        .act("DescribeDBInstances", "DBInstanceIdentifier=retail-prd")
        .await;
    assert_eq!(got.error(), (404, "DBInstanceNotFound".to_owned()));
}

#[tokio::test]
async fn requests_that_this_fake_does_not_know_are_refused() {
    let caller = Caller::start().await;
    for line in [
        "GET /acme?acl",
        "GET /acme?versions",
        "GET /acme/a?versionId=1",
        "HEAD /acme/a?partNumber=1",
        "PUT /acme/a?tagging",
        "PUT /new",
        "DELETE /acme",
        "POST /acme/a",
    ] {
        let got = caller.ask(line).await;
        assert_eq!(got.status, 501, "{line}");
    }
    let locked = [("x-amz-object-lock-mode", "GOVERNANCE")];
    let got = caller.send("PUT /acme/a", &locked, "").await;
    assert_eq!(got.error(), (501, "NotImplemented".to_owned()));
    let streamed = [("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD")];
    let got = caller.send("PUT /acme/a", &streamed, "").await;
    assert_eq!(got.error(), (501, "NotImplemented".to_owned()));
    let scope = "AWS4-HMAC-SHA256 Credential=x, SignedHeaders=host, Signature=0";
    let anonymous = Caller { key: "", ..caller };
    let got = anonymous
        .send("GET /acme/a", &[("authorization", scope)], "")
        .await;
    assert_eq!(
        got.error(),
        (400, "AuthorizationHeaderMalformed".to_owned())
    );
}
