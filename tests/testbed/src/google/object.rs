//! Objects, and how the service describes them.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use jiff::Timestamp;
use md5::{Digest as _, Md5};
use serde_json::{Map, Value, json};

/// An object.
#[derive(Clone, Debug, Default)]
pub struct Object {
    /// The bytes.
    pub bytes: Bytes,
    /// The number of this version.
    pub generation: u64,
    /// The media type.
    pub content_type: Option<String>,
    /// Whether it was composed of others.
    pub is_composite: bool,
    updated: Timestamp,
}

impl Object {
    pub(super) fn new(bytes: Bytes, generation: u64) -> Self {
        Self {
            bytes,
            generation,
            updated: Timestamp::now(),
            ..Self::default()
        }
    }

    /// Returns the resource of the object.
    pub(super) fn resource(&self, bucket: &str, name: &str) -> Value {
        let generation = self.generation.to_string();
        let mut resource = json!({
            "kind": "storage#object",
            "id": format!("{bucket}/{name}/{generation}"),
            "bucket": bucket,
            "name": name,
            "generation": generation,
            "metageneration": "1",
            "storageClass": "STANDARD",
            "size": self.bytes.len().to_string(),
            "timeCreated": self.time(),
            "updated": self.time(),
            "crc32c": self.crc32c(),
            // It depends on the version and not on the bytes.
            "etag": BASE64_STANDARD.encode(format!("{generation}/1")),
        });
        if !self.is_composite {
            resource["md5Hash"] = json!(self.md5());
        }
        if let Some(kind) = &self.content_type {
            resource["contentType"] = json!(kind);
        }
        resource
    }

    /// Returns the digests of the bytes, as a header has them.
    pub(super) fn hashes(&self) -> String {
        let crc = format!("crc32c={}", self.crc32c());
        if self.is_composite {
            return crc;
        }
        format!("{crc},md5={}", self.md5())
    }

    fn crc32c(&self) -> String {
        BASE64_STANDARD.encode(crc32c(&self.bytes).to_be_bytes())
    }

    /// Returns the MD5 of the bytes in Base64.
    pub(super) fn md5(&self) -> String {
        BASE64_STANDARD.encode(Md5::digest(&self.bytes))
    }

    fn time(&self) -> String {
        self.updated.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
    }
}

/// Returns CRC-32C (Castagnoli) of bytes.
fn crc32c(bytes: &[u8]) -> u32 {
    let crc = bytes.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ if crc & 1 == 1 { 0x82f6_3b78 } else { 0 }
        })
    });
    !crc
}

/// Returns the parts of a document that `fields` selects, such as `items(name,size),nextPageToken`.
pub(super) fn selected(document: &Value, fields: Option<&str>) -> Value {
    let (Some(fields), Some(members)) = (fields, document.as_object()) else {
        return document.clone();
    };
    let mut kept = Map::new();
    for field in split(fields) {
        let (name, inner) = match field.split_once('(') {
            Some((name, inner)) => (name, inner.strip_suffix(')')),
            None => (field, None),
        };
        let Some(value) = members.get(name) else {
            continue;
        };
        let value = match value {
            Value::Array(items) if inner.is_some() => {
                items.iter().map(|item| selected(item, inner)).collect()
            }
            other => selected(other, inner),
        };
        kept.insert(name.to_owned(), value);
    }
    Value::Object(kept)
}

/// Splits a text at the commas that are in no parentheses.
fn split(fields: &str) -> Vec<&str> {
    let mut depth = 0;
    let parts = fields.split(|c| {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        c == ',' && depth == 0
    });
    parts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checksum_is_that_of_the_standard() {
        // RFC 3720, B.4.
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }

    #[test]
    fn only_the_wanted_fields_stay() {
        let document = json!({"a": 1, "items": [{"b": 2, "c": 3}, {"c": 4}], "d": {"e": 5}});
        let of = |fields| selected(&document, Some(fields));
        assert_eq!(of("a,items(b),x"), json!({"a": 1, "items": [{"b": 2}, {}]}));
        assert_eq!(of("d(e),items(b,c)")["items"][1], json!({"c": 4}));
        assert_eq!(selected(&document, None), document);
    }
}
