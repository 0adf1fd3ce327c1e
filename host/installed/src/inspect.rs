use std::collections::BTreeSet;
use std::fs;

use broker_manifest::Operation;
use host_engine::EngineFile;

use super::{Capabilities, Expected, PluginError, Plugins, Reference, SignatureState};

/// An engine that was inspected without running it.
#[derive(Clone, Debug)]
pub struct Inspected {
    /// The engine.
    pub file: EngineFile,
    /// The capabilities that it asks for.
    pub capabilities: Capabilities,
    /// Its location.
    pub whereabouts: Whereabouts,
    /// Size of the component in bytes.
    pub size: u64,
}

/// The location of an inspected engine.
#[derive(Clone, Debug)]
pub enum Whereabouts {
    /// The engine ships in the program.
    Bundled,
    /// The engine is installed.
    Installed {
        source: Reference,
        signature: SignatureState,
        /// The operations that it is the default for.
        defaults: BTreeSet<Operation>,
    },
    /// The engine was fetched and is not installed.
    Elsewhere {
        source: Reference,
        signature: SignatureState,
    },
}

impl Plugins<'_> {
    /// Inspects the engine with this name, or else the one that the reference names. A file with the name of
    /// an engine needs `./` before it.
    ///
    /// # Errors
    /// When neither exists, or when it is not an engine for this host.
    pub async fn inspect(&self, name: &str) -> Result<Inspected, PluginError> {
        match self.find(name) {
            Ok(id) => {
                let lockfile = self.store.lockfile()?;
                let plugin = lockfile.plugins.get(&id);
                let plugin = plugin.ok_or(PluginError::Raced { id: id.clone() })?;
                let version = &plugin.current;
                let file = self.store.engine(&id, version)?;
                Ok(Inspected {
                    capabilities: Capabilities::of(file.outline()),
                    file,
                    whereabouts: Whereabouts::Installed {
                        source: version.source.clone(),
                        signature: version.signature.clone(),
                        defaults: plugin.defaults.clone(),
                    },
                    size: version.size,
                })
            }
            Err(PluginError::Bundled { id }) => self.bundled(&id),
            Err(error @ PluginError::NotInstalled { .. }) => self.elsewhere(name, error).await,
            Err(error) => Err(error),
        }
    }

    fn bundled(&self, id: &broker_manifest::EngineId) -> Result<Inspected, PluginError> {
        let file = self.bundled.iter().find(|file| file.manifest().id == *id);
        let file = file.ok_or_else(|| PluginError::NotInstalled {
            name: id.to_string(),
            known: Vec::new(),
        })?;
        Ok(Inspected {
            capabilities: Capabilities::of(file.outline()),
            size: file.bytes()?.len() as u64,
            file: file.clone(),
            whereabouts: Whereabouts::Bundled,
        })
    }

    async fn elsewhere(
        &self,
        name: &str,
        not_installed: PluginError,
    ) -> Result<Inspected, PluginError> {
        let reference: Reference = Reference::typed(name)?;
        // A word that is not a file means an engine that does not exist.
        if let Reference::Path(path) = &reference
            && fs::symlink_metadata(path).is_err()
            && !name.contains(['.', '\\'])
            && name.matches('/').count() < 2
        {
            return Err(not_installed);
        }
        let candidate = self.candidate(&reference, &Expected::default()).await?;
        Ok(Inspected {
            file: candidate.file,
            capabilities: candidate.capabilities,
            whereabouts: Whereabouts::Elsewhere {
                source: candidate.source,
                signature: candidate.signature,
            },
            size: candidate.size,
        })
    }
}
