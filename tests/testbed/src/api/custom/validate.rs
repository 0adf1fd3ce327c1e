//! Validation of objects. The texts are those of the real server.

use serde_json::Value;

use super::formats;
use super::node::{Additional, Kind, ListType, Node};
use super::{Problem, rules};

/// Checks an object against a schema, and then its rules. A value that equals the earlier one isn't checked:
/// the real server ratchets too.
pub fn object(root: &Node, object: &Value, old: Option<&Value>) -> Vec<Problem> {
    let mut problems = Vec::new();
    value(root, object, old, "", &mut problems);
    lists(root, object, "", &mut problems);
    if problems.is_empty() {
        rules::object(root, object, old, &mut problems);
    } else if problems.iter().any(|(_, problem)| blocks_rules(problem)) {
        let problem = "Invalid value: \"null\": some validation rules were not checked because the \
                       object was invalid; correct the existing errors to complete validation";
        problems.push(("<nil>".to_owned(), problem.to_owned()));
    } else {
        rules::object(root, object, old, &mut problems);
    }
    problems
}

/// Returns whether the rules can't be judged after a problem.
fn blocks_rules(problem: &str) -> bool {
    [
        "Unsupported value",
        "Required value",
        "Too long",
        "Too many",
    ]
    .iter()
    .any(|start| problem.starts_with(start))
        || problem.contains(" in body must be of type ")
}

/// Returns the path of a field below another.
pub fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

/// Returns the earlier value of an item, if the two can be correlated.
pub fn old_item<'a>(node: &Node, item: &Value, old: Option<&'a Value>) -> Option<&'a Value> {
    let ListType::Map(keys) = &node.list else {
        return None;
    };
    let items = node.items.as_deref()?;
    let key = |item: &Value| key_of(items, keys, item);
    old?.as_array()?.iter().find(|old| key(old) == key(item))
}

/// Returns the values of an item's keys, with the defaults of missing ones.
fn key_of(items: &Node, keys: &[String], item: &Value) -> Vec<Value> {
    let value = |key: &String| match item.get(key) {
        Some(value) => value.clone(),
        None => items
            .properties
            .get(key)
            .and_then(|field| field.default.clone())
            .unwrap_or_default(),
    };
    keys.iter().map(value).collect()
}

pub fn value(
    node: &Node,
    value: &Value,
    old: Option<&Value>,
    path: &str,
    problems: &mut Vec<Problem>,
) {
    if old == Some(value) || (value.is_null() && node.nullable) {
        return;
    }
    if !of_kind(node, value, path, problems) {
        return;
    }
    bounds(node, value, path, problems);
    match value {
        Value::Object(fields) => {
            for name in &node.required {
                if !fields.contains_key(name) {
                    problems.push((join(path, name), "Required value".to_owned()));
                }
            }
            for (name, inner) in fields {
                let Some(field) = node.field(name) else {
                    continue;
                };
                let before = old
                    .filter(|_| !node.atomic_map)
                    .and_then(|old| old.get(name));
                self::value(field, inner, before, &join(path, name), problems);
            }
        }
        Value::Array(list) => {
            if let Some(items) = &node.items {
                for (index, item) in list.iter().enumerate() {
                    let before = old_item(node, item, old);
                    self::value(items, item, before, &format!("{path}[{index}]"), problems);
                }
            }
        }
        _ => {}
    }
    junctors(node, value, path, problems);
    if node.embedded {
        embedded(value, path, problems);
    }
}

fn invalid(path: &str, value: &str, detail: &str) -> Problem {
    (path.to_owned(), format!("Invalid value: {value}: {detail}"))
}

fn shown(value: &Value) -> String {
    value.to_string()
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if is_whole(number) => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn is_whole(number: &serde_json::Number) -> bool {
    !number.is_f64() || number.as_f64().is_some_and(|n| n.fract() == 0.0)
}

fn of_kind(node: &Node, value: &Value, path: &str, problems: &mut Vec<Problem>) -> bool {
    let given = kind_of(value);
    let fits = |kind: Kind| kind.name() == given || (kind == Kind::Number && given == "integer");
    let wanted = match node.kind {
        _ if node.int_or_string => {
            if matches!(given, "integer" | "string") {
                return true;
            }
            "integer,string"
        }
        Some(kind) if !fits(kind) => kind.name(),
        _ => return true,
    };
    let detail = format!("{path} in body must be of type {wanted}: \"{given}\"");
    problems.push(invalid(path, &format!("\"{given}\""), &detail));
    false
}

fn bounds(node: &Node, value: &Value, path: &str, problems: &mut Vec<Problem>) {
    if let Some(choices) = &node.choices
        && !choices.contains(value)
    {
        let quoted = |choice: &Value| match choice {
            Value::String(text) => format!("{text:?}"),
            other => format!("{:?}", other.to_string()),
        };
        let choices: Vec<_> = choices.iter().map(quoted).collect();
        let problem = format!(
            "Unsupported value: {}: supported values: {}",
            shown(value),
            choices.join(", ")
        );
        problems.push((path.to_owned(), problem));
    }
    match value {
        Value::String(text) => text_bounds(node, text, path, problems),
        Value::Number(number) => number_bounds(node, number, path, problems),
        Value::Array(list) => {
            let length = list.len() as u64;
            if let Some(most) = node.max_items.filter(|&most| length > most) {
                let problem = format!("Too many: {length}: must have at most {most} items");
                problems.push((path.to_owned(), problem));
            }
            if let Some(least) = node.min_items.filter(|&least| length < least) {
                let detail = format!("{path} in body should have at least {least} items");
                problems.push(invalid(path, &length.to_string(), &detail));
            }
        }
        Value::Object(fields) => {
            let length = fields.len() as u64;
            if let Some(most) = node.max_properties.filter(|&most| length > most) {
                let problem = format!("Too many: {length}: must have at most {most} items");
                problems.push((path.to_owned(), problem));
            }
            if let Some(least) = node.min_properties.filter(|&least| length < least) {
                let detail = format!("{path} in body should have at least {least} properties");
                problems.push(invalid(path, &length.to_string(), &detail));
            }
        }
        _ => {}
    }
}

fn text_bounds(node: &Node, text: &str, path: &str, problems: &mut Vec<Problem>) {
    let length = text.chars().count() as u64;
    if let Some(most) = node.max_length.filter(|&most| length > most) {
        let problem = format!("Too long: may not be more than {most} bytes");
        problems.push((path.to_owned(), problem));
    }
    let told = format!("{text:?}");
    if let Some(least) = node.min_length.filter(|&least| length < least) {
        let detail = format!("{path} in body should be at least {least} chars long");
        problems.push(invalid(path, &told, &detail));
    }
    if let Some(pattern) = node.pattern.as_ref().filter(|it| !it.is_match(text)) {
        let detail = format!("{path} in body should match '{pattern}'");
        problems.push(invalid(path, &told, &detail));
    }
    if let Some(format) = node.format.as_ref()
        && !formats::matches(format, text)
    {
        let detail = format!("{path} in body must be of type {format}: {text:?}");
        problems.push(invalid(path, &told, &detail));
    }
}

fn number_bounds(
    node: &Node,
    number: &serde_json::Number,
    path: &str,
    problems: &mut Vec<Problem>,
) {
    let value = number.as_f64().unwrap_or(f64::NAN);
    let mut wrong = |detail: String| {
        let detail = format!("{path} in body should be {detail}");
        problems.push(invalid(path, &number.to_string(), &detail));
    };
    if let Some(most) = node.maximum {
        if node.exclusive_maximum && value >= most {
            wrong(format!("less than {most}"));
        } else if value > most {
            wrong(format!("less than or equal to {most}"));
        }
    }
    if let Some(least) = node.minimum {
        if node.exclusive_minimum && value <= least {
            wrong(format!("greater than {least}"));
        } else if value < least {
            wrong(format!("greater than or equal to {least}"));
        }
    }
    if let Some(unit) = node.multiple_of
        && (value / unit).fract() != 0.0
    {
        wrong(format!("a multiple of {unit}"));
    }
    let (least, most) = match node.format.as_deref() {
        Some("int32") => (f64::from(i32::MIN), f64::from(i32::MAX)),
        _ => return,
    };
    if value < least || value > most {
        let detail = format!("{path} in body must be of type int32: \"{number}\"");
        problems.push(invalid(path, &number.to_string(), &detail));
    }
}

fn junctors(node: &Node, value: &Value, path: &str, problems: &mut Vec<Problem>) {
    let judge = |branch: &Node| {
        let mut found = Vec::new();
        self::value(branch, value, None, path, &mut found);
        found
    };
    for branch in &node.all_of {
        problems.extend(judge(branch));
    }
    if !node.any_of.is_empty() {
        let found: Vec<_> = node.any_of.iter().map(judge).collect();
        if found.iter().all(|found| !found.is_empty()) {
            let detail = format!("{path:?} must validate at least one schema (anyOf)");
            problems.push(invalid(path, "\"\"", &detail));
            problems.extend(found.into_iter().min_by_key(Vec::len).unwrap_or_default());
        }
    }
    if !node.one_of.is_empty() {
        let found: Vec<_> = node.one_of.iter().map(judge).collect();
        let valid = found.iter().filter(|found| found.is_empty()).count();
        if valid != 1 {
            let count = match valid {
                0 => "Found none valid".to_owned(),
                many => format!("Found {many} valid alternatives"),
            };
            let detail = format!("{path:?} must validate one and only one schema (oneOf). {count}");
            problems.push(invalid(path, "\"\"", &detail));
        }
        if valid == 0 {
            problems.extend(found.into_iter().min_by_key(Vec::len).unwrap_or_default());
        }
    }
    if let Some(branch) = &node.not
        && judge(branch).is_empty()
    {
        let detail = format!("{path:?} must not validate the schema (not)");
        problems.push(invalid(path, "\"\"", &detail));
    }
}

/// Checks the fields that make an embedded value a resource.
fn embedded(value: &Value, path: &str, problems: &mut Vec<Problem>) {
    for name in ["apiVersion", "kind"] {
        if value[name].as_str().is_none_or(str::is_empty) {
            let problem = "Required value: must not be empty".to_owned();
            problems.push((join(path, name), problem));
        }
    }
}

/// Checks that the items of sets, and the keys of maps, occur once.
fn lists(node: &Node, value: &Value, path: &str, problems: &mut Vec<Problem>) {
    match value {
        Value::Object(fields) => {
            for (name, inner) in fields {
                if let Some(field) = node.field(name) {
                    lists(field, inner, &join(path, name), problems);
                }
            }
        }
        Value::Array(list) => {
            let Some(items) = &node.items else {
                return;
            };
            for (index, item) in list.iter().enumerate() {
                let place = format!("{path}[{index}]");
                let earlier = &list[..index];
                let (twice, told) = match &node.list {
                    ListType::Atomic => (false, String::new()),
                    ListType::Set => (earlier.contains(item), shown(item)),
                    ListType::Map(keys) => {
                        let key = key_of(items, keys, item);
                        let twice = earlier.iter().any(|it| key_of(items, keys, it) == key);
                        let pairs = keys.iter().cloned().zip(key);
                        let told: serde_json::Map<_, _> = pairs.collect();
                        (twice, shown(&Value::Object(told)))
                    }
                };
                if twice {
                    problems.push((place.clone(), format!("Duplicate value: {told}")));
                }
                lists(items, item, &place, problems);
            }
        }
        _ => {}
    }
}

/// Returns whether a node keeps fields that its schema doesn't name.
pub fn keeps_unknown(node: &Node) -> bool {
    node.preserve || !matches!(node.additional, Additional::Pruned)
}
