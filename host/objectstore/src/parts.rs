//! Objects that are written in parts:
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html>

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::{Bytes, BytesMut};
use host_base::Sha256;
use http::header::{CONTENT_TYPE, ETAG, HeaderValue, IF_NONE_MATCH};
use http::{HeaderMap, Request, StatusCode};
use percent_encoding::utf8_percent_encode;

use super::S3Error;
use super::client::{Access, IDLE, S3};
use super::objects::{Condition, Facts, Location, QUERY, build, failed_late, not_sent, text_of};
use super::uploads::child_of;

/// The length of each part but the last, in bytes. S3 allows 10,000 parts, of at least 5 MiB.
const PART: usize = 16 << 20;
/// The maximum time until the object is put together from its parts.
const PATIENCE: Duration = Duration::from_mins(15);

/// A part that S3 has.
pub(super) struct Part {
    etag: String,
    /// The digest as S3 writes it, in Base64.
    sha256: Option<String>,
}

impl Part {
    /// Returns a part that S3 copied. It has no digest.
    pub(super) fn of(etag: String) -> Self {
        Self { etag, sha256: None }
    }
}

/// An object that is written in parts. It does not exist before [`Writer::finish`] has succeeded. A short one is
/// written by one request.
pub struct Writer {
    s3: Arc<S3>,
    at: Location,
    content_type: Option<String>,
    is_new: bool,
    /// The id of the upload, if it was begun.
    upload: Option<String>,
    parts: Vec<Part>,
    /// The bytes of the next part.
    waiting: BytesMut,
    length: u64,
    first_byte: Duration,
}

impl Writer {
    /// Prepares an object. With `is_new`, no object of that name is replaced. Nothing is sent yet.
    #[must_use]
    pub fn new(
        s3: Arc<S3>,
        at: Location,
        content_type: Option<String>,
        is_new: bool,
        first_byte: Duration,
    ) -> Self {
        Self {
            s3,
            at,
            content_type,
            is_new,
            upload: None,
            parts: Vec::new(),
            waiting: BytesMut::new(),
            length: 0,
            first_byte,
        }
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// When S3 refuses a part. More than 10,000 parts are refused.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), S3Error> {
        self.length += bytes.len() as u64;
        let mut rest = bytes;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(PART - self.waiting.len()));
            self.waiting.extend_from_slice(now);
            rest = later;
            if self.waiting.len() == PART {
                self.send_part().await?;
            }
        }
        Ok(())
    }

    /// Completes the object.
    ///
    /// # Errors
    /// When the condition is not met, or S3 refuses. Then there is no new object.
    pub async fn finish(&mut self) -> Result<Facts, S3Error> {
        if self.upload.is_none() {
            let body = self.waiting.split().freeze();
            let condition = if self.is_new {
                Condition::Absent
            } else {
                Condition::None
            };
            let kind = self.content_type.as_deref();
            let put = self
                .s3
                .put(&self.at, body, kind, &condition, self.first_byte);
            return put.await;
        }
        if !self.waiting.is_empty() {
            self.send_part().await?;
        }
        let upload = self.upload.clone().unwrap_or_default();
        let etag = self
            .s3
            .complete(&self.at, &upload, &self.parts, self.is_new)
            .await?;
        self.upload = None;
        Ok(Facts {
            key: self.at.key.clone(),
            size: self.length,
            etag: Some(etag),
            ..Facts::default()
        })
    }

    /// Discards what was written, unless the object is complete.
    ///
    /// # Errors
    /// When S3 refuses.
    pub async fn discard(&mut self) -> Result<(), S3Error> {
        let Some(upload) = self.upload.take() else {
            return Ok(());
        };
        self.s3.abort(&self.at, &upload, self.first_byte).await
    }

    async fn send_part(&mut self) -> Result<(), S3Error> {
        let upload = match &self.upload {
            Some(upload) => upload.clone(),
            None => {
                let upload = self.begin().await?;
                self.upload.insert(upload).clone()
            }
        };
        let body = self.waiting.split().freeze();
        let sha256 = BASE64.encode(Sha256::digest(&body).to_bytes());
        let target = format!(
            "{}?partNumber={}&{}",
            self.at.path(),
            self.parts.len() + 1,
            upload_query(&upload)
        );
        let request = Request::put(target)
            .header("x-amz-checksum-sha256", &sha256)
            .body(body)
            .map_err(|error| not_sent(&error))?;
        let answer = self
            .s3
            .send(request, Access::Signed, self.first_byte)
            .await?;
        let etag = answer.headers().get(ETAG).and_then(|it| it.to_str().ok());
        let etag = etag.ok_or_else(|| S3Error::NotUnderstood {
            what: self.at.shown(),
        })?;
        self.parts.push(Part {
            etag: etag.to_owned(),
            sha256: Some(sha256),
        });
        Ok(())
    }

    async fn begin(&self) -> Result<String, S3Error> {
        let mut headers = HeaderMap::new();
        headers.insert(
            "x-amz-checksum-algorithm",
            HeaderValue::from_static("SHA256"),
        );
        if let Some(kind) = &self.content_type {
            let kind = HeaderValue::from_str(kind).map_err(|error| not_sent(&error.into()))?;
            headers.insert(CONTENT_TYPE, kind);
        }
        self.s3
            .begin_parts(&self.at, &headers, self.first_byte)
            .await
    }
}

impl S3 {
    /// Begins an upload in parts, and returns its id.
    pub(super) async fn begin_parts(
        &self,
        at: &Location,
        headers: &HeaderMap,
        first_byte: Duration,
    ) -> Result<String, S3Error> {
        let what = at.shown();
        let mut request = Request::post(format!("{}?uploads=", at.path()));
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let answer = self
            .send(build(request)?, Access::Signed, first_byte)
            .await?;
        let text = text_of(answer, &what, IDLE).await?;
        failed_late(&text, &what)?;
        let upload = child_of(&text, "InitiateMultipartUploadResult", "UploadId");
        upload.ok_or(S3Error::NotUnderstood { what })
    }

    /// Puts an object together from its parts, and returns its entity tag. With `is_new`, no object of that name is
    /// replaced.
    pub(super) async fn complete(
        &self,
        at: &Location,
        upload: &str,
        parts: &[Part],
        is_new: bool,
    ) -> Result<String, S3Error> {
        let what = at.shown();
        let target = format!("{}?{}", at.path(), upload_query(upload));
        let mut request = Request::post(target).header(CONTENT_TYPE, "application/xml");
        if is_new {
            request = request.header(IF_NONE_MATCH, "*");
        }
        let request = request
            .body(Bytes::from(listed(parts)))
            .map_err(|error| not_sent(&error))?;
        let answer = self.send(request, Access::Signed, PATIENCE).await?;
        if answer.status() == StatusCode::PRECONDITION_FAILED {
            return Err(S3Error::Condition { what });
        }
        let text = text_of(answer, &what, PATIENCE).await?;
        failed_late(&text, &what)?;
        let etag = child_of(&text, "CompleteMultipartUploadResult", "ETag");
        etag.ok_or(S3Error::NotUnderstood { what })
    }
}

/// Returns the part of a query that names an upload.
pub(super) fn upload_query(upload: &str) -> String {
    format!("uploadId={}", utf8_percent_encode(upload, QUERY))
}

/// Returns the parts as `CompleteMultipartUpload` has them.
fn listed(parts: &[Part]) -> String {
    let parts = parts.iter().enumerate().map(|(index, part)| {
        let etag = part.etag.replace('&', "&amp;").replace('<', "&lt;");
        let digest = part.sha256.as_ref();
        let digest = digest.map(|it| format!("<ChecksumSHA256>{it}</ChecksumSHA256>"));
        format!(
            "<Part><PartNumber>{}</PartNumber><ETag>{etag}</ETag>{}</Part>",
            index + 1,
            digest.unwrap_or_default()
        )
    });
    let parts: String = parts.collect();
    format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_listed_in_their_order_with_their_digests() {
        let parts = [
            Part {
                etag: "\"a<&\"".to_owned(),
                sha256: Some("eA==".to_owned()),
            },
            Part::of("\"b\"".to_owned()),
        ];
        assert_eq!(
            listed(&parts),
            "<CompleteMultipartUpload>\
             <Part><PartNumber>1</PartNumber><ETag>\"a&lt;&amp;\"</ETag><ChecksumSHA256>eA==</ChecksumSHA256></Part>\
             <Part><PartNumber>2</PartNumber><ETag>\"b\"</ETag></Part>\
             </CompleteMultipartUpload>"
        );
    }
}
