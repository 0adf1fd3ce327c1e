use std::collections::BTreeSet;

use broker_manifest::EngineId;
use futures_util::future::BoxFuture;

use super::{Candidate, NewKey, PluginError, SignatureState};
use crate::transfer::Sha256;

/// What an engine asks for, beyond what was accepted before.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub id: EngineId,
    pub version: semver::Version,
    /// What is installed now, if anything is. It may be newer.
    pub installed: Option<semver::Version>,
    /// Of the component.
    pub digest: Sha256,
    pub signature: SignatureState,
    /// For people, one sentence each.
    pub sentences: Vec<String>,
    /// Whether some of what it asks for was accepted before.
    pub is_more: bool,
    /// The fingerprint of a key that will be trusted for all engines of the publisher.
    pub key: Option<Sha256>,
}

/// Whoever decides what an engine may do.
pub trait Consent: Send + Sync {
    /// The digests of sets that were accepted beforehand: [`super::Capabilities::digest`].
    fn accepted(&self) -> &[Sha256];

    /// Asks somebody; none where there is nobody to ask.
    fn ask(&self, wanted: Wanted) -> BoxFuture<'_, Option<bool>>;
}

/// Asks for what `candidate` could do beyond what is `known`. What is not more needs no consent: who names
/// a key to be trusted has decided that.
pub(super) async fn obtain(
    candidate: &Candidate,
    installed: Option<&semver::Version>,
    known: &BTreeSet<String>,
    key: Option<&NewKey>,
    consent: &dyn Consent,
) -> Result<(), PluginError> {
    let (manifest, capabilities) = (candidate.file.manifest(), &candidate.capabilities);
    let new = capabilities.beyond(known);
    if new.is_empty() {
        return Ok(());
    }
    let set = capabilities.digest();
    let given = consent.accepted();
    if given.contains(&set) {
        return Ok(());
    }
    let wanted = Wanted {
        id: manifest.id.clone(),
        version: manifest.version.clone(),
        installed: installed.cloned(),
        digest: candidate.digest(),
        signature: candidate.signature.clone(),
        sentences: new.sentences(),
        is_more: !known.is_empty(),
        key: key.map(|new| new.key.fingerprint()),
    };
    // Where something else was meant, that is no case for a question.
    let answer = if given.is_empty() {
        consent.ask(wanted.clone()).await
    } else {
        None
    };
    match answer {
        Some(true) => Ok(()),
        Some(false) => Err(PluginError::Declined { id: wanted.id }),
        None => Err(PluginError::NotAccepted {
            id: wanted.id.to_string(),
            is_more: wanted.is_more,
            wants: wanted.sentences,
            digest: set,
            is_other_given: !given.is_empty(),
        }),
    }
}
