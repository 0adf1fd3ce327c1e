use std::path::PathBuf;

use serde_json::{Value, json};

use crate::model::{Failure, State, text};
use crate::ui::document::{Document, document};
use crate::ui::format::size;
use crate::ui::kind::Kind;
use crate::ui::table::{cell, state, table};

/// Files that were looked at. Nothing is wrong with them; of some, nothing may be known.
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
    /// By what it is known that it holds: `checksum`, `length`, `structure`, `nothing`.
    pub verified_by: &'static str,
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
        if self.is_verified() {
            format!("{} holds: {}", self.path(), self.checks())
        } else {
            format!("{} was not verified: {}", self.path(), self.checks())
        }
    }

    fn is_verified(&self) -> bool {
        self.verified_by != "nothing"
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
        let mut headers = vec![
            "FILE",
            "SIZE",
            "LENGTH",
            "SHA256",
            "STRUCTURE",
            "VERIFIED-BY",
        ];
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
            cells.push(if file.is_verified() {
                cell(file.verified_by)
            } else {
                state(file.verified_by, State::Unknown)
            });
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
                    "verifiedBy": file.verified_by,
                    "checks": checks,
                })
            })
            .collect();
        document(Kind::VerificationList, json!({ "items": items }))
    }

    fn summary(&self) -> Option<String> {
        let paths = |verified_by: &str| {
            let files = self.files.iter();
            let found: Vec<_> = files
                .filter(|file| file.verified_by == verified_by)
                .map(CheckedFile::path)
                .collect();
            (!found.is_empty()).then(|| found.join(", "))
        };
        let structure = paths("structure").map(|paths| {
            format!(
                "Only the structure was checked, because there is no digest to compare with: {paths} \
                 could be another backup"
            )
        });
        let nothing = paths("nothing").map(|paths| {
            format!(
                "Not verified: {paths}. There is no digest, no length and no structure to check by; \
                 put the digest into a file NAME.sha256 beside it"
            )
        });
        let lines: Vec<_> = [structure, nothing].into_iter().flatten().collect();
        (!lines.is_empty()).then(|| lines.join("\n"))
    }

    fn failure(&self) -> Option<Failure> {
        let unverified = self.files.iter().any(|file| !file.is_verified());
        unverified.then_some(Failure::Partial)
    }
}
