use std::path::Path;

use host_base::files;
use serde::{Deserialize, Serialize};

use super::claims::Claims;

/// The record of a partial download, in a small file beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    version: u32,
    /// Identity of the bytes: [`super::Source::identity`].
    source: String,
    etag: Option<String>,
    last_modified: Option<String>,
    /// Length of the whole in bytes.
    total: Option<u64>,
    /// The number of bytes that are safely on the disk. Bytes after them are ignored.
    pub(super) durable: u64,
}

const VERSION: u32 = 1;

/// The maximum size of a record, in bytes. A real one has a few hundred bytes.
const LONGEST: u64 = 256 << 10;

impl Record {
    pub(super) fn new(source: &str, claims: &Claims) -> Self {
        Self {
            version: VERSION,
            source: source.to_owned(),
            etag: claims.etag.clone(),
            last_modified: claims.last_modified.clone(),
            total: claims.total(),
            durable: 0,
        }
    }

    /// Reads the record at `path`. Only a small plain file is accepted.
    pub(super) fn read(path: &Path) -> Option<Self> {
        let bytes = files::read_plain(path, LONGEST).ok()?;
        Self::parse(&bytes)
    }

    /// Parses a record. Returns none if it is incomplete or of another version; then the download begins
    /// again.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes)
            .ok()
            .filter(|record: &Self| record.version == VERSION)
    }

    pub(super) fn to_json(&self) -> Vec<u8> {
        // Serializing strings and numbers never fails. An empty file would count as no record.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Returns true if a later run may resume. A date is not enough: a file can change within its second.
    pub(super) const fn is_resumable(&self) -> bool {
        self.etag.is_some()
    }

    /// Returns true if both records are certainly of the same bytes.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.is_resumable()
            && self.source == other.source
            && self.etag == other.etag
            // The ETags are equal, so a length that only one response has is the length of both.
            && self.total.zip(other.total).is_none_or(|(a, b)| a == b)
            && self.total.or(other.total).is_none_or(|total| self.durable <= total)
    }
}
