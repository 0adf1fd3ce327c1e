use std::path::PathBuf;

use serde_json::{Value, json};

use crate::model::{State, text};
use crate::ui::document::{Document, document};
use crate::ui::format::size;
use crate::ui::kind::Kind;
use crate::ui::table::{cell, state, table};

/// Files that were looked at, and hold.
#[derive(Debug)]
pub struct VerificationView {
    pub files: Vec<CheckedFile>,
}

#[derive(Debug)]
pub struct CheckedFile {
    pub path: PathBuf,
    pub bytes: u64,
    /// In hexadecimal.
    pub sha256: String,
    /// Whether there was something from elsewhere to compare with.
    pub is_compared: bool,
    /// Name, outcome and message of each check.
    pub checks: Vec<(&'static str, &'static str, String)>,
}

impl CheckedFile {
    fn path(&self) -> String {
        text::printable(&self.path.to_string_lossy(), 4096).into_owned()
    }

    /// For a line among others.
    #[must_use]
    pub fn sentence(&self) -> String {
        format!("{} holds: {}", self.path(), self.checks())
    }

    fn checks(&self) -> String {
        let checks: Vec<_> = self
            .checks
            .iter()
            .map(|(name, outcome, message)| {
                format!("{name} {outcome} ({})", text::printable(message, 300))
            })
            .collect();
        checks.join(", ")
    }
}

impl Document for VerificationView {
    fn table(&self, wide: bool) -> String {
        let mut headers = vec!["FILE", "SIZE", "LENGTH", "SHA256", "STRUCTURE"];
        if wide {
            headers.push("DIGEST");
        }
        let headers: Vec<_> = headers.into_iter().map(str::to_owned).collect();
        let rows = self.files.iter().map(|file| {
            let mut cells = vec![comfy_table::Cell::new(file.path()), cell(&size(file.bytes))];
            cells.extend(file.checks.iter().map(|(_, outcome, _)| match *outcome {
                "passed" => state(outcome, State::Succeeded),
                "failed" => state(outcome, State::Failed),
                other => state(other, State::Unknown),
            }));
            if wide {
                cells.push(cell(&file.sha256));
            }
            cells
        });
        table(&headers, rows.collect())
    }

    fn names(&self) -> String {
        self.files
            .iter()
            .map(|file| format!("{}\n", file.path()))
            .collect()
    }

    fn document(&self) -> Value {
        let items: Vec<_> = self
            .files
            .iter()
            .map(|file| {
                let checks: Vec<_> = file
                    .checks
                    .iter()
                    .map(|(name, outcome, message)| {
                        json!({ "name": name, "outcome": outcome, "message": message })
                    })
                    .collect();
                json!({
                    "path": file.path.to_string_lossy(),
                    "sizeBytes": file.bytes,
                    "sha256": file.sha256,
                    "compared": file.is_compared,
                    "checks": checks,
                })
            })
            .collect();
        document(Kind::VerificationList, json!({ "items": items }))
    }

    fn summary(&self) -> Option<String> {
        let alone: Vec<_> = self
            .files
            .iter()
            .filter(|file| !file.is_compared)
            .map(CheckedFile::path)
            .collect();
        (!alone.is_empty()).then(|| {
            format!(
                "There is no record to compare with: {} could be another backup",
                alone.join(", ")
            )
        })
    }
}
