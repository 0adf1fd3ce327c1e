use std::ops::Deref;
use std::sync::Arc;

use super::{EngineError, EngineFile};

/// The engines that there are. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Catalogue(Arc<[EngineFile]>);

impl Catalogue {
    /// The engines that ship in a program: the name, the component and its SHA-256 of each. They are components
    /// like any other.
    ///
    /// # Errors
    /// When one of them is damaged.
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
