use std::borrow::Cow;
use std::path::Path;

use host_base::text::size;
use host_driver::{DownloadedFiles, LocalFile, LocalFiles, Scope};
use schemars::JsonSchema;
use serde::Serialize;

use crate::ui::document::Document;
use crate::ui::fields::{self, SavedFile};
use crate::ui::schema::Body;
use crate::ui::table::{cell, table};

/// Returns the line that people read below the table.
pub(super) fn summary(saved: &LocalFiles) -> String {
    match (saved.single(), saved.shown_folder()) {
        (Some(file), _) => format!("SHA-256 {}, kept beside it", file.sha256),
        (None, None) => "no file was saved".to_owned(),
        (None, Some(folder)) => {
            let count = saved.files.len();
            let noun = if count == 1 { "file" } else { "files" };
            let total = size(saved.bytes());
            format!(
                "{count} {noun}, {total} in all, in {folder}; each digest is kept beside its file"
            )
        }
    }
}

/// Returns the lines that name the files, for results that have no table of files.
pub(super) fn lines(saved: &LocalFiles) -> String {
    let lines = saved.files.iter().map(|file| {
        let path = file.shown_path();
        format!("file: {path}\nverified-by: {}\n", file.verified_by)
    });
    lines.collect()
}

/// Returns the paths, one per line.
pub(super) fn names(saved: &LocalFiles) -> String {
    let paths = saved.files.iter().map(LocalFile::shown_path);
    paths.map(|path| format!("{path}\n")).collect()
}

/// A backup in a complete file, or in several. Printed by `backup download`.
#[derive(Serialize, JsonSchema)]
pub struct DownloadBody<'a> {
    #[serde(with = "fields::Scope")]
    scope: &'a Scope,
    item: Download<'a>,
}

/// The file, or the files if the engine may save several.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
enum Download<'a> {
    One(OneFile<'a>),
    Several(SeveralFiles<'a>),
}

/// The file.
#[derive(Serialize, JsonSchema)]
struct OneFile<'a> {
    /// Id of the backup.
    id: &'a str,
    #[serde(flatten)]
    file: SavedFile<'a>,
}

/// The files of an engine that may save several.
#[derive(Serialize, JsonSchema)]
struct SeveralFiles<'a> {
    /// Id of the backup.
    id: &'a str,
    /// Folder of the files.
    folder: Cow<'a, str>,
    /// The files, in the order in which they were completed.
    files: Vec<SavedFile<'a>>,
}

/// Returns the table of the files of a backup.
pub(super) fn files(saved: &LocalFiles, id: &str, wide: bool) -> String {
    let mut headers = vec!["FILE", "SIZE", "VERIFIED-BY"];
    if wide {
        headers.extend(["ID", "SHA256"]);
    }
    let headers: Vec<_> = headers.into_iter().map(str::to_owned).collect();
    let rows = saved.files.iter().map(|file| {
        let mut row = vec![
            comfy_table::Cell::new(file.shown_path()),
            cell(&size(file.bytes)),
            cell(file.verified_by),
        ];
        if wide {
            row.extend([cell(id), cell(&file.sha256)]);
        }
        row
    });
    table(&headers, rows.collect())
}

impl Document for DownloadedFiles {
    fn table(&self, wide: bool) -> String {
        files(&self.saved, &self.id, wide)
    }

    fn names(&self) -> String {
        names(&self.saved)
    }

    fn body(&self) -> Body<'_> {
        Body::Download(DownloadBody {
            scope: &self.scope,
            item: match self.saved.single() {
                Some(file) => Download::One(OneFile {
                    id: &self.id,
                    file: file.into(),
                }),
                None => Download::Several(SeveralFiles {
                    id: &self.id,
                    folder: self
                        .saved
                        .folder
                        .as_deref()
                        .map(Path::to_string_lossy)
                        .unwrap_or_default(),
                    files: fields::all(&self.saved),
                }),
            },
        })
    }

    fn summary(&self) -> Option<String> {
        Some(summary(&self.saved))
    }
}
