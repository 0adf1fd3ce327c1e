//! S3 in path style: <https://docs.aws.amazon.com/AmazonS3/latest/API/Welcome.html>
//!
//! It knows no versions, no access control lists and no bodies in signed chunks. Requests for these get the status 501.

mod check;
mod list;
mod object;
mod parts;
mod read;
mod write;

use std::collections::BTreeMap;

use http::{Method, StatusCode};
use jiff::Timestamp;

pub(super) use object::Store;
pub use object::{Bucket, Object};

use super::faults::{Denial, not_authorized};
use super::reply::{Answer, Answered, Refusal};
use super::request::{Call, Signed};
use super::{ACCOUNT, REGION};

/// The namespace of the documents of S3.
const S3: &str = "http://s3.amazonaws.com/doc/2006-03-01/";
/// The maximum length of a key, in bytes.
const MAX_KEY: usize = 1024;
/// The maximum size of what one request copies or writes, in bytes.
const MAX_AT_ONCE: u64 = 5 << 30;
/// The name of requests that this fake has no answer for.
const UNSUPPORTED: &str = "Unsupported";

/// Parameters of queries that ask for something this fake does not have.
const SUBRESOURCES: &[&str] = &[
    "acl",
    "attributes",
    "cors",
    "encryption",
    "legal-hold",
    "lifecycle",
    "logging",
    "notification",
    "ownershipControls",
    "policy",
    "policyStatus",
    "publicAccessBlock",
    "replication",
    "restore",
    "retention",
    "select",
    "torrent",
    "versionId",
    "versions",
    "website",
];

/// Headers of requests that ask for something this fake does not have.
const HEADERS: &[&str] = &[
    "if-modified-since",
    "if-unmodified-since",
    "x-amz-acl",
    "x-amz-copy-source-if-modified-since",
    "x-amz-copy-source-if-unmodified-since",
    "x-amz-mfa",
    "x-amz-object-lock-legal-hold",
    "x-amz-object-lock-mode",
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-customer-algorithm",
    "x-amz-storage-class",
    "x-amz-trailer",
    "x-amz-website-redirect-location",
];

/// Returns the name of the operation that a request is for.
pub(super) fn operation(call: &Call) -> &'static str {
    let has = |name: &str| call.has(name);
    let has_header = |name: &str| call.headers.contains_key(name);
    if SUBRESOURCES.iter().any(|name| has(name)) || HEADERS.iter().any(|name| has_header(name)) {
        return UNSUPPORTED;
    }
    let is_about_object = call.key.as_deref() != Some("");
    match (call.method.clone(), is_about_object) {
        (Method::GET, false) if call.bucket.is_empty() => "ListBuckets",
        (_, false) if call.bucket.is_empty() => UNSUPPORTED,
        (Method::HEAD, false) => "HeadBucket",
        (Method::GET, false) if has("location") => "GetBucketLocation",
        (Method::GET, false) if has("uploads") => "ListMultipartUploads",
        (Method::GET, false) if has("versioning") => "GetBucketVersioning",
        (Method::GET, false) if has("object-lock") => "GetObjectLockConfiguration",
        (Method::GET, false) if call.query.get("list-type") == Some("2") => "ListObjectsV2",
        (Method::POST, false) if has("delete") => "DeleteObjects",
        (Method::GET, true) if has("uploadId") => "ListParts",
        (Method::GET, true) if has("tagging") => "GetObjectTagging",
        (Method::GET | Method::HEAD, true) if has("partNumber") => UNSUPPORTED,
        (Method::GET, true) => "GetObject",
        (Method::HEAD, true) => "HeadObject",
        (Method::PUT, true) if has("tagging") => UNSUPPORTED,
        (Method::PUT, true) => {
            let is_copy = call.headers.contains_key("x-amz-copy-source");
            match (has("uploadId") || has("partNumber"), is_copy) {
                (true, true) => "UploadPartCopy",
                (true, false) => "UploadPart",
                (false, true) => "CopyObject",
                (false, false) => "PutObject",
            }
        }
        (Method::POST, true) if has("uploads") => "CreateMultipartUpload",
        (Method::POST, true) if has("uploadId") => "CompleteMultipartUpload",
        (Method::DELETE, true) if has("uploadId") => "AbortMultipartUpload",
        (Method::DELETE, true) if !has("tagging") => "DeleteObject",
        _ => UNSUPPORTED,
    }
}

/// Returns the permission of IAM that an operation needs, and whether it is one on the bucket.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html>
fn permission(operation: &str) -> (&'static str, bool) {
    match operation {
        "ListObjectsV2" | "HeadBucket" => ("s3:ListBucket", true),
        "GetBucketLocation" => ("s3:GetBucketLocation", true),
        "GetBucketVersioning" => ("s3:GetBucketVersioning", true),
        "GetObjectLockConfiguration" => ("s3:GetBucketObjectLockConfiguration", true),
        "ListMultipartUploads" => ("s3:ListBucketMultipartUploads", true),
        "ListParts" => ("s3:ListMultipartUploadParts", false),
        "AbortMultipartUpload" => ("s3:AbortMultipartUpload", false),
        "GetObject" | "HeadObject" => ("s3:GetObject", false),
        "GetObjectTagging" => ("s3:GetObjectTagging", false),
        "DeleteObject" => ("s3:DeleteObject", false),
        _ => ("s3:PutObject", false),
    }
}

/// One request to S3 that is being answered.
pub(super) struct Request<'a> {
    pub(super) call: &'a Call,
    pub(super) buckets: &'a mut BTreeMap<String, Store>,
    pub(super) denials: &'a [Denial],
    pub(super) now: Timestamp,
    /// The id of the request, which differs each time.
    pub(super) id: &'a str,
    /// Whether requests for a bucket of another region are redirected. Otherwise their signature is refused.
    pub(super) redirects: bool,
}

impl Request<'_> {
    pub(super) fn answer(&mut self) -> Answered {
        let operation = self.call.operation.as_str();
        if operation == UNSUPPORTED {
            return Err(not_implemented());
        }
        match &self.call.signed {
            Signed::Malformed => {
                return Err(Refusal::new(
                    400,
                    "AuthorizationHeaderMalformed",
                    "The authorization header is malformed; the Credential is mal-formed; \
                     expecting \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".",
                ));
            }
            Signed::By(credential) if credential.service != "s3" => {
                return Err(Refusal::new(
                    400,
                    "AuthorizationHeaderMalformed",
                    format!(
                        "The authorization header is malformed; incorrect service \"{}\". \
                         This endpoint belongs to \"s3\".",
                        credential.service
                    ),
                ));
            }
            Signed::By(_) | Signed::Anonymous => {}
        }
        if operation == "ListBuckets" {
            self.allow("s3:ListAllMyBuckets", "arn:aws:s3:::*")?;
            return Ok(list::buckets(self));
        }
        self.enter()?;
        if operation != "DeleteObjects" {
            let (permission, is_of_bucket) = permission(operation);
            let key = if is_of_bucket {
                None
            } else {
                Some(self.call.key())
            };
            self.allow(permission, &arn(&self.call.bucket, key))?;
        }
        self.check_key()?;
        match operation {
            "HeadBucket" => {
                let region = &self.store()?.region;
                Ok(Answer::empty(StatusCode::OK).header("x-amz-bucket-region", region))
            }
            "GetBucketLocation" => self.location(),
            "GetBucketVersioning" => self.versioning(),
            "GetObjectLockConfiguration" => Err(Refusal::new(
                404,
                "ObjectLockConfigurationNotFoundError",
                "Object Lock configuration does not exist for this bucket",
            )),
            "ListObjectsV2" => self.list(),
            "ListMultipartUploads" => self.list_uploads(),
            "ListParts" => self.list_parts(),
            "GetObject" | "HeadObject" => self.get(),
            "GetObjectTagging" => self.tagging(),
            "PutObject" => self.put(),
            "CopyObject" => self.copy(),
            "DeleteObject" => self.delete(),
            "DeleteObjects" => self.delete_many(),
            "CreateMultipartUpload" => self.begin_upload(),
            "UploadPart" => self.put_part(),
            "UploadPartCopy" => self.copy_part(),
            "CompleteMultipartUpload" => self.complete(),
            "AbortMultipartUpload" => self.abort(),
            _ => Err(not_implemented()),
        }
    }

    /// Checks that the bucket may be reached with this signature.
    fn enter(&self) -> Result<(), Refusal> {
        let store = self.store()?;
        let region = &store.region;
        match self.call.region() {
            Some(signed) if signed != region && self.redirects => {
                return Err(Refusal::new(
                    301,
                    "PermanentRedirect",
                    "The bucket you are attempting to access must be addressed using the specified endpoint. \
                     Please send all future requests to this endpoint.",
                )
                .with("Endpoint", format!("{}.s3.{region}.amazonaws.com", self.call.bucket))
                .with("Bucket", &self.call.bucket)
                .with_header("x-amz-bucket-region", region));
            }
            Some(signed) if signed != region => {
                return Err(Refusal::new(
                    400,
                    "AuthorizationHeaderMalformed",
                    format!(
                        "The authorization header is malformed; the region '{signed}' is wrong; \
                         expecting '{region}'"
                    ),
                )
                .with("Region", region)
                .with_header("x-amz-bucket-region", region));
            }
            _ => {}
        }
        let owner = self.call.header("x-amz-expected-bucket-owner");
        if store.is_foreign || owner.is_some_and(|it| it != ACCOUNT) {
            // S3 names the region of each bucket that exists.
            return Err(access_denied().with_header("x-amz-bucket-region", region));
        }
        Ok(())
    }

    /// Refuses a request that lacks a permission.
    fn allow(&self, permission: &str, resource: &str) -> Result<(), Refusal> {
        let Some(key) = self.call.access_key() else {
            let store = self.buckets.get(&self.call.bucket);
            let reads = matches!(permission, "s3:ListBucket" | "s3:GetObject");
            let is_public = store.is_some_and(|it| it.is_public) && reads;
            return if is_public {
                Ok(())
            } else {
                Err(access_denied())
            };
        };
        let is_denied = |it: &Denial| it.covers(Some(key), permission, resource);
        if self.denials.iter().any(is_denied) {
            let message = not_authorized(key, permission, &format!("\"{resource}\""));
            return Err(Refusal::new(403, "AccessDenied", message));
        }
        Ok(())
    }

    fn check_key(&self) -> Result<(), Refusal> {
        let Some(key) = &self.call.key else {
            let message = "Couldn't parse the specified URI.";
            return Err(Refusal::new(400, "InvalidURI", message).with("URI", &self.call.path));
        };
        if key.len() > MAX_KEY {
            return Err(Refusal::new(400, "KeyTooLongError", "Your key is too long")
                .with("Size", key.len())
                .with("MaxSizeAllowed", MAX_KEY));
        }
        Ok(())
    }

    fn store(&self) -> Result<&Store, Refusal> {
        let name = &self.call.bucket;
        self.buckets.get(name).ok_or_else(|| no_such_bucket(name))
    }

    fn store_mut(&mut self) -> Result<&mut Store, Refusal> {
        let name = &self.call.bucket;
        self.buckets
            .get_mut(name)
            .ok_or_else(|| no_such_bucket(name))
    }

    /// Returns the error for an object that does not exist. Without the permission to list, S3 doesn't tell.
    fn missing(&self, bucket: &str, key: &str) -> Refusal {
        match self.allow("s3:ListBucket", &arn(bucket, None)) {
            Ok(()) => {
                let message = "The specified key does not exist.";
                Refusal::new(404, "NoSuchKey", message).with("Key", key)
            }
            Err(refusal) => refusal,
        }
    }
}

/// Returns the ARN of a bucket or an object.
fn arn(bucket: &str, key: Option<&str>) -> String {
    match key {
        Some(key) => format!("arn:aws:s3:::{bucket}/{key}"),
        None => format!("arn:aws:s3:::{bucket}"),
    }
}

fn no_such_bucket(name: &str) -> Refusal {
    let message = "The specified bucket does not exist";
    Refusal::new(404, "NoSuchBucket", message).with("BucketName", name)
}

fn access_denied() -> Refusal {
    Refusal::new(403, "AccessDenied", "Access Denied")
}

fn not_implemented() -> Refusal {
    let message = "A header you provided implies functionality that is not implemented";
    Refusal::new(501, "NotImplemented", message)
}

fn invalid_argument(message: &str, name: &str, value: &str) -> Refusal {
    Refusal::new(400, "InvalidArgument", message)
        .with("ArgumentName", name)
        .with("ArgumentValue", value)
}

fn invalid_request(message: impl Into<String>) -> Refusal {
    Refusal::new(400, "InvalidRequest", message)
}

fn malformed_xml() -> Refusal {
    Refusal::new(
        400,
        "MalformedXML",
        "The XML you provided was not well-formed or did not validate against our published schema",
    )
}

/// Returns the region as `GetBucketLocation` writes it: the oldest one has no name.
fn constraint(region: &str) -> &str {
    if region == "us-east-1" { "" } else { region }
}

/// Returns the region that a bucket has unless it names one.
pub(super) fn default_region() -> &'static str {
    REGION
}
