use broker_manifest::EngineId;

use super::{KeyFolder, PluginError, Plugins, RemovedKey, SignatureState, today};

/// The consequences of removing a trusted key.
#[derive(Debug)]
pub struct Untrusted {
    /// The removed key.
    pub key: RemovedKey,
    /// The publisher's engines that this key signed. If it was the last key, they are those that any key
    /// signed.
    pub engines: Vec<EngineId>,
    /// The reason why the installed engines are unknown.
    pub problem: Option<PluginError>,
}

impl Plugins<'_> {
    /// Returns the folder of trusted keys.
    #[must_use]
    pub fn keys(&self) -> &KeyFolder {
        self.keys
    }

    /// Returns the installed engines of a publisher that no trusted key signed; they are not used. If the
    /// installed engines are unknown, it also returns the reason.
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

    /// Removes a trusted key. An unreadable lockfile does not prevent that.
    ///
    /// # Errors
    /// When there is no such key, or when it can't be removed.
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
