use std::fmt::Write as _;
use std::fs::{self, File, Permissions};
use std::io::{self, Read, Seek};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use thiserror::Error;

use super::Places;

/// A complete artifact on disk, open at its beginning.
#[derive(Debug)]
pub struct Artifact {
    pub file: File,
    pub size: u64,
    /// The SHA-256 digest of all bytes, in lower-case hexadecimal.
    pub sha256: String,
}

#[derive(Debug, Error)]
pub enum ArtifactError {
    /// The message is the same as that of the Python sidecar.
    #[error("Strategy did not generate expected artifact at {}", path.display())]
    Missing { path: PathBuf },
    #[error("The artifact of the strategy at {} is not a regular file", path.display())]
    NoFile { path: PathBuf },
    #[error("{} is a link or not a regular file, and is not replaced", path.display())]
    Occupied { path: PathBuf },
    #[error("The artifact is empty")]
    Empty,
    #[error("The artifact has {size} bytes, more than {limit} (limits.artifact_size)")]
    TooLarge { size: u64, limit: u64 },
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
}

impl Artifact {
    /// Moves the strategy's file to the folder of artifacts, replaces an older file, and computes the digest.
    ///
    /// # Errors
    ///
    /// Fails if there is no file, if it is empty or too large, or if a folder or a link is in its place.
    pub fn take(places: &Places, limit: u64) -> Result<Self, ArtifactError> {
        let at = |path: &Path| {
            let path = path.to_owned();
            move |source| ArtifactError::File { path, source }
        };
        let temp = &places.temp;
        let metadata = fs::symlink_metadata(temp).map_err(|e| match e.kind() {
            io::ErrorKind::NotFound => ArtifactError::Missing { path: temp.clone() },
            _ => at(temp)(e),
        })?;
        if !metadata.is_file() {
            return Err(ArtifactError::NoFile { path: temp.clone() });
        }
        match metadata.len() {
            0 => return Err(ArtifactError::Empty),
            size if size > limit => return Err(ArtifactError::TooLarge { size, limit }),
            _ => {}
        }
        // A link is not replaced: its creator wants another file to be kept there.
        match fs::symlink_metadata(&places.artifact) {
            Ok(there) if there.is_file() => {}
            Ok(_) => {
                return Err(ArtifactError::Occupied {
                    path: places.artifact.clone(),
                });
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(at(&places.artifact)(e)),
        }
        fs::set_permissions(temp, Permissions::from_mode(0o400)).map_err(at(temp))?;
        rename(temp, &places.artifact).map_err(at(&places.artifact))?;
        let file = File::open(&places.artifact).map_err(at(&places.artifact))?;
        Self::read(file).map_err(at(&places.artifact))
    }

    fn read(mut file: File) -> io::Result<Self> {
        let mut hash = Sha256::new();
        let mut buffer = vec![0; 256 * 1024];
        let mut size = 0;
        loop {
            let read = file.read(&mut buffer)?;
            if read == 0 {
                break;
            }
            hash.update(&buffer[..read]);
            size += read as u64;
        }
        file.rewind()?;
        let sha256 = hex(&hash.finalize());
        Ok(Self { file, size, sha256 })
    }
}

/// Renames a file, even between two file systems.
fn rename(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(e) if e.kind() == io::ErrorKind::CrossesDevices => {
            match fs::remove_file(to) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
                _ => {}
            }
            fs::copy(from, to)?;
            fs::remove_file(from)
        }
        renamed => renamed,
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a String never fails.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places() -> (tempfile::TempDir, Places) {
        let folder = tempfile::tempdir().expect("a folder");
        let places = Places {
            temp: folder.path().join("temp"),
            artifact: folder.path().join("artifact"),
        };
        (folder, places)
    }

    #[test]
    fn an_artifact_is_moved_hashed_and_read_from_its_beginning() {
        let (_folder, places) = places();
        fs::write(&places.temp, "abc").expect("it is written");
        fs::write(&places.artifact, "an older one").expect("it is written");
        let mut artifact = Artifact::take(&places, 3).expect("it is there");
        let mut text = String::new();
        artifact.file.read_to_string(&mut text).expect("it is text");
        assert_eq!((text.as_str(), artifact.size), ("abc", 3));
        assert_eq!(
            artifact.sha256,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert!(!places.temp.exists());
        let mode = fs::metadata(&places.artifact)
            .expect("it is there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o400);
    }

    #[test]
    fn what_is_no_whole_file_is_no_artifact() {
        let (_folder, places) = places();
        let refused = |places: &Places| Artifact::take(places, 3).expect_err("it is refused");
        assert!(matches!(refused(&places), ArtifactError::Missing { .. }));
        fs::write(&places.temp, "").expect("it is written");
        assert!(matches!(refused(&places), ArtifactError::Empty));
        fs::write(&places.temp, "abcd").expect("it is written");
        assert!(matches!(
            refused(&places),
            ArtifactError::TooLarge { size: 4, limit: 3 }
        ));
        fs::remove_file(&places.temp).expect("it is removed");
        std::os::unix::fs::symlink("/etc/passwd", &places.temp).expect("a link");
        assert!(matches!(refused(&places), ArtifactError::NoFile { .. }));
    }

    #[test]
    fn what_is_no_file_is_never_replaced() {
        let (_folder, places) = places();
        fs::write(&places.temp, "abc").expect("it is written");
        let refused = || Artifact::take(&places, 3).expect_err("it is refused");
        fs::create_dir(&places.artifact).expect("a folder");
        assert!(matches!(refused(), ArtifactError::Occupied { .. }));
        assert!(places.artifact.is_dir());
        fs::remove_dir(&places.artifact).expect("it is removed");
        // The targets are a device, a missing file, and a regular file.
        for target in ["/dev/null", "missing", "temp"] {
            std::os::unix::fs::symlink(target, &places.artifact).expect("a link");
            assert!(matches!(refused(), ArtifactError::Occupied { .. }));
            assert!(places.artifact.is_symlink(), "{target}");
            fs::remove_file(&places.artifact).expect("it is removed");
        }
    }
}
