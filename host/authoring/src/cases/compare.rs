//! Compares an expected value with the actual one. Every named field must have exactly this value, and other
//! fields are ignored. A list must have exactly these items, in this order.

use serde_json::Value;

use super::show::shortened;

/// Returns the differences, one sentence for each place.
pub(super) fn differences(expected: &Value, actual: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare("result", expected, actual, &mut found);
    found
}

fn compare(place: &str, expected: &Value, actual: &Value, found: &mut Vec<String>) {
    match (expected, actual) {
        (Value::Object(expected), Value::Object(actual)) => {
            for (name, value) in expected {
                let place = format!("{place}.{name}");
                match actual.get(name) {
                    Some(actual) => compare(&place, value, actual, found),
                    None => found.push(format!(
                        "{place} is missing, but {} is expected",
                        show(value)
                    )),
                }
            }
        }
        (Value::Array(expected), Value::Array(actual)) => {
            if expected.len() != actual.len() {
                found.push(format!(
                    "{place} has {} items, but {} are expected: {}",
                    actual.len(),
                    expected.len(),
                    shortened(&Value::from(actual.clone()).to_string())
                ));
                return;
            }
            for (at, (expected, actual)) in expected.iter().zip(actual).enumerate() {
                compare(&format!("{place}[{at}]"), expected, actual, found);
            }
        }
        (expected, actual) if expected == actual => {}
        (expected, actual) => found.push(format!(
            "{place} is {}, but {} is expected",
            show(actual),
            show(expected)
        )),
    }
}

fn show(value: &Value) -> String {
    shortened(&value.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn named_fields_are_exact_and_others_are_not_looked_at() {
        let actual = json!({ "id": "a", "sizeBytes": 3, "fields": { "x": "1", "y": "2" } });
        assert!(differences(&json!({}), &actual).is_empty());
        let expected = json!({ "id": "a", "fields": { "y": "2" } });
        assert!(differences(&expected, &actual).is_empty());
        let expected = json!({ "id": "b", "sizeBytes": "3", "state": "Failed" });
        assert_eq!(
            differences(&expected, &actual),
            [
                "result.id is \"a\", but \"b\" is expected",
                "result.sizeBytes is 3, but \"3\" is expected",
                "result.state is missing, but \"Failed\" is expected",
            ]
        );
    }

    #[test]
    fn a_list_has_exactly_the_expected_items_in_their_order() {
        let actual = json!([{ "id": "a" }, { "id": "b" }]);
        assert!(differences(&json!([{ "id": "a" }, {}]), &actual).is_empty());
        assert_eq!(
            differences(&json!([{ "id": "b" }, { "id": "a" }]), &actual).len(),
            2
        );
        assert_eq!(
            differences(&json!([]), &actual),
            ["result has 2 items, but 0 are expected: [{\"id\":\"a\"},{\"id\":\"b\"}]"]
        );
    }
}
