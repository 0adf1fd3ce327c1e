//! The index of a bundle, which describes the engines in it.

use std::collections::BTreeSet;
use std::path::Path;

use broker_manifest::{EngineId, Operation};
use host_base::Sha256;
use serde::{Deserialize, Serialize};

use super::super::source::{DetachedSignature, MAX_ENGINE};
use super::super::stored_signature::StoredSignature;
use super::super::{Plugin, PluginError, Reference};

/// The version of the format.
const VERSION: u32 = 1;
/// The maximum number of signatures of one engine.
const MAX_SIGNATURES: usize = 64;

/// All engines of a bundle, in their order.
#[derive(Debug, Default)]
pub(super) struct Index {
    pub(super) engines: Vec<Entry>,
}

/// One engine of a bundle.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) id: EngineId,
    pub(super) sha256: Sha256,
    /// Size of the component in bytes.
    pub(super) size: u64,
    pub(super) source: Reference,
    pub(super) pinned: Reference,
    /// The operations that the engine is the default for.
    pub(super) defaults: BTreeSet<Operation>,
    signatures: Vec<StoredSignature>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawIndex {
    version: u32,
    engines: Vec<RawEntry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEntry {
    id: String,
    sha256: String,
    size: u64,
    source: String,
    pinned: String,
    /// The field is optional, so that bundles without defaults equal those of earlier versions.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    defaults: BTreeSet<Operation>,
    signatures: Vec<StoredSignature>,
}

impl Entry {
    pub(super) fn of(id: &EngineId, plugin: &Plugin, signatures: &[DetachedSignature]) -> Self {
        let version = &plugin.current;
        Self {
            id: id.clone(),
            sha256: version.digest,
            size: version.size,
            source: version.source.clone(),
            pinned: version.pinned.clone(),
            defaults: plugin.defaults.clone(),
            signatures: signatures.iter().map(StoredSignature::of).collect(),
        }
    }

    /// Returns the signatures as if they had been fetched from this bundle.
    pub(super) fn signatures(&self, bundle: &Path) -> Vec<DetachedSignature> {
        let read = self.signatures.iter().filter_map(StoredSignature::read);
        read.map(|signature| DetachedSignature {
            origin: format!("{} in {}", signature.origin, bundle.display()),
            ..signature
        })
        .collect()
    }
}

impl Index {
    pub(super) fn text(&self) -> Result<Vec<u8>, PluginError> {
        let engines = self.engines.iter().map(|entry| RawEntry {
            id: entry.id.to_string(),
            sha256: entry.sha256.to_string(),
            size: entry.size,
            source: entry.source.to_string(),
            pinned: entry.pinned.to_string(),
            defaults: entry.defaults.clone(),
            signatures: entry.signatures.clone(),
        });
        Ok(serde_json::to_vec_pretty(&RawIndex {
            version: VERSION,
            engines: engines.collect(),
        })?)
    }

    pub(super) fn parse(bytes: &[u8]) -> Result<Self, &'static str> {
        #[derive(Deserialize)]
        struct Versioned {
            version: u32,
        }
        let unreadable = "its index can't be read";
        let versioned: Versioned = serde_json::from_slice(bytes).map_err(|_| unreadable)?;
        if versioned.version != VERSION {
            return Err("its format is unknown to this version of kubectl-broker");
        }
        let raw: RawIndex = serde_json::from_slice(bytes).map_err(|_| unreadable)?;
        let engines = raw.engines.into_iter().map(|entry| {
            if entry.size > MAX_ENGINE || entry.signatures.len() > MAX_SIGNATURES {
                return None;
            }
            if entry.signatures.iter().any(|it| it.read().is_none()) {
                return None;
            }
            Some(Entry {
                id: entry.id.parse().ok()?,
                sha256: entry.sha256.parse().ok()?,
                size: entry.size,
                source: entry.source.parse().ok()?,
                pinned: entry.pinned.parse().ok()?,
                defaults: entry.defaults,
                signatures: entry.signatures,
            })
        });
        let engines: Vec<_> = engines.collect::<Option<_>>().ok_or(unreadable)?;
        if engines.is_empty() {
            return Err("it contains no engine");
        }
        let twice = |at: usize| engines[..at].iter().any(|other| other.id == engines[at].id);
        if (0..engines.len()).any(twice) {
            return Err("it contains an engine twice");
        }
        Ok(Self { engines })
    }
}
