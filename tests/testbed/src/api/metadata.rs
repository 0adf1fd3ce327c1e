//! Validation of the metadata that every object has.

use serde_json::Value;

use super::custom::Problem;
use super::resources::ResourceType;
use super::status::ApiError;

/// Maximum length of the name part of a label's key, and of its value.
const LABEL: usize = 63;
/// Maximum length of all annotations together.
const ANNOTATIONS: usize = 256 * 1024;

/// Refuses metadata that the real server can't decode.
pub fn check_types(ty: &ResourceType, object: &Value) -> Result<(), ApiError> {
    for field in ["labels", "annotations"] {
        let value = &object["metadata"][field];
        let wrong = match value {
            Value::Null => None,
            Value::Object(map) => map.values().find(|value| !value.is_string()),
            other => Some(other),
        };
        let Some(wrong) = wrong else {
            continue;
        };
        let given = match wrong {
            Value::Bool(_) => "bool",
            Value::Number(_) => "number",
            Value::Array(_) => "array",
            Value::String(_) => "string",
            // As in Go, a null in a map is an empty text.
            Value::Null => continue,
            Value::Object(_) => "object",
        };
        return Err(ApiError::bad_request(format!(
            "{kind} in version {:?} cannot be handled as a {kind}: json: cannot unmarshal {given} into Go \
             struct field ObjectMeta.metadata.{field} of type string",
            ty.version,
            kind = ty.kind,
        )));
    }
    Ok(())
}

/// Returns the violations in the metadata of an object.
pub fn problems(object: &Value) -> Vec<Problem> {
    let metadata = &object["metadata"];
    let mut problems = Vec::new();
    let mut fail = |field: &str, value: &str, why: &str| {
        let problem = format!("Invalid value: {value:?}: {why}");
        problems.push((format!("metadata.{field}"), problem));
    };
    let map = |field: &str| metadata[field].as_object().into_iter().flatten();
    for (key, value) in map("labels") {
        if let Some(why) = qualified(key) {
            fail("labels", key, &why);
        }
        let value = value.as_str().unwrap_or_default();
        if value.len() > LABEL {
            fail("labels", value, "must be no more than 63 bytes");
        } else if !value.is_empty() && !is_label(value) {
            let why = "a valid label must be an empty string or consist of alphanumeric characters, '-', \
                       '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue', \
                        or 'my_value',  or '12345', regex used for validation is \
                       '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
            fail("labels", value, why);
        }
    }
    let mut size = 0;
    for (key, value) in map("annotations") {
        if let Some(why) = qualified(&key.to_lowercase()) {
            fail("annotations", key, &why);
        }
        size += key.len() + value.as_str().map_or(0, str::len);
    }
    for finalizer in metadata["finalizers"].as_array().into_iter().flatten() {
        let name = finalizer.as_str().unwrap_or_default();
        let standard = ["foregroundDeletion", "orphan", "kubernetes"].contains(&name);
        if let Some(why) = qualified(name) {
            fail("finalizers", name, &why);
        } else if !name.contains('/') && !standard && !name.contains('.') {
            let why = "name is neither a standard finalizer name nor is it fully qualified";
            fail("finalizers", name, why);
        }
    }
    let owners = metadata["ownerReferences"].as_array();
    for owner in owners.into_iter().flatten() {
        for field in ["apiVersion", "kind", "name", "uid"] {
            if owner[field].as_str().is_none_or(str::is_empty) {
                let told = match field {
                    "apiVersion" => "version must not be empty".to_owned(),
                    field => format!("{field} must not be empty"),
                };
                fail(&format!("ownerReferences.{field}"), "", &told);
            }
        }
    }
    let controllers = owners.into_iter().flatten();
    if controllers
        .filter(|owner| owner["controller"] == true)
        .count()
        > 1
    {
        let why =
            "Only one reference can have Controller set to true. Found \"true\" in references";
        fail("ownerReferences", "", why);
    }
    if size > ANNOTATIONS {
        let problem = format!("Too long: may not be more than {ANNOTATIONS} bytes");
        problems.push(("metadata.annotations".to_owned(), problem));
    }
    problems
}

fn is_label(text: &str) -> bool {
    let end = |c: char| c.is_ascii_alphanumeric();
    text.starts_with(end)
        && text.ends_with(end)
        && text.chars().all(|c| end(c) || "-_.".contains(c))
}

/// Returns the problem of a key such as `example.com/name`.
fn qualified(key: &str) -> Option<String> {
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    if name.is_empty() {
        return Some("name part must be non-empty".to_owned());
    }
    if name.len() > LABEL {
        return Some(format!("name part must be no more than {LABEL} bytes"));
    }
    if !is_label(name) {
        return Some(
            "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end \
             with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for \
             validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
                .to_owned(),
        );
    }
    let prefix = prefix.filter(|prefix| !super::write::is_subdomain(prefix));
    prefix.map(|_| {
        "prefix part a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' \
         or '.', and must start and end with an alphanumeric character"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn metadata_is_checked_as_the_real_server_checks_it() {
        let long = "x".repeat(64);
        for (metadata, field) in [
            (json!({"labels": {"a": "b", "x.io/c": ""}}), None),
            (json!({"labels": {"a": long}}), Some("metadata.labels")),
            (json!({"labels": {"a": "-b"}}), Some("metadata.labels")),
            (json!({"labels": {"a b": "c"}}), Some("metadata.labels")),
            (json!({"labels": {"UP/c": "d"}}), Some("metadata.labels")),
            (json!({"annotations": {"X.io/c": "any thing"}}), None),
            (
                json!({"annotations": {"a": "x".repeat(ANNOTATIONS)}}),
                Some("metadata.annotations"),
            ),
            (json!({"finalizers": ["x.io/a", "orphan"]}), None),
            (
                json!({"finalizers": ["plain"]}),
                Some("metadata.finalizers"),
            ),
            (
                json!({"ownerReferences": [{"apiVersion": "v1", "kind": "K", "name": "n"}]}),
                Some("metadata.ownerReferences.uid"),
            ),
        ] {
            let found = problems(&json!({"metadata": metadata}));
            assert_eq!(found.first().map(|it| it.0.as_str()), field, "{metadata}");
        }
    }
}
