//! The facts about one document in a backup, as a line of canonical JSON.

use broker_engine::storage::Object;
use serde::Deserialize;

use crate::json::write_text;

/// The size above which S3 copies an object in parts and keeps no digest of the whole, in bytes. The host has the
/// same limit.
const MAX_WHOLE: u64 = 5 << 30;

/// A document that was copied.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The reason why there is no `sha256`: `composite` for an object that was copied in parts, `none` if the store
    /// keeps no digest.
    pub checksum_type: Option<String>,
    /// The `etag` of the copy, if it is another one than that of the document.
    pub copy_etag: Option<String>,
    /// The `etag` of the document when it was copied.
    pub etag: Option<String>,
    pub key: String,
    pub last_modified: Option<String>,
    pub sha256: Option<String>,
    pub size_bytes: u64,
    /// The name of the copy in the folder of the backup, if it is not `dl/KEY`.
    pub stored_as: Option<String>,
}

/// A document that was not copied.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Skipped {
    pub key: String,
    pub reason: String,
}

/// The reason for a document that was deleted before it could be copied. The backup is complete without it.
pub const VANISHED: &str = "vanished";

impl Entry {
    /// Returns the facts about a document and its copy. Google Cloud Storage copies no object in parts.
    pub fn of(source: &Object, copy: &Object, name: &str, is_google: bool) -> Self {
        let etag = bare(source.etag.as_deref());
        let copy_etag = bare(copy.etag.as_deref()).filter(|it| Some(it) != etag.as_ref());
        let is_in_parts = copy.size > MAX_WHOLE && !is_google;
        let checksum_type = match (&copy.sha256, is_in_parts) {
            (Some(_), _) => None,
            (None, true) => Some("composite".to_owned()),
            (None, false) => Some("none".to_owned()),
        };
        let is_in_place = name.strip_prefix("dl/") == Some(&source.key);
        Self {
            checksum_type,
            copy_etag,
            etag,
            key: source.key.clone(),
            last_modified: source.modified.clone(),
            sha256: copy.sha256.clone(),
            size_bytes: copy.size,
            stored_as: (!is_in_place).then(|| name.to_owned()),
        }
    }

    /// Returns the name of the copy in the folder of the backup.
    pub fn name(&self) -> String {
        let stored_as = self.stored_as.clone();
        stored_as.unwrap_or_else(|| format!("dl/{}", self.key))
    }

    /// Returns whether an object is the copy, by its length and its `etag`.
    pub fn is(&self, object: &Object) -> bool {
        let etag = self.copy_etag.as_ref().or(self.etag.as_ref());
        object.size == self.size_bytes && bare(object.etag.as_deref()).as_ref() == etag
    }

    /// Returns the entry as canonical JSON.
    pub fn line(&self) -> String {
        let mut line = String::with_capacity(self.key.len() + 300);
        let mut text = |name: &str, value: Option<&str>| {
            if let Some(value) = value {
                line.push(if line.is_empty() { '{' } else { ',' });
                write_text(name, &mut line);
                line.push(':');
                write_text(value, &mut line);
            }
        };
        text("checksum_type", self.checksum_type.as_deref());
        text("copy_etag", self.copy_etag.as_deref());
        text("etag", self.etag.as_deref());
        text("key", Some(&self.key));
        text("last_modified", self.last_modified.as_deref());
        text("sha256", self.sha256.as_deref());
        line.push_str(&format!(",\"size_bytes\":{}", self.size_bytes));
        if let Some(name) = &self.stored_as {
            line.push_str(",\"stored_as\":");
            write_text(name, &mut line);
        }
        line.push('}');
        line
    }
}

impl Skipped {
    pub fn new(key: &str, reason: impl Into<String>) -> Self {
        Self {
            key: key.to_owned(),
            reason: reason.into(),
        }
    }

    /// Returns whether the backup lacks something that is still there.
    pub fn is_missing(&self) -> bool {
        self.reason != VANISHED
    }

    /// Returns the fact as canonical JSON.
    pub fn line(&self) -> String {
        let mut line = String::from("{\"key\":");
        write_text(&self.key, &mut line);
        line.push_str(",\"reason\":");
        write_text(&self.reason, &mut line);
        line.push('}');
        line
    }
}

/// Returns an `etag` without its quotation marks.
pub fn bare(etag: Option<&str>) -> Option<String> {
    etag.map(|etag| etag.trim_matches('"').to_owned())
}

/// Returns whether a copy of a document would have the same `etag`. One of several parts depends on the parts.
pub fn is_of_one_part(etag: Option<&str>) -> bool {
    etag.is_some_and(|etag| !etag.contains('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(key: &str, size: u64, etag: &str, sha256: Option<&str>) -> Object {
        Object {
            key: key.to_owned(),
            size,
            modified: Some("2025-11-08T10:15:00Z".to_owned()),
            etag: Some(etag.to_owned()),
            sha256: sha256.map(str::to_owned),
        }
    }

    #[test]
    fn a_line_is_canonical_and_is_read_back() {
        let key = "a b/ü\"\\\u{7f}.pdf";
        let source = object(key, 5, "\"abc\"", None);
        let copy = object("x", 5, "\"def\"", Some("00"));
        let entry = Entry::of(&source, &copy, "long/1", false);
        let line = entry.line();
        let value = serde_json::from_str(&line).unwrap();
        assert_eq!(crate::json::canonical(&value), line);
        assert_eq!(serde_json::from_str::<Entry>(&line).unwrap(), entry);
        assert!(entry.is(&copy) && !entry.is(&source), "{line}");
        let skipped = Skipped::new(key, "failed: \n");
        let value = serde_json::from_str(&skipped.line()).unwrap();
        assert_eq!(crate::json::canonical(&value), skipped.line());
    }

    #[test]
    fn an_object_that_is_copied_in_parts_has_no_digest_of_the_whole() {
        for (size, sha256, expected) in [
            (MAX_WHOLE, Some("00"), None),
            (MAX_WHOLE + 1, None, Some("composite")),
            (MAX_WHOLE, None, Some("none")),
        ] {
            let copy = object("k", size, "e", sha256);
            let entry = Entry::of(&object("k", size, "e", None), &copy, "dl/k", false);
            assert_eq!(entry.checksum_type.as_deref(), expected);
            assert_eq!((entry.copy_etag, entry.stored_as), (None, None));
        }
        let large = object("k", MAX_WHOLE + 1, "e", None);
        let entry = Entry::of(&large, &large, "dl/k", true);
        assert_eq!(entry.checksum_type.as_deref(), Some("none"));
    }
}
