//! The subset of Kubernetes' `JSONPath` that printer columns use.

use serde_json::Value;

/// Returns the value at a path such as `.status.conditions[?(@.type=="Ready")].status`.
pub fn find<'a>(object: &'a Value, path: &str) -> Option<&'a Value> {
    let mut at = object;
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix('[') {
            let end = inner.find(']')?;
            at = index(at, &inner[..end])?;
            rest = &inner[end + 1..];
        } else {
            let (name, after) = field(rest.strip_prefix('.').unwrap_or(rest));
            at = at.get(name)?;
            rest = after;
        }
    }
    Some(at)
}

/// Reads a field name up to the next step; `\.` stands for a dot in a name.
fn field(text: &str) -> (String, &str) {
    let mut name = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => name.extend(characters.next().map(|(_, escaped)| escaped)),
            '.' | '[' => return (name, &text[at..]),
            _ => name.push(character),
        }
    }
    (name, "")
}

fn index<'a>(list: &'a Value, inside: &str) -> Option<&'a Value> {
    if let Some(quoted) = inside.strip_prefix('\'') {
        return list.get(quoted.trim_end_matches('\''));
    }
    let Some(filter) = inside
        .strip_prefix("?(@.")
        .and_then(|f| f.strip_suffix(')'))
    else {
        return list.get(inside.parse::<usize>().ok()?);
    };
    let (name, wanted) = filter.split_once("==")?;
    let wanted = wanted.trim().trim_matches(['"', '\'']);
    let mut items = list.as_array()?.iter();
    items.find(|item| item[name.trim()].as_str() == Some(wanted))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_indexes_and_filters_are_followed() {
        let object = json!({
            "metadata": {"annotations": {"a.b/c": "x"}},
            "status": {"list": [1, 2], "conditions": [
                {"type": "Ready", "status": "True"},
            ]},
        });
        let text = |path| find(&object, path).cloned();
        assert_eq!(text(".status.list[1]"), Some(json!(2)));
        assert_eq!(text(r".metadata.annotations.a\.b/c"), Some(json!("x")));
        let ready = r#".status.conditions[?(@.type=="Ready")].status"#;
        assert_eq!(text(ready), Some(json!("True")));
        assert_eq!(text(".status.nope.deeper"), None);
    }
}
