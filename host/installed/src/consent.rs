use std::collections::BTreeSet;

use broker_manifest::{EngineId, Manifest, Operation};
use futures_util::future::BoxFuture;
use host_base::Sha256;

use super::{Candidate, NewKey, PluginError, SignatureState, sentences};

/// What an engine asks for.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub id: EngineId,
    pub version: semver::Version,
    /// What is installed now, if anything is. It may be newer.
    pub installed: Option<semver::Version>,
    /// Of the component.
    pub digest: Sha256,
    pub signature: SignatureState,
    /// For people, one sentence each, the dangerous ones first.
    pub sentences: Vec<String>,
    /// Whether these are only what it asks for beyond what was accepted before.
    pub is_more: bool,
    /// What else a user has to know, one sentence each.
    pub remarks: Vec<String>,
    /// The fingerprint of a key that will be trusted for all engines of the publisher.
    pub key: Option<Sha256>,
}

/// Whoever decides what an engine may do.
pub trait Consent: Send + Sync {
    /// The digests of sets that were accepted beforehand: [`digest`].
    fn accepted(&self) -> &[Sha256];

    /// Asks somebody; none where there is nobody to ask.
    fn ask(&self, wanted: Wanted) -> BoxFuture<'_, Option<bool>>;

    /// Asks for which of these operations `auto` is to choose the engine. Without an answer for none.
    fn ask_default(
        &self,
        id: EngineId,
        operations: BTreeSet<Operation>,
    ) -> BoxFuture<'_, BTreeSet<Operation>>;
}

/// What a consent is about, beside the engine.
pub(super) struct Subject<'a> {
    pub(super) candidate: &'a Candidate,
    /// What is accepted of the installed version; none where nothing is installed, or what is installed is not
    /// what was accepted.
    pub(super) known: Option<&'a BTreeSet<String>>,
    /// The version that it would replace.
    pub(super) installed: Option<&'a semver::Version>,
    /// What it stays the default for.
    pub(super) kept: BTreeSet<Operation>,
    /// What it was the default for where its bundle was written.
    pub(super) offered: BTreeSet<Operation>,
    /// Whether the user said what is to be installed. An update of what is installed asks only for more.
    pub(super) is_install: bool,
    /// What else a user has to know.
    pub(super) remarks: Vec<String>,
    pub(super) key: Option<&'a NewKey>,
}

/// What `--accept-capabilities` takes, and what the lockfile records: the SHA-256 of the engine's name,
/// the canonical texts of its capabilities and the operations that it is the default for, one a line.
/// Another set has another one, so nothing can be accepted that was not shown.
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

/// The operations that an engine can be the default for: those that a user can ask for.
#[must_use]
pub fn defaultable(manifest: &Manifest) -> BTreeSet<Operation> {
    let operations = manifest.operations.keys().copied();
    operations.filter(|it| can_have_default(*it)).collect()
}

pub(super) fn can_have_default(operation: Operation) -> bool {
    operation != Operation::Detect && operation.command() == operation
}

/// Asks for what an engine could do, and returns what it becomes the default for.
///
/// An installation is always asked about: also an engine that can reach nothing answers in the place of
/// another. An update is asked about if it could do more, or if nothing valid was accepted before; who names
/// a key to be trusted has decided that.
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
    // Without what a bundle offers.
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
    // Where something else was meant, that is no case for a question.
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

/// What the engine answers from then on, and what not.
fn becomes(manifest: &Manifest, defaults: &BTreeSet<Operation>) -> Option<String> {
    let mut can = defaultable(manifest);
    can.retain(|operation| !defaults.contains(operation));
    (!can.is_empty()).then(|| {
        format!(
            "Only where `--engine {}` names it, it answers: {}",
            manifest.id,
            sentences::names(&can, manifest)
        )
    })
}
