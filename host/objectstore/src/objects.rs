//! Objects of a bucket: their names, bytes and facts. Each function is one or a few requests of S3:
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html>

use std::time::Duration;

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use aws_smithy_xml::decode::{Document, ScopedDecoder, try_data};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use host_base::Sha256;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_MATCH, IF_NONE_MATCH, LAST_MODIFIED};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::S3Error;
use super::client::{Access, IDLE, S3, S3Body};
use super::error::COPYING;
use super::refusal::Refusal;

/// The characters of a query or a form that are encoded: all except RFC 3986's unreserved ones. A query is signed like
/// that. AWS brings it into this form before it checks the signature, but other servers take it as it was sent.
pub(super) const QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
/// The characters of a key that are encoded: all except RFC 3986's unreserved ones, and the slash.
const KEY: &AsciiSet = &QUERY.remove(b'/');
/// The maximum size of a response that is not an object, in bytes. A page of 1000 keys has less than 4 MiB.
const MAX_ANSWER: usize = 8 << 20;
/// The maximum number of objects in one page. S3's own maximum is the same.
pub const MAX_PAGE: u32 = 1000;

/// An object's name and place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// Name of the bucket.
    pub bucket: String,
    /// Key of the object.
    pub key: String,
}

/// The facts about an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Key of the object.
    pub key: String,
    /// Length in bytes.
    pub size: u64,
    /// The time of the last change, as RFC 3339.
    pub modified: Option<String>,
    /// The version of the content, in quotation marks. It changes with each change, and is no digest.
    pub etag: Option<String>,
    /// SHA-256 of the whole object in lower-case hexadecimal, if the store keeps it.
    pub sha256: Option<String>,
}

/// A part of the objects in a bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// The objects, in the order of their keys.
    pub objects: Vec<Facts>,
    /// Beginnings of further keys up to the next slash, if they were asked for.
    pub folders: Vec<String>,
    /// The token for the next part. `None` if this is the last one.
    pub next: Option<String>,
}

/// The condition on the object that is to be written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Condition {
    /// An object of that key is replaced.
    #[default]
    None,
    /// There is no object of that key.
    Absent,
    /// The object has this entity tag.
    Unchanged(String),
}

/// The part of a bucket to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Name of the bucket.
    pub bucket: String,
    /// The beginning of the keys.
    pub prefix: String,
    /// Whether keys end at the next slash after the prefix.
    pub folders: bool,
    /// The `next` of the previous part.
    pub cursor: Option<String>,
    /// The maximum number of objects and folders.
    pub limit: Option<u32>,
}

impl Location {
    /// Returns the location as `/BUCKET/KEY`, encoded.
    #[must_use]
    pub fn path(&self) -> String {
        format!("/{}/{}", self.bucket, utf8_percent_encode(&self.key, KEY))
    }

    /// Returns `s3://BUCKET/KEY`, for people.
    #[must_use]
    pub fn shown(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.key)
    }
}

impl S3 {
    /// Reads the facts about an object.
    ///
    /// # Errors
    /// When the object does not exist, or S3 refuses.
    pub async fn head(
        &self,
        at: &Location,
        access: Access,
        first_byte: Duration,
    ) -> Result<Facts, S3Error> {
        let head = self.head_of(at, access, first_byte).await?;
        if !head.contains_key(CONTENT_LENGTH) {
            return Err(S3Error::NotUnderstood { what: at.shown() });
        }
        Ok(facts(&at.key, &head))
    }

    /// Reads the headers of an object.
    pub(super) async fn head_of(
        &self,
        at: &Location,
        access: Access,
        first_byte: Duration,
    ) -> Result<HeaderMap, S3Error> {
        let request = Request::head(at.path()).header("x-amz-checksum-mode", "ENABLED");
        let answer = self.send(build(request)?, access, first_byte).await?;
        Ok(answer.into_parts().0.headers)
    }

    /// Returns a part of the objects of a bucket.
    ///
    /// # Errors
    /// When the bucket does not exist, S3 refuses, or the response is not a list.
    pub async fn list(
        &self,
        selection: &Selection,
        access: Access,
        first_byte: Duration,
    ) -> Result<Listing, S3Error> {
        let limit = selection.limit.map_or(MAX_PAGE, |it| it.clamp(1, MAX_PAGE));
        let limit = limit.to_string();
        let mut query = vec![
            ("encoding-type", "url"),
            ("list-type", "2"),
            ("max-keys", limit.as_str()),
            ("prefix", selection.prefix.as_str()),
        ];
        if selection.folders {
            query.push(("delimiter", "/"));
        }
        if let Some(cursor) = &selection.cursor {
            query.push(("continuation-token", cursor));
        }
        let query: Vec<_> = query
            .iter()
            .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, QUERY)))
            .collect();
        let target = format!("/{}/?{}", selection.bucket, query.join("&"));
        let answer = self.send(build(Request::get(target))?, access, first_byte);
        let what = format!("s3://{}", selection.bucket);
        let text = text_of(answer.await?, &what, IDLE).await?;
        listing(&text).ok_or(S3Error::NotUnderstood { what })
    }

    /// Writes an object. S3 checks its digest.
    ///
    /// # Errors
    /// When the condition is not met, or S3 refuses.
    pub async fn put(
        &self,
        at: &Location,
        body: Bytes,
        content_type: Option<&str>,
        condition: &Condition,
        first_byte: Duration,
    ) -> Result<Facts, S3Error> {
        let digest = Sha256::digest(&body);
        let size = body.len() as u64;
        let mut request = Request::put(at.path())
            .header("x-amz-checksum-sha256", BASE64.encode(digest.to_bytes()));
        if let Some(kind) = content_type {
            request = request.header(CONTENT_TYPE, kind);
        }
        request = match condition {
            Condition::None => request,
            Condition::Absent => request.header(IF_NONE_MATCH, "*"),
            Condition::Unchanged(etag) => request.header(IF_MATCH, etag),
        };
        let request = request.body(body).map_err(|error| not_sent(&error))?;
        let answer = self.send(request, Access::Signed, first_byte).await?;
        if answer.status() == StatusCode::PRECONDITION_FAILED {
            return Err(S3Error::Condition { what: at.shown() });
        }
        Ok(Facts {
            size,
            sha256: Some(digest.to_string()),
            ..facts(&at.key, answer.headers())
        })
    }

    /// Deletes an object. It is no error if there is none.
    ///
    /// # Errors
    /// When S3 refuses.
    pub async fn delete(&self, at: &Location, first_byte: Duration) -> Result<(), S3Error> {
        let request = build(Request::delete(at.path()))?;
        self.send(request, Access::Signed, first_byte).await?;
        Ok(())
    }
}

/// Builds a request without a body.
pub(super) fn build(request: http::request::Builder) -> Result<Request<Bytes>, S3Error> {
    request.body(Bytes::new()).map_err(|error| not_sent(&error))
}

pub(super) fn not_sent(error: &http::Error) -> S3Error {
    S3Error::NotSent {
        reason: error.to_string(),
    }
}

/// Reads a response that is not an object.
pub(super) async fn text_of(
    answer: Response<S3Body>,
    what: &str,
    within: Duration,
) -> Result<String, S3Error> {
    let body = Limited::new(answer.into_body(), MAX_ANSWER).collect();
    let body = tokio::time::timeout(within, body)
        .await
        .map_err(|_| S3Error::TimedOut {
            what: what.to_owned(),
            after: within,
        })?;
    let body = body.map_err(|error| S3Error::Cut {
        what: what.to_owned(),
        reason: error.to_string(),
    })?;
    String::from_utf8(body.to_bytes().to_vec()).map_err(|_| S3Error::NotUnderstood {
        what: what.to_owned(),
    })
}

/// Fails if a response with the status 200 has an error in its body. Long work may fail after the head of the response
/// was sent.
pub(super) fn failed_late(text: &str, what: &str) -> Result<(), S3Error> {
    match Refusal::late(text) {
        None => Ok(()),
        Some(refusal) => Err(S3Error::refused(what.to_owned(), COPYING, None, refusal)),
    }
}

/// Returns the facts in the headers of an object.
fn facts(key: &str, headers: &HeaderMap) -> Facts {
    let text = |name: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.map(str::to_owned)
    };
    let is_whole = text("x-amz-checksum-type").is_none_or(|kind| kind == "FULL_OBJECT");
    Facts {
        key: key.to_owned(),
        size: text(CONTENT_LENGTH.as_str())
            .and_then(|length| length.parse().ok())
            .unwrap_or_default(),
        modified: text(LAST_MODIFIED.as_str()).and_then(|time| rfc_3339(&time)),
        etag: text(ETAG.as_str()),
        sha256: text("x-amz-checksum-sha256")
            .filter(|_| is_whole)
            .and_then(|digest| hexadecimal(&digest)),
    }
}

/// Converts the time of a header to RFC 3339, which lists have.
fn rfc_3339(time: &str) -> Option<String> {
    let time = DateTime::from_str(time, Format::HttpDate).ok()?;
    time.fmt(Format::DateTime).ok()
}

/// Converts a digest of S3. A digest of digests, `…-PARTS`, is none.
pub(super) fn hexadecimal(digest: &str) -> Option<String> {
    let bytes: [u8; 32] = BASE64.decode(digest).ok()?.try_into().ok()?;
    Some(Sha256::from(bytes).to_string())
}

/// Parses a page of `ListObjectsV2`.
fn listing(text: &str) -> Option<Listing> {
    let mut document = Document::new(text);
    let mut root = document.root_element().ok()?;
    // The decoder takes the end of the text for the end of each element.
    let is_whole = text.trim_end().ends_with("</ListBucketResult>");
    if !root.start_el().matches("ListBucketResult") || !is_whole {
        return None;
    }
    let mut found = Listing::default();
    let mut is_truncated = false;
    let mut is_encoded = false;
    while let Some(mut tag) = root.next_tag() {
        match tag.start_el().local() {
            "Contents" => found.objects.push(listed(&mut tag)?),
            "CommonPrefixes" => {
                let mut prefix = tag.next_tag()?;
                found.folders.push(try_data(&mut prefix).ok()?.into_owned());
            }
            "EncodingType" => is_encoded = try_data(&mut tag).ok()? == "url",
            "IsTruncated" => is_truncated = try_data(&mut tag).ok()? == "true",
            "NextContinuationToken" => {
                found.next = Some(try_data(&mut tag).ok()?.into_owned());
            }
            _ => {}
        }
    }
    // A store that doesn't say that it encodes keys returns them as they are.
    if is_encoded {
        let keys = found.objects.iter_mut().map(|object| &mut object.key);
        for key in keys.chain(&mut found.folders) {
            *key = decoded(key)?;
        }
    }
    // A store that says that there is more, and not how to get it, would make a short list.
    match (is_truncated, &found.next) {
        (true, None) => None,
        (false, _) => Some(Listing {
            next: None,
            ..found
        }),
        (true, Some(_)) => Some(found),
    }
}

fn listed(entry: &mut ScopedDecoder<'_, '_>) -> Option<Facts> {
    let mut facts = Facts::default();
    let mut size = None;
    while let Some(mut tag) = entry.next_tag() {
        let name = tag.start_el().local().to_owned();
        let mut value = || Some(try_data(&mut tag).ok()?.into_owned());
        match name.as_str() {
            "Key" => facts.key = value()?,
            "Size" => size = Some(value()?.parse().ok()?),
            "LastModified" => facts.modified = value(),
            "ETag" => facts.etag = value(),
            _ => {}
        }
    }
    facts.size = size?;
    (!facts.key.is_empty()).then_some(facts)
}

/// Decodes a key of a list, in which a plus stands for a space.
fn decoded(text: &str) -> Option<String> {
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8().ok()?;
    Some(decoded.into_owned())
}

#[cfg(test)]
mod tests;
