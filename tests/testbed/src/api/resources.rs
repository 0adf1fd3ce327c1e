//! The resource types of the server, as data. Custom resources are registered in the same way.

use std::sync::Arc;

use serde_json::Value;

use super::catalogue;
use super::custom::Node;
use super::status::ApiError;
use super::{columns, events};
use crate::access::rbac;
use crate::jobs;

/// One resource type.
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "facts of a type that don't exclude each other"
)]
pub struct ResourceType {
    /// The API group; empty for the core group.
    pub group: String,
    pub version: String,
    pub kind: String,
    pub plural: String,
    pub singular: String,
    pub short_names: Vec<String>,
    /// Groups of types such as `all`.
    pub categories: Vec<String>,
    pub namespaced: bool,
    /// Whether `status` is a subresource. If it is, the main resource ignores changes to it.
    pub status: bool,
    /// Whether the server maintains `metadata.generation`.
    pub generation: bool,
    /// Whether the type is a custom resource. Those have no strategic merge patch and no built-in defaults.
    pub custom: bool,
    pub columns: Columns,
    /// A function that validates an object, for a type that has no CustomResourceDefinition.
    pub schema: Option<Schema>,
    /// The schema of a type that a CustomResourceDefinition has registered.
    pub structural: Option<Arc<Node>>,
    /// The same schema as its definition has it, for clients that ask for the description of the API.
    pub described: Option<Arc<Value>>,
    /// The fields that a field selector supports besides those of every type.
    pub selectable: Vec<String>,
    /// The kind of lists, if it isn't the kind with `List` at its end.
    pub list_kind: Option<String>,
}

/// A function that returns the violations of an object: each field, and its problem.
pub type Schema = fn(&Value) -> Vec<(String, String)>;

/// The columns of a type's tables.
#[derive(Debug, Clone)]
pub enum Columns {
    /// Columns that are built into the server: definitions, and a function for the cells of an object.
    BuiltIn(&'static [BuiltInColumn], CellsOf),
    /// The `additionalPrinterColumns` of a custom resource. If there are none, the table shows `Age`.
    Printer(Vec<PrinterColumn>),
}

/// A function that computes the cells of an object from the object and the current time.
pub type CellsOf = fn(&Value, jiff::Timestamp) -> Vec<Value>;

/// A column of a built-in type.
#[derive(Debug)]
pub struct BuiltInColumn {
    pub name: &'static str,
    /// The type: `string`, `integer`, …
    pub kind: &'static str,
    /// The format: `name` for the column that names the object.
    pub format: &'static str,
    /// The priority. Only `-o wide` shows columns above 0.
    pub priority: u8,
}

/// A printer column of a custom resource.
#[derive(Debug, Clone)]
pub struct PrinterColumn {
    pub name: String,
    /// The type: `string`, `integer`, `number`, `boolean` or `date`.
    pub kind: String,
    pub json_path: String,
    pub description: String,
    /// The priority. Only `-o wide` shows columns above 0.
    pub priority: u8,
}

impl ResourceType {
    /// Returns a namespaced custom resource with a status subresource. Its `singular` is the lower-cased
    /// kind.
    pub fn custom(group: &str, version: &str, kind: &str, plural: &str) -> Self {
        Self {
            group: group.to_owned(),
            version: version.to_owned(),
            kind: kind.to_owned(),
            plural: plural.to_owned(),
            singular: kind.to_lowercase(),
            short_names: Vec::new(),
            categories: Vec::new(),
            namespaced: true,
            status: true,
            generation: true,
            custom: true,
            columns: Columns::Printer(Vec::new()),
            schema: None,
            structural: None,
            described: None,
            selectable: Vec::new(),
            list_kind: None,
        }
    }

    /// Checks an object against the schema.
    pub(crate) fn validate(&self, name: &str, object: &Value) -> Result<(), ApiError> {
        let problems = self.schema.map(|schema| schema(object)).unwrap_or_default();
        if problems.is_empty() {
            return Ok(());
        }
        Err(ApiError::invalid_fields(self, name, &problems))
    }

    pub(super) fn built_in(
        group: &str,
        kind: &str,
        plural: &str,
        short: &[&str],
        columns: Columns,
    ) -> Self {
        Self {
            short_names: short.iter().map(|&name| name.to_owned()).collect(),
            custom: false,
            status: false,
            generation: false,
            columns,
            ..Self::custom(group, "v1", kind, plural)
        }
    }

    /// Returns the version in the form `v1` or `apps/v1`.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.clone()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// Returns the name of the type in messages: `pods` or `statefulsets.apps`.
    pub fn qualified(&self) -> String {
        if self.group.is_empty() {
            self.plural.clone()
        } else {
            format!("{}.{}", self.plural, self.group)
        }
    }

    pub fn list_kind(&self) -> String {
        let default = || format!("{}List", self.kind);
        self.list_kind.clone().unwrap_or_else(default)
    }

    /// The verbs for objects of the type.
    pub const VERBS: [&str; 8] = [
        "create",
        "delete",
        "deletecollection",
        "get",
        "list",
        "patch",
        "update",
        "watch",
    ];

    /// Returns the subresources, each with its kind and verbs.
    pub fn subresources(&self) -> Vec<(&'static str, String, &'static [&'static str])> {
        let mut list = Vec::new();
        if self.status {
            let verbs: &[_] = &["get", "patch", "update"];
            list.push(("status", self.kind.clone(), verbs));
        }
        if self.group.is_empty() && self.plural == "pods" {
            let verbs: &[_] = &["create", "get"];
            list.push(("exec", "PodExecOptions".to_owned(), verbs));
            list.push(("portforward", "PodPortForwardOptions".to_owned(), verbs));
            list.push(("log", "Pod".to_owned(), &["get"]));
            list.push(("eviction", "Eviction".to_owned(), &["create"]));
        }
        list
    }
}

/// Returns the built-in types.
pub fn built_in() -> Vec<ResourceType> {
    let all = || vec!["all".to_owned()];
    let core = |kind, plural, short: &[&str], columns| {
        ResourceType::built_in("", kind, plural, short, columns)
    };
    let mut types = vec![
        ResourceType {
            namespaced: false,
            status: true,
            ..core("Namespace", "namespaces", &["ns"], columns::namespaces())
        },
        ResourceType {
            status: true,
            categories: all(),
            ..core("Pod", "pods", &["po"], columns::pods())
        },
        ResourceType {
            status: true,
            categories: all(),
            ..core("Service", "services", &["svc"], columns::services())
        },
        core("Secret", "secrets", &[], columns::secrets()),
        core("ConfigMap", "configmaps", &["cm"], columns::config_maps()),
        core("Event", "events", &["ev"], columns::events()),
        ResourceType {
            status: true,
            ..core(
                "PersistentVolumeClaim",
                "persistentvolumeclaims",
                &["pvc"],
                columns::volume_claims(),
            )
        },
        ResourceType {
            namespaced: false,
            status: true,
            ..core("Node", "nodes", &["no"], columns::nodes())
        },
        core(
            "ServiceAccount",
            "serviceaccounts",
            &["sa"],
            columns::service_accounts(),
        ),
        ResourceType {
            status: true,
            generation: true,
            categories: all(),
            ..ResourceType::built_in(
                "apps",
                "StatefulSet",
                "statefulsets",
                &["sts"],
                columns::stateful_sets(),
            )
        },
        ResourceType {
            generation: true,
            ..ResourceType::built_in(
                "discovery.k8s.io",
                "EndpointSlice",
                "endpointslices",
                &[],
                columns::endpoint_slices(),
            )
        },
        ResourceType::built_in(
            "coordination.k8s.io",
            "Lease",
            "leases",
            &[],
            columns::leases(),
        ),
    ];
    types.extend(workloads());
    types.push(events());
    types.extend(permissions());
    types.extend(catalogue::stored());
    types
}

/// Returns the types of programs that run, besides pods and sets of them.
fn workloads() -> Vec<ResourceType> {
    let all = || vec!["all".to_owned()];
    vec![
        ResourceType {
            status: true,
            generation: true,
            categories: all(),
            ..ResourceType::built_in(
                "apps",
                "Deployment",
                "deployments",
                &["deploy"],
                columns::deployments(),
            )
        },
        ResourceType {
            status: true,
            generation: true,
            categories: all(),
            schema: Some(jobs::defaults::violations),
            ..ResourceType::built_in("batch", "Job", "jobs", &[], columns::jobs())
        },
    ]
}

/// Returns the events in their newer form.
fn events() -> ResourceType {
    ResourceType::built_in(events::GROUP, "Event", "events", &["ev"], columns::events())
}

/// Returns the types of RBAC.
fn permissions() -> Vec<ResourceType> {
    vec![
        ResourceType::built_in(rbac::GROUP, "Role", "roles", &[], columns::roles()),
        ResourceType::built_in(
            rbac::GROUP,
            "RoleBinding",
            "rolebindings",
            &[],
            columns::role_bindings(),
        ),
        ResourceType {
            namespaced: false,
            ..ResourceType::built_in(
                rbac::GROUP,
                "ClusterRole",
                "clusterroles",
                &[],
                columns::roles(),
            )
        },
        ResourceType {
            namespaced: false,
            ..ResourceType::built_in(
                rbac::GROUP,
                "ClusterRoleBinding",
                "clusterrolebindings",
                &[],
                columns::role_bindings(),
            )
        },
    ]
}
