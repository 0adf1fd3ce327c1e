use host_base::text::size;
use host_driver::{DownloadedFile, LocalFile};
use serde_json::{Value, json};

use crate::ui::document::{Document, document};
use crate::ui::kind::Kind;
use crate::ui::table::{cell, table};

/// Returns the line that people read below the table.
pub(super) fn file_summary(file: &LocalFile) -> String {
    format!("SHA-256 {}, kept beside it", file.sha256)
}

pub(super) fn file_fields(file: &LocalFile) -> Value {
    json!({
        "path": file.path.to_string_lossy(),
        "sizeBytes": file.bytes,
        "sha256": file.sha256,
        "verifiedBy": file.verified_by,
    })
}

impl Document for DownloadedFile {
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
        let mut item = file_fields(&self.file);
        item["id"] = self.id.clone().into();
        item["resumedBytes"] = self.resumed.into();
        document(Kind::Download, json!({ "scope": self.scope, "item": item }))
    }

    fn summary(&self) -> Option<String> {
        Some(file_summary(&self.file))
    }
}
