//! Kubernetes objects of the kinds that the manifest names, in the namespace of the command.
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

/// A kind of objects, as the manifest allows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind<'a> {
    group: &'a str,
    version: &'a str,
    name: &'a str,
}

/// Which objects a list or a watch is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    labels: Option<String>,
    limit: Option<u32>,
}

/// What happened to an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event<T> {
    pub change: Change,
    pub object: T,
}

/// What happens to objects, beginning with those that are there.
#[derive(Debug)]
pub struct Watch<T> {
    watcher: host::Watcher,
    object: std::marker::PhantomData<T>,
}

impl<'a> Kind<'a> {
    /// `group` is empty for the core group.
    #[must_use]
    pub const fn new(group: &'a str, version: &'a str, kind: &'a str) -> Self {
        Self {
            group,
            version,
            name: kind,
        }
    }

    /// Reads one object.
    ///
    /// # Errors
    /// `not-found` when there is none, or when the cluster does not have the kind.
    pub fn get<T: DeserializeOwned>(self, name: &str) -> Result<T> {
        self.read(&host::get(&self.raw(), name)?)
    }

    /// Reads all that is selected.
    ///
    /// # Errors
    /// As those of the API server.
    pub fn list<T: DeserializeOwned>(self, selection: &Selection) -> Result<Vec<T>> {
        let objects = host::list(&self.raw(), &selection.raw())?;
        objects.iter().map(|object| self.read(object)).collect()
    }

    /// Creates an object. The host adds what it is and its namespace, where they are not in it.
    ///
    /// # Errors
    /// `conflict` when there is one of that name, `invalid-argument` with all that is wrong with it.
    pub fn create<T: DeserializeOwned>(self, object: &impl Serialize) -> Result<T> {
        self.read(&host::create(&self.raw(), &self.write(object)?)?)
    }

    /// Changes an object by a JSON merge patch (RFC 7386).
    ///
    /// # Errors
    /// As those of [`Kind::create`], and `not-found`. A patch with a `resourceVersion` is a `conflict` when
    /// the object has changed since.
    pub fn patch<T: DeserializeOwned>(self, name: &str, patch: &impl Serialize) -> Result<T> {
        let patch = self.write(patch)?;
        self.read(&host::patch(&self.raw(), name, &patch, false)?)
    }

    /// Changes the `status` of an object in the same way.
    ///
    /// # Errors
    /// As those of [`Kind::patch`].
    pub fn patch_status<T: DeserializeOwned>(
        self,
        name: &str,
        patch: &impl Serialize,
    ) -> Result<T> {
        let patch = self.write(patch)?;
        self.read(&host::patch(&self.raw(), name, &patch, true)?)
    }

    /// Deletes an object.
    ///
    /// # Errors
    /// `not-found` when there is none.
    pub fn delete(self, name: &str) -> Result<()> {
        host::delete(&self.raw(), name)
    }

    /// Watches all that is selected.
    ///
    /// # Errors
    /// When the manifest does not allow it.
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
    /// All objects of the kind.
    #[must_use]
    pub fn all() -> Self {
        Self::default()
    }

    /// Only those with these labels: `app=kafka,tier!=test`.
    #[must_use]
    pub fn labels(mut self, selector: &str) -> Self {
        self.labels = Some(selector.to_owned());
        self
    }

    /// At most so many, in the order of the API server, which is that of names.
    #[must_use]
    pub fn limit(mut self, limit: u32) -> Self {
        self.limit = Some(limit);
        self
    }

    fn raw(&self) -> raw::Selection {
        raw::Selection {
            label_selector: self.labels.clone(),
            limit: self.limit,
        }
    }
}

impl<T: DeserializeOwned> Watch<T> {
    /// The next event; none when the time of the operation is nearly over.
    ///
    /// # Errors
    /// When the objects can't be watched any longer.
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
