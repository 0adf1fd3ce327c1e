use std::path::PathBuf;

use serde_json::{Value, json};

use crate::model::text;
use crate::ui::Scope;
use crate::ui::document::{Document, document};
use crate::ui::format::size;
use crate::ui::kind::Kind;
use crate::ui::table::{cell, table};

/// A backup in a file.
#[derive(Debug)]
pub struct DownloadView {
    pub scope: Scope,
    pub id: String,
    pub file: SavedFileView,
    /// Bytes that were there from an earlier run.
    pub resumed: u64,
}

/// A file that was written, whole.
#[derive(Debug)]
pub struct SavedFileView {
    pub path: PathBuf,
    pub bytes: u64,
    /// In hexadecimal.
    pub sha256: String,
    /// By what it is known that all bytes came: `checksum`, `length`, `end-of-stream`, `nothing`.
    pub verified_by: &'static str,
}

/// Longest path that is shown, in characters.
const MAX_PATH: usize = 4096;

impl SavedFileView {
    pub(super) fn shown_path(&self) -> String {
        text::printable(&self.path.to_string_lossy(), MAX_PATH).into_owned()
    }

    /// What stands below it, for people.
    pub(super) fn summary(&self) -> String {
        format!("SHA-256 {}, kept beside it", self.sha256)
    }

    pub(super) fn fields(&self) -> Value {
        json!({
            "path": self.path.to_string_lossy(),
            "sizeBytes": self.bytes,
            "sha256": self.sha256,
            "verifiedBy": self.verified_by,
        })
    }
}

impl Document for DownloadView {
    fn table(&self, wide: bool) -> String {
        let mut headers = vec!["FILE", "SIZE", "VERIFIED-BY"];
        let mut row = vec![
            comfy_table::Cell::new(self.file.shown_path()),
            cell(&size(self.file.bytes)),
            cell(self.file.verified_by),
        ];
        if wide {
            headers.extend(["ID", "SHA256"]);
            row.extend([cell(&self.id), cell(&self.file.sha256)]);
        }
        let headers: Vec<_> = headers.into_iter().map(str::to_owned).collect();
        table(&headers, vec![row])
    }

    fn names(&self) -> String {
        format!("{}\n", self.file.shown_path())
    }

    fn document(&self) -> Value {
        let mut item = self.file.fields();
        item["id"] = self.id.clone().into();
        item["resumedBytes"] = self.resumed.into();
        document(Kind::Download, json!({ "scope": self.scope, "item": item }))
    }

    fn summary(&self) -> Option<String> {
        Some(self.file.summary())
    }
}
