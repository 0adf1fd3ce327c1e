//! Addresses of stores.

use std::fmt;
use std::path::{Component, Path, PathBuf};
use std::str::FromStr;

use crate::StoreError;

/// The address of a store.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StoreUrl {
    /// `s3://BUCKET/PREFIX`: Amazon S3, or a server that speaks its protocol.
    S3 {
        /// Name of the bucket.
        bucket: String,
        /// The beginning of all keys, without slashes at its ends. It may be empty.
        prefix: String,
    },
    /// `gs://BUCKET/PREFIX`: Google Cloud Storage.
    Google {
        /// Name of the bucket.
        bucket: String,
        /// The beginning of all keys.
        prefix: String,
    },
    /// `az://ACCOUNT/CONTAINER/PREFIX`: Azure Blob Storage.
    Azure {
        /// Name of the storage account.
        account: String,
        /// Name of the container.
        container: String,
        /// The beginning of all keys.
        prefix: String,
    },
    /// `file:///FOLDER`: a folder of this machine, such as a mounted share.
    Folder(PathBuf),
}

impl StoreUrl {
    /// Returns the beginning of all keys; empty for a folder.
    pub(crate) fn prefix(&self) -> &str {
        match self {
            Self::S3 { prefix, .. } | Self::Google { prefix, .. } | Self::Azure { prefix, .. } => {
                prefix
            }
            Self::Folder(_) => "",
        }
    }

    /// Returns true for text that is meant as an address, and not as the name of a store.
    #[must_use]
    pub fn is_meant(text: &str) -> bool {
        text.contains("://")
    }

    /// Returns true if the store of this address is a service that speaks S3.
    #[must_use]
    pub const fn is_s3(&self) -> bool {
        matches!(self, Self::S3 { .. })
    }
}

impl FromStr for StoreUrl {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        let bad = |reason: &'static str| StoreError::BadUrl {
            given: without_secrets(text),
            reason,
        };
        let (scheme, rest) = text
            .split_once("://")
            .ok_or_else(|| bad("it has no scheme"))?;
        if rest.contains(['?', '#']) {
            return Err(bad("it must not have a query or a fragment"));
        }
        if scheme == "file" {
            let path = Path::new(rest);
            let is_plain = path
                .components()
                .all(|it| !matches!(it, Component::ParentDir | Component::CurDir));
            if !path.is_absolute() || !is_plain || path.parent().is_none() {
                return Err(bad(
                    "a folder must be an absolute path below the root, without `.` and `..`",
                ));
            }
            return Ok(Self::Folder(path.to_owned()));
        }
        let (first, rest) = rest.split_once('/').unwrap_or((rest, ""));
        if first.contains('@') {
            return Err(bad("it must not contain credentials"));
        }
        match scheme {
            "s3" | "gs" => {
                let bucket =
                    bucket(first).ok_or_else(|| bad("a bucket name must have 3–63 lower-case letters, digits, dashes, dots and underscores"))?;
                let prefix = prefix(rest).ok_or_else(|| bad("a prefix may have letters, digits, single slashes and the characters -._=+@"))?;
                Ok(match scheme {
                    "s3" => Self::S3 { bucket, prefix },
                    _ => Self::Google { bucket, prefix },
                })
            }
            "az" => {
                let (container, rest) = rest.split_once('/').unwrap_or((rest, ""));
                let is_account = (3..=24).contains(&first.len())
                    && first
                        .bytes()
                        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
                if !is_account {
                    return Err(bad(
                        "an account must have 3–24 lower-case letters and digits",
                    ));
                }
                let is_container = (3..=63).contains(&container.len())
                    && container
                        .bytes()
                        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
                if !is_container {
                    return Err(bad(
                        "a container must have 3–63 lower-case letters, digits and dashes",
                    ));
                }
                Ok(Self::Azure {
                    account: first.to_owned(),
                    container: container.to_owned(),
                    prefix: prefix(rest).ok_or_else(|| bad("a prefix may have letters, digits, single slashes and the characters -._=+@"))?,
                })
            }
            _ => Err(bad("the scheme must be s3, gs, az or file")),
        }
    }
}

/// Returns an address without what may be a password or a token.
fn without_secrets(text: &str) -> String {
    let text = text.split(['?', '#']).next().unwrap_or_default();
    match (text.split_once("://"), text.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, place))) => format!("{scheme}://***@{place}"),
        _ => text.to_owned(),
    }
}

/// Returns the name of a bucket if it is one. It becomes part of a host name.
fn bucket(name: &str) -> Option<String> {
    let is_end = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = name.as_bytes();
    let is_valid = (3..=63).contains(&bytes.len())
        && bytes.first().copied().is_some_and(is_end)
        && bytes.last().copied().is_some_and(is_end)
        && bytes.iter().all(|b| is_end(*b) || b"-._".contains(b))
        && !name.contains("..");
    is_valid.then(|| name.to_owned())
}

/// Returns a prefix without slashes at its ends, if other programs read it in the same way.
fn prefix(text: &str) -> Option<String> {
    let text = text.trim_matches('/');
    let is_part = |part: &str| {
        !part.is_empty()
            && part != "."
            && part != ".."
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-._=+@".contains(&b))
    };
    let is_valid = text.is_empty() || text.split('/').all(is_part);
    (is_valid && text.len() <= 256).then(|| text.to_owned())
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (place, prefix) = match self {
            Self::S3 { bucket, prefix } => (format!("s3://{bucket}"), prefix),
            Self::Google { bucket, prefix } => (format!("gs://{bucket}"), prefix),
            Self::Azure {
                account,
                container,
                prefix,
            } => (format!("az://{account}/{container}"), prefix),
            Self::Folder(path) => return write!(f, "file://{}", path.display()),
        };
        match prefix.as_str() {
            "" => f.write_str(&place),
            prefix => write!(f, "{place}/{prefix}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_as_it_was_read() {
        for text in [
            "s3://acme-backups",
            "s3://acme-backups/broker/eu",
            "gs://acme/x",
            "az://account1/backups/broker",
            "file:///mnt/backups",
        ] {
            assert_eq!(text.parse::<StoreUrl>().unwrap().to_string(), text);
        }
        let slashes = "s3://acme-backups//broker/".parse::<StoreUrl>().unwrap();
        assert_eq!(slashes.to_string(), "s3://acme-backups/broker");
    }

    #[test]
    fn an_error_never_repeats_a_secret() {
        for text in [
            "s3://AKIA:canary/x@acme-backups",
            "az://acme/backups?sig=canary",
            "gs://acme#canary",
            "ftp://user:canary@host",
        ] {
            let error = text.parse::<StoreUrl>().unwrap_err().to_string();
            assert!(!error.contains("canary"), "{error}");
        }
    }

    #[test]
    fn what_could_lead_elsewhere_is_refused() {
        for text in [
            "nightly",
            "http://acme",
            "s3://",
            "s3://Acme",
            "s3://key:secret@acme-backups/x",
            "s3://acme-backups/a/../b",
            "s3://acme-backups/a//b",
            "s3://acme-backups/x?versionId=1",
            "gs://acme/%2e%2e",
            "az://account/co",
            "az://acc_ount/backups",
            "file://backups",
            "file:///",
            "file:///mnt/../etc",
        ] {
            let parsed = text.parse::<StoreUrl>();
            assert!(matches!(parsed, Err(StoreError::BadUrl { .. })), "{text}");
        }
    }
}
