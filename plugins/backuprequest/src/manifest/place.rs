//! The place of a manifest file.

use std::fmt;

use broker_engine::Error;
use broker_engine::storage::{self, Location};
use serde_json::Value;

use super::unpacked;
use crate::object::text;

/// Maximum length of a manifest file, in bytes.
const MAX_FETCHED: u64 = 16 << 20;

/// The place of the manifest file of a backup.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) at: Storage,
    /// Whether the status of the object names the place. Otherwise the place is a guess.
    pub(super) is_told: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Storage {
    S3 {
        bucket: String,
        key: String,
    },
    /// An address that the engine can't fetch from.
    Other(String),
}

impl Place {
    /// Returns the place for a BackupRequest, if the object contains enough information.
    pub(super) fn of(object: &Value) -> Option<Self> {
        let told = text(object, "/status/documentLibrary/manifestPath");
        let address = match told {
            Some(path) if path.contains("://") => path.to_owned(),
            Some(key) => in_bucket(object, key.trim_start_matches('/')).unwrap_or(key.to_owned()),
            None => expected(object)?,
        };
        Some(Self {
            at: Storage::of(address),
            is_told: told.is_some(),
        })
    }

    /// Returns the shell command that writes the file to a pipe, if one is known.
    pub(super) fn command(&self) -> String {
        let address = self.at.to_string();
        // The user may copy the command into a shell.
        let is_harmless = |c: char| c.is_ascii_alphanumeric() || "-._~:/=+@,".contains(c);
        let fetch = if !address.chars().all(is_harmless) {
            "FETCH IT".to_owned()
        } else if address.starts_with("s3://") {
            format!("aws s3 cp '{address}' -")
        } else if address.starts_with("gs://") {
            format!("gcloud storage cat '{address}'")
        } else {
            "FETCH IT".to_owned()
        };
        match address.strip_suffix(".gz") {
            Some(_) => format!("{fetch} | gunzip"),
            None => fetch,
        }
    }
}

impl Storage {
    fn of(address: String) -> Self {
        let parts = address.strip_prefix("s3://");
        match parts.and_then(|rest| rest.split_once('/')) {
            Some((bucket, key)) => Self::S3 {
                bucket: bucket.to_owned(),
                key: key.to_owned(),
            },
            None => Self::Other(address),
        }
    }
}

impl fmt::Display for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::S3 { bucket, key } => write!(f, "s3://{bucket}/{key}"),
            Self::Other(address) => f.write_str(address),
        }
    }
}

/// Reads the object, and decompresses it if needed.
pub(super) fn fetch(bucket: &str, key: &str) -> Result<String, Error> {
    let answer = storage::get("manifests", &Location::of(bucket, key))?;
    unpacked::text(answer.read(MAX_FETCHED)?)
}

/// Returns the expected place next to the folder of the files. For the prefix `retail/prd/20251109-143000/dl`
/// it is `retail/prd/20251109-143000/manifest.json`.
fn expected(object: &Value) -> Option<String> {
    let prefix = text(object, "/spec/documentLibrary/destinationPrefix")?;
    let (parent, _) = prefix.trim_end_matches('/').rsplit_once('/')?;
    in_bucket(object, &format!("{parent}/manifest.json"))
}

/// Returns the address of a key in the bucket for the files. The scheme depends on the provider.
fn in_bucket(object: &Value, key: &str) -> Option<String> {
    let bucket = text(object, "/spec/documentLibrary/destinationBucket")?;
    let scheme = match text(object, "/spec/provider") {
        None | Some("aws") => "s3",
        Some("gcp") => "gs",
        Some(_) => return None,
    };
    Some(format!("{scheme}://{bucket}/{key}"))
}
