use host_base::text::size;
use host_driver::{DownloadedFile, LocalFile, Scope};
use schemars::JsonSchema;
use serde::Serialize;

use crate::ui::document::Document;
use crate::ui::fields;
use crate::ui::schema::Body;
use crate::ui::table::{cell, table};

/// Returns the line that people read below the table.
pub(super) fn file_summary(file: &LocalFile) -> String {
    format!("SHA-256 {}, kept beside it", file.sha256)
}

/// A backup in a complete file. Printed by `backup download`.
#[derive(Serialize, JsonSchema)]
pub struct DownloadBody<'a> {
    #[serde(with = "fields::Scope")]
    scope: &'a Scope,
    item: Download<'a>,
}

/// The file.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Download<'a> {
    /// Id of the backup.
    id: &'a str,
    #[serde(flatten)]
    file: fields::File<'a>,
    /// Number of bytes that an earlier run had downloaded.
    resumed_bytes: u64,
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

    fn body(&self) -> Body<'_> {
        Body::Download(DownloadBody {
            scope: &self.scope,
            item: Download {
                id: &self.id,
                file: (&self.file).into(),
                resumed_bytes: self.resumed,
            },
        })
    }

    fn summary(&self) -> Option<String> {
        Some(file_summary(&self.file))
    }
}
