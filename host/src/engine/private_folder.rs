use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

#[cfg(unix)]
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};

/// A folder that only this user can reach, for files whose content is trusted.
#[derive(Clone, Debug)]
pub(crate) struct PrivateFolder(PathBuf);

#[derive(Debug, thiserror::Error)]
pub(crate) enum PrivateFolderError {
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
    pub(crate) fn open(path: &Path) -> Result<Self, PrivateFolderError> {
        let failed = |source| PrivateFolderError::Io {
            path: path.to_owned(),
            source,
        };
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        builder.mode(0o700);
        builder.create(path).map_err(failed)?;
        // Not following links: a link could be turned to another folder after this check.
        let metadata = fs::symlink_metadata(path).map_err(failed)?;
        if !metadata.is_dir() {
            return Err(PrivateFolderError::Kind {
                path: path.to_owned(),
                expected: "folder",
            });
        }
        check_access(path, &metadata)?;
        Ok(Self(path.to_owned()))
    }

    /// Opens a file to read, or none if there is no such file.
    pub(crate) fn open_file(&self, name: &str) -> Result<Option<File>, PrivateFolderError> {
        let path = self.0.join(name);
        let failed = |source| PrivateFolderError::Io {
            path: path.clone(),
            source,
        };
        let mut options = OpenOptions::new();
        options.read(true);
        #[cfg(unix)]
        options.custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed());
        let file = match options.open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
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
    pub(crate) fn read(&self, name: &str) -> Result<Option<Vec<u8>>, PrivateFolderError> {
        let Some(mut file) = self.open_file(name)? else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)
            .map_err(|source| PrivateFolderError::Io {
                path: self.0.join(name),
                source,
            })?;
        Ok(Some(bytes))
    }

    /// Puts a whole file in place, or none.
    pub(crate) fn write(&self, name: &str, parts: &[&[u8]]) -> Result<(), PrivateFolderError> {
        let path = self.0.join(name);
        self.stage(parts)
            .and_then(|file| file.persist(&path).map_err(|e| e.error))
            .map(drop)
            .map_err(|source| PrivateFolderError::Io { path, source })
    }

    /// Puts a whole file in place unless there is one already.
    pub(crate) fn write_new(&self, name: &str, content: &[u8]) -> Result<(), PrivateFolderError> {
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
            file.write_all(part)?;
        }
        file.as_file().sync_all()?;
        Ok(file)
    }
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
