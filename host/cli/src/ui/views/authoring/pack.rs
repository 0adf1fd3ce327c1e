use broker_manifest::Operation;
use host_base::text::size;
use schemars::JsonSchema;
use serde::Serialize;

use crate::ui::document::Document;
use crate::ui::fields::{self, DIGEST};
use crate::ui::schema::Body;
use crate::ui::views::facts::{abilities, facts};

/// A component with its manifest. Printed by `plugin pack`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PluginPackView {
    /// Id of the engine, as `publisher/name`.
    pub id: String,
    /// Version of the engine.
    pub version: String,
    /// Path of the written engine.
    pub path: String,
    /// Change of the manifest in the component. `unchanged` if the component had the same manifest before.
    #[schemars(extend("enum" = ["added", "replaced", "unchanged"]))]
    pub manifest: &'static str,
    /// Version of the engine interface that the engine is built for.
    pub interface: String,
    /// Operations that the engine supports. `act` stands for its own verbs.
    #[schemars(schema_with = "fields::operations")]
    pub operations: Vec<Operation>,
    /// The engine's own verbs.
    pub verbs: Vec<String>,
    /// Capabilities, in sentences.
    pub may: Vec<String>,
    /// Value of `--accept-capabilities` that grants all capabilities.
    #[serde(rename = "acceptCapabilities")]
    pub accepted_by: String,
    /// Size of the component in bytes.
    #[serde(rename = "sizeBytes")]
    pub size: u64,
    /// SHA-256 digest of the component, in hexadecimal.
    #[schemars(regex(pattern = DIGEST))]
    pub sha256: String,
}

impl Document for PluginPackView {
    fn table(&self, _: bool) -> String {
        let operations: Vec<_> = self.operations.iter().map(|o| o.name()).collect();
        let lines = [
            ("Name", self.id.clone()),
            ("Version", self.version.clone()),
            ("File", self.path.clone()),
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

    fn body(&self) -> Body<'_> {
        Body::PluginPack(self)
    }
}
