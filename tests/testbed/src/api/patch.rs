//! JSON patch and JSON merge patch.

use serde_json::{Map, Value};

/// JSON merge patch, RFC 7386.
pub fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    if let Value::Object(target) = target {
        for (name, value) in patch {
            if value.is_null() {
                target.remove(name);
            } else {
                merge(target.entry(name.clone()).or_insert(Value::Null), value);
            }
        }
    }
}

/// JSON patch, RFC 6902. The error says which operation failed and why.
pub fn json_patch(target: &mut Value, patch: &Value) -> Result<(), String> {
    let operations = patch
        .as_array()
        .ok_or("a JSON patch is a list of operations")?;
    for operation in operations {
        apply(target, operation).map_err(|why| format!("{why} in operation {operation}"))?;
    }
    Ok(())
}

fn apply(target: &mut Value, operation: &Value) -> Result<(), String> {
    let text = |name: &str| {
        let value = operation[name].as_str();
        value.ok_or_else(|| format!("missing `{name}`"))
    };
    let value = || {
        let value = operation.get("value").cloned();
        value.ok_or_else(|| "missing `value`".to_owned())
    };
    let path = text("path")?;
    match text("op")? {
        "add" => add(target, path, value()?),
        "remove" => remove(target, path).map(drop),
        "replace" => {
            let place = target.pointer_mut(path).ok_or_else(|| nothing_at(path))?;
            *place = value()?;
            Ok(())
        }
        "move" => {
            let moved = remove(target, text("from")?)?;
            add(target, path, moved)
        }
        "copy" => {
            let from = text("from")?;
            let copied = target.pointer(from).cloned();
            add(target, path, copied.ok_or_else(|| nothing_at(from))?)
        }
        "test" => {
            if target.pointer(path) == Some(&value()?) {
                Ok(())
            } else {
                Err(format!("testing value {path} failed"))
            }
        }
        other => Err(format!("unknown operation `{other}`")),
    }
}

fn nothing_at(path: &str) -> String {
    format!("nothing at {path}")
}

/// The container that `path` points into, and the last token of the path.
fn parent<'a>(target: &'a mut Value, path: &str) -> Result<(&'a mut Value, String), String> {
    let (parent, last) = path.rsplit_once('/').ok_or_else(|| nothing_at(path))?;
    let last = last.replace("~1", "/").replace("~0", "~");
    let parent = target
        .pointer_mut(parent)
        .ok_or_else(|| nothing_at(parent))?;
    Ok((parent, last))
}

fn add(target: &mut Value, path: &str, value: Value) -> Result<(), String> {
    if path.is_empty() {
        *target = value;
        return Ok(());
    }
    let (parent, last) = parent(target, path)?;
    match parent {
        Value::Object(fields) => {
            fields.insert(last, value);
            Ok(())
        }
        Value::Array(items) if last == "-" => {
            items.push(value);
            Ok(())
        }
        Value::Array(items) => match last.parse::<usize>() {
            Ok(index) if index <= items.len() => {
                items.insert(index, value);
                Ok(())
            }
            _ => Err(format!("no place in the list at {path}")),
        },
        _ => Err(nothing_at(path)),
    }
}

fn remove(target: &mut Value, path: &str) -> Result<Value, String> {
    let (parent, last) = parent(target, path)?;
    let removed = match parent {
        Value::Object(fields) => fields.remove(&last),
        Value::Array(items) => {
            let index = last.parse().ok().filter(|index| *index < items.len());
            index.map(|index: usize| items.remove(index))
        }
        _ => None,
    };
    removed.ok_or_else(|| nothing_at(path))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_merge_patch_merges_objects_replaces_lists_and_removes_nulls() {
        let mut object = json!({"a": {"b": 1, "c": [1, 2]}, "d": 1});
        merge(
            &mut object,
            &json!({"a": {"b": null, "c": [3]}, "e": {"f": null}}),
        );
        assert_eq!(object, json!({"a": {"c": [3]}, "d": 1, "e": {}}));
    }

    #[test]
    fn a_json_patch_does_its_operations_in_order() {
        let mut object = json!({"list": [1, 3], "x/y": 1});
        let patch = json!([
            {"op": "test", "path": "/list/0", "value": 1},
            {"op": "add", "path": "/list/1", "value": 2},
            {"op": "add", "path": "/list/-", "value": 4},
            {"op": "move", "from": "/x~1y", "path": "/z"},
            {"op": "copy", "from": "/z", "path": "/w"},
            {"op": "remove", "path": "/list/0"},
            {"op": "replace", "path": "/z", "value": 9},
        ]);
        json_patch(&mut object, &patch).unwrap();
        assert_eq!(object, json!({"list": [2, 3, 4], "z": 9, "w": 1}));
    }

    #[test]
    fn a_json_patch_that_does_not_fit_is_refused() {
        for patch in [
            json!([{"op": "test", "path": "/a", "value": 2}]),
            json!([{"op": "remove", "path": "/nope"}]),
            json!([{"op": "replace", "path": "/nope", "value": 1}]),
            json!({"op": "add"}),
        ] {
            assert!(json_patch(&mut json!({"a": 1}), &patch).is_err(), "{patch}");
        }
    }
}
