use std::collections::BTreeSet;

use broker_manifest::{EngineId, Manifest, Operation};
use futures_util::future::BoxFuture;
use host_base::Sha256;

use super::{Candidate, NewKey, PluginError, SignatureState, sentences};

/// The request of an engine for consent.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Id of the engine.
    pub id: EngineId,
    /// Version of the engine.
    pub version: semver::Version,
    /// The installed version, if there is one. It may be newer.
    pub installed: Option<semver::Version>,
    /// Digest of the component.
    pub digest: Sha256,
    /// The knowledge about who signed it.
    pub signature: SignatureState,
    /// One sentence for people about each capability, the dangerous ones first.
    pub sentences: Vec<String>,
    /// True if the sentences cover only what was not accepted before.
    pub is_more: bool,
    /// Further facts that the user must know, one sentence each.
    pub remarks: Vec<String>,
    /// The fingerprint of a key that will be trusted for all engines of the publisher.
    pub key: Option<Sha256>,
}

/// Decides which capabilities an engine gets.
pub trait Consent: Send + Sync {
    /// Returns the digests of capability sets that were accepted beforehand: [`digest`].
    fn accepted(&self) -> &[Sha256];

    /// Asks the user; returns none if nobody can be asked.
    fn ask(&self, wanted: Wanted) -> BoxFuture<'_, Option<bool>>;

    /// Asks for which of these operations `auto` should choose the engine. Without an answer, it is for none.
    fn ask_default(
        &self,
        id: EngineId,
        operations: BTreeSet<Operation>,
    ) -> BoxFuture<'_, BTreeSet<Operation>>;
}

/// The subject of a consent, apart from the engine.
pub(super) struct Subject<'a> {
    pub(super) candidate: &'a Candidate,
    /// The accepted capabilities of the installed version. `None` if no version is installed, or if its entry
    /// differs from what was accepted.
    pub(super) known: Option<&'a BTreeSet<String>>,
    /// The version that it would replace.
    pub(super) installed: Option<&'a semver::Version>,
    /// The operations that it stays the default for.
    pub(super) kept: BTreeSet<Operation>,
    /// The operations that it was the default for on the machine that wrote its bundle.
    pub(super) offered: BTreeSet<Operation>,
    /// True if the user named what to install. An update asks only about additional capabilities.
    pub(super) is_install: bool,
    /// Further facts that the user must know.
    pub(super) remarks: Vec<String>,
    pub(super) key: Option<&'a NewKey>,
}

/// Returns the digest that `--accept-capabilities` takes and that the lockfile records. It covers the
/// engine's name, the canonical texts of its capabilities, and the operations that it is the default for, one
/// per line. A different set has a different digest, so only what was shown can be accepted.
#[must_use]
pub fn digest(
    id: &EngineId,
    capabilities: &BTreeSet<String>,
    defaults: &BTreeSet<Operation>,
) -> Sha256 {
    let capabilities = capabilities.iter().map(|text| format!("{text}\n"));
    let defaults = defaults
        .iter()
        .map(|operation| format!("default {operation}\n"));
    let lines: String = std::iter::once(format!("engine {id}\n"))
        .chain(capabilities)
        .chain(defaults)
        .collect();
    Sha256::digest(lines.as_bytes())
}

/// Returns the operations that an engine can be the default for: those that a user may request.
#[must_use]
pub fn defaultable(manifest: &Manifest) -> BTreeSet<Operation> {
    let operations = manifest.operations.keys().copied();
    operations.filter(|it| can_have_default(*it)).collect()
}

pub(super) fn can_have_default(operation: Operation) -> bool {
    operation != Operation::Detect && operation.command() == operation
}

/// Obtains consent, and returns the operations that the engine becomes the default for.
///
/// An installation always needs consent: even an engine without capabilities may act in the place of another
/// one. An update needs consent if it asks for more, or if no valid consent exists. A user who names a key to
/// trust has already consented to the signer.
pub(super) async fn obtain(
    subject: Subject<'_>,
    consent: &dyn Consent,
) -> Result<BTreeSet<Operation>, PluginError> {
    let candidate = subject.candidate;
    let (manifest, capabilities) = (candidate.file.manifest(), &candidate.capabilities);
    let nothing = BTreeSet::new();
    let new = capabilities.beyond(subject.known.unwrap_or(&nothing));
    if !subject.is_install && subject.known.is_some() && new.is_empty() {
        return Ok(subject.kept);
    }
    let (id, texts) = (&manifest.id, capabilities.texts());
    let can = defaultable(manifest);
    let mut with_offered = subject.kept.clone();
    with_offered.extend(subject.offered.intersection(&can));
    let given = consent.accepted();
    let set = digest(id, &texts, &with_offered);
    if given.contains(&set) {
        return Ok(with_offered);
    }
    // This digest leaves out the defaults that a bundle offers.
    if given.contains(&digest(id, &texts, &subject.kept)) {
        return Ok(subject.kept);
    }
    let is_more = !subject.is_install && subject.known.is_some();
    let wanted = Wanted {
        id: id.clone(),
        version: manifest.version.clone(),
        installed: subject.installed.cloned(),
        digest: candidate.digest(),
        signature: candidate.signature.clone(),
        sentences: if is_more {
            new.sentences()
        } else {
            capabilities.sentences_with(&with_offered, manifest)
        },
        is_more,
        remarks: subject
            .remarks
            .into_iter()
            .chain(becomes(manifest, &with_offered))
            .collect(),
        key: subject.key.map(|new| new.key.fingerprint()),
    };
    // If a given digest was for something else, the user is not asked.
    let answer = if given.is_empty() {
        consent.ask(wanted.clone()).await
    } else {
        None
    };
    match answer {
        Some(true) if subject.is_install && subject.known.is_none() => {
            let mut defaults = consent.ask_default(id.clone(), can.clone()).await;
            defaults.retain(|operation| can.contains(operation));
            Ok(defaults)
        }
        Some(true) => Ok(subject.kept),
        Some(false) => Err(PluginError::Declined { id: wanted.id }),
        None => Err(PluginError::NotAccepted {
            id: wanted.id.to_string(),
            is_more: wanted.is_more,
            wants: wanted.sentences,
            remarks: wanted.remarks,
            digest: set,
            is_other_given: !given.is_empty(),
        }),
    }
}

/// Returns a sentence about the operations that the engine becomes the default for.
fn becomes(manifest: &Manifest, defaults: &BTreeSet<Operation>) -> Option<String> {
    let mut can = defaultable(manifest);
    can.retain(|operation| !defaults.contains(operation));
    (!can.is_empty()).then(|| {
        format!(
            "It answers these operations only with `--engine {}`: {}",
            manifest.id,
            sentences::names(&can, manifest)
        )
    })
}
