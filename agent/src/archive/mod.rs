//! Archives of files: what is chosen, tar or zip, and how it is compressed.

mod bounded;
mod compress;
mod file;
mod select;
mod tar;
#[cfg(test)]
mod tests;
mod zip;

use std::io::{self, Write};
use std::path::PathBuf;

use thiserror::Error;

pub use bounded::{Bounded, Cancel};

use crate::config::{FileArchive, Format};

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

/// Writes the archive, and hands back what it was written to.
///
/// `except` are files that are not in it, whatever the patterns say: those that it is written to. What is left out for
/// another reason is said to `note`.
///
/// # Errors
///
/// If nothing matches, something can't be read or changes meanwhile, or two files would have one name.
pub fn write<W: Write>(
    archive: &FileArchive,
    except: &[PathBuf],
    to: W,
    note: &mut dyn FnMut(String),
) -> Result<W, ArchiveError> {
    let entries = select::select(archive, except, note)?;
    match archive.format {
        Format::Tar => tar::write(&entries, archive, to),
        Format::Zip => zip::write(&entries, archive, to, note),
    }
}
