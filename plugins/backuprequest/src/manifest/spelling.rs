//! The three spellings of a manifest: that of the first plan, of the implemented controller, and of the
//! refined requirements.

use serde_json::Value;

use crate::object::text;

/// A manifest in one of its spellings.
pub struct Manifest<'a> {
    /// The key of the backup's name. It distinguishes the spellings.
    pub spelling: &'static str,
    document: &'a Value,
    places: &'static [(&'static str, &'static str)],
}

const SNAKE: &[(&str, &str)] = &[
    ("backup", "/backup_id"),
    ("project", "/project"),
    ("environment", "/environment"),
    ("database instance", "/database/instance_id"),
    ("snapshot", "/database/snapshot_id"),
    ("database size", "/database/size_bytes"),
    ("destination bucket", "/document_library/destination_bucket"),
    ("objects", "/document_library/object_count"),
    ("library size", "/document_library/total_size_bytes"),
    ("files", "/document_library/files"),
];

const CAMEL: &[(&str, &str)] = &[
    ("backup", "/backupId"),
    ("project", "/projectId"),
    ("environment", "/environment"),
    ("database instance", "/database/instanceId"),
    ("snapshot", "/database/snapshotId"),
    ("database size", "/database/sizeBytes"),
    ("destination bucket", "/documentLibrary/destinationBucket"),
    ("objects", "/documentLibrary/objectCount"),
    ("library size", "/documentLibrary/totalSizeBytes"),
    ("files", "/documentLibrary/files"),
];

const REFINED: &[(&str, &str)] = &[
    ("backup", "/backupId"),
    ("project", "/projectId"),
    ("environment", "/environment"),
    ("database instance", "/database/instanceId"),
    ("snapshot", "/database/snapshotId"),
    ("database size", "/database/size"),
    ("destination bucket", "/documentLibrary/bucket"),
    ("objects", "/documentLibrary/objectCount"),
    ("library size", "/documentLibrary/totalSize"),
];

impl<'a> Manifest<'a> {
    pub fn of(document: &'a Value) -> Option<Self> {
        let has = |place| document.pointer(place).is_some();
        let (spelling, places) = if has("/backup_id") {
            ("backup_id", SNAKE)
        } else if !has("/backupId") {
            return None;
        } else if has("/version") || has("/checksum") {
            ("backupId", CAMEL)
        } else {
            ("backupId, without version", REFINED)
        };
        Some(Self {
            spelling,
            document,
            places,
        })
    }

    pub fn text(&self, what: &str) -> Option<&'a str> {
        text(self.document, self.place(what)?)
    }

    pub fn number(&self, what: &str) -> Option<u64> {
        self.document.pointer(self.place(what)?)?.as_u64()
    }

    pub fn files(&self) -> Option<&'a Vec<Value>> {
        self.document.pointer(self.place("files")?)?.as_array()
    }

    fn place(&self, what: &str) -> Option<&'static str> {
        let mut places = self.places.iter();
        places
            .find(|(name, _)| *name == what)
            .map(|(_, place)| *place)
    }
}

/// Returns the size of a file in the list, in bytes.
pub fn file_size(file: &Value) -> Option<u64> {
    file["size_bytes"]
        .as_u64()
        .or_else(|| file["sizeBytes"].as_u64())
}
