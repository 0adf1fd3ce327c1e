//! Applies the current policy to installed engines. Once a key of a publisher is trusted, every version of
//! its engines must be signed by a trusted key, whenever it was installed.

use broker_manifest::EngineId;

use super::source::Fetched;
use super::{Installed, KeyFolder, PluginError, SignatureState, Store};

/// Checks whether a version may be used. For most engines it reads only the folder of keys: the lockfile says
/// which key signed what, and that key is still trusted.
///
/// # Errors
/// When no key that is trusted today signed it, or a key can't be read.
pub(super) fn check(
    store: &Store,
    keys: &KeyFolder,
    id: &EngineId,
    version: &Installed,
) -> Result<(), PluginError> {
    let trusted = keys
        .list(id.publisher())
        .map_err(|source| untrusted(id, version, source))?;
    let is_signer = match &version.signature {
        SignatureState::Signed { key } => trusted
            .iter()
            .any(|trusted| trusted.key.fingerprint().to_string() == *key),
        SignatureState::Unsigned | SignatureState::Unverified => false,
    };
    if trusted.is_empty() || is_signer {
        return Ok(());
    }
    judge(store, keys, id, version).map(|_| ())
}

/// Judges the stored signatures by the current keys. The component is read again.
///
/// # Errors
/// When the component is refused, or a file is not what was installed.
pub(super) fn judge(
    store: &Store,
    keys: &KeyFolder,
    id: &EngineId,
    version: &Installed,
) -> Result<SignatureState, PluginError> {
    let kept = Fetched {
        bytes: store.engine(id, version)?.bytes()?.into_owned(),
        pinned: version.pinned.clone(),
        signatures: store.signatures(id, version)?,
        // Only stored signatures count here: nothing is looked up.
        not_looked_up: None,
    };
    keys.judge(id.publisher(), &kept, None)
        .map_err(|source| untrusted(id, version, source))
}

fn untrusted(id: &EngineId, version: &Installed, source: super::KeyError) -> PluginError {
    PluginError::Untrusted {
        id: id.clone(),
        version: version.version.clone(),
        source: Box::new(source),
    }
}
