use std::path::PathBuf;

use host_base::text;
use serde_json::{Value, json};

use crate::ui::Kind;
use crate::ui::document::{Document, document};

/// Longest path, in characters.
const MAX_PATH: usize = 4096;

/// A new project.
#[derive(Debug)]
pub struct PluginProjectView {
    pub id: String,
    pub folder: PathBuf,
    /// The written files, relative to the folder. Files of the SDK are left out.
    pub files: Vec<String>,
    /// Path of the component that the build writes, relative to the folder.
    pub component: String,
    /// The folders that belong to the SDK.
    pub sdk: Vec<String>,
    /// The commands that build and test the project.
    pub next: Vec<String>,
}

impl Document for PluginProjectView {
    fn table(&self, _: bool) -> String {
        let folder = self.folder.display().to_string();
        let folder = text::printable(&folder, MAX_PATH);
        let mut shown = format!("{} is begun in {folder}:\n", self.id);
        for file in &self.files {
            shown.push_str(&format!("  {file}\n"));
        }
        for folder in &self.sdk {
            shown.push_str(&format!("  {folder}\n"));
        }
        shown.push_str(&format!(
            "Its README.md says what is in them. Next:\n  cd {folder}\n"
        ));
        for line in &self.next {
            shown.push_str(&format!("  {line}\n"));
        }
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
