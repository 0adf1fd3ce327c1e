use broker_manifest::EngineId;

use super::{KeyFolder, PluginError, Plugins, RemovedKey, SignatureState, today};

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

    /// Engines of a publisher that are installed and that no key signed which is trusted now. They are not
    /// used. With them, why what is installed is not known, if it is not.
    #[must_use]
    pub fn without_trust(&self, publisher: &str) -> (Vec<EngineId>, Option<PluginError>) {
        let lockfile = match self.store.lockfile() {
            Ok(lockfile) => lockfile,
            Err(problem) => return (Vec::new(), Some(problem)),
        };
        let plugins = lockfile.plugins.iter();
        let of_publisher = plugins.filter(|(id, _)| id.publisher() == publisher);
        let engines = of_publisher.filter(|(id, plugin)| {
            today::check(&self.store, self.keys, id, &plugin.current).is_err()
        });
        (engines.map(|(id, _)| id.clone()).collect(), None)
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
