//! CustomResourceDefinitions: objects that add resource types to the server.

use std::sync::Arc;

use serde_json::{Value, json};

use super::Problem;
use super::node::{Kind, Node};
use crate::api::resources::{Columns, PrinterColumn, ResourceType};

pub const GROUP: &str = "apiextensions.k8s.io";
pub const PLURAL: &str = "customresourcedefinitions";
/// The finalizer that holds a definition until its objects are gone.
pub const FINALIZER: &str = "customresourcecleanup.apiextensions.k8s.io";

/// Maximum number of selectable fields.
const SELECTABLE_FIELDS: usize = 8;

pub fn is_definition(ty: &ResourceType) -> bool {
    ty.group == GROUP && ty.plural == PLURAL
}

/// The types of one definition, one for each served version.
#[derive(Debug)]
pub struct Definition {
    pub group: String,
    pub plural: String,
    pub types: Vec<ResourceType>,
}

/// Sets the fields that the server adds to a definition.
pub fn fill(definition: &mut Value) {
    let spec = &mut definition["spec"];
    if spec["conversion"].is_null() {
        spec["conversion"] = json!({"strategy": "None"});
    }
    let Some(kind) = spec["names"]["kind"].as_str().map(str::to_owned) else {
        return;
    };
    let names = &mut spec["names"];
    for (field, value) in [
        ("singular", kind.to_lowercase()),
        ("listKind", format!("{kind}List")),
    ] {
        if names[field].as_str().is_none_or(str::is_empty) {
            names[field] = json!(value);
        }
    }
}

/// Sets the status of a definition. `conflict` is the reason why its names aren't accepted.
pub fn establish(definition: &mut Value, conflict: Option<&(&str, String)>, now: &str) {
    let spec = definition["spec"].clone();
    let status = &mut definition["status"];
    if !status.is_object() {
        *status = json!({"conditions": [], "storedVersions": []});
    }
    let accepted = conflict.is_none();
    let (reason, message) = match conflict {
        None => ("NoConflicts", "no conflicts found".to_owned()),
        Some((reason, message)) => (*reason, message.clone()),
    };
    let established = if accepted {
        (
            true,
            "InitialNamesAccepted",
            "the initial names have been accepted".to_owned(),
        )
    } else {
        (
            false,
            "NotAccepted",
            "not all names are accepted".to_owned(),
        )
    };
    for (ty, (value, reason, message)) in [
        ("NamesAccepted", (accepted, reason, message)),
        ("Established", established),
    ] {
        condition(status, ty, value, reason, &message, now);
    }
    status["acceptedNames"] = if accepted {
        spec["names"].clone()
    } else {
        json!({"kind": "", "plural": ""})
    };
    for version in spec["versions"].as_array().into_iter().flatten() {
        let stored = status["storedVersions"].as_array_mut();
        if version["storage"] == true
            && let Some(stored) = stored
            && !stored.contains(&version["name"])
        {
            stored.push(version["name"].clone());
        }
    }
}

/// Sets one condition. Its time changes with its status.
pub fn condition(
    status: &mut Value,
    ty: &str,
    value: bool,
    reason: &str,
    message: &str,
    now: &str,
) {
    let value = if value { "True" } else { "False" };
    let mut new = json!({
        "type": ty, "status": value, "reason": reason, "message": message,
        "lastTransitionTime": now,
    });
    if !status["conditions"].is_array() {
        status["conditions"] = json!([]);
    }
    let Some(list) = status["conditions"].as_array_mut() else {
        return;
    };
    match list.iter_mut().find(|it| it["type"] == ty) {
        Some(old) => {
            if old["status"] == value {
                new["lastTransitionTime"] = old["lastTransitionTime"].clone();
            }
            *old = new;
        }
        None => list.push(new),
    }
}

impl Definition {
    /// Reads a definition that has been filled.
    pub fn parse(definition: &Value) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut fail = |field: &str, problem: String| problems.push((field.to_owned(), problem));
        let spec = &definition["spec"];
        let required = |pointer: &str| {
            let value = spec.pointer(pointer).and_then(Value::as_str);
            value.filter(|it| !it.is_empty()).map(str::to_owned)
        };
        let mut text = |pointer: &str| {
            required(pointer).unwrap_or_else(|| {
                let field = format!("spec{}", pointer.replace('/', "."));
                fail(&field, "Required value".to_owned());
                String::new()
            })
        };
        let (group, plural) = (text("/group"), text("/names/plural"));
        let (kind, scope) = (text("/names/kind"), text("/scope"));
        let name = definition["metadata"]["name"].as_str().unwrap_or_default();
        if !plural.is_empty() && name != format!("{plural}.{group}") {
            let problem =
                format!("Invalid value: {name:?}: must be spec.names.plural+\".\"+spec.group");
            fail("metadata.name", problem);
        }
        if !scope.is_empty() && !["Cluster", "Namespaced"].contains(&scope.as_str()) {
            let problem = format!(
                "Unsupported value: {scope:?}: supported values: \"Cluster\", \"Namespaced\""
            );
            fail("spec.scope", problem);
        }
        let protected = group.ends_with(".k8s.io") || group.ends_with(".kubernetes.io");
        let approval = "api-approved.kubernetes.io";
        if protected && definition["metadata"]["annotations"][approval].is_null() {
            let problem = "Required value: protected groups must have approval annotation \
                           \"api-approved.kubernetes.io\", see \
                           https://github.com/kubernetes/enhancements/pull/1111";
            fail(
                &format!("metadata.annotations[{approval}]"),
                problem.to_owned(),
            );
        }
        let strategy = &spec["conversion"]["strategy"];
        if strategy != "None" {
            let problem = format!(
                "Unsupported value: {strategy}: the simulated API server supports only \"None\""
            );
            fail("spec.conversion.strategy", problem);
        }
        if spec["preserveUnknownFields"] == true {
            let problem =
                "Invalid value: true: must be false in order to use defaults in the schema";
            fail("spec.preserveUnknownFields", problem.to_owned());
        }
        let versions = spec["versions"].as_array().cloned().unwrap_or_default();
        let stored = versions.iter().filter(|it| it["storage"] == true).count();
        if stored != 1 {
            let problem =
                "Invalid value: must have exactly one version marked as storage version".to_owned();
            fail("spec.versions", problem);
        }
        let types = types(spec, &versions, &group, &plural, &kind, &mut problems);
        if problems.is_empty() {
            Ok(Self {
                group,
                plural,
                types,
            })
        } else {
            Err(problems)
        }
    }

    /// Returns why the names aren't accepted, given the other types of the server.
    pub fn conflict(&self, others: &[Arc<ResourceType>]) -> Option<(&'static str, String)> {
        let own = self.types.first()?;
        let others = others
            .iter()
            .filter(|ty| ty.group == self.group && ty.plural != self.plural);
        for other in others {
            let taken = |name: &String| {
                other.plural == *name || other.singular == *name || other.short_names.contains(name)
            };
            let (reason, name) = if other.kind == own.kind {
                ("KindConflict", own.kind.clone())
            } else if taken(&own.singular) {
                ("SingularConflict", own.singular.clone())
            } else if let Some(name) = own.short_names.iter().find(|name| taken(name)) {
                ("ShortNamesConflict", name.clone())
            } else {
                continue;
            };
            return Some((reason, format!("{name:?} is already in use")));
        }
        None
    }
}

/// Reads the versions. Each that is served becomes a type.
fn types(
    spec: &Value,
    versions: &[Value],
    group: &str,
    plural: &str,
    kind: &str,
    problems: &mut Vec<Problem>,
) -> Vec<ResourceType> {
    let strings = |value: &Value| -> Vec<String> {
        let list = value.as_array().into_iter().flatten();
        list.filter_map(|it| it.as_str().map(str::to_owned))
            .collect()
    };
    let mut types = Vec::new();
    for (index, version) in versions.iter().enumerate() {
        let place = format!("spec.versions[{index}]");
        let schema = &version["schema"]["openAPIV3Schema"];
        if schema.is_null() {
            let field = format!("{place}.schema.openAPIV3Schema");
            let problem = "Required value: schemas are required".to_owned();
            problems.push((field, problem));
            continue;
        }
        // The real server moves a schema that all versions share.
        let path = if versions.len() == 1 {
            "spec.validation.openAPIV3Schema".to_owned()
        } else {
            format!("{place}.schema.openAPIV3Schema")
        };
        let node = match Node::parse(schema, &path) {
            Ok(node) => node,
            Err(found) => {
                problems.extend(found);
                continue;
            }
        };
        let selectable = selectable(version, &node, &place, problems);
        let columns = columns(version, &place, problems);
        if version["served"] != true {
            continue;
        }
        let name = version["name"].as_str().unwrap_or_default();
        let names = &spec["names"];
        types.push(ResourceType {
            singular: names["singular"].as_str().unwrap_or_default().to_owned(),
            list_kind: names["listKind"].as_str().map(str::to_owned),
            short_names: strings(&names["shortNames"]),
            categories: strings(&names["categories"]),
            namespaced: spec["scope"] == "Namespaced",
            status: version["subresources"]["status"].is_object(),
            columns: Columns::Printer(columns),
            structural: Some(Arc::new(node)),
            described: Some(Arc::new(schema.clone())),
            selectable,
            ..ResourceType::custom(group, name, kind, plural)
        });
    }
    types
}

fn columns(version: &Value, place: &str, problems: &mut Vec<Problem>) -> Vec<PrinterColumn> {
    let mut columns = Vec::new();
    let list = version["additionalPrinterColumns"].as_array();
    for (index, column) in list.into_iter().flatten().enumerate() {
        let text = |name: &str| column[name].as_str().unwrap_or_default().to_owned();
        let field = |name: &str| format!("{place}.additionalPrinterColumns[{index}].{name}");
        for name in ["name", "type", "jsonPath"] {
            if text(name).is_empty() {
                problems.push((field(name), "Required value".to_owned()));
            }
        }
        let kinds = ["boolean", "date", "integer", "number", "string"];
        let kind = text("type");
        if !kind.is_empty() && !kinds.contains(&kind.as_str()) {
            let known = kinds.map(|kind| format!("{kind:?}")).join(", ");
            let problem = format!("Unsupported value: {kind:?}: supported values: {known}");
            problems.push((field("type"), problem));
        }
        let priority = column["priority"].as_u64().unwrap_or_default();
        columns.push(PrinterColumn {
            name: text("name"),
            kind,
            json_path: text("jsonPath"),
            description: text("description"),
            priority: u8::try_from(priority).unwrap_or(u8::MAX),
        });
    }
    columns
}

fn selectable(
    version: &Value,
    node: &Node,
    place: &str,
    problems: &mut Vec<Problem>,
) -> Vec<String> {
    let list = version["selectableFields"].as_array();
    let mut fields = Vec::new();
    for (index, field) in list.into_iter().flatten().enumerate() {
        let path = field["jsonPath"].as_str().unwrap_or_default();
        let found = path.strip_prefix('.').and_then(|path| {
            path.split('.')
                .try_fold(node, |at, name| at.properties.get(name))
        });
        let fits = found.is_some_and(|node| {
            matches!(
                node.kind,
                Some(Kind::String | Kind::Boolean | Kind::Integer)
            )
        });
        if !fits {
            let problem = format!(
                "Invalid value: {path:?}: must point to a field of type string, boolean or integer. \
                 Enum string fields and strings with formats are allowed."
            );
            problems.push((
                format!("{place}.selectableFields[{index}].jsonPath"),
                problem,
            ));
        }
        fields.push(path.trim_start_matches('.').to_owned());
    }
    if fields.len() > SELECTABLE_FIELDS {
        let problem = format!(
            "Too many: {}: must have at most {SELECTABLE_FIELDS} items",
            fields.len()
        );
        problems.push((format!("{place}.selectableFields"), problem));
    }
    fields
}
