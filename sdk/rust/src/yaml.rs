//! Files of users: one document of YAML, or of its subset JSON. Requires the feature `yaml`.

use serde_json::Value;
use serde_saphyr::{MessageFormatter, UserMessageFormatter};

/// Parses the text. Aliases that expand too far and lists that are nested too deeply are rejected.
///
/// # Errors
/// Returns the reason and the position, in one line.
pub fn parse(text: &str) -> Result<Value, String> {
    // Without this option `on` and `yes` would be booleans; YAML 1.2 reads them as texts.
    let options = serde_saphyr::options! { strict_booleans: true, with_snippet: false };
    match serde_saphyr::from_str_with_options(text, options) {
        Ok(Value::Null) => Err("it is empty".to_owned()),
        Ok(value) => Ok(value),
        Err(error) => {
            let why = UserMessageFormatter.format_message(&error);
            Err(match error.location() {
                Some(at) => format!("line {} column {}: {why}", at.line(), at.column()),
                None => why.into_owned(),
            })
        }
    }
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
  switch: on
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
            "switch": "on",
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
        assert_eq!(
            why("a: 1\n---\nb: 2\n"),
            "line 3 column 1: only single YAML document expected but multiple found"
        );
        assert_eq!(
            why("a: 1\na: 2\n"),
            "line 2 column 1: duplicate mapping key: a not allowed here"
        );
        assert_eq!(
            why("a: [1\nb: 2\n"),
            "line 2 column 2: illegal placement of ':' indicator"
        );
        assert_eq!(
            why("? [a]\n: 1\n"),
            "line 1 column 3: expected string scalar"
        );
    }

    #[test]
    fn an_alias_stands_for_its_anchor_and_a_bomb_of_them_is_refused() {
        assert_eq!(parse("a: &x 1\nb: *x\n"), Ok(json!({"a": 1, "b": 1})));
        let mut bomb = "a0: &a0 [x]\n".to_owned();
        for level in 1..9 {
            let aliases = vec![format!("*a{}", level - 1); 9].join(", ");
            bomb += &format!("a{level}: &a{level} [{aliases}]\n");
        }
        let why = parse(&bomb).unwrap_err();
        assert!(why.contains("too large or too complex"), "{why}");
    }

    #[test]
    fn deep_nesting_ends_with_an_error_or_a_value_and_not_with_a_crash() {
        for depth in [100, 20_000] {
            assert!(parse(&"[".repeat(depth)).is_err());
            let closed = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
            assert!(parse(&closed).is_err());
        }
        let depth = 50;
        assert!(parse(&format!("{}{}", "[".repeat(depth), "]".repeat(depth))).is_ok());
    }
}
