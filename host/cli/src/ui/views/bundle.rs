//! The result of writing a bundle.

use host_base::text;
use host_base::text::size;
use schemars::JsonSchema;
use serde::Serialize;

use super::MAX_NAME;
use crate::ui::document::Document;
use crate::ui::fields::DIGEST;
use crate::ui::schema::Body;

/// A file with engines for machines without a network. Printed by `plugin bundle`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct BundleView {
    /// Path of the file, as it was given.
    pub file: String,
    /// Size in bytes.
    #[serde(rename = "sizeBytes")]
    pub size: u64,
    /// SHA-256 digest of the file, in hexadecimal.
    #[schemars(regex(pattern = DIGEST))]
    pub sha256: String,
    /// The engines in the file.
    pub engines: Vec<BundleRow>,
}

/// An engine.
#[derive(Debug, Serialize, JsonSchema)]
pub struct BundleRow {
    /// Id of the engine, as `publisher/name`.
    pub id: String,
    /// Version of the engine.
    pub version: String,
    /// SHA-256 digest of the component, in hexadecimal.
    #[schemars(regex(pattern = DIGEST))]
    pub sha256: String,
    /// `unsigned`, `unverified` (no key of the publisher is trusted), or `signed:` and the fingerprint of the key.
    pub signature: String,
}

impl Document for BundleView {
    fn table(&self, _: bool) -> String {
        let file = text::printable(&self.file, MAX_NAME);
        let mut shown = format!(
            "{file} is written: {}, sha256:{}\n",
            size(self.size),
            self.sha256
        );
        for engine in &self.engines {
            shown.push_str(&format!(
                "- {} {}, {}\n",
                engine.id, engine.version, engine.signature
            ));
        }
        shown
    }

    fn names(&self) -> String {
        format!("{}\n", text::printable(&self.file, MAX_NAME))
    }

    fn body(&self) -> Body<'_> {
        Body::Bundle(self)
    }
}
