//! The manifest of a backup: the last object that is written. A backup without it is not complete.
//!
//! The stored text has one document per line, and the list of documents last but the checksum. So a manifest of a
//! million documents is written and read with little memory.

mod read;
mod write;

use serde_json::{Value, json};

use crate::id::Id;
use crate::journal::Header;
use crate::json::canonical;
use crate::rds::Snapshot;
use crate::record::Record;

pub use read::{Reader, Summary, find, open};
pub use write::write;

/// The names of the manifest within a backup.
pub const PLAIN: &str = "manifest.json";
pub const COMPRESSED: &str = "manifest.json.gz";
/// The line before the list of documents, and the line behind it.
const FILES: &str = "    \"files\": [";
const END_OF_FILES: &str = "    ]";

/// Returns the manifest without the documents, those that were not copied, and the checksum.
fn document(id: &Id, record: &Record, snapshot: Option<&Snapshot>, at: &Header) -> Value {
    let database = record.database.as_ref().map(|database| {
        let snapshot = snapshot.cloned().unwrap_or_default();
        json!({
            "kind": database.kind,
            "instance_id": database.id,
            "snapshot_id": database.snapshot,
            "snapshot_arn": snapshot.arn,
            "region": database.region,
            "engine": snapshot.engine,
            "engine_version": snapshot.engine_version,
            "size_bytes": snapshot.size.map(|(bytes, _)| bytes),
            "size_source": snapshot.size.map(|(_, source)| source),
        })
    });
    let library = record.documents.as_ref().map(|documents| {
        json!({
            "source_bucket": documents.bucket,
            "source_prefix": documents.prefix,
            "destination_bucket": id.bucket,
            "destination_prefix": id.key("dl"),
            "excluded_patterns": documents.excluded,
            "object_count": at.objects,
            "total_size_bytes": at.bytes,
            "missing_count": at.missing,
            "skipped_count": at.skipped,
        })
    });
    json!({
        "version": "1.0",
        "timestamp": id.timestamp(),
        "project": record.project,
        "environment": record.environment,
        "backup_id": format!("{}-{}-backup-{}", record.project, record.environment, id.time),
        "retention": record.retention,
        "tags": record.tags,
        "database": database,
        "document_library": library,
    })
}

/// Returns the canonical form of a manifest without checksum, as the text before the documents and the text behind
/// them. The second one is empty if the manifest has no documents.
fn frame(document: &Value) -> (String, String) {
    let mut document = document.clone();
    if let Some(fields) = document.as_object_mut() {
        fields.remove("checksum");
    }
    if !document["document_library"].is_object() {
        return (canonical(&document), String::new());
    }
    // A text can't have this marker: its quotation marks would be escaped.
    document["document_library"]["files"] = Value::Null;
    let text = canonical(&document);
    let (before, behind) = text.split_once("\"files\":null").unwrap_or((&text, ""));
    (format!("{before}\"files\":["), format!("]{behind}"))
}
