use std::collections::BTreeSet;
use std::sync::Arc;

use broker_manifest::{EngineId, Manifest, Operation};
use host_base::Sha256;
use host_engine::EngineFile;
use jiff::Timestamp;

use super::steps::{Step, reach};
use super::{
    Capabilities, DetachedSignature, Fetched, Installed, KeyFolder, NewKey, PluginError, Reference,
    SignatureState, SourceError, Sources,
};

/// An engine that was fetched and inspected, and has not run yet.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The engine.
    pub file: EngineFile,
    /// The reference that the user named.
    pub source: Reference,
    /// The reference that gives the same bytes again.
    pub pinned: Reference,
    /// The knowledge about who signed it.
    pub signature: SignatureState,
    /// All signatures that were fetched with it, to store and bundle them.
    pub signatures: Vec<DetachedSignature>,
    /// The error that prevented the look-up of signatures.
    pub not_looked_up: Option<Arc<SourceError>>,
    /// The capabilities that it asks for.
    pub capabilities: Capabilities,
    /// The operations that it was the default for on the machine that wrote its bundle.
    pub offered: BTreeSet<Operation>,
    /// Size of the component in bytes.
    pub size: u64,
}

/// The expectations about a component before it is fetched.
#[derive(Clone, Copy, Debug, Default)]
pub struct Expected<'a> {
    /// The digest that it must have.
    pub sha256: Option<Sha256>,
    /// The id that it must have.
    pub id: Option<&'a EngineId>,
    /// The version that it must have.
    pub version: Option<&'a semver::Version>,
    /// The key that must have signed it, instead of any trusted key.
    pub key: Option<&'a NewKey>,
}

impl Expected<'_> {
    fn check(&self, source: &Reference, manifest: &Manifest) -> Result<(), PluginError> {
        let what = || source.to_string();
        if let Some(expected) = self.id.filter(|expected| **expected != manifest.id) {
            return Err(PluginError::OtherEngine {
                what: what(),
                is: manifest.id.to_string(),
                expected: expected.to_string(),
            });
        }
        if let Some(expected) = self
            .version
            .filter(|expected| **expected != manifest.version)
        {
            return Err(PluginError::OtherVersion {
                what: what(),
                is: manifest.version.to_string(),
                expected: expected.to_string(),
            });
        }
        Ok(())
    }
}

impl Candidate {
    /// Fetches a component, reads it, and checks that its publisher is trusted.
    ///
    /// # Errors
    /// When it can't be fetched, is not an engine for this host, does not meet the expectations, or is not
    /// trusted.
    pub async fn fetch(
        source: &Reference,
        expected: &Expected<'_>,
        sources: &Sources,
        keys: &KeyFolder,
    ) -> Result<Self, PluginError> {
        let fetched = fetch(source, sources).await?;
        reach(Step::Fetched);
        Self::of(source, fetched, expected, keys)
    }

    /// Inspects a component in memory.
    ///
    /// # Errors
    /// Those of [`Candidate::fetch`].
    pub(super) fn of(
        source: &Reference,
        fetched: Fetched,
        expected: &Expected<'_>,
        keys: &KeyFolder,
    ) -> Result<Self, PluginError> {
        let is = Sha256::digest(&fetched.bytes);
        if let Some(expected) = expected.sha256.filter(|expected| *expected != is) {
            return Err(PluginError::OtherDigest {
                what: source.to_string(),
                is,
                expected,
            });
        }
        let file = EngineFile::read(&source.to_string(), fetched.bytes.clone())?;
        expected.check(source, file.manifest())?;
        let manifest = file.manifest();
        let signature = keys
            .judge(manifest.id.publisher(), &fetched, expected.key)
            .map_err(|source| PluginError::Untrusted {
                id: manifest.id.clone(),
                version: manifest.version.clone(),
                source: Box::new(source),
            })?;
        reach(Step::Checked);
        Ok(Self {
            capabilities: Capabilities::of(file.outline()),
            offered: BTreeSet::new(),
            size: fetched.bytes.len() as u64,
            // A relative path means a different file in another folder.
            source: match source {
                Reference::Path(_) => fetched.pinned.clone(),
                other => other.clone(),
            },
            pinned: fetched.pinned,
            signature,
            signatures: fetched.signatures,
            not_looked_up: fetched.not_looked_up,
            file,
        })
    }

    /// Returns the id of the engine.
    #[must_use]
    pub fn id(&self) -> &EngineId {
        &self.file.manifest().id
    }

    /// Returns the digest of the component.
    #[must_use]
    pub fn digest(&self) -> Sha256 {
        self.file.digest().into()
    }

    /// Returns the lockfile entry, after the user has consented to all capabilities.
    pub(super) fn installed(&self) -> Installed {
        Installed {
            version: self.file.manifest().version.clone(),
            source: self.source.clone(),
            pinned: self.pinned.clone(),
            digest: self.digest(),
            size: self.size,
            signature: self.signature.clone(),
            capabilities: self.capabilities.texts(),
            installed: Timestamp::now(),
            line: 0,
        }
    }

    /// Returns the capabilities in their canonical form.
    pub(super) fn texts(&self) -> BTreeSet<String> {
        self.capabilities.texts()
    }
}

async fn fetch(source: &Reference, sources: &Sources) -> Result<Fetched, PluginError> {
    let fetched = sources.fetch(source).await?;
    // A reference that can't be parsed again must not get into the lockfile.
    let text = fetched.pinned.to_string();
    if text.parse::<Reference>()? == fetched.pinned {
        Ok(fetched)
    } else {
        Err(PluginError::NoSource { reference: text })
    }
}
