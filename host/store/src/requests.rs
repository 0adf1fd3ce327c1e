//! Requests for the objects of a store, by their names below the prefix.

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use object_store::path::Path;
use object_store::{
    GetOptions, GetRange, ObjectMeta, ObjectStoreExt as _, PutMode, PutOptions, PutPayload,
    UpdateVersion,
};
use std::collections::BTreeSet;
use std::time::Duration;

use crate::connect::{Handles, Store};
use crate::manifest::MAX_MANIFEST;
use crate::names::VERSION;
use crate::service::ServiceError;
use crate::{StoreError, StoreUrl};

/// How long a conditional write waits before it is repeated.
const WAITS: [Duration; 3] = [
    Duration::from_millis(500),
    Duration::from_secs(2),
    Duration::from_secs(5),
];
/// How many requests run at the same time.
pub(crate) const AT_ONCE: usize = 32;

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
        Path::parse(&key).map_err(|error| StoreError::BadManifest {
            reason: error.to_string(),
            key,
        })
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
        ServiceError::new(doing, self.shown(name), self.url(), &error).into()
    }

    /// Writes an object that does not exist yet. Returns false if there is one with other bytes.
    ///
    /// The library repeats the request when the answer was lost. Then one's own success comes back as a refusal,
    /// so the bytes decide.
    pub(crate) async fn create(
        &self,
        handles: &Handles,
        name: &str,
        bytes: Bytes,
    ) -> Result<bool, StoreError> {
        let path = self.path(name)?;
        let mut waits = WAITS.iter();
        loop {
            let options = PutOptions::from(PutMode::Create);
            let payload = PutPayload::from_bytes(bytes.clone());
            let put = handles.objects.put_opts(&path, payload, options).await;
            let Err(error) = put.map_err(|error| self.failed("write", name, error)) else {
                return Ok(true);
            };
            if error.is_existing() {
                let found = self.read(name, MAX_MANIFEST).await?;
                return Ok(found.is_some_and(|found| found == bytes));
            }
            // The library does not repeat a request whose answer was lost. It may have had its effect.
            match waits.next().filter(|_| error.is_passing()) {
                Some(wait) => tokio::time::sleep(*wait).await,
                None => return Err(error),
            }
        }
    }

    /// Replaces an object that has not changed since it was looked at.
    pub(crate) async fn replace(
        &self,
        handles: &Handles,
        name: &str,
        bytes: Bytes,
        etag: Option<String>,
    ) -> Result<(), StoreError> {
        let path = self.path(name)?;
        let mode = match etag.filter(|_| handles.parts.is_some()) {
            Some(etag) => PutMode::Update(UpdateVersion {
                e_tag: Some(etag),
                version: None,
            }),
            // A folder has no such condition. The file is replaced by a rename.
            None => PutMode::Overwrite,
        };
        let payload = PutPayload::from_bytes(bytes);
        let put = handles
            .objects
            .put_opts(&path, payload, PutOptions::from(mode))
            .await;
        put.map_err(|error| self.failed("replace", name, error))?;
        Ok(())
    }

    /// Writes an object, and replaces an older one.
    pub(crate) async fn write(&self, name: &str, bytes: Bytes) -> Result<(), StoreError> {
        let path = self.path(name)?;
        let payload = PutPayload::from_bytes(bytes);
        let put = self.handles().objects.put(&path, payload).await;
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
            return Err(StoreError::BadManifest {
                key: self.shown(name),
                reason: format!("it has {} bytes, more than {limit}", got.meta.size),
            });
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
                        failed = Some(self.failed("delete", "objects", error));
                        break;
                    }
                }
            }
            let Some(failed) = failed else { break };
            let is_passing = failed.is_passing();
            first.get_or_insert(failed);
            rest.retain(|path| left.contains(&name_of(path.as_ref())));
            // Without progress, the first of the rest is the one that can't be deleted.
            if rest.len() == count {
                if is_passing {
                    break;
                }
                rest.remove(0);
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
