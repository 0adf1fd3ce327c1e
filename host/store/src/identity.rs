//! Places of age identities. A Secret is only named here: this crate knows no cluster.

use std::convert::Infallible;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The beginning of a text that names a Secret.
const SECRET: &str = "secret/";
/// The key of a Secret if none is given.
const USUAL_KEY: &str = "identity";

/// The place of age identities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdentitySource {
    /// A file as `age-keygen` writes it.
    File(PathBuf),
    /// A key of a Secret, in the namespace of the command.
    Secret {
        /// Name of the Secret.
        name: String,
        /// The key. None means the usual one.
        key: Option<String>,
    },
}

impl IdentitySource {
    /// Reads what a user gives: `secret/NAME`, `secret/NAME:KEY`, or the path of a file.
    #[must_use]
    pub fn of(given: &Path) -> Self {
        let secret = given.to_str().and_then(|text| text.strip_prefix(SECRET));
        let Some(secret) = secret else {
            return Self::File(given.to_owned());
        };
        let (name, key) = match secret.split_once(':') {
            Some((name, key)) => (name, Some(key.to_owned())),
            None => (secret, None),
        };
        Self::Secret {
            name: name.to_owned(),
            key,
        }
    }

    /// Returns the same place for a command in another folder.
    #[must_use]
    pub fn absolute(&self) -> Self {
        match self {
            Self::File(path) => {
                Self::File(std::path::absolute(path).unwrap_or_else(|_| path.clone()))
            }
            Self::Secret { .. } => self.clone(),
        }
    }
}

/// Returns the key of a Secret that has identities, as the user gave it or the usual one.
#[must_use]
pub fn identity_key(given: Option<&str>) -> &str {
    given.unwrap_or(USUAL_KEY)
}

impl FromStr for IdentitySource {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self::of(Path::new(text)))
    }
}

impl fmt::Display for IdentitySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Secret { name, key: None } => write!(f, "{SECRET}{name}"),
            Self::Secret {
                name,
                key: Some(key),
            } => write!(f, "{SECRET}{name}:{key}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_file_or_a_secret_and_its_text_means_the_same() {
        let secret = |name: &str, key: Option<&str>| IdentitySource::Secret {
            name: name.to_owned(),
            key: key.map(str::to_owned),
        };
        let file = |path: &str| IdentitySource::File(path.into());
        for (text, source) in [
            ("backups.key", file("backups.key")),
            ("./secret/backups.key", file("./secret/backups.key")),
            ("secret/age", secret("age", None)),
            ("secret/age:backups.key", secret("age", Some("backups.key"))),
        ] {
            assert_eq!(text.parse(), Ok(source.clone()));
            assert_eq!(source.to_string(), text);
        }
    }
}
