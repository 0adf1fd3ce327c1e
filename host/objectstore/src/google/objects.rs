//! Objects of a bucket. Each function is one or a few requests:
//! <https://cloud.google.com/storage/docs/json_api/v1/objects>

use std::fmt::Write as _;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use host_base::Sha256;
use http::header::{CONTENT_TYPE, ETAG, HeaderValue, IF_RANGE, RANGE};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use md5::{Digest as _, Md5};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::Deserialize;
use serde_json::json;

use super::GoogleError;
use super::client::{Call, Google, GoogleBody, watched};
use crate::{Access, Condition, Facts, Listing, Location, MAX_PAGE, Selection};

/// The facts about an object that are asked for.
pub(super) const FIELDS: &str = "name,size,updated,generation,md5Hash,crc32c";
/// The media type of bytes of which nothing is known.
const BYTES: &str = "application/octet-stream";
/// The header with the generation of an object.
const GENERATION: &str = "x-goog-generation";
/// The permission to write. Replacing an object needs a second one.
pub(super) const WRITING: &str =
    "storage.objects.create, and storage.objects.delete to replace an object";

/// The facts about an object, as the service says them. Numbers are texts.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Resource {
    pub(super) name: String,
    size: String,
    updated: Option<String>,
    pub(super) generation: Option<String>,
    /// MD5 in Base64. Composite objects have none.
    pub(super) md5_hash: Option<String>,
    crc32c: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Page {
    items: Vec<Resource>,
    prefixes: Vec<String>,
    next_page_token: Option<String>,
}

impl Resource {
    /// Converts to facts. `None` if the size is missing.
    pub(super) fn facts(self) -> Option<Facts> {
        if self.name.is_empty() {
            return None;
        }
        Some(Facts {
            size: self.size.parse().ok()?,
            etag: self.etag(),
            modified: self.updated,
            sha256: None,
            key: self.name,
        })
    }

    /// Returns the version of the content. A copy has the same one, as in S3, because it is made of the content.
    ///
    /// The dash in all but the first form says what it says in S3: it may be another one than that of an equal object.
    pub(super) fn etag(&self) -> Option<String> {
        let decoded = |text: &Option<String>| BASE64.decode(text.as_ref()?).ok();
        if let Some(md5) = decoded(&self.md5_hash) {
            return Some(format!("\"{}\"", hexadecimal(&md5)));
        }
        if let Some(crc) = decoded(&self.crc32c) {
            return Some(format!("\"crc32c-{}-{}\"", hexadecimal(&crc), self.size));
        }
        // Neither is known of an object that is encrypted with a key of the customer.
        let generation = self.generation.as_ref()?;
        Some(format!("\"generation-{generation}\""))
    }
}

/// Returns an object with its store, for people.
pub(super) fn shown(at: &Location) -> String {
    format!("gs://{}/{}", at.bucket, at.key)
}

pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// Returns the path of an object.
pub(super) fn path(at: &Location) -> String {
    format!(
        "/storage/v1/b/{}/o/{}",
        encoded(&at.bucket),
        encoded(&at.key)
    )
}

/// Returns the path of the uploads to a bucket.
pub(super) fn upload_path(bucket: &str) -> String {
    format!("/upload/storage/v1/b/{}/o", encoded(bucket))
}

impl Google {
    /// Opens an object. `request` has the path `/BUCKET/KEY`, encoded, and may have a range.
    ///
    /// The response has the generation as its entity tag. A range of another generation is not sent: the response has the
    /// whole object then, as `If-Range` demands. The service itself does not know that header.
    ///
    /// # Errors
    /// When the object does not exist, or the service refuses.
    pub async fn get(
        &self,
        request: &Request<Bytes>,
        access: Access,
        first_byte: Duration,
    ) -> Result<Response<GoogleBody>, GoogleError> {
        let path = request.uri().path().trim_start_matches('/');
        let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
        let decoded = |text: &str| Some(percent_decode_str(text).decode_utf8().ok()?.into_owned());
        let not_sent = || GoogleError::NotSent {
            reason: "the key is not text".to_owned(),
        };
        let at = Location {
            bucket: decoded(bucket).ok_or_else(not_sent)?,
            key: decoded(key).ok_or_else(not_sent)?,
        };
        let text = |name| request.headers().get(name)?.to_str().ok();
        let range = request.headers().get(RANGE).cloned();
        let (range, condition) = match text(IF_RANGE) {
            None => (range, None),
            Some(tag) => match tag.trim_matches('"').parse::<u64>() {
                Ok(generation) => (range, Some(generation)),
                Err(_) => (None, None),
            },
        };
        let mut answer = self
            .media(&at, range, condition, access, first_byte)
            .await?;
        if answer.status() == StatusCode::PRECONDITION_FAILED {
            answer = self.media(&at, None, None, access, first_byte).await?;
        }
        let generation = answer.headers().get(GENERATION).cloned();
        let tag = generation.and_then(|it| {
            let tag = format!("\"{}\"", it.to_str().ok()?);
            HeaderValue::try_from(tag).ok()
        });
        match tag {
            Some(tag) => answer.headers_mut().insert(ETAG, tag),
            None => answer.headers_mut().remove(ETAG),
        };
        Ok(answer.map(|body| watched(body, shown(&at))))
    }

    async fn media(
        &self,
        at: &Location,
        range: Option<HeaderValue>,
        generation: Option<u64>,
        access: Access,
        patience: Duration,
    ) -> Result<Response<hyper::body::Incoming>, GoogleError> {
        let mut target = format!("{}?alt=media", path(at));
        if let Some(generation) = generation {
            let _ = write!(target, "&ifGenerationMatch={generation}");
        }
        let mut headers = HeaderMap::new();
        if let Some(range) = range {
            headers.insert(RANGE, range);
        }
        let call = Call {
            method: Method::GET,
            target,
            headers,
            body: Bytes::new(),
            what: shown(at),
            permission: "storage.objects.get",
            repeats: true,
            patience,
        };
        self.send(call, access).await
    }

    /// Reads the facts about an object.
    ///
    /// # Errors
    /// When the object does not exist, or the service refuses.
    pub async fn head(
        &self,
        at: &Location,
        access: Access,
        first_byte: Duration,
    ) -> Result<Facts, GoogleError> {
        let resource = self.resource(at, access, first_byte).await?;
        understood(resource, at)
    }

    pub(super) async fn resource(
        &self,
        at: &Location,
        access: Access,
        patience: Duration,
    ) -> Result<Resource, GoogleError> {
        let call = Call {
            method: Method::GET,
            target: format!("{}?fields={FIELDS}", path(at)),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            what: shown(at),
            permission: "storage.objects.get",
            repeats: true,
            patience,
        };
        self.json(call, access).await
    }

    /// Returns a part of the objects of a bucket.
    ///
    /// # Errors
    /// When the bucket does not exist, the service refuses, or the response is not a list.
    pub async fn list(
        &self,
        selection: &Selection,
        access: Access,
        first_byte: Duration,
    ) -> Result<Listing, GoogleError> {
        let limit = selection.limit.map_or(MAX_PAGE, |it| it.clamp(1, MAX_PAGE));
        let bucket = &selection.bucket;
        let mut target = format!(
            "/storage/v1/b/{}/o?maxResults={limit}&prefix={}&fields=items({FIELDS}),prefixes,nextPageToken",
            encoded(bucket),
            encoded(&selection.prefix)
        );
        if selection.folders {
            target.push_str("&delimiter=%2F");
        }
        if let Some(cursor) = &selection.cursor {
            let _ = write!(target, "&pageToken={}", encoded(cursor));
        }
        let what = format!("gs://{bucket}");
        let call = Call {
            method: Method::GET,
            target,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            what: what.clone(),
            permission: "storage.objects.list",
            repeats: true,
            patience: first_byte,
        };
        let page: Page = self.json(call, access).await?;
        let objects = page.items.into_iter().map(Resource::facts);
        let objects: Option<Vec<_>> = objects.collect();
        Ok(Listing {
            objects: objects.ok_or(GoogleError::NotUnderstood { what })?,
            folders: page.prefixes,
            next: page.next_page_token.filter(|token| !token.is_empty()),
        })
    }

    /// Writes an object. The service checks its digest.
    ///
    /// # Errors
    /// When the condition is not met, or the service refuses.
    pub async fn put(
        &self,
        at: &Location,
        body: Bytes,
        content_type: Option<&str>,
        condition: &Condition,
        first_byte: Duration,
    ) -> Result<Facts, GoogleError> {
        let mut target = format!(
            "{}?uploadType=multipart&fields={FIELDS}",
            upload_path(&at.bucket)
        );
        let generation = self.generation_for(at, condition, first_byte).await?;
        if let Some(generation) = &generation {
            let _ = write!(target, "&ifGenerationMatch={generation}");
        }
        let kind = content_type.unwrap_or(BYTES);
        check_type(kind)?;
        let metadata = json!({
            "name": at.key, "contentType": kind, "md5Hash": BASE64.encode(Md5::digest(&body)),
        });
        // A text that the body can't have: it would have its own digest in it.
        let boundary = Sha256::digest(&body).to_string();
        let mut form = format!(
            "--{boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n{metadata}\r\n\
             --{boundary}\r\nContent-Type: {kind}\r\n\r\n"
        )
        .into_bytes();
        form.extend_from_slice(&body);
        form.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
        let mut headers = HeaderMap::new();
        let related = HeaderValue::try_from(format!("multipart/related; boundary={boundary}"));
        headers.insert(
            CONTENT_TYPE,
            related.map_err(|error| not_sent(&error.into()))?,
        );
        let call = Call {
            method: Method::POST,
            target,
            headers,
            body: form.into(),
            what: shown(at),
            permission: WRITING,
            repeats: generation.is_none(),
            patience: first_byte,
        };
        understood(self.json(call, Access::Signed).await?, at)
    }

    /// Returns the generation that an object must have before it is written.
    async fn generation_for(
        &self,
        at: &Location,
        condition: &Condition,
        first_byte: Duration,
    ) -> Result<Option<String>, GoogleError> {
        match condition {
            Condition::None => Ok(None),
            // The generation of an object that does not exist.
            Condition::Absent => Ok(Some("0".to_owned())),
            Condition::Unchanged(etag) => self.generation_of(at, etag, first_byte).await.map(Some),
        }
    }

    /// Returns the generation of an object that has this entity tag.
    pub(super) async fn generation_of(
        &self,
        at: &Location,
        etag: &str,
        first_byte: Duration,
    ) -> Result<String, GoogleError> {
        let is_other = || GoogleError::Condition { what: shown(at) };
        let found = self.resource(at, Access::Signed, first_byte).await?;
        if found.etag().as_deref() != Some(etag) {
            return Err(is_other());
        }
        let what = shown(at);
        found.generation.ok_or(GoogleError::NotUnderstood { what })
    }

    /// Deletes an object. It is no error if there is none.
    ///
    /// # Errors
    /// When the service refuses.
    pub async fn delete(&self, at: &Location, first_byte: Duration) -> Result<(), GoogleError> {
        self.delete_generation(at, None, first_byte).await
    }

    /// Deletes an object, only if it has this generation.
    pub(super) async fn delete_generation(
        &self,
        at: &Location,
        generation: Option<&str>,
        patience: Duration,
    ) -> Result<(), GoogleError> {
        let mut target = path(at);
        if let Some(generation) = generation {
            let _ = write!(target, "?ifGenerationMatch={generation}");
        }
        let call = Call {
            method: Method::DELETE,
            target,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            what: shown(at),
            permission: "storage.objects.delete",
            repeats: true,
            patience,
        };
        match self.send(call, Access::Signed).await {
            Err(GoogleError::Refused { status: 404, .. }) => Ok(()),
            answer => answer.map(drop),
        }
    }
}

/// Fails if a media type could be taken for more than one.
pub(super) fn check_type(kind: &str) -> Result<(), GoogleError> {
    let checked = HeaderValue::try_from(kind);
    checked.map(drop).map_err(|error| not_sent(&error.into()))
}

pub(super) fn not_sent(error: &http::Error) -> GoogleError {
    GoogleError::NotSent {
        reason: error.to_string(),
    }
}

/// Converts the facts about an object. The service must speak of the same one.
pub(super) fn understood(resource: Resource, at: &Location) -> Result<Facts, GoogleError> {
    let facts = resource.facts().filter(|facts| facts.key == at.key);
    facts.ok_or_else(|| GoogleError::NotUnderstood { what: shown(at) })
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
