//! Canonical JSON, as `jq -cS` writes it: sorted keys, no white space, and text outside ASCII as it is.

use serde_json::Value;

/// Appends the canonical form of a value.
pub fn write(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => out.push_str(&number.to_string()),
        Value::String(text) => write_text(text, out),
        Value::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write(item, out);
            }
            out.push(']');
        }
        Value::Object(members) => {
            // Sorted here too: a feature of serde_json, which another crate may switch on, keeps the order of a text.
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(name, _)| name.as_str());
            out.push('{');
            for (at, (name, value)) in members.into_iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_text(name, out);
                out.push(':');
                write(value, out);
            }
            out.push('}');
        }
    }
}

/// Returns the canonical form of a value.
pub fn canonical(value: &Value) -> String {
    let mut out = String::new();
    write(value, &mut out);
    out
}

/// Appends a text in quotation marks. Like jq, it escapes DEL as well.
pub fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\0'..='\u{1f}' | '\u{7f}' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_are_sorted_and_text_is_escaped_as_jq_does_it() {
        let value = json!({
            "ü": [1, -2, true, null, 9_007_199_254_740_991_u64],
            "Z": {"b": "x\u{7f}\u{1f}\u{0}\u{8}\u{c}\n\r\t\"\\/ é\u{2028}😀", "a": {}},
            "a b": [],
        });
        // jq -cSj . of the same document, with version 1.6.
        let expected = "{\"Z\":{\"a\":{},\"b\":\"x\\u007f\\u001f\\u0000\\b\\f\\n\\r\\t\\\"\\\\/ é\u{2028}😀\"},\"a b\":[],\"ü\":[1,-2,true,null,9007199254740991]}";
        assert_eq!(canonical(&value), expected);
    }
}
