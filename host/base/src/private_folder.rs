use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

#[cfg(unix)]
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};

use crate::files;

/// The largest of the files that are read whole, in bytes.
const MAX_SMALL_FILE: u64 = 16 << 20;

/// Links are not followed, and a named pipe that somebody has put in a file's place is not waited for.
#[cfg(unix)]
const FLAGS: rustix::fs::OFlags = rustix::fs::OFlags::NOFOLLOW.union(rustix::fs::OFlags::NONBLOCK);

/// A folder that only this user can reach, for files whose content is trusted.
#[derive(Clone, Debug)]
pub struct PrivateFolder(PathBuf);

/// Why a folder can't be trusted or used.
#[derive(Debug, thiserror::Error)]
pub enum PrivateFolderError {
    #[error("can't use {}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("the system gives no random numbers for a key")]
    NoRandomness,
    #[error("{} belongs to another user", path.display())]
    Owner { path: PathBuf },
    #[error("others can reach {}; `chmod go-rwx` it", path.display())]
    Open { path: PathBuf },
    #[error("{} is not a plain {expected}", path.display())]
    Kind {
        path: PathBuf,
        expected: &'static str,
    },
}

impl PrivateFolder {
    /// Opens the folder and makes it if it is missing.
    ///
    /// # Errors
    /// When it cannot be made, or others can reach it.
    pub fn open(path: &Path) -> Result<Self, PrivateFolderError> {
        let folder = Self(path.to_owned());
        folder.make()?;
        Ok(folder)
    }

    /// Opens the folder to read in it, and makes nothing: one that is missing has no files.
    ///
    /// # Errors
    /// When others can reach it.
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

    /// Makes the folder if it is missing.
    ///
    /// # Errors
    /// When it cannot be made, or others can reach it.
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
        // Not following links: a link could be turned to another folder after this check.
        let metadata = fs::symlink_metadata(&self.0).map_err(|source| self.failed("", source))?;
        if !metadata.is_dir() {
            return Err(PrivateFolderError::Kind {
                path: self.0.clone(),
                expected: "folder",
            });
        }
        check_access(&self.0, &metadata)
    }

    /// Where a file of this name is, or would be.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The names of its files. A name that is no text is left out: none of ours is.
    ///
    /// # Errors
    /// When the folder cannot be read.
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

    /// Removes a file. A file that is missing counts as removed.
    ///
    /// # Errors
    /// When the file cannot be removed.
    pub fn remove(&self, name: &str) -> Result<(), PrivateFolderError> {
        match fs::remove_file(self.path(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(self.failed(name, error)),
            _ => Ok(()),
        }
    }

    /// Makes sure that names that were given are on the disk.
    ///
    /// # Errors
    /// When the folder cannot be synced.
    pub fn sync(&self) -> Result<(), PrivateFolderError> {
        // Other systems can't open a folder, and keep the order of names by themselves.
        #[cfg(unix)]
        File::open(&self.0)
            .and_then(|folder| folder.sync_all())
            .map_err(|source| self.failed("", source))?;
        Ok(())
    }

    /// Takes the lock of this folder: `wait` is called before it waits for another process. The lock is
    /// held until the file is dropped, or the process ends.
    ///
    /// # Errors
    /// When the file of the lock cannot be opened or locked.
    pub fn lock(&self, name: &str, wait: impl FnOnce()) -> Result<File, PrivateFolderError> {
        let failed = |source| self.failed(name, source);
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true);
        #[cfg(unix)]
        options.mode(0o600).custom_flags(FLAGS.bits().cast_signed());
        let file = options.open(self.path(name)).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(fs::TryLockError::WouldBlock) => wait(),
            Err(fs::TryLockError::Error(error)) => return Err(failed(error)),
        }
        file.lock().map_err(failed)?;
        Ok(file)
    }

    fn failed(&self, name: &str, source: io::Error) -> PrivateFolderError {
        let path = if name.is_empty() {
            self.0.clone()
        } else {
            self.path(name)
        };
        PrivateFolderError::Io { path, source }
    }

    /// Puts a whole file in place, or none. `reached` is called when all of it is on the disk under
    /// another name.
    ///
    /// # Errors
    /// When the file cannot be written or renamed.
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

    /// Opens a file to read, or none if there is no such file.
    ///
    /// # Errors
    /// When it cannot be opened, is no plain file, or others can reach it.
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
        // Of the open file, so that it can't be exchanged between the check and the read.
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

    /// The content of a small file, or none if there is no such file.
    ///
    /// # Errors
    /// As [`PrivateFolder::open_file`], and when it is too large.
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

    /// Puts a whole file in place, or none.
    ///
    /// # Errors
    /// When the file cannot be written or renamed.
    pub fn write(&self, name: &str, parts: &[&[u8]]) -> Result<(), PrivateFolderError> {
        let path = self.0.join(name);
        self.stage(parts)
            .and_then(|file| file.persist(&path).map_err(|e| e.error))
            .map(drop)
            .map_err(|source| PrivateFolderError::Io { path, source })
    }

    /// Puts a whole file in place unless there is one already.
    ///
    /// # Errors
    /// When the file cannot be written or renamed.
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

    /// A temporary file has mode 0600.
    fn stage(&self, parts: &[&[u8]]) -> io::Result<tempfile::NamedTempFile> {
        let mut file = tempfile::NamedTempFile::new_in(&self.0)?;
        for part in parts {
            // The file itself: an error of the other kind names a path that nobody knows.
            file.as_file_mut().write_all(part)?;
        }
        file.as_file().sync_all()?;
        Ok(file)
    }
}

/// Whether a path leads to nothing: below a plain file there can't be anything either.
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

/// Other systems keep a user's folders private by themselves.
#[cfg(not(unix))]
fn check_access(_: &Path, _: &fs::Metadata) -> Result<(), PrivateFolderError> {
    Ok(())
}
