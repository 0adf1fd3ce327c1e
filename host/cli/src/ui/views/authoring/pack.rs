use std::path::PathBuf;

use broker_manifest::Operation;
use host_base::text::size;
use serde_json::{Value, json};

use crate::ui::Kind;
use crate::ui::document::{Document, document};
use crate::ui::views::facts::{abilities, facts};

/// An engine: a component with its manifest.
#[derive(Debug)]
pub struct PluginPackView {
    pub id: String,
    pub version: String,
    /// Path of the written engine.
    pub path: PathBuf,
    /// The change of the manifest in the component: `added`, `replaced` or `unchanged`.
    pub manifest: &'static str,
    pub interface: String,
    pub operations: Vec<Operation>,
    pub verbs: Vec<String>,
    /// The capabilities, as people read them.
    pub may: Vec<String>,
    /// The value of `--accept-capabilities` that grants all capabilities.
    pub accepted_by: String,
    /// Size in bytes.
    pub size: u64,
    /// SHA-256 digest in hexadecimal.
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
        let heading = "Whoever installs it is asked whether it may:";
        facts(&lines) + &abilities(heading, &self.may)
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
