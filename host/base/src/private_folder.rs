use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

#[cfg(unix)]
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};

use crate::{LockedFile, files};

/// The maximum size of a file that is read whole, in bytes.
const MAX_SMALL_FILE: u64 = 16 << 20;

/// Links are not followed, and opening a named pipe in a file's place does not block.
#[cfg(unix)]
const FLAGS: rustix::fs::OFlags = rustix::fs::OFlags::NOFOLLOW.union(rustix::fs::OFlags::NONBLOCK);

/// A folder that only this user can access, for files whose content is trusted.
#[derive(Clone, Debug)]
pub struct PrivateFolder(PathBuf);

/// The reason why a folder is not trusted or not usable.
#[derive(Debug, thiserror::Error)]
pub enum PrivateFolderError {
    /// The folder or a file in it can't be used.
    #[error("can't use {}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    /// The system gives no random numbers for a key.
    #[error("the system gives no random numbers for a key")]
    NoRandomness,
    /// The item belongs to another user.
    #[error("{} belongs to another user", path.display())]
    Owner { path: PathBuf },
    /// Other users can access the item.
    #[error("other users can reach {}; run `chmod go-rwx` on it", path.display())]
    Open { path: PathBuf },
    /// The item is not a plain file or folder.
    #[error("{} is not a plain {expected}", path.display())]
    Kind {
        path: PathBuf,
        expected: &'static str,
    },
}

impl PrivateFolder {
    /// Opens the folder and creates it if it is missing.
    ///
    /// # Errors
    /// When the folder can't be created, or other users can access it.
    pub fn open(path: &Path) -> Result<Self, PrivateFolderError> {
        let folder = Self(path.to_owned());
        folder.make()?;
        Ok(folder)
    }

    /// Opens the folder for reading and creates nothing. A missing folder has no files.
    ///
    /// # Errors
    /// When other users can access the folder.
    pub fn to_read(path: &Path) -> Result<Self, PrivateFolderError> {
        match fs::symlink_metadata(path) {
            Ok(_) => Self(path.to_owned()).check(),
            Err(error) if is_missing(&error) => Ok(()),
            Err(source) => Err(PrivateFolderError::Io {
                path: path.to_owned(),
                source,
            }),
        }?;
        Ok(Self(path.to_owned()))
    }

    /// Creates the folder if it is missing.
    ///
    /// # Errors
    /// When the folder can't be created, or other users can access it.
    pub fn make(&self) -> Result<(), PrivateFolderError> {
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        builder.mode(0o700);
        let made = builder.create(&self.0);
        made.map_err(|source| self.failed("", source))?;
        self.check()
    }

    fn check(&self) -> Result<(), PrivateFolderError> {
        // Links are not followed, because a link could be redirected to another folder after this check.
        let metadata = fs::symlink_metadata(&self.0).map_err(|source| self.failed("", source))?;
        if !metadata.is_dir() {
            return Err(PrivateFolderError::Kind {
                path: self.0.clone(),
                expected: "folder",
            });
        }
        check_access(&self.0, &metadata)
    }

    /// Returns the path of a file with this name, whether or not it exists.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Returns the names of the files. Names that are not Unicode are left out: this program creates none.
    ///
    /// # Errors
    /// When the folder can't be read.
    pub fn names(&self) -> Result<Vec<String>, PrivateFolderError> {
        let failed = |source| self.failed("", source);
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.0).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if entry.file_type().map_err(failed)?.is_file() {
                names.extend(entry.file_name().into_string());
            }
        }
        Ok(names)
    }

    /// Removes a file. A missing file counts as removed.
    ///
    /// # Errors
    /// When the file can't be removed.
    pub fn remove(&self, name: &str) -> Result<(), PrivateFolderError> {
        match fs::remove_file(self.path(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(self.failed(name, error)),
            _ => Ok(()),
        }
    }

    /// Syncs the names in the folder to the disk.
    ///
    /// # Errors
    /// When the folder can't be synced.
    pub fn sync(&self) -> Result<(), PrivateFolderError> {
        // Other systems can't open a folder, and keep the order of names by themselves.
        #[cfg(unix)]
        File::open(&self.0)
            .and_then(|folder| folder.sync_all())
            .map_err(|source| self.failed("", source))?;
        Ok(())
    }

    /// Acquires the lock of this folder. `wait` is called before it waits for another process. The lock is
    /// held until the file is dropped or the process ends.
    ///
    /// # Errors
    /// When the lock file can't be opened or locked.
    pub fn lock(&self, name: &str, wait: impl FnOnce()) -> Result<LockedFile, PrivateFolderError> {
        let failed = |source| self.failed(name, source);
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true);
        #[cfg(unix)]
        options.mode(0o600).custom_flags(FLAGS.bits().cast_signed());
        let file = options.open(self.path(name)).map_err(failed)?;
        LockedFile::wait(file, wait).map_err(failed)
    }

    fn failed(&self, name: &str, source: io::Error) -> PrivateFolderError {
        let path = if name.is_empty() {
            self.0.clone()
        } else {
            self.path(name)
        };
        PrivateFolderError::Io { path, source }
    }

    /// Replaces a file completely or not at all. `reached` is called when the whole content is on the disk
    /// under another name.
    ///
    /// # Errors
    /// When the file can't be written or renamed.
    pub fn replace(
        &self,
        name: &str,
        content: &[u8],
        reached: impl FnOnce(),
    ) -> Result<(), PrivateFolderError> {
        self.stage(&[content])
            .and_then(|file| {
                reached();
                file.persist(self.path(name)).map_err(|e| e.error)
            })
            .map(drop)
            .map_err(|source| self.failed(name, source))
    }

    /// Opens a file for reading; none if it does not exist.
    ///
    /// # Errors
    /// When the file can't be opened, is not a plain file, or other users can access it.
    pub fn open_file(&self, name: &str) -> Result<Option<File>, PrivateFolderError> {
        let path = self.0.join(name);
        let failed = |source| PrivateFolderError::Io {
            path: path.clone(),
            source,
        };
        let mut options = OpenOptions::new();
        options.read(true);
        #[cfg(unix)]
        options.custom_flags(FLAGS.bits().cast_signed());
        let file = match options.open(&path) {
            Ok(file) => file,
            Err(error) if is_missing(&error) => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        // The metadata is that of the open file, which can't be exchanged between the check and the read.
        let metadata = file.metadata().map_err(failed)?;
        if !metadata.is_file() {
            return Err(PrivateFolderError::Kind {
                path,
                expected: "file",
            });
        }
        check_access(&path, &metadata)?;
        Ok(Some(file))
    }

    /// Returns the content of a small file; none if it does not exist.
    ///
    /// # Errors
    /// Those of [`PrivateFolder::open_file`], and when the file is too large.
    pub fn read(&self, name: &str) -> Result<Option<Vec<u8>>, PrivateFolderError> {
        let Some(file) = self.open_file(name)? else {
            return Ok(None);
        };
        files::read_whole(file, MAX_SMALL_FILE)
            .map(Some)
            .map_err(|source| PrivateFolderError::Io {
                path: self.0.join(name),
                source,
            })
    }

    /// Writes a file completely or not at all.
    ///
    /// # Errors
    /// When the file can't be written or renamed.
    pub fn write(&self, name: &str, parts: &[&[u8]]) -> Result<(), PrivateFolderError> {
        let path = self.0.join(name);
        self.stage(parts)
            .and_then(|file| file.persist(&path).map_err(|e| e.error))
            .map(drop)
            .map_err(|source| PrivateFolderError::Io { path, source })
    }

    /// Writes a file completely or not at all, unless it exists already.
    ///
    /// # Errors
    /// When the file can't be written or renamed.
    pub fn write_new(&self, name: &str, content: &[u8]) -> Result<(), PrivateFolderError> {
        let path = self.0.join(name);
        match self
            .stage(&[content])
            .and_then(|file| file.persist_noclobber(&path).map_err(|e| e.error))
        {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            result => result
                .map(drop)
                .map_err(|source| PrivateFolderError::Io { path, source }),
        }
    }

    /// Writes the content to a temporary file, which has mode 0600.
    fn stage(&self, parts: &[&[u8]]) -> io::Result<tempfile::NamedTempFile> {
        let mut file = tempfile::NamedTempFile::new_in(&self.0)?;
        for part in parts {
            // Writing to the inner file avoids errors that name the temporary path, which means nothing to
            // people.
            file.as_file_mut().write_all(part)?;
        }
        file.as_file().sync_all()?;
        Ok(file)
    }
}

/// Returns true if nothing exists at a path. Nothing can exist below a plain file either.
fn is_missing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

#[cfg(unix)]
fn check_access(path: &Path, metadata: &fs::Metadata) -> Result<(), PrivateFolderError> {
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(PrivateFolderError::Owner {
            path: path.to_owned(),
        });
    }
    if metadata.mode() & 0o077 != 0 {
        return Err(PrivateFolderError::Open {
            path: path.to_owned(),
        });
    }
    Ok(())
}

/// Accepts every folder: other systems keep a user's folders private by themselves.
#[cfg(not(unix))]
fn check_access(_: &Path, _: &fs::Metadata) -> Result<(), PrivateFolderError> {
    Ok(())
}
