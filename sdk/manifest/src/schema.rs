//! The JSON Schema of the manifest, made of the types and their doc comments.

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use crate::choice::WithHelp;
use crate::{Choice, Manifest};

impl Manifest {
    /// Returns the JSON Schema of the TOML that an author writes. The rules of [`Manifest::check`] are not in it.
    #[must_use]
    pub fn schema() -> Value {
        let settings = SchemaSettings::draft2020_12()
            .for_deserialize()
            .with_transform(RecursiveTransform(tidy));
        let generator = settings.into_generator();
        let mut schema = generator.into_root_schema_for::<Self>().to_value();
        schema["title"] = json!("Manifest of an engine");
        schema
    }
}

/// A choice is a text, or a table.
impl JsonSchema for Choice {
    fn schema_name() -> Cow<'static, str> {
        "Choice".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "An allowed value of an option of the type text.",
            "anyOf": [
                { "type": "string" },
                generator.subschema_for::<WithHelp>(),
            ],
        })
    }
}

/// Removes what means nothing to an author: null, which TOML does not have, the sizes of Rust's integers, and the
/// line breaks of doc comments.
fn tidy(schema: &mut Schema) {
    let Some(object) = schema.as_object_mut() else {
        return;
    };
    object.remove("format");
    if object.get("default").is_some_and(Value::is_null) {
        object.remove("default");
    }
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|it| it != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".to_owned(), only);
        }
    }
    without_null(object);
    if let Some(Value::String(description)) = object.get_mut("description") {
        let paragraphs = description.split("\n\n");
        let paragraphs = paragraphs.map(|it| it.split_whitespace().collect::<Vec<_>>().join(" "));
        *description = paragraphs.collect::<Vec<_>>().join("\n\n");
    }
}

/// Replaces a choice between a schema and null by the schema.
fn without_null(object: &mut Map<String, Value>) {
    let Some(Value::Array(choices)) = object.get("anyOf") else {
        return;
    };
    let is_null = |choice: &Value| choice["type"] == "null";
    if let [Value::Object(one), other] = choices.as_slice()
        && is_null(other)
    {
        let one = one.clone();
        object.remove("anyOf");
        object.extend(one);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Calls `see` with every schema within a value.
    fn walk(value: &Value, see: &mut impl FnMut(&Map<String, Value>)) {
        match value {
            Value::Object(object) => {
                see(object);
                object.values().for_each(|value| walk(value, see));
            }
            Value::Array(values) => values.iter().for_each(|value| walk(value, see)),
            _ => {}
        }
    }

    #[test]
    fn every_key_is_described_for_a_reader_who_does_not_know_rust() {
        let schema = Manifest::schema();
        let mut keys = 0;
        walk(&schema, &mut |object| {
            if let Some(Value::String(description)) = object.get("description") {
                assert!(!description.contains("[`"), "{description}");
                assert!(!description.contains("::"), "{description}");
            }
            // `properties` may also be the name of a key of a manifest; then it is no table of schemas.
            let Some(Value::Object(properties)) = object.get("properties") else {
                return;
            };
            for (key, property) in properties {
                keys += 1;
                assert!(property["description"].is_string(), "{key}: {property:#}");
            }
        });
        assert!(keys > 50, "only {keys} keys");
    }

    #[test]
    fn nothing_may_be_null_and_unknown_keys_are_refused() {
        let schema = Manifest::schema();
        assert!(!schema.to_string().contains("null"), "{schema:#}");
        walk(&schema, &mut |object| {
            if object.contains_key("properties") {
                assert_eq!(object["additionalProperties"], false, "{object:#?}");
            }
        });
        let operations = &schema["properties"]["operations"];
        assert_eq!(operations["propertyNames"]["$ref"], "#/$defs/Operation");
        assert_eq!(
            schema["properties"]["homepage"]["type"], "string",
            "{schema:#}"
        );
    }
}
