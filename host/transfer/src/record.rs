use std::path::Path;

use host_base::files;
use serde::{Deserialize, Serialize};

use super::claims::Claims;

/// What is known of an unfinished download, in a small file beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    version: u32,
    /// [`super::Source::identity`].
    source: String,
    etag: Option<String>,
    last_modified: Option<String>,
    /// Length of the whole in bytes.
    total: Option<u64>,
    /// So many bytes are on the disk for sure; what follows them in the file is worth nothing.
    pub(super) durable: u64,
}

const VERSION: u32 = 1;

/// Longest record that is read, in bytes: a real one has a few hundred.
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

    /// Reads the record at `path`. Nothing else than a small plain file is one.
    pub(super) fn read(path: &Path) -> Option<Self> {
        let bytes = files::read_plain(path, LONGEST).ok()?;
        Self::parse(&bytes)
    }

    /// None if it is not whole, or of another version: then the download begins again.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes)
            .ok()
            .filter(|record: &Self| record.version == VERSION)
    }

    pub(super) fn to_json(&self) -> Vec<u8> {
        // Strings and numbers always have a form in JSON; an empty file is no record.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Whether a later run may go on. A date is not enough: a file can change within its second.
    pub(super) const fn is_resumable(&self) -> bool {
        self.etag.is_some()
    }

    /// Whether both are of the same bytes for sure.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.is_resumable()
            && self.source == other.source
            && self.etag == other.etag
            // With the same ETag, a length that only one answer has is that of both.
            && self.total.zip(other.total).is_none_or(|(a, b)| a == b)
            && self.total.or(other.total).is_none_or(|total| self.durable <= total)
    }
}
