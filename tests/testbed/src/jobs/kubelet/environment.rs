//! The environment variables and the command line of a container.

use std::collections::BTreeMap;

use serde_json::Value;

use super::volumes::data;
use crate::api::objects::Objects;
use crate::jobs::fields::{at, items, name, namespace, text, uid};

pub type Variables = BTreeMap<String, String>;

/// Returns the value of a field that the downward API knows.
pub fn field(pod: &Value, path: &str) -> Option<String> {
    let own = |text: &str| Some(text.to_owned());
    if let Some(rest) = path.strip_prefix("metadata.") {
        for map in ["labels", "annotations"] {
            let key = rest
                .strip_prefix(map)
                .and_then(|key| key.strip_prefix("['"));
            if let Some(key) = key.and_then(|key| key.strip_suffix("']")) {
                return own(pod["metadata"][map][key].as_str().unwrap_or_default());
            }
        }
    }
    match path {
        "metadata.name" => own(name(pod)),
        "metadata.namespace" => own(namespace(pod)),
        "metadata.uid" => own(uid(pod)),
        "spec.nodeName" => own(text(pod, "/spec/nodeName")),
        "spec.serviceAccountName" => own(text(pod, "/spec/serviceAccountName")),
        "status.hostIP" => own(text(pod, "/status/hostIP")),
        "status.podIP" | "status.podIPs" => own(text(pod, "/status/podIP")),
        _ => None,
    }
}

/// Returns the variables of a container.
///
/// # Errors
/// Returns the message of `CreateContainerConfigError`.
pub fn variables(pod: &Value, container: &Value, objects: &Objects) -> Result<Variables, String> {
    let mut variables = Variables::new();
    for source in items(container, "/envFrom") {
        let prefix = text(source, "/prefix");
        for (kind, reference) in [("secret", "secretRef"), ("configmap", "configMapRef")] {
            if !source[reference].is_object() {
                continue;
            }
            let reference = &source[reference];
            if let Some(all) = referenced(pod, reference, kind, objects)? {
                for (name, value) in data(&all) {
                    let value = String::from_utf8_lossy(&value).into_owned();
                    variables.insert(format!("{prefix}{name}"), value);
                }
            }
        }
    }
    for variable in items(container, "/env") {
        let value = value(pod, variable, objects)?;
        let Some(value) = value else {
            continue;
        };
        let value = expanded(&value, &variables);
        variables.insert(text(variable, "/name").to_owned(), value);
    }
    Ok(variables)
}

fn value(pod: &Value, variable: &Value, objects: &Objects) -> Result<Option<String>, String> {
    let from = &variable["valueFrom"];
    if from.is_null() {
        return Ok(Some(text(variable, "/value").to_owned()));
    }
    if from["fieldRef"].is_object() {
        let path = text(from, "/fieldRef/fieldPath");
        let found = field(pod, path);
        return match found {
            Some(value) => Ok(Some(value)),
            None => Err(format!("unsupported fieldPath: {path}")),
        };
    }
    for (kind, shown, reference) in [
        ("secret", "Secret", "secretKeyRef"),
        ("configmap", "ConfigMap", "configMapKeyRef"),
    ] {
        let reference = &from[reference];
        if !reference.is_object() {
            continue;
        }
        let Some(object) = referenced(pod, reference, kind, objects)? else {
            return Ok(None);
        };
        let key = text(reference, "/key");
        let found = data(&object).into_iter().find(|(name, _)| name == key);
        return match found {
            Some((_, bytes)) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
            None if reference["optional"] == true => Ok(None),
            None => Err(format!(
                "couldn't find key {key} in {shown} {}/{}",
                namespace(pod),
                text(reference, "/name")
            )),
        };
    }
    Err("the testbed doesn't know this source of a variable".to_owned())
}

/// Returns a Secret or a ConfigMap, or nothing if it may be missing and is.
fn referenced(
    pod: &Value,
    reference: &Value,
    kind: &str,
    objects: &Objects,
) -> Result<Option<Value>, String> {
    let name = text(reference, "/name");
    let found = objects.get(&format!("{kind}s"), namespace(pod), name);
    if found.is_none() && reference["optional"] != true {
        return Err(format!("{kind} \"{name}\" not found"));
    }
    Ok(found)
}

/// Returns a list of texts of a container, with their references to variables replaced.
pub fn words(container: &Value, list: &str, variables: &Variables) -> Vec<String> {
    let list = at(container, list).as_array().into_iter().flatten();
    list.filter_map(Value::as_str)
        .map(|word| expanded(word, variables))
        .collect()
}

/// Replaces `$(NAME)`. An unknown name stays, and `$$` is one `$`.
fn expanded(text: &str, variables: &Variables) -> String {
    let mut result = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        result.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            result.push('$');
            rest = after;
            continue;
        }
        let reference = rest.strip_prefix('(').and_then(|it| it.split_once(')'));
        match reference.and_then(|(name, after)| Some((variables.get(name)?, after))) {
            Some((value, after)) => {
                result.push_str(value);
                rest = after;
            }
            None => result.push('$'),
        }
    }
    result + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_to_variables_are_replaced() {
        let variables = [("A".to_owned(), "1".to_owned())].into();
        for (text, result) in [
            ("x$(A)y", "x1y"),
            ("$(B)", "$(B)"),
            ("$$(A)", "$(A)"),
            ("$A $", "$A $"),
        ] {
            assert_eq!(expanded(text, &variables), result);
        }
    }
}
