//! Strategic merge patch for built-in types: lists of objects are merged by a key.
//!
//! The real server reads the key of each list from tags of its types. The testbed uses the name of the list,
//! which is sufficient for the types of this server.

use serde_json::{Map, Value};

/// Returns the field that identifies the items of a list, given the name of the list and an item.
fn merge_key(list: &str, item: &Value) -> Option<&'static str> {
    match list {
        "containers"
        | "initContainers"
        | "ephemeralContainers"
        | "volumes"
        | "env"
        | "imagePullSecrets"
        | "secrets" => Some("name"),
        "volumeMounts" => Some("mountPath"),
        "volumeDevices" => Some("devicePath"),
        "ownerReferences" => Some("uid"),
        "conditions" => Some("type"),
        "hostAliases" | "podIPs" | "hostIPs" => Some("ip"),
        "ports" if item.get("containerPort").is_some() => Some("containerPort"),
        "ports" => Some("port"),
        _ => None,
    }
}

/// Returns whether a list of plain values is merged instead of replaced.
fn is_set(list: &str) -> bool {
    list == "finalizers"
}

pub fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(fields) = patch else {
        *target = patch.clone();
        return;
    };
    let replace = fields.get("$patch").and_then(Value::as_str) == Some("replace");
    if replace || !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(target) = target else {
        return;
    };
    for (name, value) in fields {
        if let Some(list) = name.strip_prefix("$deleteFromPrimitiveList/") {
            if let (Some(Value::Array(items)), Value::Array(gone)) = (target.get_mut(list), value) {
                items.retain(|item| !gone.contains(item));
            }
        } else if name.starts_with('$') {
            // `$setElementOrder`, `$retainKeys` and `$patch` are directives, not fields.
        } else if value.is_null() {
            target.remove(name);
        } else if let Value::Array(items) = value {
            let place = target
                .entry(name.clone())
                .or_insert(Value::Array(Vec::new()));
            merge_list(name, place, items);
        } else if value.get("$patch").and_then(Value::as_str) == Some("delete") {
            target.remove(name);
        } else {
            merge(target.entry(name.clone()).or_insert(Value::Null), value);
        }
    }
}

fn merge_list(name: &str, target: &mut Value, patch: &[Value]) {
    let directive =
        |item: &Value, word: &str| item.get("$patch").and_then(Value::as_str) == Some(word);
    let key = patch.iter().find_map(|item| merge_key(name, item));
    let Some(items) = target.as_array_mut() else {
        *target = Value::Array(patch.to_vec());
        return;
    };
    if is_set(name) {
        for item in patch {
            if !items.contains(item) {
                items.push(item.clone());
            }
        }
        return;
    }
    let Some(key) = key.filter(|_| !patch.iter().any(|item| directive(item, "replace"))) else {
        let kept = patch.iter().filter(|item| item.get("$patch").is_none());
        *items = kept.cloned().collect();
        return;
    };
    for item in patch {
        let position = items.iter().position(|old| old.get(key) == item.get(key));
        match position {
            Some(index) if directive(item, "delete") => {
                items.remove(index);
            }
            Some(index) => merge(&mut items[index], item),
            None if directive(item, "delete") => {}
            None => items.push(item.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_of_objects_are_merged_by_their_key() {
        let mut object = json!({"spec": {"containers": [
            {"name": "a", "image": "1", "args": ["x"]},
            {"name": "b", "image": "1"},
        ]}});
        let patch = json!({"spec": {
            "$setElementOrder/containers": [{"name": "a"}, {"name": "c"}],
            "containers": [
                {"name": "a", "image": "2"},
                {"$patch": "delete", "name": "b"},
                {"name": "c"},
            ],
        }});
        merge(&mut object, &patch);
        let wanted = json!({"spec": {"containers": [
            {"name": "a", "image": "2", "args": ["x"]},
            {"name": "c"},
        ]}});
        assert_eq!(object, wanted);
    }

    #[test]
    fn other_lists_are_replaced_and_sets_are_extended() {
        let mut object =
            json!({"args": [1, 2], "metadata": {"finalizers": ["a"], "labels": {"x": "1"}}});
        let patch = json!({
            "args": [3],
            "metadata": {"finalizers": ["b"], "labels": {"x": null}},
        });
        merge(&mut object, &patch);
        let wanted = json!({"args": [3], "metadata": {"finalizers": ["a", "b"], "labels": {}}});
        assert_eq!(object, wanted);
    }
}
