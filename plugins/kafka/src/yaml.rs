//! One document of YAML, of which JSON is a part, as a JSON value: by the core schema of YAML 1.2.

use granit_parser::{Event, Parser, ScalarStyle, ScanError};
use serde_json::{Map, Number, Value};

/// What is open, innermost last.
enum Open {
    List(Vec<Value>),
    /// With the key whose value comes next.
    Object(Map<String, Value>, Option<String>),
}

/// Reads it.
///
/// # Errors
/// Says in one line why it can't be read, and where.
pub fn parse(text: &str) -> Result<Value, String> {
    let mut open = Vec::new();
    let mut root = None;
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| told(&error))?;
        let value = match event {
            Event::SequenceStart(..) => {
                open.push(Open::List(Vec::new()));
                continue;
            }
            Event::MappingStart(..) => {
                open.push(Open::Object(Map::new(), None));
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(Open::List(items)) => Value::Array(items),
                Some(Open::Object(fields, _)) => Value::Object(fields),
                None => continue,
            },
            Event::Scalar(text, ScalarStyle::Plain, _, None) => plain(&text),
            Event::Scalar(text, ..) => Value::String(text.into_owned()),
            Event::Alias(_) => {
                return Err(format!(
                    "line {} has an alias: write out what it stands for",
                    span.start.line()
                ));
            }
            _ => continue,
        };
        match open.last_mut() {
            Some(Open::List(items)) => items.push(value),
            Some(Open::Object(fields, key)) => match key.take() {
                None => *key = Some(key_of(value, span.start.line())?),
                Some(name) => {
                    if fields.contains_key(&name) {
                        return Err(format!("`{name}` is there twice"));
                    }
                    fields.insert(name, value);
                }
            },
            None if root.is_some() => {
                return Err("it has more than one document".to_owned());
            }
            None => root = Some(value),
        }
    }
    root.ok_or_else(|| "it is empty".to_owned())
}

fn told(error: &ScanError) -> String {
    let marker = error.marker();
    format!(
        "line {} column {}: {}",
        marker.line(),
        marker.col() + 1,
        error.info()
    )
}

fn key_of(value: Value, line: usize) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(value) => Ok(value.to_string()),
        _ => Err(format!("line {line} has a key that is no text")),
    }
}

/// What a scalar without quotes stands for.
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    if let Ok(number) = text.parse::<i64>() {
        return Value::from(number);
    }
    // `inf` and `nan` are texts here, and JSON could not say them.
    let is_number = text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c))
        && text.bytes().any(|b| b.is_ascii_digit());
    let number = text.parse::<f64>().ok().filter(|_| is_number);
    number
        .and_then(Number::from_f64)
        .map_or_else(|| Value::String(text.to_owned()), Value::Number)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn yaml_and_json_are_read() {
        let yaml = "
spec:  # what is backed up
  topics: [orders, 'on', \"1\"]
  list:
    - a: 1
      b: -2.5
    - ~
  text: |
    one
    two
  flag: true
  region: eu-central-1
  time: 12:30
  mac: 1e
  empty:
";
        let expected = json!({"spec": {
            "topics": ["orders", "on", "1"],
            "list": [{"a": 1, "b": -2.5}, null],
            "text": "one\ntwo\n",
            "flag": true,
            "region": "eu-central-1",
            "time": "12:30",
            "mac": "1e",
            "empty": null,
        }});
        assert_eq!(parse(yaml), Ok(expected.clone()));
        assert_eq!(parse(&expected.to_string()), Ok(expected.clone()));
        assert_eq!(parse(&format!("---\n{expected:#}\n")), Ok(expected));
    }

    #[test]
    fn what_can_not_be_read_is_told_with_its_place() {
        let why = |text| parse(text).unwrap_err();
        assert_eq!(why(""), "it is empty");
        assert_eq!(why("a: 1\n---\nb: 2\n"), "it has more than one document");
        assert_eq!(why("a: 1\na: 2\n"), "`a` is there twice");
        assert_eq!(
            why("a: &x 1\nb: *x\n"),
            "line 2 has an alias: write out what it stands for"
        );
        assert!(
            why("a: [1\nb: 2\n").starts_with("line "),
            "{}",
            why("a: [1\nb: 2\n")
        );
        assert_eq!(why("? [a]\n: 1\n"), "line 1 has a key that is no text");
    }

    #[test]
    fn deep_nesting_ends_with_an_error_or_a_value_and_not_with_a_crash() {
        let text = "[".repeat(20_000);
        assert!(parse(&text).is_err());
    }
}
