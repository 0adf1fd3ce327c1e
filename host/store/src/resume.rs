//! Goes on with an upload that an earlier run of the same command has begun.

use host_objectstore::{Location, S3Error};
use host_transfer::Fingerprint;
use object_store::path::Path;

use crate::StoreError;
use crate::journal::{Journal, Part};
use crate::plan::Plan;
use crate::upload::Shared;

/// The parts that an earlier run uploaded.
#[derive(Default)]
pub(crate) struct Resume {
    pub(crate) fingerprint: Option<String>,
    pub(crate) upload: Option<String>,
    pub(crate) parts: Vec<Part>,
}

impl Resume {
    /// Looks for parts of the same bytes that the store still has.
    pub(crate) async fn find(
        shared: &Shared,
        object: &str,
        length: Option<u64>,
        fingerprint: &Fingerprint,
    ) -> Result<Self, StoreError> {
        let fresh = Self {
            fingerprint: Some(fingerprint.to_json()),
            ..Self::default()
        };
        let found = shared.journal.as_ref().and_then(Journal::read);
        let Some((header, mut parts)) = found else {
            return Ok(fresh);
        };
        let is_same = fingerprint.is_same(&header.fingerprint)
            && header.object == object
            && header.part == Plan::of(length).part;
        let store = &shared.store;
        let path = store.path(&header.object)?;
        if !is_same {
            discard(shared, &path, &header.upload).await;
            return Ok(fresh);
        }
        if let Some(s3) = store.s3() {
            let at = Location {
                bucket: s3.bucket.clone(),
                key: path.to_string(),
            };
            let there = match s3
                .client
                .parts(&at, &header.upload, crate::FIRST_BYTE)
                .await
            {
                // Without the permission to list parts, or a list that can be read, all are sent again.
                Err(S3Error::Refused { status: 403, .. } | S3Error::NotUnderstood { .. }) => None,
                there => there?,
            };
            let there = there.unwrap_or_default();
            let is_there = |(part, index): (&Part, u64)| {
                there.iter().any(|it| {
                    it.number == index + 1
                        && it.size == header.part
                        && it.etag.trim_matches('"') == entity_tag(&part.etag)
                })
            };
            let whole = parts.iter().zip(0..).take_while(|it| is_there(*it)).count();
            parts.truncate(whole);
        }
        if parts.is_empty() {
            discard(shared, &path, &header.upload).await;
            return Ok(fresh);
        }
        Ok(Self {
            upload: Some(header.upload),
            parts,
            ..fresh
        })
    }
}

/// Discards an upload in parts. If the service refuses, `repair` finds it.
async fn discard(shared: &Shared, path: &Path, upload: &str) {
    if let Some(parts) = &shared.handles.parts {
        let _ = parts.abort_multipart(path, &upload.to_owned()).await;
    }
}

/// Returns the entity tag of a part, without quotation marks. With a checksum, the library keeps both as XML.
fn entity_tag(content_id: &str) -> &str {
    let inner = content_id
        .split_once("<e_tag>")
        .and_then(|(_, rest)| rest.split_once("</e_tag>"));
    let tag = inner.map_or(content_id, |(tag, _)| tag);
    let tag = tag.strip_prefix("&quot;").unwrap_or(tag);
    let tag = tag.strip_suffix("&quot;").unwrap_or(tag);
    tag.trim_matches('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entity_tag_of_a_part_is_found() {
        for content_id in [
            "a1",
            "\"a1\"",
            "<PartMetadata><e_tag>\"a1\"</e_tag><checksum_sha256>b=</checksum_sha256></PartMetadata>",
            "<PartMetadata><e_tag>&quot;a1&quot;</e_tag></PartMetadata>",
        ] {
            assert_eq!(entity_tag(content_id), "a1", "{content_id}");
        }
    }
}
