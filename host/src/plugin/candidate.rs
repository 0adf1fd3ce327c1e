use std::collections::BTreeSet;

use broker_manifest::EngineId;
use jiff::Timestamp;

use super::steps::{Step, reach};
use super::{
    Capabilities, Fetched, Installed, KeyFolder, PluginError, Reference, SignatureState, Sources,
};
use crate::engine::EngineFile;
use crate::transfer::Sha256;

/// An engine that was fetched and looked at, and not yet run.
#[derive(Clone, Debug)]
pub struct Candidate {
    pub file: EngineFile,
    pub source: Reference,
    pub pinned: Reference,
    pub signature: SignatureState,
    pub capabilities: Capabilities,
    /// In bytes.
    pub size: u64,
}

impl Candidate {
    /// Fetches a component, reads it, and asks whether its maker is trusted.
    ///
    /// # Errors
    /// When there is none, it is no engine for this host, has another digest than `expected`, or is not trusted.
    pub async fn fetch(
        source: &Reference,
        expected: Option<Sha256>,
        sources: &Sources,
        keys: &KeyFolder,
    ) -> Result<Self, PluginError> {
        let fetched = fetch(source, sources).await?;
        reach(Step::Fetched);
        let is = Sha256::digest(&fetched.bytes);
        if let Some(expected) = expected.filter(|expected| *expected != is) {
            return Err(PluginError::OtherDigest {
                what: source.to_string(),
                is,
                expected,
            });
        }
        let file = EngineFile::read(&source.to_string(), fetched.bytes.clone())?;
        let signature = keys.judge(file.manifest().id.publisher(), &fetched)?;
        reach(Step::Checked);
        Ok(Self {
            capabilities: Capabilities::of(file.outline()),
            size: fetched.bytes.len() as u64,
            // A path that is not whole means another file elsewhere.
            source: match source {
                Reference::Path(_) => fetched.pinned.clone(),
                other => other.clone(),
            },
            pinned: fetched.pinned,
            signature,
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
