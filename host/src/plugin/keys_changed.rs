use broker_manifest::EngineId;

use super::{KeyFolder, PluginError, Plugins, RemovedKey, SignatureState};

/// What it means that a key is not trusted any more.
#[derive(Debug)]
pub struct Untrusted {
    pub key: RemovedKey,
    /// The engines of the publisher that are recorded as signed by this key; if it was the last one, by any.
    pub engines: Vec<EngineId>,
    /// Why what is installed is not known.
    pub problem: Option<PluginError>,
}

impl Plugins<'_> {
    /// The keys that are trusted.
    #[must_use]
    pub fn keys(&self) -> &KeyFolder {
        self.keys
    }

    /// Takes the trust in a key back. A lockfile that can't be read is no reason to go on trusting.
    ///
    /// # Errors
    /// When there is no such key, or it can't be removed.
    pub fn remove_key(&self, publisher: &str, name: &str) -> Result<Untrusted, PluginError> {
        let key = self.keys.remove(publisher, name)?;
        let (lockfile, problem) = match self.store.lockfile() {
            Ok(lockfile) => (lockfile, None),
            Err(problem) => (super::Lockfile::default(), Some(problem)),
        };
        let removed = key.fingerprint.map(|fingerprint| fingerprint.to_string());
        let is_affected = |signature: &SignatureState| match signature {
            SignatureState::Signed { key: signer } => {
                key.is_last || removed.as_ref() == Some(signer)
            }
            SignatureState::Unsigned | SignatureState::Unverified => false,
        };
        let plugins = lockfile.plugins.iter();
        let engines = plugins
            .filter(|(id, plugin)| {
                id.publisher() == publisher && is_affected(&plugin.current.signature)
            })
            .map(|(id, _)| id.clone())
            .collect();
        Ok(Untrusted {
            key,
            engines,
            problem,
        })
    }
}
