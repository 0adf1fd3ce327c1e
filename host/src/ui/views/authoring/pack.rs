use std::path::PathBuf;

use broker_manifest::Operation;
use serde_json::{Value, json};

use crate::model::text;
use crate::ui::Kind;
use crate::ui::document::{Document, document};
use crate::ui::format::size;

/// The longest sentence or value, in characters.
const MAX_LINE: usize = 1000;

/// A component that has its manifest.
#[derive(Debug)]
pub struct PluginPackView {
    pub id: String,
    pub version: String,
    /// Where the engine was written to.
    pub path: PathBuf,
    /// What was done to its manifest: `added`, `replaced` or `unchanged`.
    pub manifest: &'static str,
    pub interface: String,
    pub operations: Vec<Operation>,
    pub verbs: Vec<String>,
    /// What it may do, for people.
    pub may: Vec<String>,
    /// What accepts all of it.
    pub accepted_by: String,
    /// In bytes.
    pub size: u64,
    /// In hexadecimal.
    pub sha256: String,
}

impl Document for PluginPackView {
    fn table(&self, _: bool) -> String {
        let operations: Vec<_> = self.operations.iter().map(|o| o.name()).collect();
        let lines = [
            ("Name", self.id.clone()),
            ("Version", self.version.clone()),
            ("File", self.path.display().to_string()),
            ("Manifest", self.manifest.to_owned()),
            ("SHA-256", self.sha256.clone()),
            ("Size", size(self.size)),
            ("Interface", self.interface.clone()),
            ("Operations", operations.join(", ")),
            ("Verbs", self.verbs.join(", ")),
        ];
        let mut shown = String::new();
        for (name, value) in lines.iter().filter(|(_, value)| !value.is_empty()) {
            let value = text::printable(value, MAX_LINE);
            shown.push_str(&format!("{:<12}{value}\n", format!("{name}:")));
        }
        if self.may.is_empty() {
            shown.push_str("It can reach nothing.\n");
            return shown;
        }
        shown.push_str("Whoever installs it is asked whether it may:\n");
        for sentence in &self.may {
            shown.push_str(&format!("- {}\n", text::printable(sentence, MAX_LINE)));
        }
        shown
    }

    fn names(&self) -> String {
        format!("{}\n", self.id)
    }

    fn document(&self) -> Value {
        document(
            Kind::PluginPack,
            json!({
                "id": self.id,
                "version": self.version,
                "path": self.path.display().to_string(),
                "manifest": self.manifest,
                "interface": self.interface,
                "operations": self.operations,
                "verbs": self.verbs,
                "may": self.may,
                "acceptCapabilities": self.accepted_by,
                "sizeBytes": self.size,
                "sha256": self.sha256,
            }),
        )
    }
}
