use host_base::text::size;
use host_base::{State, text};
use host_driver::{PastOperation, PastOperations};
use serde_json::{Value, json};

use crate::ui::document::{Document, document};
use crate::ui::format::age;
use crate::ui::kind::Kind;
use crate::ui::table::{cell, optional, state, table};

fn state_of(row: &PastOperation) -> State {
    match &*row.outcome {
        "Succeeded" => State::Succeeded,
        "Unproven" | "Partial" => State::Unknown,
        _ => State::Failed,
    }
}

impl Document for PastOperations {
    fn table(&self, wide: bool) -> String {
        let mut headers = vec!["AGE", "OPERATION", "OUTCOME", "SCOPE", "ID", "SIZE", "FILE"];
        if wide {
            headers.extend(["TIME", "ENGINE", "SHA256", "MESSAGE"]);
        }
        let headers: Vec<_> = headers.into_iter().map(str::to_owned).collect();
        let rows = self.rows.iter().map(|row| {
            let mut cells = vec![
                cell(&age(row.time, self.now)),
                cell(&row.operation),
                state(&row.outcome, state_of(row)),
                cell(&row.scope),
                optional(row.id.as_deref()),
                optional(row.bytes.map(size).as_deref()),
                optional(row.file.as_deref()),
            ];
            if wide {
                cells.extend([
                    cell(&format!("{:.0}", row.time)),
                    cell(&row.engine),
                    optional(row.sha256.as_deref()),
                    optional(row.message.as_deref()),
                ]);
            }
            cells
        });
        table(&headers, rows.collect())
    }

    /// Lists the file of each entry, or else its id.
    fn names(&self) -> String {
        let name = |row: &PastOperation| row.file.clone().or_else(|| row.id.clone());
        let names = self.rows.iter().filter_map(name);
        names
            .map(|name| format!("{}\n", text::printable(&name, 4096)))
            .collect()
    }

    fn document(&self) -> Value {
        let items: Vec<_> = self
            .rows
            .iter()
            .map(|row| {
                json!({
                    "time": row.time.to_string(),
                    "operation": row.operation,
                    "outcome": row.outcome,
                    "message": row.message,
                    "engine": row.engine,
                    "scope": row.scope,
                    "id": row.id,
                    "path": row.file,
                    "sizeBytes": row.bytes,
                    "sha256": row.sha256,
                })
            })
            .collect();
        document(Kind::History, json!({ "items": items }))
    }

    fn summary(&self) -> Option<String> {
        (self.unreadable > 0).then(|| {
            format!(
                "{} lines of the record can't be read and are left out",
                self.unreadable
            )
        })
    }
}
