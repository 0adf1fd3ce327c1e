use host_base::text;
use schemars::JsonSchema;
use serde::Serialize;

use crate::ui::document::Document;
use crate::ui::schema::Body;

/// Longest path, in characters.
const MAX_PATH: usize = 4096;

/// A new project. Printed by `plugin new`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PluginProjectView {
    /// Id of the engine, as `publisher/name`.
    pub id: String,
    /// Path of the project.
    pub folder: String,
    /// Files of the project, relative to the folder. Files of the SDK are left out.
    pub files: Vec<String>,
    /// Path of the component that the build writes, relative to the folder.
    pub component: String,
    /// The folders that belong to the SDK.
    #[serde(skip)]
    pub sdk: Vec<String>,
    /// The commands that build and test the project.
    #[serde(skip)]
    pub next: Vec<String>,
}

impl Document for PluginProjectView {
    fn table(&self, _: bool) -> String {
        let folder = text::printable(&self.folder, MAX_PATH);
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
        format!("{}\n", text::printable(&self.folder, MAX_PATH))
    }

    fn body(&self) -> Body<'_> {
        Body::PluginProject(self)
    }
}
