//! The bytes of backups on their way through the host: they never enter an engine's memory.

use std::fs::File;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use host_base::Report;

use super::{Answer, Outgoing};

/// A file that the user named, opened and verified.
#[derive(Clone, Debug)]
pub struct Artifact {
    pub name: String,
    /// Length in bytes.
    pub length: u64,
    /// SHA-256 in lower-case hexadecimal.
    pub sha256: String,
    /// What was verified. Another file may have its name by now.
    pub file: Arc<File>,
}

/// An answer whose body is to be saved.
pub struct ToSave {
    pub answer: Answer,
    /// What it answers: it may be asked for once more, from an offset.
    pub request: Outgoing,
    /// A name for the file, as the engine or the backend gave it.
    pub name: Option<String>,
    /// Length in bytes, as the engine knows it.
    pub length: Option<u64>,
    /// SHA-256 in hexadecimal, as the engine knows it.
    pub sha256: Option<String>,
}

/// What an engine hears of a file that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedFile {
    /// Without its folder.
    pub name: String,
    /// Length in bytes.
    pub length: u64,
    /// SHA-256 in lower-case hexadecimal.
    pub sha256: String,
}

/// Where an engine's files go. A command that saves none has none.
pub trait Artifacts: Send + Sync {
    /// Writes a body to where the user wants it, whole or not at all.
    fn save(&self, to_save: ToSave) -> BoxFuture<'_, Result<SavedFile, Report>>;
}
