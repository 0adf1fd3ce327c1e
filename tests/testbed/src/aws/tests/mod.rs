//! Tests with a plain HTTP client. Requests are written as the documentation of AWS has them.

mod course;
mod deviations;
mod listing;
mod objects;
mod parts;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use jiff::Timestamp;

use super::xml::Element;
use super::{Aws, Bucket, Database, Object, REGION};
use crate::clock::Clock;

const KEY: &str = "AKIAEXAMPLE";

/// A client with one access key.
struct Caller {
    aws: Aws,
    client: Client<HttpConnector, Full<Bytes>>,
    key: &'static str,
    region: &'static str,
}

/// A complete response.
struct Got {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

impl Got {
    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |it| it.to_str().unwrap())
    }

    /// Returns the root of the document.
    fn root(&self) -> Element {
        Element::parse(&self.body).unwrap_or_else(|| panic!("no document: {}", self.text()))
    }

    /// Returns the status and the code of an error.
    fn error(&self) -> (u16, String) {
        let root = self.root();
        let error = root.children("Error").next().unwrap_or(&root);
        let code = error.child("Code").unwrap_or_default().to_owned();
        (self.status, code)
    }

    /// Asserts that the request succeeded.
    fn ok(self) -> Self {
        let text = String::from_utf8_lossy(&self.body);
        assert!(self.status < 300, "{} {text}", self.status);
        self
    }
}

impl Caller {
    /// Starts services that have a bucket with one object, and an instance.
    async fn start() -> Self {
        let now: Timestamp = "2025-11-09T14:30:00Z".parse().unwrap();
        let aws = Aws::start_at(Clock::fixed(now)).await.unwrap();
        aws.add_bucket(Bucket::new("acme").object("a/b c+d", Object::new("object")));
        aws.add_database(Database::instance("retail-prd"));
        Self {
            aws,
            client: Client::builder(TokioExecutor::new()).build_http(),
            key: KEY,
            region: REGION,
        }
    }

    /// Sends `METHOD TARGET` with headers and a body.
    async fn send(&self, line: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Got {
        self.try_send(line, headers, body).await.unwrap()
    }

    async fn try_send(
        &self,
        line: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Got, String> {
        let (method, target) = line.split_once(' ').unwrap();
        let service = if target == "/" && method == "POST" {
            "rds"
        } else {
            "s3"
        };
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{target}", self.aws.url()));
        if !self.key.is_empty() {
            let scope = format!(
                "{}/20251109/{}/{service}/aws4_request",
                self.key, self.region
            );
            request = request.header(
                "authorization",
                format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"),
            );
        }
        let body = body.into();
        // hyper sends no length of an empty body, which S3 asks for.
        request = request.header("content-length", body.len());
        for (name, value) in headers {
            request = request.header(*name, value.as_bytes());
        }
        let request = request.body(Full::new(body)).unwrap();
        let shown = |error: &dyn std::fmt::Display| error.to_string();
        let answer = self.client.request(request).await;
        let (head, body) = answer.map_err(|error| shown(&error))?.into_parts();
        let body = body.collect().await.map_err(|error| shown(&error))?;
        Ok(Got {
            status: head.status.as_u16(),
            headers: head.headers,
            body: body.to_bytes(),
        })
    }

    async fn ask(&self, line: &str) -> Got {
        self.send(line, &[], "").await
    }

    /// Calls an action of RDS. The parameters need no encoding.
    async fn act(&self, action: &str, parameters: &str) -> Got {
        let form = format!("Action={action}&Version=2014-10-31&{parameters}");
        self.send("POST /", &[], form).await
    }
}

/// Returns the texts of the elements with this name in a document, in order.
fn all<'a>(document: &'a str, name: &str) -> Vec<&'a str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let parts = document.split(&open).skip(1);
    parts.filter_map(|it| it.split(&close).next()).collect()
}

#[tokio::test]
async fn every_answer_has_the_marks_of_its_service() {
    let caller = Caller::start().await;
    let got = caller.ask("GET /acme/missing").await;
    assert_eq!(got.header("server"), "AmazonS3");
    assert_eq!(got.header("content-type"), "application/xml");
    let id = got.header("x-amz-request-id");
    assert_eq!(got.root().child("RequestId"), Some(id));
    let got = caller.act("DescribeDBInstances", "").await.ok();
    assert_eq!(got.header("content-type"), "text/xml");
    let id = got.header("x-amzn-requestid");
    let root = got.root();
    let metadata = root.children("ResponseMetadata").next().unwrap();
    assert_eq!(metadata.child("RequestId"), Some(id));
}

#[tokio::test]
async fn requests_are_recorded_with_their_results() {
    let caller = Caller::start().await;
    caller.ask("HEAD /acme/a/b%20c%2Bd").await.ok();
    caller.ask("GET /acme/missing").await;
    caller
        .act("DescribeDBSnapshots", "DBSnapshotIdentifier=none")
        .await;
    let log = caller.aws.requests();
    assert_eq!(
        log.operations(),
        ["HeadObject", "GetObject", "DescribeDBSnapshots"]
    );
    let all = log.all();
    assert_eq!(all[0].resource, "acme/a/b c+d");
    assert_eq!((all[0].status, all[0].code.as_deref()), (Some(200), None));
    assert_eq!(all[0].access_key.as_deref(), Some(KEY));
    assert_eq!(all[1].code.as_deref(), Some("NoSuchKey"));
    assert_eq!(all[2].parameter("DBSnapshotIdentifier"), Some("none"));
    assert_eq!(all[2].status, Some(StatusCode::NOT_FOUND.as_u16()));
    assert_eq!(log.of("GetObject").len(), 1);
    caller.aws.record(false);
    caller.ask("HEAD /acme").await.ok();
    assert_eq!((log.all().len(), caller.aws.served()), (3, 4));
}
