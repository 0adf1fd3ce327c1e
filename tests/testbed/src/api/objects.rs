//! The objects of the cluster and their types: the server's state, and the tests' access to it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use serde_json::{Value, json};

use super::resources::{self, ResourceType};
use super::store::{Key, Store, StoreError};
use crate::clock::{Clock, seconds};
use crate::jobs;

/// The objects of a cluster. Clones share them.
///
/// Tests read and change objects here as a controller would: nothing is validated, `status` is writable, and
/// watches see every change.
#[derive(Debug, Clone)]
pub struct Objects {
    pub(crate) store: Arc<Store>,
    types: Arc<RwLock<Vec<Arc<ResourceType>>>>,
    uids: Arc<AtomicU64>,
    clock: Clock,
}

/// An error of a test's change to an object.
#[derive(Debug, thiserror::Error)]
pub enum ObjectsError {
    #[error("no resource type is registered for `{0}`")]
    UnknownType(String),
    #[error("the object has no metadata.name")]
    NoName,
    #[error("there is no {resource} `{name}` in namespace `{namespace}`")]
    Missing {
        resource: String,
        namespace: String,
        name: String,
    },
}

impl Objects {
    pub(crate) fn new(clock: Clock) -> Self {
        let types = resources::built_in().into_iter().map(Arc::new).collect();
        Self {
            store: Arc::default(),
            types: Arc::new(RwLock::new(types)),
            uids: Arc::default(),
            clock,
        }
    }

    /// Registers a resource type, such as a custom resource.
    pub fn register(&self, ty: ResourceType) {
        self.types
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Arc::new(ty));
    }

    /// Returns every type in the order of registration.
    pub fn types(&self) -> Vec<Arc<ResourceType>> {
        self.types
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn find(
        &self,
        group: &str,
        version: &str,
        plural: &str,
    ) -> Option<Arc<ResourceType>> {
        let types = self.types.read().unwrap_or_else(PoisonError::into_inner);
        types
            .iter()
            .find(|ty| ty.group == group && ty.version == version && ty.plural == plural)
            .cloned()
    }

    /// Returns one object. `resource` is `pods` or `statefulsets.apps`; `namespace` is empty for
    /// cluster-scoped objects.
    pub fn get(&self, resource: &str, namespace: &str, name: &str) -> Option<Value> {
        let object = self.store.get(&key(resource, namespace, name))?;
        Some(Value::clone(&object))
    }

    /// Returns all objects of a type in a namespace, or in all namespaces for `None`.
    pub fn list(&self, resource: &str, namespace: Option<&str>) -> Vec<Value> {
        let (_, objects) = self.store.list(resource, namespace);
        objects.iter().map(|(_, o)| Value::clone(o)).collect()
    }

    /// Creates an object or replaces it as a whole, by its `apiVersion`, `kind` and metadata.
    ///
    /// # Errors
    /// Fails if its type isn't registered or if it has no name.
    pub fn put(&self, mut object: Value) -> Result<Value, ObjectsError> {
        let api_version = object["apiVersion"].as_str().unwrap_or_default();
        let kind = object["kind"].as_str().unwrap_or_default();
        let ty = self
            .types()
            .into_iter()
            .find(|ty| ty.api_version() == api_version && ty.kind == kind)
            .ok_or_else(|| ObjectsError::UnknownType(format!("{api_version} {kind}")))?;
        let name = object.pointer("/metadata/name").and_then(Value::as_str);
        let name = name.ok_or(ObjectsError::NoName)?.to_owned();
        let namespace = object
            .pointer("/metadata/namespace")
            .and_then(Value::as_str);
        let namespace = namespace.unwrap_or_default().to_owned();
        let key = key(&ty.qualified(), &namespace, &name);
        let stored = if let Some(present) = self.store.get(&key) {
            for field in ["uid", "creationTimestamp"] {
                object["metadata"][field] = present["metadata"][field].clone();
            }
            self.store.replace(key, object, None)
        } else {
            self.stamp(&ty, &mut object);
            self.store.insert(key, object)
        };
        match stored {
            Ok(object) => Ok(Value::clone(&object)),
            Err(_) => Err(missing(&ty.qualified(), &namespace, &name)),
        }
    }

    /// Changes one object in place.
    ///
    /// # Errors
    /// Fails if the object doesn't exist.
    pub fn modify(
        &self,
        resource: &str,
        namespace: &str,
        name: &str,
        change: impl Fn(&mut Value),
    ) -> Result<Value, ObjectsError> {
        let key = key(resource, namespace, name);
        loop {
            let absent = || missing(resource, namespace, name);
            let present = self.store.get(&key).ok_or_else(absent)?;
            let mut object = Value::clone(&present);
            change(&mut object);
            let seen = super::store::revision_of(&present);
            match self.store.replace(key.clone(), object, seen) {
                Ok(object) => return Ok(Value::clone(&object)),
                Err(StoreError::Stale) => {}
                Err(_) => return Err(absent()),
            }
        }
    }

    /// Waits until a look at the objects finds something, and returns that. It looks again after each change.
    pub async fn until<T>(&self, look: impl Fn(&Self) -> Option<T>) -> T {
        let mut revisions = self.store.subscribe();
        loop {
            revisions.mark_unchanged();
            if let Some(found) = look(self) {
                return found;
            }
            // The sender lives as long as the objects.
            let _ = revisions.changed().await;
        }
    }

    /// Removes one object at once, even if it has finalizers.
    ///
    /// # Errors
    /// Fails if the object doesn't exist.
    pub fn remove(&self, resource: &str, namespace: &str, name: &str) -> Result<(), ObjectsError> {
        match self.store.remove(key(resource, namespace, name)) {
            Ok(_) => Ok(()),
            Err(_) => Err(missing(resource, namespace, name)),
        }
    }

    /// Drops the history of changes: older watches and `continue` tokens get 410.
    pub fn compact(&self) {
        self.store.compact();
    }

    /// Sets the fields that the server sets on every new object.
    pub(crate) fn stamp(&self, ty: &ResourceType, object: &mut Value) {
        let number = self.uids.fetch_add(1, Ordering::Relaxed) + 1;
        let metadata = &mut object["metadata"];
        if metadata["uid"].is_null() {
            metadata["uid"] = json!(format!("7e57bed0-0000-4000-8000-{number:012x}"));
        }
        if metadata["creationTimestamp"].is_null() {
            metadata["creationTimestamp"] = json!(seconds(self.clock.now()));
        }
        if ty.generation && metadata["generation"].is_null() {
            metadata["generation"] = json!(1);
        }
        if ty.qualified() == jobs::JOBS {
            jobs::defaults::job(object);
        }
    }
}

fn missing(resource: &str, namespace: &str, name: &str) -> ObjectsError {
    ObjectsError::Missing {
        resource: resource.to_owned(),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    }
}

pub(crate) fn key(resource: &str, namespace: &str, name: &str) -> Key {
    Key {
        resource: resource.to_owned(),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    }
}
