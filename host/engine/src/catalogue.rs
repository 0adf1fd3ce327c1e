use std::ops::Deref;
use std::sync::Arc;

use super::{EngineError, EngineFile};

/// The list of available engines. Cloning it is cheap.
#[derive(Clone, Debug)]
pub struct Catalogue(Arc<[EngineFile]>);

impl Catalogue {
    /// Reads the engines that ship in the program. `engines` has name, component and SHA-256 digest of each.
    /// Bundled engines are components like any other.
    ///
    /// # Errors
    /// When one of the components is damaged.
    pub fn bundled(
        engines: &'static [(&'static str, &'static [u8], [u8; 32])],
    ) -> Result<Self, EngineError> {
        engines
            .iter()
            .map(|(name, bytes, digest)| {
                EngineFile::read(&format!("the bundled engine {name}"), *bytes)
                    .map(|file| file.bundled(*digest))
            })
            .collect()
    }
}

impl FromIterator<EngineFile> for Catalogue {
    fn from_iter<I: IntoIterator<Item = EngineFile>>(engines: I) -> Self {
        Self(engines.into_iter().collect())
    }
}

impl Deref for Catalogue {
    type Target = [EngineFile];

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}
