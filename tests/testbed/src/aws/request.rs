//! Requests: the service and the operation they are for, and the key that they are signed with.

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Method};
use percent_encoding::percent_decode_str;

use crate::log::{Log, Recorded};
use crate::web::Query;

/// A service of AWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AwsService {
    S3,
    Rds,
}

/// One request, with its result.
#[derive(Debug, Clone)]
pub struct AwsRequest {
    pub service: AwsService,
    /// The name of the operation in the API, such as `CopyObject` or `DescribeDBSnapshots`.
    pub operation: String,
    pub method: String,
    /// The path as it was sent.
    pub path: String,
    /// The query as it was sent; empty without one.
    pub query: String,
    pub headers: HeaderMap,
    /// The body, if it has at most 1 MiB.
    pub body: Bytes,
    /// The bucket and the key as `BUCKET/KEY`, or the identifier of what the action of RDS is about.
    pub resource: String,
    /// The id of the access key; `None` for an anonymous request.
    pub access_key: Option<String>,
    /// The region that the request is signed for.
    pub region: Option<String>,
    /// The status of the answer; `None` if the connection ended instead.
    pub status: Option<u16>,
    /// The code of the error in the answer.
    pub code: Option<String>,
    pub(super) form: Query,
}

impl AwsRequest {
    /// Returns a parameter of the query, or of the form of RDS.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.form.get(name)
    }

    /// Returns a header that is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl Recorded for AwsRequest {
    fn method(&self) -> &str {
        &self.method
    }
    fn path(&self) -> &str {
        &self.path
    }
}

impl Log<AwsRequest> {
    /// Returns the requests for an operation.
    pub fn of(&self, operation: &str) -> Vec<AwsRequest> {
        let mut all = self.all();
        all.retain(|it| it.operation == operation);
        all
    }

    /// Returns the names of the operations, in order.
    pub fn operations(&self) -> Vec<String> {
        self.all().into_iter().map(|it| it.operation).collect()
    }
}

/// The scope of a signature: `Credential=ID/DATE/REGION/SERVICE/aws4_request`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Credential {
    pub(super) id: String,
    pub(super) region: String,
    pub(super) service: String,
}

impl Credential {
    /// Parses a scope. An id may contain slashes, a region may not.
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.rsplitn(5, '/');
        let terminator = parts.next()?;
        let service = parts.next()?.to_owned();
        let region = parts.next()?.to_owned();
        let _date = parts.next()?;
        let id = parts.next()?.to_owned();
        (terminator == "aws4_request" && !id.is_empty()).then_some(Self {
            id,
            region,
            service,
        })
    }

    fn of(headers: &HeaderMap, query: &Query) -> Signed {
        if let Some(text) = query.get("X-Amz-Credential") {
            return Self::parse(text).map_or(Signed::Malformed, Signed::By);
        }
        let Some(header) = headers.get(http::header::AUTHORIZATION) else {
            return Signed::Anonymous;
        };
        let text = header.to_str().ok();
        let fields = text.and_then(|it| it.strip_prefix("AWS4-HMAC-SHA256 "));
        let mut fields = fields.into_iter().flat_map(|it| it.split(','));
        let found = fields.find_map(|it| it.trim().strip_prefix("Credential="));
        found
            .and_then(Self::parse)
            .map_or(Signed::Malformed, Signed::By)
    }
}

/// The signature of a request, which is not checked itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Signed {
    Anonymous,
    Malformed,
    By(Credential),
}

/// A request that is being answered.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) service: AwsService,
    pub(super) operation: String,
    pub(super) method: Method,
    pub(super) path: String,
    raw_query: String,
    /// The query of S3, or the form of RDS.
    pub(super) query: Query,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) signed: Signed,
    pub(super) bucket: String,
    /// The key; `None` if it is no UTF-8.
    pub(super) key: Option<String>,
}

impl Call {
    pub(super) fn new(head: Parts, body: Bytes) -> Self {
        let path = head.uri.path().to_owned();
        let raw_query = head.uri.query().unwrap_or_default().to_owned();
        let query = Query::parse(Some(&raw_query));
        let signed = Credential::of(&head.headers, &query);
        let inner = path.strip_prefix('/').unwrap_or(&path);
        let (bucket, key) = inner.split_once('/').unwrap_or((inner, ""));
        let decoded = |text: &str| Some(percent_decode_str(text).decode_utf8().ok()?.into_owned());
        let (bucket, key) = (decoded(bucket).unwrap_or_default(), decoded(key));
        // An S3 request that posts something always names a bucket.
        let is_query = head.method == Method::POST && bucket.is_empty();
        let mut call = Self {
            service: if is_query {
                AwsService::Rds
            } else {
                AwsService::S3
            },
            operation: String::new(),
            method: head.method,
            path,
            raw_query,
            query,
            headers: head.headers,
            body,
            signed,
            bucket,
            key,
        };
        if is_query {
            call.query = Query::parse(std::str::from_utf8(&call.body).ok());
            call.operation = call.query.get("Action").unwrap_or_default().to_owned();
        } else {
            call.operation = super::s3::operation(&call).to_owned();
        }
        call
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(super) fn has(&self, parameter: &str) -> bool {
        self.query.get(parameter).is_some()
    }

    pub(super) fn key(&self) -> &str {
        self.key.as_deref().unwrap_or_default()
    }

    pub(super) fn access_key(&self) -> Option<&str> {
        match &self.signed {
            Signed::By(credential) => Some(&credential.id),
            _ => None,
        }
    }

    pub(super) fn region(&self) -> Option<&str> {
        match &self.signed {
            Signed::By(credential) => Some(&credential.region),
            _ => None,
        }
    }

    pub(super) fn resource(&self) -> String {
        match self.service {
            AwsService::S3 if self.key().is_empty() => self.bucket.clone(),
            AwsService::S3 => format!("{}/{}", self.bucket, self.key()),
            AwsService::Rds => super::rds::subject(self).to_owned(),
        }
    }

    pub(super) fn recorded(self, status: Option<u16>, code: Option<String>) -> AwsRequest {
        const KEPT: usize = 1 << 20;
        AwsRequest {
            service: self.service,
            resource: self.resource(),
            access_key: self.access_key().map(str::to_owned),
            region: self.region().map(str::to_owned),
            operation: self.operation,
            method: self.method.to_string(),
            path: self.path,
            query: self.raw_query,
            headers: self.headers,
            body: if self.body.len() <= KEPT {
                self.body
            } else {
                Bytes::new()
            },
            status,
            code,
            form: self.query,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_has_five_parts_and_an_id() {
        let parsed = Credential::parse("AKIA/B/20261129/eu-west-1/s3/aws4_request").unwrap();
        assert_eq!(parsed.id, "AKIA/B");
        assert_eq!((&*parsed.region, &*parsed.service), ("eu-west-1", "s3"));
        for text in [
            "",
            "AKIA",
            "/20261129/eu-west-1/s3/aws4_request",
            "AKIA/20261129/eu-west-1/s3/aws3_request",
        ] {
            assert_eq!(Credential::parse(text), None, "{text}");
        }
    }
}
