use std::path::PathBuf;

use serde_json::{Value, json};

use crate::model::text;
use crate::ui::Kind;
use crate::ui::document::{Document, document};

/// Longest path, in characters.
const MAX_PATH: usize = 4096;

/// A project that was begun.
#[derive(Debug)]
pub struct PluginProjectView {
    pub id: String,
    pub folder: PathBuf,
    /// Relative to the folder, those of the SDK left out.
    pub files: Vec<String>,
    /// What its build makes, relative to the folder.
    pub component: String,
}

impl Document for PluginProjectView {
    fn table(&self, _: bool) -> String {
        let folder = self.folder.display().to_string();
        let folder = text::printable(&folder, MAX_PATH);
        let mut shown = format!("{} is begun in {folder}:\n", self.id);
        for file in &self.files {
            shown.push_str(&format!("  {file}\n"));
        }
        shown.push_str(&format!(
            "  sdk/\nIts README.md says what is in them. Next:\n  \
             cd {folder}\n  \
             cargo test\n  \
             cargo build --release --target wasm32-wasip2\n  \
             kubectl broker plugin test {} --cases cases\n",
            self.component
        ));
        shown
    }

    fn names(&self) -> String {
        let folder = self.folder.display().to_string();
        format!("{}\n", text::printable(&folder, MAX_PATH))
    }

    fn document(&self) -> Value {
        document(
            Kind::PluginProject,
            json!({
                "id": self.id,
                "folder": self.folder.display().to_string(),
                "files": self.files,
                "component": self.component,
            }),
        )
    }
}
