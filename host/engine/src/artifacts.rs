//! Artifacts are the bytes of backups. They pass through the host and never enter an engine's memory.

use std::fs::File;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use host_base::Report;

use super::{Answer, Outgoing};

/// A file that the user named, opened and verified.
#[derive(Clone, Debug)]
pub struct Artifact {
    /// Name of the file, without its folder.
    pub name: String,
    /// Length in bytes.
    pub length: u64,
    /// SHA-256 digest in lower-case hexadecimal.
    pub sha256: String,
    /// The open file whose bytes were verified. The file that has this name now may be another one.
    pub file: Arc<File>,
}

/// A response whose body is to be saved.
pub struct ToSave {
    /// The response of the backend, with its body.
    pub answer: Answer,
    /// The request that caused the response. The host may send it again, from an offset, to resume the body.
    pub request: Outgoing,
    /// Name for the file, if the engine or the backend gave one.
    pub name: Option<String>,
    /// Length in bytes, if the engine knows it.
    pub length: Option<u64>,
    /// SHA-256 digest in hexadecimal, if the engine knows it.
    pub sha256: Option<String>,
}

/// Describes a written file to the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedFile {
    /// Name of the file, without its folder.
    pub name: String,
    /// Length in bytes.
    pub length: u64,
    /// SHA-256 digest in lower-case hexadecimal.
    pub sha256: String,
}

/// A place where an engine's files go. A command that saves no files has no such place.
pub trait Artifacts: Send + Sync {
    /// Writes the body to the place that the user chose. The file is complete or absent, never partial.
    fn save(&self, to_save: ToSave) -> BoxFuture<'_, Result<SavedFile, Report>>;
}
