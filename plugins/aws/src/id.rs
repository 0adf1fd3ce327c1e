//! The ids of backups and of restores, and the places of their objects.

use std::fmt;

use broker_engine::{Error, Result};
use jiff::civil::DateTime;
use jiff::tz::Offset;
use sha2::{Digest as _, Sha256};

use crate::bucket::{Bucket, Place};

/// The maximum length of a key, in bytes. Source:
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html>
const MAX_KEY: usize = 1024;
/// The maximum length of the folder of the backups, and of the name of a restore, in bytes. A tag of the snapshot or of
/// a restored database has the whole id, and at most 256 characters.
const MAX_BASE: usize = 120;
const MAX_NAME: usize = 40;
/// The text between the id of a backup and the name of a restore.
const RESTORE: &str = "#restore-";

/// The id of a backup: `BUCKET/BASE/TIME`, with `gs://` in front for a bucket of Google Cloud Storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Id {
    pub bucket: Bucket,
    /// The folder of the backups, without a slash at its ends.
    pub base: String,
    /// The time that names the backup, `YYYYMMDD-HHMMSS` in UTC.
    pub time: String,
}

/// The id of a backup or of a restore: `BUCKET/BASE/TIME#restore-NAME`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnyId {
    pub backup: Id,
    /// The name of the restore.
    pub restore: Option<String>,
}

impl AnyId {
    /// Reads an id.
    ///
    /// # Errors
    /// Fails if the text has another form.
    pub fn parse(text: &str) -> Result<Self> {
        let (backup, restore) = match text.split_once(RESTORE) {
            Some((backup, name)) => (backup, Some(check_name(name)?)),
            None => (text, None),
        };
        Ok(Self {
            backup: Id::parse(backup)?,
            restore,
        })
    }
}

impl Id {
    /// Reads the id of a backup.
    ///
    /// # Errors
    /// Fails if the text has another form.
    pub fn parse(text: &str) -> Result<Self> {
        let parts = Bucket::split(text.trim_end_matches('/'));
        let id = parts.and_then(|(bucket, rest)| {
            let (base, time) = rest.rsplit_once('/')?;
            let base = check_base(base).ok()?;
            moment(time)?;
            Some(Self {
                bucket,
                base,
                time: time.to_owned(),
            })
        });
        id.ok_or_else(|| {
            Error::invalid(format!(
                "{text:?} is not the id of a backup, BUCKET/FOLDER/YYYYMMDD-HHMMSS"
            ))
            .with_hint(
                "`kubectl broker backup list --engine aws --destination-bucket BUCKET` shows the ids",
            )
        })
    }

    /// Returns the folder of the backup, with a slash at its end.
    pub fn folder(&self) -> String {
        format!("{}/{}/", self.base, self.time)
    }

    /// Returns the key of an object of the backup.
    pub fn key(&self, name: &str) -> String {
        self.folder() + name
    }

    /// Returns the place of an object of the backup.
    pub fn at(&self, name: &str) -> Place {
        self.bucket.at(self.key(name))
    }

    /// Returns the address of an object of the backup, for people.
    pub fn shown(&self, name: &str) -> String {
        self.bucket.address(&self.key(name))
    }

    /// Returns the id of a restore from this backup.
    pub fn of_restore(&self, name: &str) -> String {
        format!("{self}{RESTORE}{name}")
    }

    /// Returns the name of the copy of a document within the backup.
    ///
    /// A key that would be too long in the folder of the backup is replaced by its digest.
    pub fn name_of_copy(&self, key: &str) -> String {
        let name = format!("dl/{key}");
        if self.folder().len() + name.len() <= MAX_KEY {
            return name;
        }
        format!("long/{}", hexadecimal(&Sha256::digest(key)))
    }

    /// Returns the time of the backup as RFC 3339.
    pub fn timestamp(&self) -> String {
        let part = |from, to| self.time.get(from..to).unwrap_or_default();
        format!(
            "{}-{}-{}T{}:{}:{}Z",
            part(0, 4),
            part(4, 6),
            part(6, 8),
            part(9, 11),
            part(11, 13),
            part(13, 15)
        )
    }

    /// Returns the time of the backup, in seconds since the Unix epoch.
    pub fn seconds(&self) -> i64 {
        moment(&self.time).unwrap_or_default()
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.bucket, self.base, self.time)
    }
}

/// Returns bytes in lower-case hexadecimal.
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns a time `YYYYMMDD-HHMMSS` in seconds since the Unix epoch. `None` if it is none.
pub fn moment(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let has_form = bytes.len() == 15
        && bytes.iter().enumerate().all(|(at, byte)| match at {
            8 => *byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    if !has_form {
        return None;
    }
    let year = text[..4].parse().ok()?;
    let part = |from: usize| text[from..from + 2].parse::<i8>().ok();
    let time = DateTime::new(year, part(4)?, part(6)?, part(9)?, part(11)?, part(13)?, 0);
    let time = Offset::UTC.to_timestamp(time.ok()?).ok()?;
    Some(time.as_second())
}

/// Checks a folder of backups, and returns it without slashes at its ends.
///
/// # Errors
/// Fails if the folder is empty or too long, or has characters that a tag of RDS can't have.
pub fn check_base(text: &str) -> Result<String> {
    let base = text.trim_matches('/');
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._/=+@:".contains(&byte);
    let is_segment = |part: &str| !matches!(part, "" | "." | "..");
    if base.len() > MAX_BASE || !base.bytes().all(is_plain) || !base.split('/').all(is_segment) {
        return Err(Error::invalid(format!(
            "{text:?} is not a folder of backups: it must have 1–{MAX_BASE} letters, digits and -._/=+@:"
        )));
    }
    Ok(base.to_owned())
}

/// Checks the name of a restore.
///
/// # Errors
/// Fails if the name has other characters than letters, digits and dashes.
pub fn check_name(name: &str) -> Result<String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if !(1..=MAX_NAME).contains(&name.len()) || !name.bytes().all(is_plain) {
        return Err(Error::invalid(format!(
            "{name:?} is not a name of a restore: it must have 1–{MAX_NAME} letters, digits and dashes"
        )));
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_bucket_a_folder_and_a_time() {
        let text = "liferay-backups/retail/prd/20251109-143000";
        let id = Id::parse(text).unwrap();
        assert_eq!(
            (id.bucket.to_string(), id.base.as_str()),
            ("liferay-backups".to_owned(), "retail/prd")
        );
        assert_eq!(id.to_string(), text);
        assert_eq!(id.timestamp(), "2025-11-09T14:30:00Z");
        assert_eq!(id.seconds(), 1_762_698_600);
        assert_eq!(Id::parse(&format!("s3://{text}/")), Ok(id.clone()));
        let google = Id::parse(&format!("gs://{text}")).unwrap();
        assert_eq!(google.to_string(), format!("gs://{text}"));
        assert!(google.bucket.is_google() && google.base == id.base);
        let of_restore = AnyId::parse(&id.of_restore("a-1")).unwrap();
        assert_eq!(of_restore.restore.as_deref(), Some("a-1"));
        assert_eq!(of_restore.backup, id);
    }

    #[test]
    fn other_texts_are_no_ids() {
        for text in [
            "",
            "b",
            "b/20251109-143000",
            "b//20251109-143000",
            "gs://b/20251109-143000",
            "gs:///a/20251109-143000",
            "az://b/a/20251109-143000",
            "b/a/../20251109-143000",
            "b/a b/20251109-143000",
            "b/a/20251309-143000",
            "b/a/20251109-14300",
            "b/a/20251109-143000#restore-",
            "b/a/20251109-143000#restore-a/b",
            "b/a/2025110é-14300",
        ] {
            let error = AnyId::parse(text).unwrap_err();
            let kind = broker_engine::ErrorKind::InvalidArgument;
            assert_eq!(error.kind, kind, "{text}");
        }
    }

    #[test]
    fn a_key_that_is_too_long_in_the_folder_is_a_digest() {
        let id = Id::parse("bucket/a/20251109-143000").unwrap();
        let longest = "k".repeat(MAX_KEY - id.key("dl/").len());
        assert_eq!(id.name_of_copy(&longest), format!("dl/{longest}"));
        let name = id.name_of_copy(&format!("{longest}k"));
        assert!(name.starts_with("long/") && name.len() == 69, "{name}");
    }
}
