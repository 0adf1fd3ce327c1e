use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use host_base::{Failure, Problem, Sha256};

use super::folder::MAX_KEY_FILE;
use crate::{SignatureError, SourceError};

/// The reason why the trusted keys can't be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The name is not allowed.
    #[error(
        "`{given}` is not a valid name for {what}: use lower-case letters, digits and dashes, and begin with a letter"
    )]
    BadName { what: &'static str, given: String },
    /// An access to the file system failed.
    #[error("can't use {}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    /// Other users can write to the file or folder.
    #[error("other users can write to {}, so the keys in it can't be trusted", path.display())]
    Writable { path: PathBuf },
    /// The item is not a small plain file.
    #[error("{} is not a plain file of at most {MAX_KEY_FILE} bytes", path.display())]
    Kind { path: PathBuf },
    /// The file of a key can't be read.
    #[error("can't read the key {}: {source}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    /// The file of a trusted key contains no valid key.
    #[error("the key {name} of {publisher} can't be used: {source}")]
    Damaged {
        publisher: String,
        name: String,
        source: Box<SignatureError>,
    },
    /// The key or the signatures are not acceptable.
    #[error(transparent)]
    Unusable(#[from] SignatureError),
    /// A signature is required, but the look-up of signatures failed.
    #[error("it must be signed by {publisher}, but its signatures can't be looked up: {problem}")]
    NotLookedUp {
        publisher: String,
        problem: Arc<SourceError>,
    },
    /// The publisher has another key with this name.
    #[error(
        "the publisher {publisher} already has a key {name}, with the fingerprint {fingerprint}"
    )]
    NameTaken {
        publisher: String,
        name: String,
        fingerprint: Sha256,
    },
    /// The publisher has this key under another name.
    #[error("the publisher {publisher} already has this key, as {name}")]
    AlreadyTrusted { publisher: String, name: String },
    /// The publisher has no key with this name.
    #[error("the publisher {publisher} has no key {name}")]
    Unknown {
        publisher: String,
        name: String,
        /// The names of the publisher's keys.
        known: Vec<String>,
    },
}

impl Problem for KeyError {
    fn failure(&self) -> Failure {
        match self {
            Self::BadName { .. } => Failure::Usage,
            Self::Unreadable { source, .. } => match source.kind() {
                io::ErrorKind::NotFound => Failure::NotFound,
                io::ErrorKind::PermissionDenied => Failure::NotAllowed,
                io::ErrorKind::InvalidInput => Failure::Usage,
                _ => Failure::Failed,
            },
            Self::Io { .. } | Self::Kind { .. } => Failure::Failed,
            Self::Writable { .. } => Failure::Integrity,
            Self::Damaged { source, .. } => source.failure(),
            Self::Unusable(error) => error.failure(),
            Self::NotLookedUp { problem, .. } => problem.failure(),
            Self::NameTaken { .. } | Self::AlreadyTrusted { .. } => Failure::Conflict,
            Self::Unknown { .. } => Failure::NotFound,
        }
    }

    fn advice(&self) -> Option<String> {
        match self {
            Self::BadName { .. } | Self::Io { .. } | Self::AlreadyTrusted { .. } => None,
            Self::Unreadable { .. } => Some(
                "Name the file with the publisher's public key, as `-----BEGIN PUBLIC KEY-----`"
                    .to_owned(),
            ),
            Self::Writable { path } => Some(format!(
                "Check who changed it, then run `chmod go-w {}`",
                path.display()
            )),
            Self::Kind { .. } => Some("Move it out of the folder of trusted keys".to_owned()),
            Self::Damaged {
                publisher, name, ..
            } => Some(format!(
                "Remove the key with `kubectl broker plugin key remove {publisher} {name}`, then add it again"
            )),
            Self::Unusable(error) => error.advice(),
            Self::NotLookedUp { problem, .. } => problem.advice(),
            Self::NameTaken { publisher, .. } => Some(format!(
                "Give the new key another name, and both are trusted: `kubectl broker plugin key add {publisher} FILE --name NAME`"
            )),
            Self::Unknown { known, .. } if !known.is_empty() => {
                Some(format!("Its keys are: {}", known.join(", ")))
            }
            Self::Unknown { .. } => Some(
                "No key of this publisher is trusted. `kubectl broker plugin key list` shows the keys of all publishers"
                    .to_owned(),
            ),
        }
    }
}

#[cfg(test)]
mod messages;
