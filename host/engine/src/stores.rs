//! Services outside the cluster that an engine may use: object stores, and actions of Amazon's services.

use broker_manifest::{Store, StoreKind};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use host_base::Report;

/// The store of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreAccess {
    /// The protocol of the store.
    pub kind: StoreKind,
    /// Whether the host adds the user's credentials.
    pub is_signed: bool,
}

impl From<&Store> for StoreAccess {
    fn from(store: &Store) -> Self {
        Self {
            kind: store.kind,
            is_signed: store.is_signed(),
        }
    }
}

/// The name and the place of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectAt {
    /// Name of the bucket.
    pub bucket: String,
    /// Key of the object.
    pub key: String,
}

/// The facts about an object in a store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredObject {
    /// Key of the object.
    pub key: String,
    /// Length in bytes.
    pub size: u64,
    /// The time of the last change, as the store wrote it.
    pub modified: Option<String>,
    /// The version of the content. It changes with each change, and is no digest.
    pub etag: Option<String>,
    /// SHA-256 of the whole object in lower-case hexadecimal, if the store keeps it.
    pub sha256: Option<String>,
}

/// A part of the objects in a bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredPage {
    /// The objects, in the order of their keys.
    pub objects: Vec<StoredObject>,
    /// Beginnings of further keys up to the next slash, if they were asked for.
    pub folders: Vec<String>,
    /// The cursor of the next part. `None` if this is the last one.
    pub next: Option<String>,
}

/// The objects of a bucket that a list is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SelectedKeys {
    /// Name of the bucket.
    pub bucket: String,
    /// The beginning of the keys.
    pub prefix: String,
    /// Whether keys end at the next slash after the prefix.
    pub folders: bool,
    /// The `next` of the previous part.
    pub cursor: Option<String>,
    /// The maximum number of objects and folders.
    pub limit: Option<u32>,
}

/// The condition on an object that is to be written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Condition {
    /// An object of that key is replaced.
    #[default]
    None,
    /// There is no object of that key.
    Absent,
    /// The object has this version.
    Unchanged(String),
}

/// An object to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToPut {
    /// The object.
    pub at: ObjectAt,
    /// The bytes.
    pub body: Bytes,
    /// The media type of the bytes.
    pub content_type: Option<String>,
    /// The condition.
    pub condition: Condition,
}

/// An object to write in pieces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToBegin {
    /// The object.
    pub at: ObjectAt,
    /// The media type of the bytes.
    pub content_type: Option<String>,
    /// Whether no object of that key is replaced.
    pub is_new: bool,
}

/// An object that is written in pieces. It does not exist before `finish` has succeeded.
pub trait StoredUpload: Send {
    /// Appends bytes.
    fn write(&mut self, bytes: Bytes) -> BoxFuture<'_, Result<(), Report>>;

    /// Completes the object.
    fn finish(&mut self) -> BoxFuture<'_, Result<StoredObject, Report>>;

    /// Discards what was written, unless the object is complete.
    fn discard(&mut self) -> BoxFuture<'_, ()>;
}

/// An object to copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToCopy {
    /// The object to read.
    pub source: ObjectAt,
    /// The object to write. An object of that key is replaced.
    pub target: ObjectAt,
    /// Length of the source in bytes, if the engine knows it.
    pub size: Option<u64>,
    /// The version that the source must have.
    pub etag: Option<String>,
}

/// A granted action of one of Amazon's services.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantedAction {
    /// Name of the service.
    pub service: String,
    /// Version of the service's API.
    pub version: String,
    /// Name of the action.
    pub action: String,
    /// The parameters.
    pub parameters: Vec<(String, String)>,
    /// The region, if the engine names one.
    pub region: Option<String>,
}

/// Accesses object stores and services outside the cluster. It gets only what is granted.
///
/// Objects are read through [`crate::Network`], because they may be saved and their transfer resumed.
pub trait Outside: Send + Sync {
    /// Reads the facts about an object.
    fn head(&self, store: StoreAccess, at: ObjectAt)
    -> BoxFuture<'_, Result<StoredObject, Report>>;

    /// Reads a part of the keys of a bucket.
    fn list(
        &self,
        store: StoreAccess,
        selected: SelectedKeys,
    ) -> BoxFuture<'_, Result<StoredPage, Report>>;

    /// Writes an object.
    fn put(&self, store: StoreAccess, to_put: ToPut)
    -> BoxFuture<'_, Result<StoredObject, Report>>;

    /// Begins an object that is written in pieces.
    ///
    /// # Errors
    /// When this command must not write.
    fn begin(&self, store: StoreAccess, to_begin: ToBegin)
    -> Result<Box<dyn StoredUpload>, Report>;

    /// Copies an object within the store.
    fn copy(
        &self,
        store: StoreAccess,
        to_copy: ToCopy,
    ) -> BoxFuture<'_, Result<StoredObject, Report>>;

    /// Deletes an object. It is no error if there is none.
    fn delete(&self, store: StoreAccess, at: ObjectAt) -> BoxFuture<'_, Result<(), Report>>;

    /// Calls an action, and returns the XML of its response.
    fn call(&self, action: GrantedAction) -> BoxFuture<'_, Result<String, Report>>;
}
