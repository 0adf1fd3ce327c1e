//! The resource types that the server knows, as data: custom resources are registered the same way.

use serde_json::Value;

use super::columns;
use super::status::ApiError;

/// One resource type.
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "facts of a type that don't exclude each other"
)]
pub struct ResourceType {
    /// Empty for the core group.
    pub group: String,
    pub version: String,
    pub kind: String,
    pub plural: String,
    pub singular: String,
    pub short_names: Vec<String>,
    /// Groups of types such as `all`.
    pub categories: Vec<String>,
    pub namespaced: bool,
    /// Whether `status` is a subresource: then the main resource ignores changes to it.
    pub status: bool,
    /// Whether `metadata.generation` is kept.
    pub generation: bool,
    /// A custom resource: no strategic merge patch, no built-in defaults.
    pub custom: bool,
    pub columns: Columns,
    /// What its schema finds wrong with an object, if it has one.
    pub schema: Option<Schema>,
}

/// Finds what is wrong with an object: each field, and the problem with it.
pub type Schema = fn(&Value) -> Vec<(String, String)>;

/// What a table of a type shows.
#[derive(Debug, Clone)]
pub enum Columns {
    /// Built into the server: definitions, and the cells of an object.
    BuiltIn(&'static [BuiltInColumn], CellsOf),
    /// `additionalPrinterColumns` of a custom resource; `Age` is shown if there are none.
    Printer(Vec<PrinterColumn>),
}

/// Computes the cells of an object from it and the present moment.
pub type CellsOf = fn(&Value, jiff::Timestamp) -> Vec<Value>;

/// A column of a built-in type.
#[derive(Debug)]
pub struct BuiltInColumn {
    pub name: &'static str,
    /// `string`, `integer`, …
    pub kind: &'static str,
    /// `name` for the column that names the object.
    pub format: &'static str,
    /// Columns above 0 are shown by `-o wide` only.
    pub priority: u8,
}

/// A printer column of a custom resource.
#[derive(Debug, Clone)]
pub struct PrinterColumn {
    pub name: String,
    /// `string`, `integer`, `number`, `boolean` or `date`.
    pub kind: String,
    pub json_path: String,
    pub description: String,
    /// Columns above 0 are shown by `-o wide` only.
    pub priority: u8,
}

impl ResourceType {
    /// A namespaced custom resource with a status subresource. `singular` is the lower-cased kind.
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
        }
    }

    /// Refuses what is not as the schema has it.
    pub(crate) fn validate(&self, name: &str, object: &Value) -> Result<(), ApiError> {
        let problems = self.schema.map(|schema| schema(object)).unwrap_or_default();
        if problems.is_empty() {
            return Ok(());
        }
        Err(ApiError::invalid_fields(self, name, &problems))
    }

    fn built_in(group: &str, kind: &str, plural: &str, short: &[&str], columns: Columns) -> Self {
        Self {
            short_names: short.iter().map(|&name| name.to_owned()).collect(),
            custom: false,
            status: false,
            generation: false,
            columns,
            ..Self::custom(group, "v1", kind, plural)
        }
    }

    /// `v1` or `apps/v1`.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.clone()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// `pods` or `statefulsets.apps`, as messages name a type.
    pub fn qualified(&self) -> String {
        if self.group.is_empty() {
            self.plural.clone()
        } else {
            format!("{}.{}", self.plural, self.group)
        }
    }

    pub fn list_kind(&self) -> String {
        format!("{}List", self.kind)
    }

    /// What can be done to objects of the type.
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

    /// Its subresources, each with its kind and verbs.
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
        }
        list
    }
}

/// The built-in types.
pub fn built_in() -> Vec<ResourceType> {
    let all = || vec!["all".to_owned()];
    let core = |kind, plural, short: &[&str], columns| {
        ResourceType::built_in("", kind, plural, short, columns)
    };
    vec![
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
    ]
}
