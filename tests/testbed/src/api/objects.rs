//! The objects of the cluster and their types: the server's state, and the tests' access to it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use serde_json::{Value, json};
use tokio::sync::watch;

use super::custom::{self, Definition, definition};
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
    /// A signal for each change of the custom types.
    definitions: watch::Sender<u64>,
    uids: Arc<AtomicU64>,
    clock: Clock,
}

/// An error of a test's change to an object.
#[derive(Debug, thiserror::Error)]
pub enum ObjectsError {
    #[error("no resource type is registered for `{0}`")]
    UnknownType(String),
    #[error("the definition is invalid: {0:?}")]
    InvalidDefinition(Vec<(String, String)>),
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
            definitions: watch::Sender::new(0),
            uids: Arc::default(),
            clock,
        }
    }

    /// Registers a resource type, such as a custom resource without a definition.
    pub fn register(&self, ty: ResourceType) {
        self.types
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Arc::new(ty));
    }

    /// Registers the types of a CustomResourceDefinition in place of earlier ones. Watches of custom resources
    /// end, as those of the real server do.
    pub(crate) fn define(&self, definition: Definition) {
        {
            let mut types = self.types.write().unwrap_or_else(PoisonError::into_inner);
            types.retain(|ty| ty.group != definition.group || ty.plural != definition.plural);
            types.extend(definition.types.into_iter().map(Arc::new));
        }
        self.definitions.send_modify(|count| *count += 1);
    }

    /// Removes the types of a CustomResourceDefinition by its name.
    pub(crate) fn undefine(&self, name: &str) {
        self.types
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|ty| !ty.custom || ty.qualified() != name);
        self.definitions.send_modify(|count| *count += 1);
    }

    /// Registers the types of an object that is a definition with accepted names.
    pub(crate) fn follow(&self, ty: &ResourceType, object: &Value) -> Result<(), ObjectsError> {
        if !definition::is_definition(ty) {
            return Ok(());
        }
        let parsed = Definition::parse(object).map_err(ObjectsError::InvalidDefinition)?;
        let conditions = object["status"]["conditions"].as_array();
        let mut conditions = conditions.into_iter().flatten();
        if conditions.any(|it| it["type"] == "Established" && it["status"] == "True") {
            self.define(parsed);
        }
        Ok(())
    }

    /// Returns a receiver that signals changes of the custom types.
    pub(crate) fn subscribe_to_definitions(&self) -> watch::Receiver<u64> {
        self.definitions.subscribe()
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

    /// Returns the number of objects of a type in a namespace, or in all namespaces for `None`.
    pub fn count(&self, resource: &str, namespace: Option<&str>) -> usize {
        self.store.list(resource, namespace).1.len()
    }

    /// Creates an object or replaces it as a whole, by its `apiVersion`, `kind` and metadata. A
    /// CustomResourceDefinition also registers its types.
    ///
    /// # Errors
    /// Fails if its type isn't registered, if it has no name, or if it is a definition that is invalid.
    pub fn put(&self, mut object: Value) -> Result<Value, ObjectsError> {
        let api_version = object["apiVersion"].as_str().unwrap_or_default();
        let kind = object["kind"].as_str().unwrap_or_default();
        let ty = self
            .types()
            .into_iter()
            .find(|ty| ty.api_version() == api_version && ty.kind == kind)
            .ok_or_else(|| ObjectsError::UnknownType(format!("{api_version} {kind}")))?;
        if definition::is_definition(&ty) {
            definition::fill(&mut object);
            definition::establish(&mut object, None, &seconds(self.clock.now()));
            self.follow(&ty, &object)?;
        }
        // A server sets the defaults of what it reads from its storage, too.
        if let Some(node) = &ty.structural {
            custom::default(node, &mut object);
        }
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
