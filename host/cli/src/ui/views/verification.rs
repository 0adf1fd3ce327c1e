use host_base::text::size;
use host_base::{Failure, State};
use host_driver::{CheckedFile, Verified};
use serde_json::{Value, json};

use crate::ui::document::{Document, document};
use crate::ui::kind::Kind;
use crate::ui::table::{cell, state, table};

impl Document for Verified {
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
            let mut cells = vec![
                comfy_table::Cell::new(file.shown_path()),
                cell(&size(file.bytes)),
            ];
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
            .map(|file| format!("{}\n", file.shown_path()))
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
                .map(CheckedFile::shown_path)
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
