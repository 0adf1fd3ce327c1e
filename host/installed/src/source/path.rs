//! Reads a file of this machine, with `FILE.sig` beside it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use host_base::files;

use super::{DetachedSignature, Fetched, MAX_ENGINE, MAX_SIGNATURE, SourceError};
use crate::Reference;
use crate::signature::{decode, origin};

/// Reads the file, and its signature if there is one.
pub(super) async fn fetch(path: &Path) -> Result<Fetched, SourceError> {
    let owned = path.to_owned();
    match tokio::task::spawn_blocking(move || read_both(&owned)).await {
        Ok(result) => result,
        Err(error) => Err(SourceError::Unreadable {
            path: path.to_owned(),
            source: io::Error::other(error),
        }),
    }
}

fn read_both(path: &Path) -> Result<Fetched, SourceError> {
    let bytes = read_plain_file(path, MAX_ENGINE)?;
    let (signature, problem) = match signature(path) {
        Ok(signature) => (signature, None),
        Err(problem) => (None, Some(Arc::new(problem))),
    };
    let absolute = std::path::absolute(path).map_err(|source| unreadable(path, source))?;
    Ok(Fetched {
        bytes,
        pinned: Reference::Path(absolute),
        signatures: signature.into_iter().collect(),
        not_looked_up: problem,
    })
}

fn signature(path: &Path) -> Result<Option<DetachedSignature>, SourceError> {
    let beside = signature_of(path);
    match read_plain_file(&beside, MAX_SIGNATURE) {
        Ok(content) => {
            let origin = origin(&beside);
            Ok(Some(DetachedSignature {
                der: decode(&content, &origin)?,
                payload: None,
                origin,
            }))
        }
        Err(SourceError::Unreadable { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Returns `engine.wasm.sig` for `engine.wasm`.
fn signature_of(path: &Path) -> PathBuf {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".sig");
    beside.into()
}

/// Reads a plain file of at most `limit` bytes. A device or a pipe is refused.
pub(crate) fn read_plain_file(path: &Path, limit: u64) -> Result<Vec<u8>, SourceError> {
    files::read_plain(path, limit).map_err(|source| match source.kind() {
        io::ErrorKind::IsADirectory | io::ErrorKind::InvalidInput => SourceError::NotAFile {
            path: path.to_owned(),
        },
        io::ErrorKind::FileTooLarge => SourceError::TooLong {
            what: origin(path),
            limit,
        },
        _ => unreadable(path, source),
    })
}

fn unreadable(path: &Path, source: io::Error) -> SourceError {
    SourceError::Unreadable {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};

    use host_base::{Failure, Problem};

    use super::*;
    use crate::testing::DER;

    #[tokio::test]
    async fn a_file_is_read_with_the_signature_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vault.wasm");
        fs::write(&path, b"component").unwrap();
        let alone = fetch(&path).await.unwrap();
        assert_eq!(
            (alone.bytes.as_slice(), alone.signatures.len()),
            (&b"component"[..], 0)
        );
        assert_eq!(alone.pinned, Reference::Path(path.clone()));

        fs::write(folder.path().join("vault.wasm.sig"), DER).unwrap();
        let signed = fetch(&path).await.unwrap();
        assert_eq!(signed.signatures[0].der, DER);
        assert!(signed.signatures[0].origin.ends_with("vault.wasm.sig"));
    }

    #[tokio::test]
    async fn a_relative_path_is_pinned_as_an_absolute_one() {
        let fetched = fetch(Path::new("Cargo.toml")).await.unwrap();
        let Reference::Path(pinned) = fetched.pinned else {
            panic!("a path")
        };
        assert!(pinned.is_absolute() && pinned.ends_with("Cargo.toml"));
    }

    #[tokio::test]
    async fn what_lies_beside_it_and_is_no_signature_is_none_and_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vault.wasm");
        fs::write(&path, b"component").unwrap();
        fs::write(folder.path().join("vault.wasm.sig"), "see README").unwrap();
        let fetched = fetch(&path).await.unwrap();
        assert_eq!(fetched.signatures, []);
        let error = fetched.not_looked_up.unwrap();
        assert_eq!(error.failure(), Failure::Integrity);
        assert!(error.to_string().contains("vault.wasm.sig"), "{error}");
    }

    #[tokio::test]
    async fn only_plain_files_of_a_sensible_size_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let missing = fetch(&folder.path().join("none.wasm")).await.unwrap_err();
        assert_eq!(missing.failure(), Failure::NotFound);

        let error = fetch(folder.path()).await.unwrap_err();
        assert!(matches!(error, SourceError::NotAFile { .. }), "{error}");

        let path = folder.path().join("huge.wasm");
        File::create(&path)
            .unwrap()
            .set_len(MAX_ENGINE + 1)
            .unwrap();
        let error = fetch(&path).await.unwrap_err();
        assert!(
            matches!(
                error,
                SourceError::TooLong {
                    limit: MAX_ENGINE,
                    ..
                }
            ),
            "{error}"
        );
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_device_is_not_read() {
        let error = fetch(Path::new("/dev/zero")).await.unwrap_err();
        assert!(matches!(error, SourceError::NotAFile { .. }), "{error}");
    }
}
