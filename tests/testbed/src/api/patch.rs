//! JSON patch as the API server accepts it.

use json_patch::Patch;
use serde_json::Value;

/// Applies a JSON patch (RFC 6902). The error says which operation failed and why.
pub fn json_patch(target: &mut Value, patch: &Value) -> Result<(), String> {
    let patch: Patch = serde_json::from_value(patch.clone()).map_err(|error| error.to_string())?;
    json_patch::patch(target, &patch).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

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
