//! The JSON of the sidecar's REST API.

use serde::{Deserialize, Deserializer, Serialize};

/// The answer of `GET /v1/backup/list`.
#[derive(Deserialize)]
pub struct Inventory {
    #[serde(deserialize_with = "list_or_null")]
    pub cluster_backups: Vec<Entry>,
    #[serde(deserialize_with = "list_or_null")]
    pub backups: Vec<Entry>,
}

/// A backup on the pod's disk.
#[derive(Deserialize)]
pub struct Entry {
    pub name: String,
    pub size_bytes: i64,
    /// The time of the last change as RFC 3339 text.
    pub last_modified: String,
    /// The state: `pending`, `uploading`, `uploaded` or `failed`.
    pub status: String,
    pub error: Option<String>,
}

/// The answer of `GET /v1/backup/list-remote`, in no particular order.
#[derive(Deserialize)]
pub struct RemoteList {
    #[serde(deserialize_with = "list_or_null")]
    pub backups: Vec<RemoteBackup>,
}

/// An object in the remote store.
#[derive(Deserialize)]
pub struct RemoteBackup {
    pub key: String,
    /// The time of the last change as RFC 3339 text.
    pub last_modified: String,
    pub size_bytes: i64,
}

/// The body of `POST /v1/restore`. A Go client leaves out `false`; the meaning is the same.
#[derive(Serialize)]
pub struct RestoreBody<'a> {
    /// The key of the object.
    pub version: &'a str,
    pub dry_run: bool,
}

#[derive(Deserialize)]
pub struct RestoreResult {
    pub key: String,
    pub bytes: i64,
    pub target_path: String,
    pub dry_run: bool,
}

/// The body of `POST /v1/backup/purge`. The body of the answer is not specified.
#[derive(Serialize)]
pub struct PurgeBody<'a> {
    pub name: &'a str,
}

/// The body of `POST /v1/backup/upload`. The body of the answer is not specified.
#[derive(Serialize)]
pub struct UploadBody<'a> {
    #[serde(rename = "type")]
    pub kind: &'a str,
    pub name: &'a str,
}

/// Reads a list that may be null: a Go server writes an empty list as `null`. The key is required: otherwise
/// any JSON object would pass for an empty inventory.
fn list_or_null<'de, T, D>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
