//! Server-side tables (`meta.k8s.io/v1` `Table`).

use jiff::Timestamp;
use serde_json::{Value, json};

use super::cells::age;
use super::jsonpath;
use super::read::partial;
use super::resources::{Columns, PrinterColumn, ResourceType};

/// The object that each row contains besides its cells: the `includeObject` parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Include {
    Nothing,
    #[default]
    Metadata,
    Object,
}

impl Include {
    pub fn parse(text: Option<&str>) -> Self {
        match text {
            Some("None") => Self::Nothing,
            Some("Object") => Self::Object,
            _ => Self::Metadata,
        }
    }
}

pub fn definitions(columns: &Columns) -> Value {
    match columns {
        Columns::BuiltIn(columns, _) => columns
            .iter()
            .map(|column| {
                json!({
                    "name": column.name,
                    "type": column.kind,
                    "format": column.format,
                    "description": "",
                    "priority": column.priority,
                })
            })
            .collect(),
        Columns::Printer(columns) => {
            let name = json!({
                "name": "Name", "type": "string", "format": "name", "description": "", "priority": 0,
            });
            let more = shown(columns).into_iter().map(|column| {
                json!({
                    "name": column.name,
                    "type": column.kind,
                    "format": "",
                    "description": column.description,
                    "priority": column.priority,
                })
            });
            std::iter::once(name).chain(more).collect()
        }
    }
}

/// Returns the columns to show. A custom resource without printer columns shows its age.
fn shown(columns: &[PrinterColumn]) -> Vec<PrinterColumn> {
    if !columns.is_empty() {
        return columns.to_vec();
    }
    vec![PrinterColumn {
        name: "Age".to_owned(),
        kind: "date".to_owned(),
        json_path: ".metadata.creationTimestamp".to_owned(),
        description: String::new(),
        priority: 0,
    }]
}

fn cells(columns: &Columns, object: &Value, now: Timestamp) -> Vec<Value> {
    match columns {
        Columns::BuiltIn(_, cells) => cells(object, now),
        Columns::Printer(columns) => {
            let name = object["metadata"]["name"].clone();
            let more = shown(columns)
                .into_iter()
                .map(|column| printed(&column, object, now));
            std::iter::once(name).chain(more).collect()
        }
    }
}

fn printed(column: &PrinterColumn, object: &Value, now: Timestamp) -> Value {
    match jsonpath::find(object, &column.json_path) {
        None => Value::Null,
        Some(value) if column.kind == "date" => json!(age(value, now)),
        Some(value @ (Value::Array(_) | Value::Object(_))) => json!(value.to_string()),
        Some(value) => value.clone(),
    }
}

pub fn row(ty: &ResourceType, object: &Value, include: Include, now: Timestamp) -> Value {
    let cells = cells(&ty.columns, object, now);
    let carried = match include {
        Include::Nothing => return json!({"cells": cells}),
        Include::Object => object.clone(),
        Include::Metadata => partial(object),
    };
    json!({"cells": cells, "object": carried})
}

/// Returns a table. Only the first event of a watch contains `definitions`.
pub fn table(metadata: &Value, definitions: Option<&Value>, rows: &[Value]) -> Value {
    json!({
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata,
        "columnDefinitions": definitions,
        "rows": rows,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printer_columns_of_a_custom_resource_are_computed() {
        let column = |name: &str, kind: &str, path: &str| PrinterColumn {
            name: name.to_owned(),
            kind: kind.to_owned(),
            json_path: path.to_owned(),
            description: String::new(),
            priority: 0,
        };
        let ty = ResourceType {
            columns: Columns::Printer(vec![
                column("Phase", "string", ".status.phase"),
                column("Count", "integer", ".status.count"),
                column("Since", "date", ".status.since"),
            ]),
            ..ResourceType::custom("example.com", "v1", "Thing", "things")
        };
        let object = json!({
            "metadata": {"name": "a"},
            "status": {"phase": "Ready", "since": "2025-09-01T00:00:00Z"},
        });
        let now = "2025-09-01T00:05:00Z".parse().unwrap();
        let row = row(&ty, &object, Include::Nothing, now);
        assert_eq!(row, json!({"cells": ["a", "Ready", null, "5m"]}));
    }
}
