//! Pruning of unknown fields, and defaults.

use serde_json::Value;

use super::node::Node;
use super::validate::{join, keeps_unknown};

/// The fields of every resource, which a schema doesn't need to name.
const RESOURCE: [&str; 3] = ["apiVersion", "kind", "metadata"];

/// Removes the fields that a schema doesn't name, and adds their paths to `unknown`.
pub fn prune(node: &Node, value: &mut Value, path: &str, unknown: &mut Vec<String>) {
    prune_below(node, value, path, unknown, false);
}

/// Prunes a whole object: its own kind, version and metadata stay.
pub fn prune_object(node: &Node, value: &mut Value, unknown: &mut Vec<String>) {
    prune_below(node, value, "", unknown, true);
}

fn prune_below(
    node: &Node,
    value: &mut Value,
    path: &str,
    unknown: &mut Vec<String>,
    resource: bool,
) {
    let resource = resource || node.embedded;
    match value {
        Value::Object(fields) => {
            fields.retain(|name, inner| {
                let place = join(path, name);
                if resource && RESOURCE.contains(&name.as_str()) {
                    return true;
                }
                if let Some(field) = node.field(name) {
                    prune_below(field, inner, &place, unknown, false);
                    return true;
                }
                let kept = keeps_unknown(node);
                if !kept {
                    unknown.push(place);
                }
                kept
            });
        }
        Value::Array(list) => {
            if let Some(items) = &node.items {
                for (index, item) in list.iter_mut().enumerate() {
                    prune_below(items, item, &format!("{path}[{index}]"), unknown, false);
                }
            }
        }
        _ => {}
    }
}

/// Sets the defaults of missing fields. A null in a field that isn't nullable counts as missing.
pub fn default(node: &Node, value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, field) in &node.properties {
                let null = fields.get(name).is_some_and(Value::is_null);
                if null && !field.nullable && field.default.is_some() {
                    fields.remove(name);
                }
                if !fields.contains_key(name)
                    && let Some(default) = &field.default
                {
                    fields.insert(name.clone(), default.clone());
                }
            }
            for (name, inner) in fields.iter_mut() {
                if let Some(field) = node.field(name) {
                    default(field, inner);
                }
            }
        }
        Value::Array(list) => {
            for item in list {
                if let Some(items) = &node.items {
                    default(items, item);
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn node() -> Node {
        let schema = json!({"type": "object", "properties": {
            "a": {"type": "string", "default": "x"},
            "b": {"type": "string", "nullable": true, "default": "y"},
            "list": {"type": "array", "items": {"type": "object", "properties": {
                "c": {"type": "integer", "default": 1},
            }}},
            "embedded": {"type": "object", "x-kubernetes-embedded-resource": true,
                "properties": {"spec": {"type": "object"}}},
        }});
        Node::parse(&schema, "schema").unwrap()
    }

    #[test]
    fn a_null_gets_a_default_unless_it_is_allowed() {
        let mut value = json!({"a": null, "b": null, "list": [{}]});
        default(&node(), &mut value);
        assert_eq!(value, json!({"a": "x", "b": null, "list": [{"c": 1}]}));
        let mut value = json!({});
        default(&node(), &mut value);
        assert_eq!(value, json!({"a": "x", "b": "y"}));
    }

    #[test]
    fn unknown_fields_are_removed_except_those_of_every_resource() {
        let mut value = json!({
            "kind": "K", "metadata": {"labels": {}}, "a": "1", "d": 1, "list": [{"c": 1, "e": 2}],
            "embedded": {"kind": "E", "metadata": {}, "f": 1, "spec": {"g": 1}},
        });
        let mut unknown = Vec::new();
        prune_object(&node(), &mut value, &mut unknown);
        unknown.sort();
        assert_eq!(unknown, ["d", "embedded.f", "embedded.spec.g", "list[0].e"]);
        assert_eq!(
            value["embedded"],
            json!({"kind": "E", "metadata": {}, "spec": {}})
        );
    }
}
