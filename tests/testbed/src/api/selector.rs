//! Label and field selectors.

use serde_json::Value;

use super::resources::ResourceType;
use super::status::ApiError;

/// One requirement of a label selector.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Requirement {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    Missing(String),
}

/// A filter for the objects of a request.
#[derive(Debug, Clone, Default)]
pub struct Selector {
    labels: Vec<Requirement>,
    /// JSON pointer, value, and whether the value must be equal or different.
    fields: Vec<(String, String, bool)>,
}

impl Selector {
    pub fn parse(
        ty: &ResourceType,
        labels: Option<&str>,
        fields: Option<&str>,
    ) -> Result<Self, ApiError> {
        Ok(Self {
            labels: parse_labels(labels.unwrap_or_default())?,
            fields: parse_fields(ty, labels.unwrap_or_default(), fields.unwrap_or_default())?,
        })
    }

    pub fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    pub fn matches(&self, object: &Value) -> bool {
        let label = |name: &str| object["metadata"]["labels"][name].as_str();
        let labels = self.labels.iter().all(|requirement| match requirement {
            Requirement::In(name, values) => {
                label(name).is_some_and(|value| values.iter().any(|v| v == value))
            }
            // As in Kubernetes, an object without the label satisfies `!=` and `notin`.
            Requirement::NotIn(name, values) => {
                label(name).is_none_or(|value| values.iter().all(|v| v != value))
            }
            Requirement::Exists(name) => label(name).is_some(),
            Requirement::Missing(name) => label(name).is_none(),
        });
        labels
            && self.fields.iter().all(|(pointer, wanted, equal)| {
                let value = match object.pointer(pointer) {
                    Some(Value::String(text)) => text.clone(),
                    None | Some(Value::Null) => String::new(),
                    Some(other) => other.to_string(),
                };
                (value == *wanted) == *equal
            })
    }
}

/// Splits at commas that are not inside parentheses.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut depth) = (Vec::new(), 0, 0_i32);
    for (at, character) in text.char_indices() {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text[start..].trim());
    parts.retain(|part| !part.is_empty());
    parts
}

fn parse_labels(text: &str) -> Result<Vec<Requirement>, ApiError> {
    split(text)
        .into_iter()
        .map(|part| parse_label(part).ok_or_else(|| unparsable(text, part)))
        .collect()
}

fn unparsable(text: &str, part: &str) -> ApiError {
    ApiError::bad_request(format!(
        "unable to parse requirement: found '{part}' in label selector '{text}'"
    ))
}

fn parse_label(part: &str) -> Option<Requirement> {
    let name = |text: &str| {
        let text = text.trim();
        let valid = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
        (!text.is_empty() && text.chars().all(valid)).then(|| text.to_owned())
    };
    let one = |text: &str| vec![text.trim().to_owned()];
    if let Some((left, right)) = part.split_once("!=") {
        return Some(Requirement::NotIn(name(left)?, one(right)));
    }
    if let Some((left, right)) = part.split_once("==").or_else(|| part.split_once('=')) {
        return Some(Requirement::In(name(left)?, one(right)));
    }
    if let Some(left) = part.strip_prefix('!') {
        return Some(Requirement::Missing(name(left)?));
    }
    if let Some(set) = part.strip_suffix(')') {
        let (left, values) = set.split_once('(')?;
        let values = values.split(',').map(|v| v.trim().to_owned()).collect();
        let (left, operator) = left.trim().rsplit_once(char::is_whitespace)?;
        return match operator {
            "in" => Some(Requirement::In(name(left)?, values)),
            "notin" => Some(Requirement::NotIn(name(left)?, values)),
            _ => None,
        };
    }
    Some(Requirement::Exists(name(part)?))
}

/// Returns the fields that a field selector supports besides name and namespace.
fn selectable(ty: &ResourceType) -> &'static [&'static str] {
    match (ty.group.as_str(), ty.plural.as_str()) {
        ("", "pods") => &[
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "status.phase",
            "status.podIP",
            "status.nominatedNodeName",
        ],
        ("", "namespaces") => &["status.phase"],
        ("", "secrets") => &["type"],
        ("", "services") => &["spec.clusterIP", "spec.type"],
        ("", "events") => &[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "type",
        ],
        _ => &[],
    }
}

fn parse_fields(
    ty: &ResourceType,
    labels: &str,
    text: &str,
) -> Result<Vec<(String, String, bool)>, ApiError> {
    let mut fields = Vec::new();
    for part in split(text) {
        let (name, value, equal) = if let Some((name, value)) = part.split_once("!=") {
            (name, value, false)
        } else if let Some((name, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
            (name, value, true)
        } else {
            return Err(ApiError::bad_request(format!(
                "invalid selector: '{text}'; can't understand '{part}'"
            )));
        };
        let general = ["metadata.name", "metadata.namespace"];
        let own = ty.selectable.iter().any(|field| field == name);
        if !general.contains(&name) && !selectable(ty).contains(&name) && !own {
            return Err(ApiError::bad_request(format!(
                "Unable to find \"{}, Resource={}\" that match label selector \"{labels}\", \
                 field selector \"{text}\": field label not supported: {name}",
                if ty.group.is_empty() {
                    "/v1".to_owned()
                } else {
                    ty.api_version()
                },
                ty.plural,
            )));
        }
        let pointer = format!("/{}", name.replace('.', "/"));
        fields.push((pointer, value.to_owned(), equal));
    }
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::resources::built_in;

    fn matches(labels: &str, fields: &str) -> bool {
        let pods = built_in()
            .into_iter()
            .find(|ty| ty.plural == "pods")
            .unwrap();
        let pod = json!({
            "metadata": {"name": "broker-0", "labels": {"app": "broker", "tier": "a"}},
            "status": {"phase": "Running"},
        });
        let selector = Selector::parse(&pods, Some(labels), Some(fields)).unwrap();
        selector.matches(&pod)
    }

    #[test]
    fn labels_are_selected_by_equality_and_by_sets() {
        for yes in [
            "",
            "app=broker",
            "app==broker,tier!=b",
            "tier in (a, b),app",
            "x notin (1)",
            "!x",
        ] {
            assert!(matches(yes, ""), "{yes}");
        }
        for no in ["app=x", "tier notin (a,b)", "x", "!app", "tier in (c)"] {
            assert!(!matches(no, ""), "{no}");
        }
    }

    #[test]
    fn fields_are_selected_and_unknown_ones_refused() {
        assert!(matches("", "metadata.name=broker-0,status.phase!=Failed"));
        assert!(!matches("", "status.phase=Pending"));
        let pods = built_in()
            .into_iter()
            .find(|ty| ty.plural == "pods")
            .unwrap();
        let error = Selector::parse(&pods, None, Some("spec.x=1")).unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("field label not supported: spec.x")
        );
    }
}
