use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use broker_manifest::is_flag_name;
use host_base::{Sha256, files, sync_folder};

use super::{KeyError, TrustedKey, found, verdict};
use crate::SignatureState;
use crate::signature::{PublicKey, SignatureError, origin, signed_bytes};
use crate::source::Fetched;

/// The maximum size of a file that is read as a key, in bytes. A key has less than 200 bytes.
pub(super) const MAX_KEY_FILE: u64 = 16 * 1024;
const EXTENSION: &str = "pub";

/// The folder `keys` of the configuration. Only the user may write to it.
#[derive(Clone, Debug)]
pub struct KeyFolder(PathBuf);

/// A key that the user named. It becomes trusted when an engine that it signed is installed.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// The name that the key will get.
    pub name: String,
    /// The key itself.
    pub key: PublicKey,
}

impl NewKey {
    /// Reads a key from a file, and names it like the file.
    ///
    /// # Errors
    /// When the file can't be read, or is not a key that can verify signatures.
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        Ok(Self {
            name: name_of_key(path),
            key: read_key(path)?,
        })
    }
}

/// A removed key and its consequences.
#[derive(Clone, Debug)]
pub struct RemovedKey {
    /// Fingerprint of the key; `None` if the file was damaged.
    pub fingerprint: Option<Sha256>,
    /// True if the publisher has no other key.
    pub is_last: bool,
}

impl KeyFolder {
    /// In `configuration`, which need not exist.
    #[must_use]
    pub fn of(configuration: &Path) -> Self {
        Self(configuration.join("keys"))
    }

    /// Returns the trusted keys of `publisher`, sorted by name. A missing folder has no keys.
    ///
    /// # Errors
    /// When one of the keys can't be read.
    pub fn list(&self, publisher: &str) -> Result<Vec<TrustedKey>, KeyError> {
        let folder = self.folder(publisher)?;
        let mut keys = Vec::new();
        for name in names(&folder)? {
            check_name("a key", &name)?;
            let key = read(&file(&folder, &name)).map_err(|error| match error {
                KeyError::Unusable(source) => KeyError::Damaged {
                    publisher: publisher.to_owned(),
                    name: name.clone(),
                    source: Box::new(source),
                },
                other => other,
            })?;
            keys.push(TrustedKey {
                publisher: publisher.to_owned(),
                name,
                key,
            });
        }
        Ok(keys)
    }

    /// Returns true if this key is trusted for `publisher` under any name.
    ///
    /// # Errors
    /// Those of [`Self::list`].
    pub fn has(&self, publisher: &str, key: &PublicKey) -> Result<bool, KeyError> {
        let known = self.list(publisher)?;
        Ok(known.iter().any(|trusted| trusted.key == *key))
    }

    /// Judges a component by its signatures and the keys that are trusted for `publisher`. Install, update
    /// and sync call it before they compile anything. If the user names a `key`, that key must have signed
    /// the component.
    ///
    /// # Errors
    /// When the component is refused, a key can't be read, or `key` could not be trusted under its name.
    pub fn judge(
        &self,
        publisher: &str,
        fetched: &Fetched,
        key: Option<&NewKey>,
    ) -> Result<SignatureState, KeyError> {
        let Some(new) = key else {
            let keys = self.list(publisher)?;
            let state = verdict(publisher, &keys, &fetched.signatures, &fetched.bytes);
            return state.map_err(|error| not_looked_up(publisher, fetched, error));
        };
        if !self.has(publisher, &new.key)? {
            self.check_new(publisher, &new.name, &new.key)?;
        }
        let signed = |signature| {
            signed_bytes(signature, &fetched.bytes)
                .is_ok_and(|bytes| new.key.signed(bytes, &signature.der))
        };
        if fetched.signatures.iter().any(signed) {
            return Ok(SignatureState::Signed {
                key: new.key.fingerprint().to_string(),
            });
        }
        let error = SignatureError::OtherKey {
            name: new.name.clone(),
            fingerprint: new.key.fingerprint(),
            found: found(&fetched.signatures),
        };
        Err(not_looked_up(publisher, fetched, error))
    }

    /// Returns the keys of all publishers.
    ///
    /// # Errors
    /// Those of [`Self::list`].
    pub fn list_all(&self) -> Result<Vec<TrustedKey>, KeyError> {
        let mut keys = Vec::new();
        for publisher in self.publishers()? {
            keys.extend(self.list(&publisher)?);
        }
        Ok(keys)
    }

    /// Returns the publishers that have a folder.
    ///
    /// # Errors
    /// When the folder of keys can't be read.
    pub fn publishers(&self) -> Result<Vec<String>, KeyError> {
        let mut publishers: Vec<_> = entries(&self.0)?
            .iter()
            .filter(|path| path.is_dir())
            .filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()))
            .collect();
        publishers.sort();
        Ok(publishers)
    }

    /// Trusts `key` for engines of `publisher` from now on.
    ///
    /// # Errors
    /// When the name is taken, the key exists under another name, or the file can't be written.
    pub fn add(&self, publisher: &str, name: &str, key: PublicKey) -> Result<TrustedKey, KeyError> {
        self.check_new(publisher, name, &key)?;
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

    /// Checks whether [`Self::add`] would accept this key under this name.
    ///
    /// # Errors
    /// The reason why it would not.
    pub fn check_new(&self, publisher: &str, name: &str, key: &PublicKey) -> Result<(), KeyError> {
        check_name("a key", name)?;
        for known in self.list(publisher)? {
            // The equality of keys is checked before that of names, because its error is more helpful.
            if known.key == *key {
                return Err(KeyError::AlreadyTrusted {
                    publisher: publisher.to_owned(),
                    name: known.name,
                });
            }
            if known.name == name {
                return Err(taken(publisher, name, &known.key));
            }
        }
        Ok(())
    }

    /// Removes a key from the trusted ones, even a damaged one. Engines that it signed stay installed, but it
    /// no longer vouches for them.
    ///
    /// # Errors
    /// When there is no such key, or when it can't be removed.
    pub fn remove(&self, publisher: &str, name: &str) -> Result<RemovedKey, KeyError> {
        check_name("a key", name)?;
        let folder = self.folder(publisher)?;
        let path = file(&folder, name);
        let fingerprint = read(&path).ok().map(|key| key.fingerprint());
        match fs::remove_file(&path).and_then(|()| sync_folder(&folder)) {
            Ok(()) => Ok(RemovedKey {
                fingerprint,
                is_last: names(&folder)?.is_empty(),
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(KeyError::Unknown {
                publisher: publisher.to_owned(),
                name: name.to_owned(),
                known: names(&folder)?,
            }),
            Err(source) => Err(KeyError::Io { path, source }),
        }
    }

    fn folder(&self, publisher: &str) -> Result<PathBuf, KeyError> {
        check_name("a publisher", publisher)?;
        Ok(self.0.join(publisher))
    }
}

/// Returns why a component is refused. Without any signature, a failed look-up explains more.
fn not_looked_up(publisher: &str, fetched: &Fetched, error: SignatureError) -> KeyError {
    match &fetched.not_looked_up {
        Some(problem) if fetched.signatures.is_empty() => KeyError::NotLookedUp {
            publisher: publisher.to_owned(),
            problem: Arc::clone(problem),
        },
        _ => error.into(),
    }
}

/// Checks names that become parts of paths.
fn check_name(what: &'static str, name: &str) -> Result<(), KeyError> {
    if is_flag_name(name) {
        return Ok(());
    }
    Err(KeyError::BadName {
        what,
        given: host_base::text::printable(name, 60).into_owned(),
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

/// Returns the names of the key files, sorted.
fn names(folder: &Path) -> Result<Vec<String>, KeyError> {
    let files = entries(folder)?.into_iter();
    // Other files are temporary files of another process, or the user's notes.
    let keys = files.filter(|path| path.extension().is_some_and(|it| it == EXTENSION));
    let mut names: Vec<_> = keys
        .filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned()))
        .collect();
    names.sort();
    Ok(names)
}

/// Returns the content of a folder; a missing folder is empty.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, KeyError> {
    let failed = |source| KeyError::Io {
        path: folder.to_owned(),
        source,
    };
    let reader = match fs::read_dir(folder) {
        Ok(reader) => reader,
        // If the path leads through a plain file, nothing exists there either.
        Err(error) if is_missing(&error) => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    check_access(folder)?;
    reader
        .map(|entry| entry.map(|entry| entry.path()).map_err(failed))
        .collect()
}

fn is_missing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// Reads a key of the folder.
fn read(path: &Path) -> Result<PublicKey, KeyError> {
    check_access(path)?;
    let pem = read_pem(path).map_err(|source| match source.kind() {
        io::ErrorKind::InvalidInput => KeyError::Kind {
            path: path.to_owned(),
        },
        _ => KeyError::Io {
            path: path.to_owned(),
            source,
        },
    })?;
    Ok(PublicKey::from_pem(&pem, &origin(path))?)
}

/// Reads a public key that the user supplied, from any place.
fn read_key(path: &Path) -> Result<PublicKey, KeyError> {
    let pem = read_pem(path).map_err(|source| KeyError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    Ok(PublicKey::from_pem(&pem, &origin(path))?)
}

fn read_pem(path: &Path) -> io::Result<Vec<u8>> {
    files::read_plain(path, MAX_KEY_FILE).map_err(|source| match source.kind() {
        io::ErrorKind::IsADirectory | io::ErrorKind::InvalidInput | io::ErrorKind::FileTooLarge => {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("it is not a plain file of at most {MAX_KEY_FILE} bytes"),
            )
        }
        _ => source,
    })
}

/// Returns the default name of a key: the name of its file, turned into a valid name.
pub(super) fn name_of_key(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let name: String = stem
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    let name: String = name.trim_matches('-').chars().take(30).collect();
    let name = name.trim_end_matches('-');
    if is_flag_name(name) {
        name.to_owned()
    } else {
        format!("key-{name}").trim_end_matches('-').to_owned()
    }
}

/// Checks who may write to a key: anybody who may write decides what is trusted.
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

/// Accepts every file: other systems keep a user's folders private by themselves.
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

/// Writes a file completely or not at all, and never over an existing one.
fn write_new(folder: &Path, path: &Path, content: &str) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(content.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path).map_err(|error| error.error)?;
    sync_folder(folder)
}
