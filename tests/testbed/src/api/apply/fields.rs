//! Sets of fields, and their form in `metadata.managedFields`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::{Map, Value, json};

use super::shape::Shape;
use crate::api::custom::ListType;

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    Field(String),
    /// An item of a list, by its keys in the form of JSON.
    Keys(String),
    /// An item of a set, in the form of JSON.
    Item(String),
}

impl Step {
    fn parse(text: &str) -> Option<Self> {
        Some(match text.split_once(':')? {
            ("f", name) => Self::Field(name.to_owned()),
            ("k", keys) => Self::Keys(keys.to_owned()),
            ("v", item) => Self::Item(item.to_owned()),
            _ => return None,
        })
    }

    fn text(&self) -> String {
        match self {
            Self::Field(name) => format!("f:{name}"),
            Self::Keys(keys) => format!("k:{keys}"),
            Self::Item(item) => format!("v:{item}"),
        }
    }

    /// Returns the step to an item of a list, or `None` for a list without items of their own.
    pub fn to_item(list: &ListType, item: &Value) -> Option<Self> {
        match list {
            ListType::Atomic => None,
            ListType::Set => Some(Self::Item(item.to_string())),
            ListType::Map(keys) => {
                let pair = |key: &String| Some((key.clone(), item.get(key)?.clone()));
                let pairs: BTreeMap<String, Value> = keys.iter().filter_map(pair).collect();
                Some(Self::Keys(json!(pairs).to_string()))
            }
        }
    }

    /// Returns whether a step leads to an item.
    pub fn leads_to(&self, item: &Value) -> bool {
        match self {
            Self::Field(_) => false,
            Self::Item(text) => serde_json::from_str(text).is_ok_and(|it: Value| it == *item),
            Self::Keys(keys) => serde_json::from_str::<Map<String, Value>>(keys)
                .is_ok_and(|keys| keys.iter().all(|(key, value)| item.get(key) == Some(value))),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) => write!(f, ".{name}"),
            Self::Item(item) => write!(f, "[={item}]"),
            Self::Keys(keys) => {
                let keys: BTreeMap<String, Value> = serde_json::from_str(keys).unwrap_or_default();
                let keys: Vec<_> = keys.iter().map(|(key, it)| format!("{key}={it}")).collect();
                write!(f, "[{}]", keys.join(","))
            }
        }
    }
}

pub type Path = Vec<Step>;

/// Returns a path in the form of messages: `.spec.ports[port=80].name`.
pub fn shown(path: &[Step]) -> String {
    path.iter().map(ToString::to_string).collect()
}

/// A set of fields that one manager owns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields(pub BTreeSet<Path>);

impl Fields {
    /// Returns the fields of an object. The object's identity is nobody's.
    pub fn of(shape: Shape<'_>, object: &Value) -> Self {
        let mut fields = Self::default();
        let mut path = Vec::new();
        collect(shape, object, &mut path, &mut fields.0);
        fields.0.retain(|path| !is_identity(path));
        fields
    }

    /// Keeps the fields that are, or aren't, below `status`.
    pub fn restrict(&mut self, to_status: bool) {
        let status = Step::Field("status".to_owned());
        self.0
            .retain(|path| (path.first() == Some(&status)) == to_status);
    }

    pub fn parse(value: &Value) -> Self {
        let mut fields = Self::default();
        read(value, &mut Vec::new(), &mut fields.0);
        fields
    }

    /// Returns the form in `fieldsV1`.
    pub fn to_json(&self) -> Value {
        let mut root = Branch::default();
        for path in &self.0 {
            let mut at = &mut root;
            for step in path {
                at = at.branches.entry(step.text()).or_default();
            }
            at.member = true;
        }
        root.to_json()
    }

    /// Returns the set with all objects that contain its fields.
    pub fn with_parents(&self) -> BTreeSet<Path> {
        let mut all = self.0.clone();
        for path in &self.0 {
            for length in 1..path.len() {
                if matches!(path[length - 1], Step::Field(_)) {
                    all.insert(path[..length].to_vec());
                }
            }
        }
        all
    }

    /// Returns whether the set has a field at or below a path.
    pub fn reaches(&self, path: &[Step]) -> bool {
        self.0
            .range(path.to_vec()..)
            .next()
            .is_some_and(|found| found.starts_with(path))
    }
}

#[derive(Default)]
struct Branch {
    member: bool,
    branches: BTreeMap<String, Branch>,
}

impl Branch {
    fn to_json(&self) -> Value {
        let mut object = Map::new();
        if self.member && !self.branches.is_empty() {
            object.insert(".".to_owned(), json!({}));
        }
        for (step, branch) in &self.branches {
            object.insert(step.clone(), branch.to_json());
        }
        Value::Object(object)
    }
}

fn read(value: &Value, path: &mut Path, fields: &mut BTreeSet<Path>) {
    let Some(object) = value.as_object() else {
        return;
    };
    if (object.is_empty() || object.contains_key(".")) && !path.is_empty() {
        fields.insert(path.clone());
    }
    for (step, inner) in object {
        if let Some(step) = Step::parse(step) {
            path.push(step);
            read(inner, path, fields);
            path.pop();
        }
    }
}

fn is_identity(path: &[Step]) -> bool {
    let names: Vec<&str> = path
        .iter()
        .take(2)
        .map(|step| match step {
            Step::Field(name) => name.as_str(),
            _ => "",
        })
        .collect();
    match names[..] {
        ["apiVersion" | "kind" | "metadata"] => true,
        ["metadata", name] => [
            "name",
            "namespace",
            "creationTimestamp",
            "selfLink",
            "uid",
            "generation",
            "generateName",
            "managedFields",
            "resourceVersion",
            "deletionTimestamp",
            "deletionGracePeriodSeconds",
        ]
        .contains(&name),
        _ => false,
    }
}

fn collect(shape: Shape<'_>, value: &Value, path: &mut Path, fields: &mut BTreeSet<Path>) {
    match value {
        Value::Object(object) if !shape.is_atomic() && !object.is_empty() => {
            for (name, inner) in object {
                path.push(Step::Field(name.clone()));
                collect(shape.field(name), inner, path, fields);
                path.pop();
            }
        }
        Value::Array(list) if !list.is_empty() => {
            let kind = shape.list(list);
            for item in list {
                let Some(step) = Step::to_item(&kind, item) else {
                    fields.insert(path.clone());
                    return;
                };
                path.push(step);
                fields.insert(path.clone());
                if item.is_object() {
                    collect(shape.item(), item, path, fields);
                }
                path.pop();
            }
        }
        _ => {
            fields.insert(path.clone());
        }
    }
}

/// Returns the value at a path.
pub fn at<'a>(object: &'a Value, path: &[Step]) -> Option<&'a Value> {
    path.iter().try_fold(object, |at, step| match step {
        Step::Field(name) => at.get(name),
        item => at.as_array()?.iter().find(|it| item.leads_to(it)),
    })
}

/// Removes the value at a path. `if_empty` protects values that contain others.
pub fn remove(object: &mut Value, path: &[Step], if_empty: bool) {
    let Some((last, parents)) = path.split_last() else {
        return;
    };
    let mut at = object;
    for step in parents {
        let next = match step {
            Step::Field(name) => at.get_mut(name),
            item => at
                .as_array_mut()
                .and_then(|list| list.iter_mut().find(|it| item.leads_to(it))),
        };
        let Some(next) = next else {
            return;
        };
        at = next;
    }
    let empty = |value: &Value| match value {
        Value::Object(object) => object.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    };
    match (last, at) {
        (Step::Field(name), Value::Object(object))
            if !if_empty || object.get(name).is_some_and(empty) =>
        {
            object.remove(name);
        }
        (item, Value::Array(items)) => items.retain(|it| !item.leads_to(it)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_written_and_read_in_kubernetes_form() {
        let object = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "a", "labels": {"x": "1"}, "finalizers": ["f"]},
            "spec": {"containers": [{"name": "c", "args": ["1", "2"]}], "nodeSelector": {"a": "b"}},
        });
        let fields = Fields::of(Shape::BuiltIn("", None), &object);
        let written = json!({
            "f:metadata": {"f:finalizers": {"v:\"f\"": {}}, "f:labels": {"f:x": {}}},
            "f:spec": {
                "f:containers": {
                    "k:{\"name\":\"c\"}": {".": {}, "f:args": {}, "f:name": {}},
                },
                "f:nodeSelector": {},
            },
        });
        assert_eq!(fields.to_json(), written);
        assert_eq!(Fields::parse(&written), fields);
        let path = fields.0.iter().find(|path| path.len() == 4).unwrap();
        assert_eq!(shown(path), ".spec.containers[name=\"c\"].args");
        assert_eq!(at(&object, path), Some(&json!(["1", "2"])));
    }
}
