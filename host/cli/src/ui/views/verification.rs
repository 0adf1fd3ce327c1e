use std::borrow::Cow;

use host_base::text::size;
use host_base::{Failure, State};
use host_driver::{CheckedFile, Verified};
use schemars::JsonSchema;
use serde::Serialize;

use crate::ui::document::Document;
use crate::ui::fields::DIGEST;
use crate::ui::schema::Body;
use crate::ui::table::{cell, state, table};

/// Files that were verified. Printed by `backup verify`. A damaged file is an Error. If a file could not be
/// compared with anything, the exit code is 3.
#[derive(Serialize, JsonSchema)]
pub struct VerificationListBody<'a> {
    /// The files.
    items: Vec<Verification<'a>>,
}

/// The result of verifying one file.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Verification<'a> {
    /// Path of the file, as it was given.
    path: Cow<'a, str>,
    /// Size in bytes.
    size_bytes: u64,
    /// SHA-256 digest in hexadecimal.
    #[schemars(regex(pattern = DIGEST))]
    sha256: &'a str,
    /// Whether the file was compared with a digest or a length from another source.
    compared: bool,
    /// Strongest check that passed: the digest, the recorded length, or only the structure of the file. `nothing`
    /// means that the file is readable but was not verified.
    #[schemars(extend("enum" = ["checksum", "length", "structure", "nothing"]))]
    verified_by: &'static str,
    /// The checks.
    checks: Vec<FileCheck<'a>>,
}

/// One check of a file.
#[derive(Serialize, JsonSchema)]
struct FileCheck<'a> {
    /// Name of the check.
    #[schemars(extend("enum" = ["length", "sha256", "structure"]))]
    name: &'static str,
    /// `skipped` if there was nothing to compare with. A failed check leads to an Error instead of this document.
    #[schemars(extend("enum" = ["passed", "skipped"]))]
    outcome: &'static str,
    /// The finding.
    message: &'a str,
}

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

    fn body(&self) -> Body<'_> {
        let items = self.files.iter().map(|file| {
            let checks = file.checks.iter();
            let checks = checks.map(|&(name, outcome, ref message)| FileCheck {
                name,
                outcome,
                message,
            });
            Verification {
                path: file.path.to_string_lossy(),
                size_bytes: file.bytes,
                sha256: &file.sha256,
                compared: file.is_compared,
                verified_by: file.verified_by,
                checks: checks.collect(),
            }
        });
        Body::VerificationList(VerificationListBody {
            items: items.collect(),
        })
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
