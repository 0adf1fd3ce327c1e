//! Engines in OCI registries: one image manifest with one layer that is the component.
//!
//! By hand over the client of this folder: of the distribution specification 1.1 only reading is
//! needed, and it is four kinds of requests.
//! <https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md>

mod challenge;
mod cosign;
mod docker_config;
mod manifest;
mod remote;

use self::manifest::Document;
use self::remote::Remote;
use super::{Fetched, MAX_ENGINE, Network, SourceError};
use crate::plugin::{OciVersion, Reference};

pub(super) use docker_config::DockerConfig;
pub(in crate::plugin) use manifest::wasm_layer;

/// Fetches the component, and the signatures of cosign.
///
/// Every byte is checked against the digest that named it: the manifest against the reference or the
/// registry's own header, the component against the manifest.
pub(super) async fn fetch(
    network: &Network,
    registry: &str,
    repository: &str,
    version: &OciVersion,
) -> Result<Fetched, SourceError> {
    let mut remote = Remote::new(network, registry, repository);
    let found = remote.manifest(version).await?;
    let mut pinned = found.digest;
    let mut bytes = found.bytes;
    if let Document::Index(entries) = remote.parse(&bytes, pinned)? {
        let [only] = entries.as_slice() else {
            return Err(SourceError::Index {
                what: remote.name(version),
                entries: entries.len(),
            });
        };
        pinned = remote.digest_of(only)?;
        bytes = remote.manifest(&version_of(pinned)).await?.bytes;
    }
    let layer = wasm_layer(&bytes).map_err(|reason| SourceError::NotAnEngine {
        what: remote.name(version),
        reason,
    })?;
    let component = remote.blob(layer.digest, layer.size, MAX_ENGINE).await?;
    let signatures = cosign::signatures(&mut remote, &bytes, pinned).await?;
    Ok(Fetched {
        bytes: component,
        pinned: Reference::Oci {
            registry: registry.to_owned(),
            repository: repository.to_owned(),
            version: version_of(pinned),
        },
        signatures,
    })
}

fn version_of(digest: crate::transfer::Sha256) -> OciVersion {
    OciVersion::Digest(digest.to_string())
}

#[cfg(test)]
mod tests;
