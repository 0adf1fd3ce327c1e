//! Conversion of JSON to the values that rules see.

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chrono::{DateTime, NaiveDate, TimeDelta};
use kube_cel::cel::Value as Cel;
use kube_cel::cel::objects::{Key, Map, OptionalValue};
use serde_json::Value;

use super::formats;
use super::node::{Additional, Kind, Node};

/// The words that can't be the name of a field in an expression.
const RESERVED: [&str; 21] = [
    "true",
    "false",
    "null",
    "in",
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
];

/// Returns the name of a field in expressions, or `None` if no expression can name the field.
pub fn escaped(name: &str) -> Option<String> {
    if RESERVED.contains(&name) {
        return Some(format!("__{name}__"));
    }
    let first = name.chars().next()?;
    let valid = |c: char| c.is_ascii_alphanumeric() || "_.-/".contains(c);
    if first.is_ascii_digit() || !name.chars().all(valid) {
        return None;
    }
    let name = name.replace("__", "__underscores__");
    let name = name.replace('.', "__dot__").replace('-', "__dash__");
    Some(name.replace('/', "__slash__"))
}

/// Converts a value by its schema. As on the real server, rules don't see fields without a schema.
pub fn to_cel(node: Option<&Node>, value: &Value, root: bool) -> Cel {
    match value {
        Value::Null => Cel::Null,
        Value::Bool(flag) => Cel::Bool(*flag),
        Value::Number(number) => {
            let decimal = node.is_some_and(|node| node.kind == Some(Kind::Number));
            match number.as_i64().filter(|_| !decimal) {
                Some(whole) => Cel::Int(whole),
                None => Cel::Float(number.as_f64().unwrap_or(f64::NAN)),
            }
        }
        Value::String(text) => string(node.and_then(|node| node.format.as_deref()), text),
        Value::Array(list) => {
            let items = node.and_then(|node| node.items.as_deref());
            let list = list.iter().map(|item| to_cel(items, item, false));
            Cel::List(Arc::new(list.collect()))
        }
        Value::Object(fields) => {
            let mut map = HashMap::new();
            let mut add = |name: String, value: Cel| {
                map.insert(Key::String(Arc::new(name)), value);
            };
            if root || node.is_some_and(|node| node.embedded) {
                for name in ["apiVersion", "kind"] {
                    if let Some(text) = fields.get(name) {
                        add(name.to_owned(), to_cel(None, text, false));
                    }
                }
                add("metadata".to_owned(), metadata(&value["metadata"]));
            }
            for (name, inner) in fields {
                let Some(node) = node else {
                    continue;
                };
                if let Some(field) = node.properties.get(name) {
                    let special = ["apiVersion", "kind", "metadata"].contains(&name.as_str());
                    if let Some(name) = escaped(name).filter(|_| !(root && special)) {
                        add(name, to_cel(Some(field), inner, false));
                    }
                } else if let Additional::Schema(field) = &node.additional {
                    add(name.clone(), to_cel(Some(field), inner, false));
                }
            }
            Cel::Map(Map { map: Arc::new(map) })
        }
    }
}

/// Returns the part of the metadata that rules see.
fn metadata(metadata: &Value) -> Cel {
    let named = ["name", "generateName"].into_iter().filter_map(|name| {
        let text = metadata[name].as_str()?.to_owned();
        let key = Key::String(Arc::new(name.to_owned()));
        Some((key, Cel::String(Arc::new(text))))
    });
    Cel::Map(Map {
        map: Arc::new(named.collect()),
    })
}

fn string(format: Option<&str>, text: &str) -> Cel {
    let converted = match format {
        Some("date-time") => DateTime::parse_from_rfc3339(text).ok().map(Cel::Timestamp),
        Some("date") => text
            .parse::<NaiveDate>()
            .ok()
            .and_then(|date| date.and_hms_opt(0, 0, 0))
            .map(|moment| Cel::Timestamp(moment.and_utc().fixed_offset())),
        Some("duration") => formats::duration(text)
            .map(TimeDelta::nanoseconds)
            .map(Cel::Duration),
        Some("byte") => BASE64_STANDARD
            .decode(text)
            .ok()
            .map(|bytes| Cel::Bytes(Arc::new(bytes))),
        _ => None,
    };
    converted.unwrap_or_else(|| Cel::String(Arc::new(text.to_owned())))
}

pub fn optional(value: Option<Cel>) -> Cel {
    Cel::Opaque(Arc::new(match value {
        Some(value) => OptionalValue::of(value),
        None => OptionalValue::none(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped_as_kubernetes_escapes_them() {
        for (name, wanted) in [
            ("plain", Some("plain")),
            ("with_one", Some("with_one")),
            ("a__b", Some("a__underscores__b")),
            ("a.b-c/d", Some("a__dot__b__dash__c__slash__d")),
            ("namespace", Some("__namespace__")),
            ("1st", None),
            ("ä", None),
        ] {
            assert_eq!(escaped(name).as_deref(), wanted, "{name}");
        }
    }
}
