use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{FileName, TransferError};

/// Where a download goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// It is made if it is missing.
    pub folder: PathBuf,
    pub name: FileName,
    /// Whether an older file of that name is replaced, once the new one is whole and checked.
    pub replace: bool,
}

impl Destination {
    /// The final path.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.folder.join(self.name.as_str())
    }

    /// Whether a file can have this name. Where the name is known before a backend is asked, this
    /// saves the asking; [`super::save()`] checks it again.
    ///
    /// # Errors
    /// [`TransferError::Exists`] when there is a file that may not be replaced,
    /// [`TransferError::NotAFile`] when there is something that can't be.
    pub fn check(&self) -> Result<(), TransferError> {
        let path = self.path();
        // Not following links: a link is replaced as such, and one that leads nowhere is there, too.
        match fs::symlink_metadata(&path) {
            Ok(found) if found.is_dir() => Err(TransferError::NotAFile { path }),
            Ok(_) if !self.replace => Err(TransferError::Exists { path }),
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(source) => Err(TransferError::io("look at", &path, source)),
        }
    }

    pub(super) fn paths(&self) -> Paths {
        let name = self.name.as_str();
        let at = |name: String| self.folder.join(name);
        Paths {
            folder: self.folder.clone(),
            whole: self.path(),
            part: at(format!(".{name}.part")),
            record: at(format!(".{name}.part.json")),
            new_record: at(format!(".{name}.part.json.new")),
            digest: at(format!("{name}.sha256")),
            new_digest: at(format!(".{name}.sha256.new")),
        }
    }
}

/// All names that one download uses. They follow from the final name, so that a later run finds them.
#[derive(Clone, Debug)]
pub(super) struct Paths {
    pub(super) folder: PathBuf,
    pub(super) whole: PathBuf,
    pub(super) part: PathBuf,
    pub(super) record: PathBuf,
    pub(super) new_record: PathBuf,
    pub(super) digest: PathBuf,
    pub(super) new_digest: PathBuf,
}

impl Paths {
    /// Makes what was renamed and removed in the folder survive a loss of power.
    pub(super) fn sync_folder(&self) -> Result<(), TransferError> {
        sync_folder(&self.folder)
            .map_err(|source| TransferError::io("sync folder", &self.folder, source))
    }
}

/// So that what changed in a folder outlives a loss of power.
#[cfg(unix)]
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    match fs::File::open(folder)?.sync_all() {
        // Some network file systems can't, and keep names by other means.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        result => result,
    }
}

/// Other systems give no handle of a folder that could be synced.
#[cfg(not(unix))]
pub(crate) fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Removes a file; that it is not there is as good.
pub(super) fn remove(path: &Path) -> Result<bool, TransferError> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(TransferError::io("remove", path, source)),
    }
}
