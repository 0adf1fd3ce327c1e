//! Lists of buckets, objects and uploads.

use std::collections::BTreeMap;
use std::ops::Bound;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::object::Object;
use super::{Answer, Answered, Refusal, Request, S3, constraint, invalid_argument};
use crate::aws::ACCOUNT;
use crate::aws::digest::Algorithm;
use crate::aws::xml::Xml;

/// The maximum number of entries in a page.
const PAGE: usize = 1000;
/// The characters that S3 encodes in names if it is asked to. A space becomes a plus.
const NAME: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'*')
    .remove(b'/')
    .remove(b' ');

/// A time as S3 writes it. It has whole seconds.
pub(super) fn time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string()
}

/// The encoding of names in a list.
#[derive(Clone, Copy)]
struct Encoding(bool);

impl Encoding {
    fn of(request: &Request<'_>) -> Result<Self, Refusal> {
        match request.call.query.get("encoding-type") {
            None => Ok(Self(false)),
            Some("url") => Ok(Self(true)),
            Some(other) => Err(invalid_argument(
                "Invalid Encoding Method specified in Request",
                "encoding-type",
                other,
            )),
        }
    }

    fn encoded(self, name: &str) -> String {
        if !self.0 {
            return name.to_owned();
        }
        let encoded = utf8_percent_encode(name, NAME).to_string();
        encoded.replace(' ', "+")
    }
}

/// One entry of a page.
enum Entry<'a> {
    Object(&'a str, &'a Object),
    /// The common beginning of several keys.
    Prefix(String),
}

/// The place where a page begins.
enum Start {
    After(String),
    /// After all keys with this beginning.
    AfterPrefix(String),
}

impl Start {
    fn of(entry: &Entry<'_>) -> Self {
        match entry {
            Entry::Object(key, _) => Self::After((*key).to_owned()),
            Entry::Prefix(prefix) => Self::AfterPrefix(prefix.clone()),
        }
    }

    fn token(&self) -> String {
        let text = match self {
            Self::After(key) => format!("k{key}"),
            Self::AfterPrefix(prefix) => format!("p{prefix}"),
        };
        BASE64_STANDARD.encode(text)
    }

    fn parse(token: &str) -> Option<Self> {
        let text = BASE64_STANDARD.decode(token).ok()?;
        let text = String::from_utf8(text).ok()?;
        match text.split_at_checked(1)? {
            ("k", key) => Some(Self::After(key.to_owned())),
            ("p", prefix) => Some(Self::AfterPrefix(prefix.to_owned())),
            _ => None,
        }
    }
}

/// Returns the entries of a page, and whether there are more. S3 says that a page of no entries is complete.
fn page<'a>(
    objects: &'a BTreeMap<String, Object>,
    prefix: &str,
    delimiter: Option<&str>,
    start: Option<&Start>,
    limit: usize,
) -> (Vec<Entry<'a>>, bool) {
    let from = match start {
        Some(Start::After(key)) if key.as_str() >= prefix => Bound::Excluded(key.as_str()),
        Some(Start::AfterPrefix(key)) if key.as_str() >= prefix => Bound::Included(key.as_str()),
        _ => Bound::Included(prefix),
    };
    let passed = match start {
        Some(Start::AfterPrefix(prefix)) => Some(prefix.as_str()),
        _ => None,
    };
    let mut entries = Vec::new();
    let keys = objects.range::<str, _>((from, Bound::Unbounded));
    for (key, object) in keys.take_while(|(key, _)| key.starts_with(prefix)) {
        if passed.is_some_and(|it| key.starts_with(it)) {
            continue;
        }
        if let Some(Entry::Prefix(last)) = entries.last()
            && key.starts_with(last)
        {
            continue;
        }
        if entries.len() == limit {
            return (entries, limit > 0);
        }
        let end = delimiter.and_then(|it| Some(key[prefix.len()..].find(it)? + it.len()));
        entries.push(match end {
            Some(end) => Entry::Prefix(key[..prefix.len() + end].to_owned()),
            None => Entry::Object(key, object),
        });
    }
    (entries, false)
}

/// Returns a limit of a query.
fn limit(request: &Request<'_>, name: &str) -> Result<usize, Refusal> {
    let Some(text) = request.call.query.get(name) else {
        return Ok(PAGE);
    };
    let parsed = text.parse::<i32>().ok();
    let parsed = parsed.and_then(|it| usize::try_from(it).ok());
    parsed.map(|it| it.min(PAGE)).ok_or_else(|| {
        let message = format!("Provided {name} not an integer or within integer range");
        invalid_argument(&message, name, text)
    })
}

pub(super) fn buckets(request: &Request<'_>) -> Answer {
    let own = request.buckets.iter().filter(|(_, it)| !it.is_foreign);
    Answer::xml(Xml::document("ListAllMyBucketsResult", S3, |xml| {
        xml.element("Owner", |xml| xml.text("ID", ACCOUNT));
        xml.element("Buckets", |xml| {
            for (name, store) in own {
                xml.element("Bucket", |xml| {
                    xml.text("Name", name);
                    xml.text("CreationDate", time(store.created));
                    xml.text("BucketRegion", &store.region);
                });
            }
        });
    }))
}

impl Request<'_> {
    pub(super) fn location(&self) -> Answered {
        let region = constraint(&self.store()?.region).to_owned();
        Ok(Answer::xml(if region.is_empty() {
            Xml::document("LocationConstraint", S3, |_| {})
        } else {
            Xml::document("LocationConstraint", S3, |xml| xml.raw(&region))
        }))
    }

    pub(super) fn versioning(&self) -> Answered {
        self.store()?;
        let document = Xml::document("VersioningConfiguration", S3, |_| {});
        Ok(Answer::xml(document))
    }

    pub(super) fn list(&self) -> Answered {
        let query = &self.call.query;
        let encoding = Encoding::of(self)?;
        let limit = limit(self, "max-keys")?;
        let prefix = query.get("prefix").unwrap_or_default();
        let delimiter = query.get("delimiter").filter(|it| !it.is_empty());
        let token = query.get("continuation-token");
        let after = query.get("start-after").filter(|it| !it.is_empty());
        let start = match (token, after) {
            (Some(token), _) => Some(Start::parse(token).ok_or_else(|| {
                let message = "The continuation token provided is incorrect";
                Refusal::new(400, "InvalidArgument", message)
                    .with("ArgumentName", "continuation-token")
            })?),
            (None, after) => after.map(|it| Start::After(it.to_owned())),
        };
        let store = self.store()?;
        let objects = &store.objects;
        let (entries, has_more) = page(objects, prefix, delimiter, start.as_ref(), limit);
        let next = entries.last().filter(|_| has_more).map(Start::of);
        let document = Xml::document("ListBucketResult", S3, |xml| {
            xml.text("Name", &self.call.bucket);
            xml.text("Prefix", encoding.encoded(prefix));
            xml.optional("Delimiter", delimiter.map(|it| encoding.encoded(it)));
            xml.optional("StartAfter", after.map(|it| encoding.encoded(it)));
            xml.optional("ContinuationToken", token);
            xml.optional("NextContinuationToken", next.as_ref().map(Start::token));
            xml.text("KeyCount", entries.len());
            xml.text("MaxKeys", limit);
            xml.optional("EncodingType", encoding.0.then_some("url"));
            xml.text("IsTruncated", next.is_some());
            for entry in &entries {
                if let Entry::Object(key, object) = entry {
                    let key = encoding.encoded(key);
                    xml.element("Contents", |xml| listed(xml, &key, object));
                }
            }
            for entry in &entries {
                if let Entry::Prefix(prefix) = entry {
                    let prefix = encoding.encoded(prefix);
                    xml.element("CommonPrefixes", |xml| xml.text("Prefix", prefix));
                }
            }
        });
        Ok(Answer::xml(document).header("x-amz-bucket-region", &store.region))
    }

    pub(super) fn list_uploads(&self) -> Answered {
        let query = &self.call.query;
        let encoding = Encoding::of(self)?;
        let limit = limit(self, "max-uploads")?;
        let prefix = query.get("prefix").unwrap_or_default();
        let key_marker = query.get("key-marker").unwrap_or_default();
        let id_marker = query.get("upload-id-marker").unwrap_or_default();
        let store = self.store()?;
        let mut found: Vec<_> = store
            .uploads
            .iter()
            .filter(|(_, it)| it.key.starts_with(prefix))
            .collect();
        found.sort_by_key(|(id, it)| (it.key.as_str(), id.as_str()));
        // The id counts only together with a key. Without it, all uploads of the key are passed.
        found.retain(|(id, it)| match it.key.as_str().cmp(key_marker) {
            _ if key_marker.is_empty() => true,
            std::cmp::Ordering::Less => false,
            std::cmp::Ordering::Equal => !id_marker.is_empty() && id.as_str() > id_marker,
            std::cmp::Ordering::Greater => true,
        });
        let is_truncated = limit > 0 && found.len() > limit;
        found.truncate(limit);
        let document = Xml::document("ListMultipartUploadsResult", S3, |xml| {
            xml.text("Bucket", &self.call.bucket);
            xml.text("KeyMarker", encoding.encoded(key_marker));
            xml.text("UploadIdMarker", id_marker);
            if let Some((id, last)) = found.last().filter(|_| is_truncated) {
                xml.text("NextKeyMarker", encoding.encoded(&last.key));
                xml.text("NextUploadIdMarker", id);
            }
            xml.text("Prefix", encoding.encoded(prefix));
            xml.optional("EncodingType", encoding.0.then_some("url"));
            xml.text("MaxUploads", limit);
            xml.text("IsTruncated", is_truncated);
            for (id, upload) in &found {
                xml.element("Upload", |xml| {
                    xml.text("Key", encoding.encoded(&upload.key));
                    xml.text("UploadId", id);
                    xml.element("Initiator", |xml| xml.text("ID", ACCOUNT));
                    xml.element("Owner", |xml| xml.text("ID", ACCOUNT));
                    xml.text("StorageClass", "STANDARD");
                    xml.text("Initiated", time(upload.begun));
                    xml.optional("ChecksumAlgorithm", upload.algorithm.map(Algorithm::name));
                    xml.optional("ChecksumType", upload.algorithm.map(|_| upload.kind()));
                });
            }
        });
        Ok(Answer::xml(document))
    }

    pub(super) fn list_parts(&self) -> Answered {
        let query = &self.call.query;
        let limit = limit(self, "max-parts")?;
        let marker = query.get("part-number-marker").unwrap_or("0");
        let after: u32 = marker.parse().map_err(|_| {
            let message = "Provided part-number-marker not an integer or within integer range";
            invalid_argument(message, "part-number-marker", marker)
        })?;
        let id = query.get("uploadId").unwrap_or_default();
        let upload = self.upload(id)?;
        let later = upload.parts.range(after.saturating_add(1)..);
        let mut parts: Vec<_> = later.take(limit + 1).collect();
        let is_truncated = limit > 0 && parts.len() > limit;
        parts.truncate(limit);
        let last = parts.last().map_or(0, |(number, _)| **number);
        let document = Xml::document("ListPartsResult", S3, |xml| {
            xml.text("Bucket", &self.call.bucket);
            xml.text("Key", &upload.key);
            xml.text("UploadId", id);
            xml.element("Initiator", |xml| xml.text("ID", ACCOUNT));
            xml.element("Owner", |xml| xml.text("ID", ACCOUNT));
            xml.text("StorageClass", "STANDARD");
            xml.text("PartNumberMarker", after);
            xml.text("NextPartNumberMarker", last);
            xml.text("MaxParts", limit);
            xml.text("IsTruncated", is_truncated);
            xml.optional("ChecksumAlgorithm", upload.algorithm.map(Algorithm::name));
            xml.optional("ChecksumType", upload.algorithm.map(|_| upload.kind()));
            for (number, part) in parts {
                xml.element("Part", |xml| {
                    xml.text("PartNumber", number);
                    xml.text("LastModified", time(part.modified));
                    xml.text("ETag", part.etag());
                    xml.text("Size", part.data.len());
                    part.digest_element(upload.algorithm, xml);
                });
            }
        });
        Ok(Answer::xml(document))
    }
}

fn listed(xml: &mut Xml, key: &str, object: &Object) {
    let (algorithm, kind) = object.algorithm();
    xml.text("Key", key);
    xml.optional("LastModified", object.modified.map(time));
    xml.text("ETag", object.etag());
    xml.text("ChecksumAlgorithm", algorithm.name());
    xml.text("ChecksumType", kind);
    xml.text("Size", object.data.len());
    xml.text("StorageClass", "STANDARD");
}
