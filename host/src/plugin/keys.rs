//! The keys that publishers are trusted by, and what they say about a component.
//!
//! A key lies in the configuration folder as `keys/PUBLISHER/NAME.pub`, in PEM. Names are the user's
//! own. It is trusted for engines of that publisher and for no others; there is no key for everything.
//!
//! The policy, which install and update share:
//!
//! | keys of the publisher | signatures of the component | verdict |
//! |---|---|---|
//! | none | none | [`SignatureState::Unsigned`]: recorded, shown, and no error |
//! | none | some | [`SignatureState::Unverified`]: a signature alone does not say whose it is |
//! | none | some, all of something else | refused: somebody mixed up or exchanged files |
//! | some | one that is valid under one of them | [`SignatureState::Signed`], with that key |
//! | some | none, or none that is valid | refused: an exchanged component looks like this |
//!
//! From the moment a key is known the last two rows hold, for a first install as for an update, and
//! whatever the version before was. Going back needs a deliberate act: the keys are removed. A further
//! key is added before the publisher changes to it; both are good until the old one is removed.
//!
//! A file in the folder of a publisher that can't be read as a key is an error and is not passed over:
//! leaving it out could turn the last two rows into the first two.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::SignatureState;
use super::signature::{PublicKey, SignatureError, origin, signed_bytes};
use super::source::{DetachedSignature, Fetched};
use crate::model::{Failure, Problem};
use crate::transfer::{Sha256, sync_folder};
use broker_manifest::is_flag_name;

/// The longest file that is read as a key. One key has less than 200 bytes.
const MAX_FILE: u64 = 16 * 1024;
const EXTENSION: &str = "pub";

/// A key that the user trusts for one publisher.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedKey {
    pub publisher: String,
    /// The user's name for it.
    pub name: String,
    pub key: PublicKey,
}

/// By the policy above. `signatures` are those that came with `component`, and `keys` those that are
/// trusted for `publisher`; keys of others are passed over.
///
/// # Errors
/// When the component is refused.
pub fn verdict(
    publisher: &str,
    keys: &[TrustedKey],
    signatures: &[DetachedSignature],
    component: &[u8],
) -> Result<SignatureState, SignatureError> {
    let keys: Vec<_> = keys
        .iter()
        .filter(|trusted| trusted.publisher == publisher)
        .collect();
    let mut over_it = Vec::new();
    let mut over_others = Vec::new();
    for signature in signatures {
        match signed_bytes(signature, component) {
            Ok(bytes) => over_it.push((signature, bytes)),
            Err(error) => over_others.push(error),
        }
    }
    let valid = keys.iter().find(|trusted| {
        over_it
            .iter()
            .any(|(signature, bytes)| trusted.key.signed(bytes, &signature.der))
    });
    if let Some(trusted) = valid {
        return Ok(SignatureState::Signed {
            key: trusted.key.fingerprint().to_string(),
        });
    }
    if !keys.is_empty() {
        let (publisher, known) = (publisher.to_owned(), fingerprints(&keys));
        return Err(if signatures.is_empty() {
            SignatureError::Missing { publisher, known }
        } else {
            let found: Vec<_> = signatures.iter().map(|it| it.origin.as_str()).collect();
            SignatureError::NotTrusted {
                publisher,
                known,
                found: crate::model::text::printable(&found.join(", "), 300).into_owned(),
            }
        });
    }
    if !over_it.is_empty() {
        return Ok(SignatureState::Unverified);
    }
    match over_others.into_iter().next() {
        Some(error) => Err(error),
        None => Ok(SignatureState::Unsigned),
    }
}

fn fingerprints(keys: &[&TrustedKey]) -> String {
    let shown: Vec<_> = keys
        .iter()
        .map(|trusted| format!("{} ({})", trusted.name, trusted.key.fingerprint()))
        .collect();
    shown.join(", ")
}

/// Why the trusted keys can't be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("`{given}` is no name for {what}: lower-case letters, digits and dashes make one")]
    BadName { what: &'static str, given: String },
    #[error("can't use {}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("others can write to {}, so that the keys in it can't be trusted", path.display())]
    Writable { path: PathBuf },
    #[error("{} is no plain file of at most {MAX_FILE} bytes", path.display())]
    Kind { path: PathBuf },
    #[error(transparent)]
    Unusable(#[from] SignatureError),
    #[error(
        "the publisher {publisher} already has a key {name}, with the fingerprint {fingerprint}"
    )]
    NameTaken {
        publisher: String,
        name: String,
        fingerprint: Sha256,
    },
    #[error("the publisher {publisher} already has this key, as {name}")]
    AlreadyTrusted { publisher: String, name: String },
    #[error("the publisher {publisher} has no key {name}")]
    Unknown { publisher: String, name: String },
}

impl Problem for KeyError {
    fn failure(&self) -> Failure {
        match self {
            Self::BadName { .. } => Failure::Usage,
            Self::Io { .. } | Self::Kind { .. } => Failure::Failed,
            Self::Writable { .. } => Failure::Integrity,
            Self::Unusable(error) => error.failure(),
            Self::NameTaken { .. } | Self::AlreadyTrusted { .. } => Failure::Conflict,
            Self::Unknown { .. } => Failure::NotFound,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::BadName { .. } | Self::Io { .. } | Self::AlreadyTrusted { .. } => None,
            Self::Writable { path } => Some(format!(
                "Look at who changed it, then `chmod go-w {}`",
                path.display()
            )),
            Self::Kind { .. } => Some("Move it out of the folder of trusted keys".to_owned()),
            Self::Unusable(error) => error.hint(),
            Self::NameTaken { .. } => {
                Some("Give the new key another name; both are then trusted".to_owned())
            }
            Self::Unknown { .. } => Some("Names are those that the key was added with".to_owned()),
        }
    }
}

/// The folder `keys` of the configuration. Only the user may write to it.
#[derive(Clone, Debug)]
pub struct KeyFolder(PathBuf);

impl KeyFolder {
    /// In `configuration`, which need not exist.
    #[must_use]
    pub fn of(configuration: &Path) -> Self {
        Self(configuration.join("keys"))
    }

    /// The keys that are trusted for `publisher`, by name. There is no folder without keys.
    ///
    /// # Errors
    /// When one can't be read, whatever the others are.
    pub fn list(&self, publisher: &str) -> Result<Vec<TrustedKey>, KeyError> {
        let folder = self.folder(publisher)?;
        let mut keys = Vec::new();
        for path in entries(&folder)? {
            if path.extension().is_none_or(|it| it != EXTENSION) {
                // A temporary file of another process, or the user's notes.
                continue;
            }
            let name = path.file_stem().and_then(|stem| stem.to_str());
            let name = name.unwrap_or_default().to_owned();
            check_name("a key", &name)?;
            keys.push(TrustedKey {
                publisher: publisher.to_owned(),
                key: read(&path)?,
                name,
            });
        }
        keys.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(keys)
    }

    /// What the signatures say of who made a component, by the keys that are trusted for `publisher`.
    /// Installing, updating and syncing ask here before anything of the component is compiled.
    ///
    /// # Errors
    /// When the component is refused, or a key can't be read.
    pub fn judge(&self, publisher: &str, fetched: &Fetched) -> Result<SignatureState, KeyError> {
        let keys = self.list(publisher)?;
        let state = verdict(publisher, &keys, &fetched.signatures, &fetched.bytes)?;
        Ok(state)
    }

    /// The keys of all publishers.
    ///
    /// # Errors
    /// As [`Self::list`].
    pub fn list_all(&self) -> Result<Vec<TrustedKey>, KeyError> {
        let mut publishers: Vec<_> = entries(&self.0)?
            .iter()
            .filter(|path| path.is_dir())
            .filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()))
            .collect();
        publishers.sort();
        let mut keys = Vec::new();
        for publisher in publishers {
            keys.extend(self.list(&publisher)?);
        }
        Ok(keys)
    }

    /// Trusts `key` for engines of `publisher` from now on.
    ///
    /// # Errors
    /// When the name is taken, the key is there under another one, or it can't be written.
    pub fn add(&self, publisher: &str, name: &str, key: PublicKey) -> Result<TrustedKey, KeyError> {
        check_name("a key", name)?;
        for known in self.list(publisher)? {
            if known.name == name {
                return Err(taken(publisher, name, &known.key));
            }
            if known.key == key {
                return Err(KeyError::AlreadyTrusted {
                    publisher: publisher.to_owned(),
                    name: known.name,
                });
            }
        }
        let folder = self.folder(publisher)?;
        create(&folder).map_err(|source| KeyError::Io {
            path: folder.clone(),
            source,
        })?;
        check_access(&folder)?;
        let path = file(&folder, name);
        match write_new(&folder, &path, &key.to_pem()) {
            Ok(()) => Ok(TrustedKey {
                publisher: publisher.to_owned(),
                name: name.to_owned(),
                key,
            }),
            // Another process was faster.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(taken(publisher, name, &read(&path)?))
            }
            Err(source) => Err(KeyError::Io { path, source }),
        }
    }

    /// Takes the trust back. What was installed under the key stays, and is not trusted more by it.
    ///
    /// # Errors
    /// When there is no such key, or it can't be removed.
    pub fn remove(&self, publisher: &str, name: &str) -> Result<(), KeyError> {
        check_name("a key", name)?;
        let folder = self.folder(publisher)?;
        let path = file(&folder, name);
        match fs::remove_file(&path).and_then(|()| sync_folder(&folder)) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(KeyError::Unknown {
                publisher: publisher.to_owned(),
                name: name.to_owned(),
            }),
            Err(source) => Err(KeyError::Io { path, source }),
        }
    }

    fn folder(&self, publisher: &str) -> Result<PathBuf, KeyError> {
        check_name("a publisher", publisher)?;
        Ok(self.0.join(publisher))
    }
}

/// The names become parts of paths.
fn check_name(what: &'static str, name: &str) -> Result<(), KeyError> {
    if is_flag_name(name) {
        return Ok(());
    }
    Err(KeyError::BadName {
        what,
        given: crate::model::text::printable(name, 60).into_owned(),
    })
}

fn taken(publisher: &str, name: &str, key: &PublicKey) -> KeyError {
    KeyError::NameTaken {
        publisher: publisher.to_owned(),
        name: name.to_owned(),
        fingerprint: key.fingerprint(),
    }
}

fn file(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.{EXTENSION}"))
}

/// What is in a folder; nothing where there is none.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, KeyError> {
    let failed = |source| KeyError::Io {
        path: folder.to_owned(),
        source,
    };
    let reader = match fs::read_dir(folder) {
        Ok(reader) => reader,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    check_access(folder)?;
    reader
        .map(|entry| entry.map(|entry| entry.path()).map_err(failed))
        .collect()
}

fn read(path: &Path) -> Result<PublicKey, KeyError> {
    let failed = |source| KeyError::Io {
        path: path.to_owned(),
        source,
    };
    check_access(path)?;
    // Before it is opened: opening a named pipe would wait for a writer.
    let metadata = fs::metadata(path).map_err(failed)?;
    if !metadata.is_file() || metadata.len() > MAX_FILE {
        return Err(KeyError::Kind {
            path: path.to_owned(),
        });
    }
    let mut pem = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_FILE).read_to_end(&mut pem))
        .map_err(failed)?;
    Ok(PublicKey::from_pem(&pem, &origin(path))?)
}

/// Whoever can write a key here decides what is trusted.
#[cfg(unix)]
fn check_access(path: &Path) -> Result<(), KeyError> {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = fs::metadata(path).map_err(|source| KeyError::Io {
        path: path.to_owned(),
        source,
    })?;
    let owner = metadata.uid();
    let trusted = owner == 0 || owner == rustix::process::geteuid().as_raw();
    if trusted && metadata.mode() & 0o022 == 0 {
        return Ok(());
    }
    Err(KeyError::Writable {
        path: path.to_owned(),
    })
}

/// Other systems keep a user's folders private by themselves.
#[cfg(not(unix))]
fn check_access(_: &Path) -> Result<(), KeyError> {
    Ok(())
}

fn create(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// A whole file, or none, and never over another.
fn write_new(folder: &Path, path: &Path, content: &str) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(content.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path).map_err(|error| error.error)?;
    sync_folder(folder)
}

#[cfg(test)]
mod tests;
