//! The result of writing a bundle.

use host_base::text;
use host_base::text::size;
use serde_json::{Value, json};

use super::MAX_NAME;
use crate::ui::Kind;
use crate::ui::document::{Document, document};

/// A file with engines for machines without a network.
#[derive(Debug)]
pub struct BundleView {
    pub file: String,
    /// Size in bytes.
    pub size: u64,
    /// SHA-256 digest of the file, in hexadecimal.
    pub sha256: String,
    pub engines: Vec<BundleRow>,
}

#[derive(Debug)]
pub struct BundleRow {
    pub id: String,
    pub version: String,
    /// SHA-256 digest in hexadecimal.
    pub sha256: String,
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

    fn document(&self) -> Value {
        let engines: Vec<_> = self
            .engines
            .iter()
            .map(|engine| {
                json!({
                    "id": engine.id,
                    "version": engine.version,
                    "sha256": engine.sha256,
                    "signature": engine.signature,
                })
            })
            .collect();
        document(
            Kind::Bundle,
            json!({
                "file": self.file,
                "sizeBytes": self.size,
                "sha256": self.sha256,
                "engines": engines,
            }),
        )
    }
}
