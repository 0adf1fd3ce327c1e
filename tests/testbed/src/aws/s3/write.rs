//! Writing, copying and deleting of objects.

use std::collections::BTreeMap;

use http::StatusCode;
use percent_encoding::percent_decode;

use super::object::{Checksum, Object};
use super::{
    Answer, Answered, MAX_AT_ONCE, Refusal, Request, S3, arn, check, invalid_argument,
    invalid_request, list, malformed_xml, no_such_bucket, not_implemented,
};
use crate::aws::digest::Algorithm;
use crate::aws::request::Call;
use crate::aws::xml::{Element, Xml};
use crate::web::Query;

/// The maximum number of keys that one request deletes.
const MAX_DELETED: usize = 1000;
/// The maximum number of tags of an object.
const MAX_TAGS: usize = 10;

/// Headers that belong to an object, besides `x-amz-meta-…`.
const KEPT: [&str; 6] = [
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-type",
    "expires",
];

/// Returns the headers of a request that belong to the object.
pub(super) fn headers(call: &Call) -> BTreeMap<String, String> {
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let all = call.headers.iter();
    all.filter(|(name, _)| {
        KEPT.contains(&name.as_str()) || name.as_str().starts_with("x-amz-meta-")
    })
    .map(|(name, value)| (name.as_str().to_owned(), text(value)))
    .collect()
}

impl Request<'_> {
    /// Returns the tags in the header of a request.
    pub(super) fn tags(&self) -> Result<Vec<(String, String)>, Refusal> {
        let Some(text) = self.call.header("x-amz-tagging") else {
            return Ok(Vec::new());
        };
        self.allow(
            "s3:PutObjectTagging",
            &arn(&self.call.bucket, Some(self.call.key())),
        )?;
        let tags = Query::parse(Some(text)).into_pairs();
        if tags.len() > MAX_TAGS {
            let message = "Object tags cannot be greater than 10";
            return Err(Refusal::new(400, "BadRequest", message));
        }
        if tags.iter().any(|(key, value)| {
            key.is_empty() || key.chars().count() > 128 || value.chars().count() > 256
        }) {
            let message = "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded \
                           URL query parameters without tag name duplicates.";
            return Err(invalid_argument(message, "x-amz-tagging", text));
        }
        Ok(tags)
    }

    pub(super) fn put(&mut self) -> Answered {
        let call = self.call;
        // S3 asks for the length of an empty body, too, which hyper leaves out.
        if !call.headers.contains_key("content-length") {
            let message = "You must provide the Content-Length HTTP header.";
            return Err(Refusal::new(411, "MissingContentLength", message));
        }
        if call.body.len() as u64 > MAX_AT_ONCE {
            let message = "Your proposed upload exceeds the maximum allowed size";
            return Err(Refusal::new(400, "EntityTooLarge", message));
        }
        let checksum = check::body(call)?;
        let tags = self.tags()?;
        let key = call.key();
        check::target(call, self.store()?.objects.get(key))?;
        let mut object = Object::new(call.body.clone());
        object.headers = headers(call);
        object.tags = tags;
        object.checksum = checksum;
        let shown = object.checksum();
        let answer = Answer::empty(StatusCode::OK)
            .header("etag", &object.etag())
            .header("x-amz-server-side-encryption", "AES256")
            .header(&shown.algorithm.header(), &shown.value)
            .header("x-amz-checksum-type", shown.kind());
        let now = self.now;
        self.store_mut()?.put(key, object, now);
        Ok(answer)
    }

    /// Returns the object that a copy reads, after the permissions and conditions on it are checked.
    pub(super) fn source(&self) -> Result<(String, String, &Object), Refusal> {
        let call = self.call;
        let header = call.headers.get("x-amz-copy-source");
        let text = header.map(http::HeaderValue::as_bytes).unwrap_or_default();
        let shown = String::from_utf8_lossy(text).into_owned();
        let wrong = |message| Err(invalid_argument(message, "x-amz-copy-source", &shown));
        if text.contains(&b'?') {
            return Err(not_implemented());
        }
        let spaced: Vec<u8> = text
            .iter()
            .map(|byte| if *byte == b'+' { b' ' } else { *byte })
            .collect();
        let Ok(source) = percent_decode(&spaced).decode_utf8() else {
            return wrong("Invalid copy source encoding.");
        };
        let source = source.strip_prefix('/').unwrap_or(&source);
        let (bucket, key) = match source.split_once('/') {
            Some((bucket, key)) if !bucket.is_empty() && !key.is_empty() => (bucket, key),
            _ => return wrong("Invalid copy source object key"),
        };
        let Some(store) = self.buckets.get(bucket) else {
            return Err(no_such_bucket(bucket));
        };
        if store.is_foreign {
            return Err(super::access_denied());
        }
        self.allow("s3:GetObject", &arn(bucket, Some(key)))?;
        let Some(object) = store.objects.get(key) else {
            return Err(self.missing(bucket, key));
        };
        let condition = |name: &str| call.header(name);
        let wanted = condition("x-amz-copy-source-if-match");
        if wanted.is_some_and(|it| !check::names(it, &object.etag)) {
            return Err(check::precondition_failed("x-amz-copy-source-If-Match"));
        }
        let unwanted = condition("x-amz-copy-source-if-none-match");
        if unwanted.is_some_and(|it| check::names(it, &object.etag)) {
            return Err(check::precondition_failed(
                "x-amz-copy-source-If-None-Match",
            ));
        }
        Ok((bucket.to_owned(), key.to_owned(), object))
    }

    pub(super) fn copy(&mut self) -> Answered {
        let call = self.call;
        let (bucket, key, source) = self.source()?;
        check::target(call, self.store()?.objects.get(call.key()))?;
        if source.data.len() > MAX_AT_ONCE {
            return Err(invalid_request(format!(
                "The specified copy source is larger than the maximum allowable size for a copy source: {MAX_AT_ONCE}"
            )));
        }
        let replaces = |name: &str| match call.header(name) {
            None | Some("COPY") => Ok(false),
            Some("REPLACE") => Ok(true),
            Some(other) => Err(invalid_argument("Unknown directive.", name, other)),
        };
        let new_headers = replaces("x-amz-metadata-directive")?;
        let new_tags = replaces("x-amz-tagging-directive")?;
        if bucket == call.bucket && key == call.key() && !new_headers {
            return Err(invalid_request(
                "This copy request is illegal because it is trying to copy an object to itself without changing \
                 the object's metadata, storage class, website redirect location or encryption attributes.",
            ));
        }
        let algorithm = match call.header("x-amz-checksum-algorithm") {
            None => source.checksum.as_ref().map(|it| it.algorithm),
            Some(name) => Some(algorithm(name)?),
        };
        let mut object = Object::copied(source);
        object.headers = if new_headers {
            headers(call)
        } else {
            source.headers.clone()
        };
        if !new_tags && !source.tags.is_empty() {
            self.allow("s3:GetObjectTagging", &arn(&bucket, Some(&key)))?;
            let target = arn(&call.bucket, Some(call.key()));
            self.allow("s3:PutObjectTagging", &target)?;
        }
        object.tags = if new_tags {
            self.tags()?
        } else {
            source.tags.clone()
        };
        object.checksum = algorithm.map(|it| Checksum::whole(it, &object.data));
        let document = self.copied("CopyObjectResult", &object.etag(), |xml| {
            let checksum = object.checksum();
            xml.text("ChecksumType", checksum.kind());
            xml.text(&checksum.algorithm.element(), checksum.value);
        });
        let now = self.now;
        let store = self.store_mut()?;
        store.put(call.key(), object, now);
        Ok(Answer::xml(document).header("x-amz-server-side-encryption", "AES256"))
    }

    /// Returns the document about what was copied.
    pub(super) fn copied(&self, root: &str, etag: &str, rest: impl FnOnce(&mut Xml)) -> String {
        Xml::document(root, S3, |xml| {
            xml.text("LastModified", list::time(self.now));
            xml.text("ETag", etag);
            rest(xml);
        })
    }

    pub(super) fn delete(&mut self) -> Answered {
        let call = self.call;
        if let Some(condition) = call.header("if-match") {
            match self.store()?.objects.get(call.key()) {
                None => return Err(self.missing(&call.bucket, call.key())),
                Some(object) if !check::names(condition, &object.etag) => {
                    return Err(check::precondition_failed("If-Match"));
                }
                Some(_) => {}
            }
        }
        self.store_mut()?.objects.remove(call.key());
        Ok(Answer::empty(StatusCode::NO_CONTENT))
    }

    pub(super) fn delete_many(&mut self) -> Answered {
        let call = self.call;
        let names = call.headers.keys().map(http::HeaderName::as_str);
        let mut digests = names.filter(|it| {
            *it == "content-md5" || (it.starts_with("x-amz-checksum-") && it.len() < 28)
        });
        if digests.next().is_none() {
            return Err(invalid_request(
                "Missing required header for this request: Content-MD5 OR x-amz-checksum-*",
            ));
        }
        check::body(call)?;
        let root = Element::parse(&call.body).filter(|it| it.name == "Delete");
        let root = root.ok_or_else(malformed_xml)?;
        let keys: Option<Vec<&str>> = root.children("Object").map(|it| it.child("Key")).collect();
        let keys = keys.ok_or_else(malformed_xml)?;
        let is_empty = keys.is_empty() || keys.iter().any(|it| it.is_empty());
        if is_empty || keys.len() > MAX_DELETED {
            return Err(malformed_xml());
        }
        let is_quiet = root.child("Quiet") == Some("true");
        let mut refused = Vec::new();
        let mut deleted = Vec::new();
        for key in keys {
            match self.allow("s3:DeleteObject", &arn(&call.bucket, Some(key))) {
                Ok(()) => {
                    self.store_mut()?.objects.remove(key);
                    deleted.push(key);
                }
                Err(refusal) => refused.push((key, refusal)),
            }
        }
        let document = Xml::document("DeleteResult", S3, |xml| {
            for key in deleted.iter().filter(|_| !is_quiet) {
                xml.element("Deleted", |xml| xml.text("Key", key));
            }
            for (key, refusal) in &refused {
                xml.element("Error", |xml| {
                    xml.text("Key", key);
                    xml.text("Code", &refusal.code);
                    xml.text("Message", refusal.message());
                });
            }
        });
        Ok(Answer::xml(document))
    }
}

/// Returns the algorithm that a request names.
pub(super) fn algorithm(name: &str) -> Result<Algorithm, Refusal> {
    match Algorithm::of(name) {
        Some(algorithm) => Ok(algorithm),
        None if matches!(name, "SHA1" | "SHA512") => Err(not_implemented()),
        None => Err(invalid_request(
            "Checksum algorithm provided is unsupported. Please try again with any of the valid types: \
             [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]",
        )),
    }
}
