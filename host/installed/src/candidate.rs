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

/// An engine that was fetched and looked at, and not yet run.
#[derive(Clone, Debug)]
pub struct Candidate {
    pub file: EngineFile,
    pub source: Reference,
    pub pinned: Reference,
    pub signature: SignatureState,
    /// All that came with it, to hand on.
    pub signatures: Vec<DetachedSignature>,
    /// What kept signatures from being looked up.
    pub not_looked_up: Option<Arc<SourceError>>,
    pub capabilities: Capabilities,
    /// What a bundle says that it was the default for where it was written.
    pub offered: BTreeSet<Operation>,
    /// In bytes.
    pub size: u64,
}

/// What a component must be, as far as it is known before it is fetched.
#[derive(Clone, Copy, Debug, Default)]
pub struct Expected<'a> {
    pub sha256: Option<Sha256>,
    pub id: Option<&'a EngineId>,
    pub version: Option<&'a semver::Version>,
    /// What it must be signed with, instead of any key that is trusted.
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
    /// Fetches a component, reads it, and asks whether its maker is trusted.
    ///
    /// # Errors
    /// When there is none, it is no engine for this host, is not what was expected, or is not trusted.
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

    /// Looks at a component that is at hand.
    ///
    /// # Errors
    /// As [`Candidate::fetch`].
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
            // A path that is not whole means another file elsewhere.
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

    #[must_use]
    pub fn id(&self) -> &EngineId {
        &self.file.manifest().id
    }

    #[must_use]
    pub fn digest(&self) -> Sha256 {
        self.file.digest().into()
    }

    /// What the lockfile says of it, once the user has consented to all that it asks for.
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

    /// The set in its canonical form.
    pub(super) fn texts(&self) -> BTreeSet<String> {
        self.capabilities.texts()
    }
}

async fn fetch(source: &Reference, sources: &Sources) -> Result<Fetched, PluginError> {
    let fetched = sources.fetch(source).await?;
    // What can't be read back must not get into the lockfile.
    let text = fetched.pinned.to_string();
    if text.parse::<Reference>()? == fetched.pinned {
        Ok(fetched)
    } else {
        Err(PluginError::NoSource { reference: text })
    }
}
