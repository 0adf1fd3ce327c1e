//! Archives of files: what is chosen, tar or zip, and how it is compressed.

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

/// Why there is no archive. Nothing that was begun is whole.
#[derive(Debug, Error)]
pub enum ArchiveError {
    /// The words are those of the Python sidecar.
    #[error("File archive strategy did not match any files")]
    NoMatch,
    #[error("{} can't be read: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} can't be found by a pattern: {reason}", pattern)]
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

/// What goes into the archive: found before a byte is written.
pub struct Contents<'a> {
    archive: &'a FileArchive,
    entries: Vec<Entry>,
}

impl<'a> Contents<'a> {
    /// `except` are files that are not in it, whatever the patterns say: those that it is written to. What else is
    /// left out is said to `note`.
    ///
    /// # Errors
    ///
    /// If nothing matches, a folder can't be read, or two files would have one name.
    pub fn select(
        archive: &'a FileArchive,
        except: &[PathBuf],
        note: &mut dyn FnMut(String),
    ) -> Result<Self, ArchiveError> {
        let entries = select::select(archive, except, note)?;
        Ok(Self { archive, entries })
    }

    /// Writes a tar, and hands back what it was written to.
    ///
    /// # Errors
    ///
    /// If a file can't be read or changes meanwhile, or the tar can't be written.
    pub fn tar<W: Write>(&self, to: W) -> Result<W, ArchiveError> {
        tar::write(&self.entries, self.archive, to)
    }

    /// Writes a zip, and hands back what it was written to. Links are not in it, which is said to `note`.
    ///
    /// # Errors
    ///
    /// As for a tar, and if a name is not UTF-8 or nothing but links is there.
    pub fn zip<W: Write + Seek>(
        &self,
        to: W,
        note: &mut dyn FnMut(String),
    ) -> Result<W, ArchiveError> {
        zip::write(&self.entries, self.archive, to, note)
    }
}
