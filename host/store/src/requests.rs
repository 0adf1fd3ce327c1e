//! Requests for the objects of a store, by their names below the prefix.

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use object_store::path::Path;
use object_store::{
    GetOptions, GetRange, ObjectMeta, ObjectStoreExt as _, PutMode, PutOptions, PutPayload,
};
use std::collections::BTreeSet;
use std::time::Duration;

use crate::connect::{Handles, Store};
use crate::manifest::MAX_MANIFEST;
use crate::names::VERSION;
use crate::service::ServiceError;
use crate::{StoreError, StoreUrl};

/// The damage of a copy whose data were deleted.
pub(crate) const GONE: &str = "its data are not in the store";

/// How many requests run at the same time.
pub(crate) const AT_ONCE: usize = 32;

/// The longest waits before a request is sent again that the library does not repeat.
const WAITS: [Duration; 4] = [
    Duration::from_millis(200),
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(9),
];

/// Returns the waits before a request is sent again. Half of each is random, so that uploads which failed at the same
/// moment don't come back at the same moment.
pub(crate) fn waits() -> impl Iterator<Item = Duration> {
    WAITS.into_iter().map(|longest| {
        let mut bytes = [0; 4];
        // Without random numbers it is the longest wait.
        let random = getrandom::fill(&mut bytes).map_or(u32::MAX, |()| u32::from_ne_bytes(bytes));
        wait(longest, random)
    })
}

/// Returns a wait between the half of the longest one and all of it.
fn wait(longest: Duration, random: u32) -> Duration {
    let half = longest / 2;
    half + half.mul_f64(f64::from(random) / f64::from(u32::MAX))
}

/// The outcome of an attempt to create an object.
#[derive(Debug)]
pub(crate) enum Created {
    /// It has our bytes.
    Ours,
    /// It has other bytes, or had them.
    Others,
    /// Nothing is known. Later it may have our bytes.
    Unclear(StoreError),
}

impl Created {
    /// Returns true if the object has our bytes.
    pub(crate) fn certain(self) -> Result<bool, StoreError> {
        match self {
            Self::Ours => Ok(true),
            Self::Others => Ok(false),
            Self::Unclear(error) => Err(error),
        }
    }
}

/// An object of a store, as a listing shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Object {
    /// Its name below the version of the layout.
    pub(crate) name: String,
    pub(crate) size: u64,
    /// When it was written, by the clock of the service.
    pub(crate) modified: jiff::Timestamp,
    pub(crate) etag: Option<String>,
}

impl Store {
    /// Returns the whole key of a name.
    pub(crate) fn key(&self, name: &str) -> String {
        match self.url().prefix() {
            "" => format!("{VERSION}/{name}"),
            prefix => format!("{prefix}/{VERSION}/{name}"),
        }
    }

    pub(crate) fn path(&self, name: &str) -> Result<Path, StoreError> {
        let key = self.key(name);
        Path::parse(&key).map_err(|error| self.bad_manifest(&key, error.to_string()))
    }

    /// Returns the error of a manifest that can't be read.
    pub(crate) fn bad_manifest(&self, key: &str, reason: String) -> StoreError {
        StoreError::BadManifest {
            key: key.to_owned(),
            reason,
            store: self.called().to_owned(),
        }
    }

    /// Returns the error of data that are not those of their copy.
    pub(crate) fn damaged(&self, object: &str, reason: impl Into<String>) -> StoreError {
        StoreError::Damaged {
            copy: self.shown(object),
            reason: reason.into(),
            store: self.called().to_owned(),
        }
    }

    /// Returns the error of an object that the store can't take.
    pub(crate) fn too_large(&self, object: &str, limit: u64) -> StoreError {
        StoreError::TooLarge {
            what: self.shown(object),
            limit,
            store: self.called().to_owned(),
        }
    }

    /// Returns an object with its store, for people.
    pub(crate) fn shown(&self, name: &str) -> String {
        format!("{}/{VERSION}/{name}", self.url())
    }

    #[expect(
        clippy::needless_pass_by_value,
        reason = "it ends a chain of `map_err`"
    )]
    pub(crate) fn failed(
        &self,
        doing: &'static str,
        name: &str,
        error: object_store::Error,
    ) -> StoreError {
        let what = self.shown(name);
        ServiceError::new(doing, what, self.called(), self.url(), &error).into()
    }

    /// Writes an object that does not exist yet, and says whether it has these bytes now.
    ///
    /// An answer may be lost, and the library repeats some requests: one's own success can come back as a refusal.
    /// So the bytes decide.
    ///
    /// # Errors
    /// When the object certainly was not written.
    pub(crate) async fn create(
        &self,
        handles: &Handles,
        name: &str,
        bytes: Bytes,
    ) -> Result<Created, StoreError> {
        let path = self.path(name)?;
        let mut waits = waits();
        let mut is_sure = true;
        loop {
            let options = PutOptions::from(PutMode::Create);
            let payload = PutPayload::from_bytes(bytes.clone());
            let put = handles.objects.put_opts(&path, payload, options).await;
            let Err(error) = put.map_err(|error| self.failed("write", name, error)) else {
                return Ok(Created::Ours);
            };
            match self.read(name, MAX_MANIFEST).await {
                Ok(Some(found)) if found == bytes => return Ok(Created::Ours),
                Ok(Some(_)) => return Ok(Created::Others),
                // It was there, and was removed in this moment.
                Ok(None) if error.is_existing() => return Ok(Created::Others),
                Ok(None) if !error.is_passing() && is_sure => return Err(error),
                Ok(None) => {}
                Err(_) => return Ok(Created::Unclear(error)),
            }
            // An earlier request may still arrive. It can't harm this one.
            is_sure = false;
            match waits.next().filter(|_| error.is_passing()) {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return Ok(Created::Unclear(error)),
            }
        }
    }

    /// Writes an object, and replaces an older one.
    pub(crate) async fn write(&self, name: &str, bytes: Bytes) -> Result<(), StoreError> {
        self.put(self.handles(), name, bytes).await
    }

    /// The same through other handles, such as those that lock objects.
    pub(crate) async fn put(
        &self,
        handles: &Handles,
        name: &str,
        bytes: Bytes,
    ) -> Result<(), StoreError> {
        let path = self.path(name)?;
        let put = handles
            .objects
            .put(&path, PutPayload::from_bytes(bytes))
            .await;
        put.map_err(|error| self.failed("write", name, error))?;
        Ok(())
    }

    /// Reads a small object. None if there is none. A larger one than `limit` bytes is an error.
    pub(crate) async fn read(&self, name: &str, limit: u64) -> Result<Option<Bytes>, StoreError> {
        let path = self.path(name)?;
        let failed = |error| self.failed("read", name, error);
        let got = match self.handles().objects.get(&path).await.map_err(failed) {
            Err(error) if error.is_missing() => return Ok(None),
            got => got?,
        };
        if got.meta.size > limit {
            let reason = format!("it has {} bytes, more than {limit}", got.meta.size);
            return Err(self.bad_manifest(&self.shown(name), reason));
        }
        Ok(Some(got.bytes().await.map_err(failed)?))
    }

    /// Returns the facts about an object. None if there is none.
    pub(crate) async fn look(&self, name: &str) -> Result<Option<Object>, StoreError> {
        let path = self.path(name)?;
        let failed = |error| self.failed("look at", name, error);
        match self.handles().objects.head(&path).await.map_err(failed) {
            Err(error) if error.is_missing() => Ok(None),
            found => Ok(Some(object(name.to_owned(), found?))),
        }
    }

    /// Opens a part of an object.
    pub(crate) async fn open_range(
        &self,
        name: &str,
        range: GetRange,
    ) -> Result<object_store::GetResult, StoreError> {
        let path = self.path(name)?;
        let options = GetOptions {
            range: Some(range),
            ..GetOptions::default()
        };
        let got = self.handles().objects.get_opts(&path, options).await;
        got.map_err(|error| self.failed("read", name, error))
    }

    /// Returns the error of reading the data of a copy. It is damage if they are gone.
    pub(crate) fn missing_data(&self, object: &str, error: StoreError) -> StoreError {
        if error.is_missing() {
            self.damaged(object, GONE)
        } else {
            error
        }
    }

    /// Returns all objects in a folder, in the order of their names.
    pub(crate) async fn list(&self, folder: &str) -> Result<Vec<Object>, StoreError> {
        let path = self.path(folder)?;
        let before = self.key("").len();
        let listed = self.handles().objects.list(Some(&path));
        let objects = listed.map_ok(|meta| {
            let name = meta.location.as_ref().get(before..).unwrap_or_default();
            object(name.to_owned(), meta)
        });
        let objects: Result<Vec<_>, _> = objects.try_collect().await;
        match objects.map_err(|error| self.failed("list", folder, error)) {
            // A folder that no object is in does not exist.
            Err(error) if error.is_missing() && matches!(self.url(), StoreUrl::Folder(_)) => {
                Ok(Vec::new())
            }
            objects => {
                let mut objects = objects?;
                objects.sort_by(|a, b| a.name.cmp(&b.name));
                Ok(objects)
            }
        }
    }

    /// Removes a folder if it is empty. Only file systems have such folders.
    pub(crate) fn remove_empty(&self, name: &str) {
        if let StoreUrl::Folder(folder) = self.url() {
            let _ = std::fs::remove_dir(folder.join(VERSION).join(name));
        }
    }

    /// Deletes objects, as many in one request as the service takes. A missing one counts as deleted. Returns
    /// those that are left, with the first error.
    pub(crate) async fn delete(
        &self,
        names: &[String],
    ) -> Result<(), (BTreeSet<String>, StoreError)> {
        let mut left: BTreeSet<String> = names.iter().cloned().collect();
        let paths: Result<Vec<_>, _> = names.iter().map(|name| self.path(name)).collect();
        let paths = match paths {
            Ok(paths) => paths,
            Err(error) => return Err((left, error)),
        };
        let before = self.key("").len();
        let name_of = |path: &str| path.get(before..).unwrap_or_default().to_owned();
        let mut first = None;
        let mut rest = paths;
        // The library does not repeat deletions whose answer was lost.
        let mut waits = waits();
        // An error ends the stream of the library, although other objects could still be deleted.
        while !rest.is_empty() {
            let count = rest.len();
            let mut results = self
                .handles()
                .objects
                .delete_stream(stream::iter(rest.clone().into_iter().map(Ok)).boxed());
            let mut failed = None;
            while let Some(result) = results.next().await {
                match result {
                    Ok(path) => {
                        left.remove(&name_of(path.as_ref()));
                    }
                    Err(object_store::Error::NotFound { path, .. }) => {
                        left.retain(|name| !path.ends_with(name.as_str()));
                    }
                    Err(error) => {
                        failed = Some(error);
                        break;
                    }
                }
            }
            let Some(failed) = failed else { break };
            rest.retain(|path| left.contains(&name_of(path.as_ref())));
            // It is the first one that is left, as far as the service says.
            let name = rest.first().map(|path| name_of(path.as_ref()));
            let failed = self.failed("delete", &name.unwrap_or_default(), failed);
            let is_passing = failed.is_passing();
            first.get_or_insert(failed);
            // Without progress, the first of the rest is the one that can't be deleted.
            if rest.len() == count {
                if !is_passing {
                    rest.remove(0);
                    continue;
                }
                match waits.next() {
                    Some(wait) => tokio::time::sleep(wait).await,
                    None => break,
                }
            }
        }
        match first {
            _ if left.is_empty() => Ok(()),
            Some(error) => Err((left, error)),
            None => Err((left, StoreError::Stopped)),
        }
    }
}

fn object(name: String, meta: ObjectMeta) -> Object {
    let seconds = meta.last_modified.timestamp();
    Object {
        name,
        size: meta.size,
        modified: jiff::Timestamp::from_second(seconds).unwrap_or_default(),
        etag: meta.e_tag,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_random_within_its_second_half() {
        let longest = Duration::from_secs(3);
        assert_eq!(wait(longest, 0), longest / 2);
        assert_eq!(wait(longest, u32::MAX), longest);
        let middle = wait(longest, u32::MAX / 2);
        assert!(longest / 2 < middle && middle < longest, "{middle:?}");
        let one: Vec<_> = waits().collect();
        assert_eq!(one.len(), WAITS.len());
        // Four draws of 32 bits each are never the same twice.
        assert_ne!(one, waits().collect::<Vec<_>>());
    }
}
