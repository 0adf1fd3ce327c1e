//! Ownership of fields (`metadata.managedFields`) and server-side apply.

mod fields;
mod shape;

use http::StatusCode;
use serde_json::{Map, Value, json};

use fields::{Fields, Path, Step};
pub use shape::Shape;

use super::resources::ResourceType;
use super::status::ApiError;

/// The author of a change.
#[derive(Debug, Clone)]
pub struct Author {
    pub manager: String,
    /// `Apply` or `Update`.
    pub operation: &'static str,
    /// The subresource; empty for the object itself.
    pub subresource: String,
    pub now: String,
}

/// One entry of `metadata.managedFields`.
#[derive(Debug, Clone)]
struct Entry {
    manager: String,
    operation: String,
    subresource: String,
    api_version: String,
    time: Value,
    fields: Fields,
}

impl Entry {
    fn parse(value: &Value) -> Self {
        let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
        Self {
            manager: text("manager"),
            operation: text("operation"),
            subresource: text("subresource"),
            api_version: text("apiVersion"),
            time: value["time"].clone(),
            fields: Fields::parse(&value["fieldsV1"]),
        }
    }

    fn to_json(&self) -> Value {
        let mut entry = json!({
            "manager": self.manager,
            "operation": self.operation,
            "apiVersion": self.api_version,
            "time": self.time,
            "fieldsType": "FieldsV1",
            "fieldsV1": self.fields.to_json(),
        });
        if !self.subresource.is_empty() {
            entry["subresource"] = json!(self.subresource);
        }
        entry
    }

    fn is_of(&self, author: &Author) -> bool {
        self.manager == author.manager
            && self.operation == author.operation
            && self.subresource == author.subresource
    }

    /// Returns the manager in the form of messages.
    fn shown(&self) -> String {
        let mut text = format!("{:?}", self.manager);
        if !self.subresource.is_empty() {
            text += &format!(" with subresource {:?}", self.subresource);
        }
        if self.operation == "Update" {
            text += &format!(" using {}", self.api_version);
            if let Some(time) = self.time.as_str() {
                text += &format!(" at {time}");
            }
        }
        text
    }
}

fn entries(object: &Value) -> Vec<Entry> {
    let list = object["metadata"]["managedFields"].as_array();
    list.into_iter().flatten().map(Entry::parse).collect()
}

fn write(object: &mut Value, mut entries: Vec<Entry>) {
    entries.retain(|entry| !entry.fields.0.is_empty());
    let Some(metadata) = object["metadata"].as_object_mut() else {
        return;
    };
    if entries.is_empty() {
        metadata.remove("managedFields");
        return;
    }
    let entries = entries.iter().map(Entry::to_json).collect();
    metadata.insert("managedFields".to_owned(), entries);
}

/// Records what a client changed by a create, an update or a patch.
pub fn record(ty: &ResourceType, old: Option<&Value>, new: &mut Value, author: &Author) {
    let given = &new["metadata"]["managedFields"];
    // A client resets the ownership by a list that is empty or has one empty entry.
    let reset = given
        .as_array()
        .is_some_and(|list| list.iter().all(|entry| *entry == json!({})));
    let mut known = match old {
        Some(old) if !(reset && given.is_array()) => entries(old),
        _ => Vec::new(),
    };
    let shape = Shape::of(ty);
    let after = Fields::of(shape, new);
    let before = old.map(|old| Fields::of(shape, old)).unwrap_or_default();
    let differs = |path: &Path| {
        let old = old.and_then(|old| fields::at(old, path));
        let leaf = !after
            .0
            .iter()
            .any(|it| it.len() > path.len() && it.starts_with(path));
        !before.0.contains(path) || (leaf && old != fields::at(new, path))
    };
    let changed: Vec<Path> = after
        .0
        .iter()
        .filter(|path| differs(path))
        .cloned()
        .collect();
    let gone: Vec<Path> = before.0.difference(&after.0).cloned().collect();
    if changed.is_empty() && gone.is_empty() {
        write(new, known);
        return;
    }
    for entry in &mut known {
        let own = entry.is_of(author);
        entry
            .fields
            .0
            .retain(|path| !gone.contains(path) && (own || !changed.contains(path)));
    }
    if !changed.is_empty() {
        let entry = own_entry(&mut known, ty, author);
        entry.fields.0.extend(changed);
        entry.time = json!(author.now);
    }
    write(new, known);
}

fn own_entry<'a>(known: &'a mut Vec<Entry>, ty: &ResourceType, author: &Author) -> &'a mut Entry {
    let at = known.iter().position(|entry| entry.is_of(author));
    let at = at.unwrap_or_else(|| {
        known.push(Entry {
            manager: author.manager.clone(),
            operation: author.operation.to_owned(),
            subresource: author.subresource.clone(),
            api_version: ty.api_version(),
            time: json!(author.now),
            fields: Fields::default(),
        });
        known.len() - 1
    });
    &mut known[at]
}

/// Returns the object after an apply: `live` is the present object, if there is one.
pub fn apply(
    ty: &ResourceType,
    live: Option<&Value>,
    config: &Value,
    author: &Author,
    force: bool,
) -> Result<Value, ApiError> {
    let shape = Shape::of(ty);
    let mut wanted = Fields::of(shape, config);
    let status = author.subresource == "status";
    if status || ty.status {
        wanted.restrict(status);
    }
    let Some(live) = live else {
        let mut object = config.clone();
        let mut known = Vec::new();
        own_entry(&mut known, ty, author).fields = wanted;
        write(&mut object, known);
        return Ok(object);
    };
    let mut known = entries(live);
    if known.is_empty() {
        // Objects from before the first apply belong to their creator, who isn't known.
        let author = Author {
            manager: "before-first-apply".to_owned(),
            operation: "Update",
            subresource: String::new(),
            now: author.now.clone(),
        };
        own_entry(&mut known, ty, &author).fields = Fields::of(shape, live);
    }
    let conflicts = conflicts(&known, &wanted, live, config, author);
    if !conflicts.is_empty() && !force {
        return Err(conflict(&known, &conflicts));
    }
    for (entry, path) in &conflicts {
        known[*entry].fields.0.remove(path);
    }
    let mut object = merged(shape, Some(live), config);
    let entry = own_entry(&mut known, ty, author);
    let last = std::mem::replace(&mut entry.fields, wanted.clone());
    if last != wanted {
        entry.time = json!(author.now);
    }
    drop_abandoned(&mut object, &last, &wanted, &known, author);
    write(&mut object, known);
    Ok(object)
}

/// Returns the fields that another manager owns with another value.
fn conflicts(
    known: &[Entry],
    wanted: &Fields,
    live: &Value,
    config: &Value,
    author: &Author,
) -> Vec<(usize, Path)> {
    let mut conflicts = Vec::new();
    for (index, entry) in known.iter().enumerate() {
        if entry.is_of(author) {
            continue;
        }
        for path in wanted.0.intersection(&entry.fields.0) {
            // An item itself is shared; its fields are compared one by one.
            let item = matches!(path.last(), Some(Step::Keys(_)));
            if !item && fields::at(live, path) != fields::at(config, path) {
                conflicts.push((index, path.clone()));
            }
        }
    }
    conflicts
}

fn conflict(known: &[Entry], conflicts: &[(usize, Path)]) -> ApiError {
    let causes: Vec<Value> = conflicts
        .iter()
        .map(|(entry, path)| {
            json!({
                "reason": "FieldManagerConflict",
                "message": format!("conflict with {}", known[*entry].shown()),
                "field": fields::shown(path),
            })
        })
        .collect();
    let message = match conflicts {
        [(entry, path)] => format!(
            "Apply failed with 1 conflict: conflict with {}: {}",
            known[*entry].shown(),
            fields::shown(path)
        ),
        _ => {
            let mut lines = Vec::new();
            let mut last = None;
            for (entry, path) in conflicts {
                if last != Some(entry) {
                    lines.push(format!("conflicts with {}:", known[*entry].shown()));
                    last = Some(entry);
                }
                lines.push(format!("- {}", fields::shown(path)));
            }
            let count = conflicts.len();
            format!("Apply failed with {count} conflicts: {}", lines.join("\n"))
        }
    };
    ApiError::new(StatusCode::CONFLICT, "Conflict", message).with_details(json!({"causes": causes}))
}

/// Returns the live value with the applied one merged into it.
fn merged(shape: Shape<'_>, live: Option<&Value>, config: &Value) -> Value {
    match (live, config) {
        (live, Value::Object(config)) if !shape.is_atomic() => {
            let mut object = match live {
                Some(Value::Object(live)) => live.clone(),
                _ => Map::new(),
            };
            for (name, value) in config {
                let value = merged(shape.field(name), object.get(name), value);
                object.insert(name.clone(), value);
            }
            Value::Object(object)
        }
        (live, Value::Array(config)) => {
            let kind = shape.list(config);
            let mut list = match live {
                Some(Value::Array(live)) => live.clone(),
                _ => Vec::new(),
            };
            for item in config {
                let Some(step) = Step::to_item(&kind, item) else {
                    return Value::Array(config.clone());
                };
                match list.iter_mut().find(|it| step.leads_to(it)) {
                    Some(present) => *present = merged(shape.item(), Some(present), item),
                    None => list.push(item.clone()),
                }
            }
            Value::Array(list)
        }
        (_, config) => config.clone(),
    }
}

/// Removes the fields that an author applied before, no longer applies, and alone owned.
fn drop_abandoned(
    object: &mut Value,
    last: &Fields,
    wanted: &Fields,
    known: &[Entry],
    author: &Author,
) {
    let others = || known.iter().filter(|entry| !entry.is_of(author));
    let kept = wanted.with_parents();
    let mut abandoned: Vec<Path> = last
        .with_parents()
        .into_iter()
        .filter(|path| !kept.contains(path) && !others().any(|entry| entry.fields.reaches(path)))
        .collect();
    // Items go before their keys, by which they are found. Then the deepest fields go first, so that an object
    // that is empty afterwards can go too.
    abandoned.sort_by_key(|path| {
        let field = matches!(path.last(), Some(Step::Field(_)));
        (field, std::cmp::Reverse(path.len()))
    });
    for path in abandoned {
        fields::remove(object, &path, !last.0.contains(&path));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::resources::built_in;

    fn author(manager: &str) -> Author {
        Author {
            manager: manager.to_owned(),
            operation: "Apply",
            subresource: String::new(),
            now: "2026-01-01T00:00:00Z".to_owned(),
        }
    }

    fn maps() -> ResourceType {
        let mut types = built_in().into_iter();
        types.find(|ty| ty.plural == "configmaps").unwrap()
    }

    fn map(data: &Value) -> Value {
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}, "data": data})
    }

    #[test]
    fn what_a_manager_no_longer_applies_is_removed_unless_another_owns_it() {
        let ty = maps();
        let a = map(&json!({"own": "1", "shared": "2"}));
        let live = apply(&ty, None, &a, &author("a"), false).unwrap();
        let b = map(&json!({"shared": "2"}));
        let live = apply(&ty, Some(&live), &b, &author("b"), false).unwrap();
        let live = apply(&ty, Some(&live), &map(&json!({})), &author("a"), false).unwrap();
        assert_eq!(live["data"], json!({"shared": "2"}));
    }

    #[test]
    fn another_value_is_a_conflict_until_it_is_forced() {
        let ty = maps();
        let live = apply(&ty, None, &map(&json!({"k": "1"})), &author("a"), false).unwrap();
        let other = map(&json!({"k": "2"}));
        let error = apply(&ty, Some(&live), &other, &author("b"), false).unwrap_err();
        let told = "Apply failed with 1 conflict: conflict with \"a\": .data.k";
        assert_eq!(error.to_string(), told);
        let live = apply(&ty, Some(&live), &other, &author("b"), true).unwrap();
        assert_eq!(live["data"]["k"], "2");
        // The first manager lost the field, so it takes nothing away.
        let live = apply(&ty, Some(&live), &map(&json!({})), &author("a"), false).unwrap();
        assert_eq!(live["data"]["k"], "2");
    }

    #[test]
    fn an_update_takes_the_fields_it_changes() {
        let ty = maps();
        let live = apply(
            &ty,
            None,
            &map(&json!({"k": "1", "l": "1"})),
            &author("a"),
            false,
        )
        .unwrap();
        let mut new = live.clone();
        new["data"]["k"] = json!("2");
        let editor = Author {
            operation: "Update",
            ..author("editor")
        };
        record(&ty, Some(&live), &mut new, &editor);
        let error = apply(
            &ty,
            Some(&new),
            &map(&json!({"k": "1"})),
            &author("a"),
            false,
        );
        let told = "Apply failed with 1 conflict: conflict with \"editor\" using v1 at \
                    2026-01-01T00:00:00Z: .data.k";
        assert_eq!(error.unwrap_err().to_string(), told);
    }
}
