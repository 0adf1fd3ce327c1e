//! Archives of files: the selection of files, the formats tar and zip, and compression.

mod bounded;
mod compress;
mod file;
mod find;
mod select;
mod tar;
#[cfg(test)]
mod tests;
mod zip;

use std::io::{self, Seek, Write};
use std::path::PathBuf;

use thiserror::Error;

pub use bounded::{Bounded, Cancel};

use crate::config::FileArchive;
use select::Entry;

/// An error that ends an archive. The part that was written is incomplete.
#[derive(Debug, Error)]
pub enum ArchiveError {
    /// The message is the same as that of the Python sidecar.
    #[error("File archive strategy did not match any files")]
    NoMatch,
    #[error("{} can't be read: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("The pattern {} can't be used: {reason}", pattern)]
    Pattern { pattern: String, reason: String },
    #[error("{} and {} would both be called {} in the archive; set base_dir so that their names differ", first.display(), second.display(), name.display())]
    SameName {
        name: PathBuf,
        first: PathBuf,
        second: PathBuf,
    },
    #[error("{} leads back into itself through symbolic links", path.display())]
    Loop { path: PathBuf },
    #[error("{} has a name that a zip can't hold: it is not UTF-8", path.display())]
    Name { path: PathBuf },
    #[error("The archive has more than {limit} bytes (limits.artifact_size)")]
    TooLarge { limit: u64 },
    #[error("The archive can't be made: {0}")]
    Write(#[from] io::Error),
}

/// The files for an archive. They are selected before the first byte is written.
pub struct Contents<'a> {
    archive: &'a FileArchive,
    entries: Vec<Entry>,
}

impl<'a> Contents<'a> {
    /// Selects the files. `except` are the files that the archive is written to; they are never in it. Other
    /// files that are left out are reported to `note`.
    ///
    /// # Errors
    ///
    /// Fails if nothing matches, a folder can't be read, or two files would have the same name.
    pub fn select(
        archive: &'a FileArchive,
        except: &[PathBuf],
        note: &mut dyn FnMut(String),
    ) -> Result<Self, ArchiveError> {
        let entries = select::select(archive, except, note)?;
        Ok(Self { archive, entries })
    }

    /// Writes a tar, and returns the writer.
    ///
    /// # Errors
    ///
    /// Fails if a file can't be read or changes meanwhile, or if the tar can't be written.
    pub fn tar<W: Write>(&self, to: W) -> Result<W, ArchiveError> {
        tar::write(&self.entries, self.archive, to)
    }

    /// Writes a zip, and returns the writer. Symbolic links are left out and reported to `note`.
    ///
    /// # Errors
    ///
    /// Fails for the same reasons as a tar, and if a name is not UTF-8 or there are only links.
    pub fn zip<W: Write + Seek>(
        &self,
        to: W,
        note: &mut dyn FnMut(String),
    ) -> Result<W, ArchiveError> {
        zip::write(&self.entries, self.archive, to, note)
    }
}
