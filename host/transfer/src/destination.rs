use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::plain::{Unwritable, special, target};
use super::record::Record;
use super::{FileName, TransferError};

/// The place where a download goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The folder of the file. It is created if it is missing.
    pub folder: PathBuf,
    /// The name of the file.
    pub name: FileName,
    /// True if an existing file of that name is replaced, once the new one is complete and checked.
    pub replace: bool,
}

impl Destination {
    /// Returns the final path.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.folder.join(self.name.as_str())
    }

    /// Checks whether a file may have this name. Callers that know the name early check it before they ask a
    /// backend; [`super::save()`] checks it again.
    ///
    /// # Errors
    /// [`TransferError::Exists`] if a file exists and may not be replaced; [`TransferError::NotPlain`] if
    /// something else exists that is never replaced.
    pub fn check(&self) -> Result<(), TransferError> {
        self.followed().map(|_| ())
    }

    /// Returns this destination, or the one that the user's own link there points to.
    ///
    /// # Errors
    /// The same as [`Destination::check`].
    pub(super) fn followed(&self) -> Result<Self, TransferError> {
        let path = self.path();
        let found = look_at(&path)?;
        if found.exists && !self.replace {
            return Err(TransferError::Exists { path });
        }
        let followed = if found.path == path {
            self.clone()
        } else {
            self.at(&found.path)?
        };
        // The digest file is written together with the file.
        let paths = followed.paths();
        refuse_special(&paths.digest)?;
        // Without this check, unproven bytes would have no place to go in the end.
        refuse_special(&paths.unproven)?;
        Ok(followed)
    }

    fn at(&self, path: &Path) -> Result<Self, TransferError> {
        let name = path.file_name().unwrap_or_default();
        // A lossy conversion of the name would name another file.
        let Some(name) = name.to_str() else {
            return Err(TransferError::BadFileName {
                given: name.to_string_lossy().into_owned(),
                better: None,
            });
        };
        Ok(Self {
            folder: path.parent().unwrap_or(Path::new("")).to_owned(),
            name: FileName::given(name)?,
            replace: self.replace,
        })
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
            unproven: at(format!("{name}.unproven")),
        }
    }
}

/// All paths that one download uses. They are derived from the final name, so that a later run finds them.
#[derive(Clone, Debug)]
pub(super) struct Paths {
    pub(super) folder: PathBuf,
    pub(super) whole: PathBuf,
    pub(super) part: PathBuf,
    pub(super) record: PathBuf,
    pub(super) new_record: PathBuf,
    pub(super) digest: PathBuf,
    pub(super) new_digest: PathBuf,
    /// Path for bytes that nothing proves complete. Further ones get a number as suffix.
    pub(super) unproven: PathBuf,
}

impl Paths {
    /// Syncs the folder, so that its renames and removals survive a power loss.
    pub(super) fn sync_folder(&self) -> Result<(), TransferError> {
        host_base::sync_folder(&self.folder)
            .map_err(|source| TransferError::io("sync folder", &self.folder, source))
    }
}

/// Returns what exists at a path that is to be written.
pub(super) fn look_at(path: &Path) -> Result<super::plain::Target, TransferError> {
    target(path).map_err(|error| match error {
        Unwritable::NotPlain { what: "a folder" } => TransferError::NotAFile {
            path: path.to_owned(),
        },
        Unwritable::NotPlain { what } => TransferError::NotPlain {
            path: path.to_owned(),
            what,
        },
        Unwritable::Io(source) => TransferError::io("look at", path, source),
    })
}

/// Refuses to write to anything but a plain file or a free path. It follows no link.
pub(super) fn refuse_special(path: &Path) -> Result<(), TransferError> {
    let what = fs::symlink_metadata(path).ok();
    match what.and_then(|found| special(found.file_type())) {
        Some(what) => Err(TransferError::NotPlain {
            path: path.to_owned(),
            what,
        }),
        None => Ok(()),
    }
}

/// Returns how many bytes of a partial download to `destination` are reusable; `None` if there is nothing to
/// resume.
pub fn kept_bytes(destination: &Destination) -> Option<u64> {
    let paths = destination.followed().ok()?.paths();
    let record = Record::read(&paths.record)?;
    let length = fs::metadata(&paths.part).ok()?.len();
    (record.is_resumable() && 0 < record.durable && record.durable <= length)
        .then_some(record.durable)
}

/// Removes a file if it exists. Returns whether it existed.
pub(super) fn remove(path: &Path) -> Result<bool, TransferError> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(TransferError::io("remove", path, source)),
    }
}
