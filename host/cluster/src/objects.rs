//! Accesses Kubernetes objects of kinds that are known only at run time: those of an engine's manifest.
//!
//! Objects are plain JSON here. A `DynamicObject` of `kube` would drop misspelled fields of the metadata
//! before the API server can refuse them.

use std::borrow::Cow;

use broker_manifest::ObjectKind;
use serde::Deserialize;
use serde_json::Value;

use super::request::{Access, Message, Resource, check_name, is_name};
use super::{Cluster, ClusterError};

/// The maximum number of objects in one response of a list.
const PAGE: u32 = 500;
/// How often a list may restart because its snapshot has expired on the server.
const MAX_RESTARTS: usize = 3;

/// A kind of objects in one namespace or outside of namespaces, as the API server knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectType {
    pub(super) resource: Resource,
    /// The namespace of the objects, or that of the command if they are in none.
    namespace: String,
}

/// The place of the objects of a kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ObjectScope {
    /// The namespace of the command.
    Command,
    /// A named namespace.
    Namespace(String),
    /// Outside of namespaces.
    Cluster,
}

/// A change of an object, as JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ObjectPatch {
    /// A JSON merge patch (RFC 7386).
    Merge(Vec<u8>),
    /// A JSON patch (RFC 6902).
    Json(Vec<u8>),
}

/// Selects the objects of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// A Kubernetes label selector.
    pub labels: Option<String>,
    /// A Kubernetes field selector.
    pub fields: Option<String>,
    /// The maximum number of objects.
    pub limit: Option<u32>,
}

/// The used fields of `metav1.APIResourceList`.
#[derive(Deserialize)]
struct Discovered {
    resources: Vec<DiscoveredResource>,
}

#[derive(Deserialize)]
struct DiscoveredResource {
    name: String,
    kind: String,
    namespaced: bool,
}

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    metadata: PageMetadata,
    items: Option<Vec<Value>>,
}

#[derive(Default, Deserialize)]
struct PageMetadata {
    #[serde(default, rename = "continue")]
    more: String,
}

impl Cluster {
    /// Asks the API server for the resource name of a kind.
    ///
    /// # Errors
    /// [`ClusterError::NoSuchKind`] if the server has no such kind, and [`ClusterError::OtherScope`] if its
    /// objects are in namespaces but `scope` is not, or the reverse.
    pub async fn object_type(
        &self,
        kind: &ObjectKind,
        scope: &ObjectScope,
    ) -> Result<ObjectType, ClusterError> {
        // `kube::discovery` visits the subresources of subresources again and again: 20 nested names cost
        // seconds, and each further one doubles that.
        let discovery = Resource {
            group: Cow::Owned(kind.group.clone()),
            version: Cow::Owned(kind.version.clone()),
            name: Cow::Borrowed(""),
            namespaced: false,
            verbs: Cow::Borrowed(&["get"]),
        };
        let access = Access {
            verb: "get",
            resource: Cow::Owned(discovery),
            name: None,
            namespace: self.namespace().to_owned(),
        };
        let unknown = || ClusterError::NoSuchKind {
            kind: kind.clone(),
            server: self.server().to_owned(),
        };
        let found = match self.ask::<Discovered>(&access, Vec::new()).await {
            Ok(answer) => answer.object.resources,
            Err(ClusterError::Api { status: 404, .. }) => return Err(unknown()),
            Err(error) => return Err(error),
        };
        // Subresources have the same kind, but their names contain a slash.
        let found = found
            .into_iter()
            .find(|resource| resource.kind == kind.kind && is_name(&resource.name))
            .ok_or_else(unknown)?;
        if found.namespaced == (*scope == ObjectScope::Cluster) {
            return Err(ClusterError::OtherScope {
                kind: kind.clone(),
                namespaced: found.namespaced,
            });
        }
        Ok(ObjectType {
            resource: Resource {
                group: Cow::Owned(kind.group.clone()),
                version: Cow::Owned(kind.version.clone()),
                name: Cow::Owned(found.name),
                namespaced: found.namespaced,
                verbs: Cow::Borrowed(&[]),
            },
            namespace: match scope {
                ObjectScope::Namespace(name) => name.clone(),
                ObjectScope::Command | ObjectScope::Cluster => self.namespace().to_owned(),
            },
        })
    }

    /// Reads one object.
    ///
    /// # Errors
    /// When it does not exist, or may not be read.
    pub async fn get_object(&self, ty: &ObjectType, name: &str) -> Result<Value, ClusterError> {
        check_name("object", name)?;
        let access = ty.access("get", Some(name));
        Ok(self.ask(&access, Vec::new()).await?.object)
    }

    /// Reads the selected objects, page by page.
    ///
    /// # Errors
    /// When they may not be listed.
    pub async fn list_objects(
        &self,
        ty: &ObjectType,
        selection: &Selection,
    ) -> Result<Vec<Value>, ClusterError> {
        let access = ty.access("list", None);
        let wanted = selection.limit.map_or(usize::MAX, |limit| limit as usize);
        let mut restarts = 0;
        let mut listed = Vec::new();
        let mut more = String::new();
        loop {
            let left = u32::try_from(wanted - listed.len()).unwrap_or(PAGE);
            let mut query = vec![("limit", left.min(PAGE).to_string())];
            query.extend(selection.query());
            if !more.is_empty() {
                query.push(("continue", more.clone()));
            }
            let message = Message {
                query,
                ..Message::default()
            };
            let page = match self.exchange::<Page>(&access, message).await {
                Ok(page) => page.object,
                // The snapshot of the list has expired, so the list is read again from the start.
                Err(ClusterError::Api { status: 410, .. })
                    if !more.is_empty() && restarts < MAX_RESTARTS =>
                {
                    restarts += 1;
                    listed.clear();
                    more.clear();
                    continue;
                }
                Err(error) => return Err(error),
            };
            listed.extend(page.items.unwrap_or_default());
            more = page.metadata.more;
            if more.is_empty() || listed.len() >= wanted {
                listed.truncate(wanted);
                return Ok(listed);
            }
        }
    }

    /// Creates an object. Its `apiVersion`, `kind` and namespace must be those of the type. A dry run stores
    /// nothing.
    ///
    /// # Errors
    /// When the API server refuses it. [`ClusterError::Rejected`] has the full reason.
    pub async fn create_object(
        &self,
        ty: &ObjectType,
        object: &Value,
        dry_run: bool,
    ) -> Result<Value, ClusterError> {
        let name = object.pointer("/metadata/name").and_then(Value::as_str);
        if let Some(name) = name {
            check_name("object", name)?;
        }
        let access = ty.access("create", name);
        let message = Message {
            body: object.to_string().into_bytes(),
            ..Message::trial(dry_run)
        };
        Ok(self.exchange(&access, message).await?.object)
    }

    /// Changes an object or its status. A dry run stores nothing.
    ///
    /// # Errors
    /// Those of [`Cluster::create_object`].
    pub async fn patch_object(
        &self,
        ty: &ObjectType,
        name: &str,
        patch: ObjectPatch,
        status: bool,
        dry_run: bool,
    ) -> Result<Value, ClusterError> {
        check_name("object", name)?;
        let mut access = ty.access("patch", Some(name));
        if status {
            let resource = access.resource.to_mut();
            resource.name = Cow::Owned(format!("{}/status", resource.name));
        }
        let (content_type, body) = match patch {
            ObjectPatch::Merge(patch) => ("application/merge-patch+json", patch),
            ObjectPatch::Json(patch) => ("application/json-patch+json", patch),
        };
        let message = Message {
            content_type,
            body,
            ..Message::trial(dry_run)
        };
        Ok(self.exchange(&access, message).await?.object)
    }

    /// Deletes an object. An object with finalizers disappears when they are done. A dry run deletes nothing.
    ///
    /// # Errors
    /// When it does not exist, or may not be deleted.
    pub async fn delete_object(
        &self,
        ty: &ObjectType,
        name: &str,
        dry_run: bool,
    ) -> Result<(), ClusterError> {
        check_name("object", name)?;
        let access = ty.access("delete", Some(name));
        let message = Message::trial(dry_run);
        self.exchange::<Value>(&access, message).await.map(drop)
    }
}

impl Selection {
    /// Returns the selectors as query parameters.
    pub(super) fn query(&self) -> impl Iterator<Item = (&'static str, String)> {
        let labels = self.labels.clone().map(|it| ("labelSelector", it));
        let fields = self.fields.clone().map(|it| ("fieldSelector", it));
        labels.into_iter().chain(fields)
    }
}

impl Message {
    /// Returns an empty message, which changes nothing if it is a dry run.
    fn trial(dry_run: bool) -> Self {
        let query = dry_run.then(|| ("dryRun", "All".to_owned()));
        Self {
            query: query.into_iter().collect(),
            ..Self::default()
        }
    }
}

impl ObjectType {
    /// Returns the type of a resource whose name is known, in a namespace.
    pub(super) fn of(resource: &Resource, namespace: &str) -> Self {
        Self {
            resource: resource.clone(),
            namespace: namespace.to_owned(),
        }
    }

    /// Returns the plural with its group, as in RBAC rules and `kubectl get`.
    #[must_use]
    pub fn name(&self) -> String {
        if self.resource.group.is_empty() {
            self.resource.name.to_string()
        } else {
            format!("{}.{}", self.resource.name, self.resource.group)
        }
    }

    /// Returns the namespace of the objects, if they are in one.
    #[must_use]
    pub fn namespace(&self) -> Option<&str> {
        self.resource.namespaced.then_some(&*self.namespace)
    }

    /// Returns the namespace of the objects, or that of the command if they are in none.
    pub(super) fn default_namespace(&self) -> &str {
        &self.namespace
    }

    /// Returns the resource whose permissions are checked.
    pub(super) fn needing(&self, verbs: Vec<&'static str>, subresource: &str) -> Resource {
        Resource {
            name: Cow::Owned(format!("{}{subresource}", self.resource.name)),
            verbs: Cow::Owned(verbs),
            ..self.resource.clone()
        }
    }

    pub(super) fn access(&self, verb: &'static str, name: Option<&str>) -> Access {
        let mut resource = self.resource.clone();
        if resource.verbs.is_empty() {
            resource.verbs = Cow::Owned(vec![verb]);
        }
        Access {
            verb,
            resource: Cow::Owned(resource),
            name: name.map(str::to_owned),
            namespace: self.namespace.clone(),
        }
    }
}

#[cfg(test)]
mod tests;
