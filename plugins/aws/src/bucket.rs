//! Buckets of S3 and of Google Cloud Storage, and the calls for their objects.

use std::fmt;

use broker_engine::http::Response;
use broker_engine::storage::{
    self, Condition, Duplicate, Location, Object, Page, Selection, Upload,
};
use broker_engine::{Error, Result};
use serde::{Deserialize, Serialize};

/// The names of the object stores in the manifest of the engine.
const S3: &str = "documents";
const GOOGLE: &str = "documents-gcs";
/// The beginning of the addresses of S3, which ids leave out, and of Google Cloud Storage.
const S3_SCHEME: &str = "s3://";
const GOOGLE_SCHEME: &str = "gs://";

/// A bucket, as ids have it: `NAME` is one of S3, and `gs://NAME` one of Google Cloud Storage.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bucket(String);

/// The place of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub bucket: Bucket,
    pub key: String,
}

impl Bucket {
    /// Reads a bucket: `NAME`, `s3://NAME` or `gs://NAME`.
    ///
    /// # Errors
    /// Fails if the text is something else. The host decides which names a bucket can have.
    pub fn parse(text: &str) -> Result<Self> {
        let bucket = text.strip_prefix(S3_SCHEME).unwrap_or(text);
        let bucket = bucket.strip_suffix('/').unwrap_or(bucket);
        let name = bucket.strip_prefix(GOOGLE_SCHEME).unwrap_or(bucket);
        if name.is_empty() || name.contains(['/', ':']) {
            return Err(Error::invalid(format!(
                "{text:?} is not a bucket: write NAME or s3://NAME for S3, or gs://NAME for Google Cloud Storage"
            )));
        }
        Ok(Self(bucket.to_owned()))
    }

    /// Splits an id or an address into the bucket and the rest.
    pub fn split(text: &str) -> Option<(Self, &str)> {
        let text = text.strip_prefix(S3_SCHEME).unwrap_or(text);
        let scheme = if text.starts_with(GOOGLE_SCHEME) {
            GOOGLE_SCHEME.len()
        } else {
            0
        };
        let end = scheme + text.get(scheme..)?.find('/')?;
        let bucket = Self::parse(&text[..end]).ok()?;
        Some((bucket, &text[end + 1..]))
    }

    /// Returns whether it is a bucket of Google Cloud Storage.
    pub fn is_google(&self) -> bool {
        self.0.starts_with(GOOGLE_SCHEME)
    }

    /// Fails if objects can't be copied between two buckets, because they are in different clouds. `option` names the other
    /// one.
    ///
    /// # Errors
    /// Fails if one bucket is of S3 and the other one of Google Cloud Storage.
    pub fn check_same_cloud(&self, other: &Self, option: &str) -> Result<()> {
        if self.is_google() == other.is_google() {
            return Ok(());
        }
        Err(Error::invalid(format!(
            "{} of --{option} is in another cloud than {}: objects are copied within S3 or within Google Cloud Storage",
            other.address(""),
            self.address("")
        ))
        .with_hint("Name buckets of one cloud: NAME or s3://NAME, or else gs://NAME"))
    }

    /// Returns the command that writes an object to its output.
    pub fn printer(&self, key: &str) -> String {
        let address = self.address(key);
        if self.is_google() {
            format!("gcloud storage cat {address}")
        } else {
            format!("aws s3 cp {address} -")
        }
    }

    /// Returns the address of an object, or of all whose keys begin with `key`.
    pub fn address(&self, key: &str) -> String {
        let scheme = if self.is_google() { "" } else { S3_SCHEME };
        format!("{scheme}{self}/{key}")
    }

    /// Returns the place of an object.
    pub fn at(&self, key: impl Into<String>) -> Place {
        Place {
            bucket: self.clone(),
            key: key.into(),
        }
    }

    /// Selects the objects whose keys begin with `prefix`.
    pub fn select(&self, prefix: &str) -> Selection {
        Selection::of(self.name(), prefix)
    }

    /// Reads a page of the objects of this bucket.
    ///
    /// # Errors
    /// Fails if the store refuses.
    pub fn list(&self, selection: &Selection) -> Result<Page> {
        storage::list(self.store(), selection)
    }

    /// Reads all pages of the objects of this bucket.
    ///
    /// # Errors
    /// Fails if the store refuses, or if `each` fails.
    pub fn list_all(
        &self,
        selection: &Selection,
        each: impl FnMut(Page) -> Result<()>,
    ) -> Result<()> {
        storage::list_all(self.store(), selection, each)
    }

    /// Returns the copy of an object of this bucket.
    pub fn duplicate(&self, object: &Object, to: &Place) -> Duplicate {
        Duplicate::of(self.name(), object, to.location())
    }

    /// Copies objects within the store of this bucket.
    ///
    /// # Errors
    /// Fails if there are too many. A copy that fails has its error among the results.
    pub fn copy(&self, duplicates: &[Duplicate]) -> Result<Vec<Result<Object>>> {
        storage::copy(self.store(), duplicates)
    }

    /// Deletes objects. It is no error if there are none.
    ///
    /// # Errors
    /// Returns the first error of the store.
    pub fn remove(&self, keys: &[String]) -> Result<()> {
        let deleted = storage::delete(self.store(), self.name(), keys)?;
        deleted.into_iter().collect()
    }

    fn store(&self) -> &'static str {
        if self.is_google() { GOOGLE } else { S3 }
    }

    fn name(&self) -> &str {
        self.0.strip_prefix(GOOGLE_SCHEME).unwrap_or(&self.0)
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Place {
    /// Returns the place as copies name it.
    pub fn location(&self) -> Location {
        Location::of(self.bucket.name(), &self.key)
    }

    /// Opens the object.
    ///
    /// # Errors
    /// Fails if it does not exist, or if the store refuses.
    pub fn get(&self) -> Result<Response> {
        storage::get(self.bucket.store(), &self.location())
    }

    /// Reads the facts about the object.
    ///
    /// # Errors
    /// Those of [`Place::get`].
    pub fn head(&self) -> Result<Object> {
        storage::head(self.bucket.store(), &self.location())
    }

    /// Writes the object.
    ///
    /// # Errors
    /// Fails if the condition is not met, or if the store refuses.
    pub fn put(&self, body: &[u8], media: Option<&str>, condition: &Condition) -> Result<Object> {
        let store = self.bucket.store();
        storage::put(store, &self.location(), body, media, condition)
    }

    /// Begins to write the object in pieces.
    ///
    /// # Errors
    /// Fails if the store refuses.
    pub fn begin(&self, media: Option<&str>, condition: &Condition) -> Result<Upload> {
        Upload::begin(self.bucket.store(), &self.location(), media, condition)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.bucket.address(&self.key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_one_of_s3_or_of_google() {
        for (text, shown, address) in [
            ("acme", "acme", "s3://acme/a"),
            ("s3://acme", "acme", "s3://acme/a"),
            ("gs://acme/", "gs://acme", "gs://acme/a"),
        ] {
            let bucket = Bucket::parse(text).unwrap();
            assert_eq!(bucket.to_string(), shown);
            assert_eq!(bucket.at("a").to_string(), address);
            assert_eq!(bucket.name(), "acme");
        }
        for text in [
            "",
            "s3://",
            "gs://",
            "az://acme",
            "acme/a",
            "gs://acme/a",
            "s3://gs://",
        ] {
            assert!(Bucket::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn buckets_of_two_clouds_are_told() {
        let of = |text| Bucket::parse(text).unwrap();
        let check = |a, b| of(a).check_same_cloud(&of(b), "source-bucket");
        assert_eq!(check("a", "s3://b"), Ok(()));
        assert_eq!(check("gs://a", "gs://b"), Ok(()));
        let error = check("gs://a", "b").unwrap_err();
        assert!(
            error.message.contains("s3://b/ of --source-bucket"),
            "{}",
            error.message
        );
    }
}
