use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::plain::{Unwritable, special, target};
use super::record::Record;
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
    /// [`TransferError::NotPlain`] when there is something that can't be.
    pub fn check(&self) -> Result<(), TransferError> {
        self.followed().map(|_| ())
    }

    /// This destination, or the one that the user's own link there leads to.
    ///
    /// # Errors
    /// As [`Destination::check`].
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
        // It goes with the file, whatever lies there now.
        let paths = followed.paths();
        refuse_special(&paths.digest)?;
        // What came would have no name there, in the end.
        refuse_special(&paths.unproven)?;
        Ok(followed)
    }

    fn at(&self, path: &Path) -> Result<Self, TransferError> {
        let name = path.file_name().unwrap_or_default();
        // Any other spelling of it would be the name of another file.
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
    /// What came, where nothing proves that it is all. Further ones have a number behind it.
    pub(super) unproven: PathBuf,
}

impl Paths {
    /// Makes what was renamed and removed in the folder survive a loss of power.
    pub(super) fn sync_folder(&self) -> Result<(), TransferError> {
        host_base::sync_folder(&self.folder)
            .map_err(|source| TransferError::io("sync folder", &self.folder, source))
    }
}

/// What is at a path that is to be written to.
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

/// Refuses to write where something lies that is no plain file. No link is followed.
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

/// How many bytes an unfinished download to `destination` need not ask for again; none where there is
/// none to resume.
pub fn kept_bytes(destination: &Destination) -> Option<u64> {
    let paths = destination.followed().ok()?.paths();
    let record = Record::read(&paths.record)?;
    let length = fs::metadata(&paths.part).ok()?.len();
    (record.is_resumable() && 0 < record.durable && record.durable <= length)
        .then_some(record.durable)
}

/// Removes a file; that it is not there is as good.
pub(super) fn remove(path: &Path) -> Result<bool, TransferError> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(TransferError::io("remove", path, source)),
    }
}
