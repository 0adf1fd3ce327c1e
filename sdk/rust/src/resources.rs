//! Kubernetes objects of the kinds that the manifest names, where its rules say.
//!
//! ```
//! use broker_engine::{mock, resources};
//! use serde_json::{Value, json};
//!
//! # const MANIFEST: &str = r#"
//! # id = "acme/vault"
//! # version = "1.0.0"
//! # summary = "x"
//! # [operations.detect]
//! # [resources]
//! # allow = ["acme.example/v1/Vault: get create"]
//! # "#;
//! const VAULT: resources::Kind<'_> = resources::Kind::new("acme.example", "v1", "Vault");
//!
//! let host = mock::Host::new(MANIFEST)
//!     .object(json!({"apiVersion": "acme.example/v1", "kind": "Vault", "metadata": {"name": "a"},
//!                    "status": {"phase": "Done"}}));
//! let vault: Value = host.run(|| VAULT.get("a")).unwrap();
//! assert_eq!(vault["status"]["phase"], "Done");
//! ```

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, ErrorKind, Result};

#[cfg(target_family = "wasm")]
use crate::bindings::kubectl_broker::engine::resources as host;
#[cfg(not(target_family = "wasm"))]
use crate::mock::resources as host;

use crate::bindings::kubectl_broker::engine::resources as raw;

pub use crate::bindings::kubectl_broker::engine::resources::Change;

/// A kind of Kubernetes objects that the manifest allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind<'a> {
    group: &'a str,
    version: &'a str,
    name: &'a str,
    namespace: Option<&'a str>,
    dry_run: bool,
}

/// A filter for the objects of a list or a watch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    labels: Option<String>,
    fields: Option<String>,
    limit: Option<u32>,
}

/// One change of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event<T> {
    /// The kind of change.
    pub change: Change,
    /// The object after the change; for a deletion, its last state.
    pub object: T,
}

/// A watch: the changes of objects, beginning with one event per existing object.
#[derive(Debug)]
pub struct Watch<T> {
    watcher: host::Watcher,
    object: std::marker::PhantomData<T>,
}

impl<'a> Kind<'a> {
    /// Returns a kind. `group` is empty for the core group.
    #[must_use]
    pub const fn new(group: &'a str, version: &'a str, kind: &'a str) -> Self {
        Self {
            group,
            version,
            name: kind,
            namespace: None,
            dry_run: false,
        }
    }

    /// Returns the kind in a namespace, if the rule of the manifest says `in any`.
    #[must_use]
    pub const fn in_namespace(mut self, namespace: &'a str) -> Self {
        self.namespace = Some(namespace);
        self
    }

    /// Returns the kind for changes that the API server checks but does not store.
    #[must_use]
    pub const fn dry_run(mut self, dry_run: bool) -> Self {
        self.dry_run = dry_run;
        self
    }

    /// Reads one object.
    ///
    /// # Errors
    /// Returns `not-found` if the object does not exist, or if the cluster does not have the kind.
    pub fn get<T: DeserializeOwned>(self, name: &str) -> Result<T> {
        self.read(&host::get(&self.raw(), name)?)
    }

    /// Reads the selected objects.
    ///
    /// # Errors
    /// Returns the error of the API server.
    pub fn list<T: DeserializeOwned>(self, selection: &Selection) -> Result<Vec<T>> {
        let objects = host::list(&self.raw(), &selection.raw())?;
        objects.iter().map(|object| self.read(object)).collect()
    }

    /// Creates an object. The host adds `apiVersion`, `kind` and the namespace if they are missing.
    ///
    /// # Errors
    /// Returns `conflict` if an object of that name exists. Returns `invalid-argument` with all violations if
    /// the object is invalid.
    pub fn create<T: DeserializeOwned>(self, object: &impl Serialize) -> Result<T> {
        self.read(&host::create(
            &self.raw(),
            &self.write(object)?,
            self.dry_run,
        )?)
    }

    /// Changes an object by a JSON merge patch (RFC 7386).
    ///
    /// # Errors
    /// Returns the errors of [`Kind::create`], and `not-found`. A patch with a `resourceVersion` returns
    /// `conflict` if the object has changed since that version.
    pub fn patch<T: DeserializeOwned>(self, name: &str, patch: &impl Serialize) -> Result<T> {
        let patch = self.write(patch)?;
        self.read(&host::patch(
            &self.raw(),
            name,
            &patch,
            false,
            self.dry_run,
        )?)
    }

    /// Changes the `status` of an object by a JSON merge patch.
    ///
    /// # Errors
    /// Returns the errors of [`Kind::patch`].
    pub fn patch_status<T: DeserializeOwned>(
        self,
        name: &str,
        patch: &impl Serialize,
    ) -> Result<T> {
        let patch = self.write(patch)?;
        self.read(&host::patch(&self.raw(), name, &patch, true, self.dry_run)?)
    }

    /// Deletes an object.
    ///
    /// # Errors
    /// Returns `not-found` if the object does not exist.
    pub fn delete(self, name: &str) -> Result<()> {
        host::delete(&self.raw(), name, self.dry_run)
    }

    /// Watches the selected objects.
    ///
    /// # Errors
    /// Fails if the manifest does not allow watching the kind.
    pub fn watch<T: DeserializeOwned>(self, selection: &Selection) -> Result<Watch<T>> {
        Ok(Watch {
            watcher: host::watch(&self.raw(), &selection.raw())?,
            object: std::marker::PhantomData,
        })
    }

    fn raw(self) -> raw::Kind {
        raw::Kind {
            group: self.group.to_owned(),
            version: self.version.to_owned(),
            kind: self.name.to_owned(),
            namespace: self.namespace.map(str::to_owned),
        }
    }

    fn read<T: DeserializeOwned>(self, object: &str) -> Result<T> {
        read(self.name, object)
    }

    fn write(self, object: &impl Serialize) -> Result<String> {
        serde_json::to_string(object).map_err(|e| {
            let message = format!("a {} can't be written as JSON: {e}", self.name);
            Error::new(ErrorKind::Failed, message)
        })
    }
}

impl Selection {
    /// Selects all objects of the kind.
    #[must_use]
    pub fn all() -> Self {
        Self::default()
    }

    /// Selects only objects with these labels: `app=kafka,tier!=test`.
    #[must_use]
    pub fn labels(mut self, selector: &str) -> Self {
        self.labels = Some(selector.to_owned());
        self
    }

    /// Selects only objects with these fields: `involvedObject.name=broker-0`.
    #[must_use]
    pub fn fields(mut self, selector: &str) -> Self {
        self.fields = Some(selector.to_owned());
        self
    }

    /// Limits the number of objects. The API server returns them in the order of their names.
    #[must_use]
    pub fn limit(mut self, limit: u32) -> Self {
        self.limit = Some(limit);
        self
    }

    fn raw(&self) -> raw::Selection {
        raw::Selection {
            label_selector: self.labels.clone(),
            field_selector: self.fields.clone(),
            limit: self.limit,
        }
    }
}

impl<T: DeserializeOwned> Watch<T> {
    /// Returns the next event, or `None` when the deadline of the operation is near.
    ///
    /// # Errors
    /// Fails if the watch can't continue.
    pub fn next_event(&mut self) -> Result<Option<Event<T>>> {
        let Some(event) = self.watcher.next()? else {
            return Ok(None);
        };
        Ok(Some(Event {
            change: event.change,
            object: read("object", &event.object)?,
        }))
    }
}

fn read<T: DeserializeOwned>(kind: &str, object: &str) -> Result<T> {
    serde_json::from_str(object)
        .map_err(|e| Error::protocol(format!("a {kind} is not as it should be: {e}")))
}
