//! Object stores outside the cluster that the manifest names in `[storage.NAME]`.

use std::collections::BTreeSet;

use crate::error::{Error, ErrorKind, Result};
use crate::http::Response;

pub use crate::bindings::kubectl_broker::engine::storage::{
    Condition, Duplicate, Location, Object, Page, Selection,
};

#[cfg(target_family = "wasm")]
use crate::bindings::kubectl_broker::engine::storage as host;
#[cfg(not(target_family = "wasm"))]
use crate::mock::storage as host;

impl Location {
    /// Returns the place of an object.
    #[must_use]
    pub fn of(bucket: &str, key: &str) -> Self {
        Self {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
        }
    }
}

impl Selection {
    /// Returns the selection of all objects whose keys begin with `prefix`.
    #[must_use]
    pub fn of(bucket: &str, prefix: &str) -> Self {
        Self {
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
            folders: false,
            cursor: None,
            limit: None,
        }
    }

    /// Lets keys end at the next slash after the prefix.
    #[must_use]
    pub fn with_folders(mut self) -> Self {
        self.folders = true;
        self
    }
}

impl Duplicate {
    /// Returns the copy of an object of a list. The copy fails if the object changes in the meantime.
    #[must_use]
    pub fn of(bucket: &str, object: &Object, target: Location) -> Self {
        Self {
            source: Location::of(bucket, &object.key),
            target,
            size: Some(object.size),
            etag: object.etag.clone(),
        }
    }
}

/// Opens an object, to read it or to save it as a file.
///
/// # Errors
/// Fails if the manifest does not allow it, if the object does not exist, or if the store refuses.
pub fn get(store: &str, at: &Location) -> Result<Response> {
    let raw = host::get(store, at)?;
    Ok(Response::over(
        raw,
        format!("{}/{} of store {store}", at.bucket, at.key),
    ))
}

/// Reads the facts about an object.
///
/// # Errors
/// Those of [`get`].
pub fn head(store: &str, at: &Location) -> Result<Object> {
    host::head(store, at)
}

/// Reads one page of the objects of a bucket.
///
/// # Errors
/// Fails if the manifest does not allow it, if the bucket does not exist, or if the store refuses.
pub fn list(store: &str, selection: &Selection) -> Result<Page> {
    host::list(store, selection)
}

/// Reads all objects of a bucket, page by page, and calls `each` with every page.
///
/// # Errors
/// Those of [`list`] and of `each`, and an error if the pages don't end.
pub fn list_all(
    store: &str,
    selection: &Selection,
    mut each: impl FnMut(Page) -> Result<()>,
) -> Result<()> {
    let mut selection = selection.clone();
    let mut seen = BTreeSet::new();
    loop {
        let mut page = list(store, &selection)?;
        let next = page.next.take();
        each(page)?;
        match next {
            None => return Ok(()),
            Some(cursor) if seen.insert(cursor.clone()) => selection.cursor = Some(cursor),
            Some(_) => {
                let message = format!("the list of bucket {} does not end", selection.bucket);
                return Err(Error::new(ErrorKind::Protocol, message));
            }
        }
    }
}

/// Writes an object of at most 1 MiB.
///
/// # Errors
/// Fails if the manifest does not allow it, if the condition is not met, or if the store refuses.
pub fn put(
    store: &str,
    at: &Location,
    body: &[u8],
    content_type: Option<&str>,
    condition: &Condition,
) -> Result<Object> {
    host::put(store, at, body, content_type, condition)
}

/// An object that is written in pieces. It does not exist before [`Upload::finish`] has succeeded.
#[derive(Debug)]
pub struct Upload(host::Upload);

impl Upload {
    /// Begins an object.
    ///
    /// # Errors
    /// Fails if the manifest does not allow it, if the condition is [`Condition::Unchanged`], or if the store
    /// refuses.
    pub fn begin(
        store: &str,
        at: &Location,
        content_type: Option<&str>,
        condition: &Condition,
    ) -> Result<Self> {
        host::begin(store, at, content_type, condition).map(Self)
    }

    /// Appends bytes, at most 8 MiB.
    ///
    /// # Errors
    /// Fails if there are too many bytes, or if the store refuses them.
    pub fn write(&self, bytes: &[u8]) -> Result<()> {
        self.0.write(bytes)
    }

    /// Completes the object, and returns the facts about it.
    ///
    /// # Errors
    /// Fails if the condition is not met, or if the store refuses. There is no object then.
    pub fn finish(self) -> Result<Object> {
        self.0.finish()
    }
}

/// Copies up to 1000 objects, several at the same time. The results are in the order of the copies.
///
/// # Errors
/// Fails if there are too many copies. A copy that fails has its error among the results.
pub fn copy(store: &str, duplicates: &[Duplicate]) -> Result<Vec<Result<Object>>> {
    host::copy(store, duplicates)
}

/// Deletes up to 1000 objects, several at the same time. The results are in the order of the keys.
///
/// # Errors
/// Fails if there are too many keys. A deletion that fails has its error among the results.
pub fn delete(store: &str, bucket: &str, keys: &[String]) -> Result<Vec<Result<()>>> {
    host::delete(store, bucket, keys)
}
