//! Fetches engines from OCI registries: one image manifest with one layer that is the component.
//!
//! It uses the client of this folder instead of a library. Of the distribution specification 1.1 it needs
//! only reading, which takes four kinds of requests.
//! <https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md>

mod challenge;
mod cosign;
mod docker_config;
mod index;
mod manifest;
mod remote;

use std::sync::Arc;

use self::cosign::Looking;
use self::manifest::{Descriptor, Document};
use self::remote::{Manifest, Remote};
use super::{Fetched, MAX_ENGINE, Network, SourceError};
use crate::{OciVersion, Reference};

pub(super) use docker_config::DockerConfig;
pub(crate) use manifest::wasm_layer;

/// The maximum number of indexes on the way to an image. One is usual; merging two gives an index of indexes.
const MAX_INDEXES: usize = 4;

/// The maximum number of images of an index that are inspected to find the engine.
const MAX_IMAGES: usize = 16;

/// Fetches the component and cosign's signatures.
///
/// Every byte is checked against the digest that named it. The manifest is checked against the reference or
/// the registry's own header, and the component against the manifest.
pub(super) async fn fetch(
    network: &Network,
    registry: &str,
    repository: &str,
    version: &OciVersion,
) -> Result<Fetched, SourceError> {
    let mut remote = Remote::new(network, registry, repository);
    let image = image(&mut remote, version).await?;
    let layer = wasm_layer(&image.bytes).map_err(|reason| SourceError::NotAnEngine {
        what: remote.name(version),
        reason,
    })?;
    let component = remote.blob(layer.digest, layer.size, MAX_ENGINE).await?;
    let looking = Looking::at(&mut remote, &image.bytes, image.digest, network.signatures).await;
    Ok(Fetched {
        bytes: component,
        pinned: Reference::Oci {
            registry: registry.to_owned(),
            repository: repository.to_owned(),
            version: match version {
                // A registry that names a manifest by the longer digest need not know the shorter one.
                OciVersion::Sha512(_) => version.clone(),
                _ => version_of(image.digest),
            },
        },
        signatures: looking.found,
        not_looked_up: looking.problem.map(Arc::new),
    })
}

/// Returns the image manifest of a version, following indexes.
async fn image(remote: &mut Remote<'_>, version: &OciVersion) -> Result<Manifest, SourceError> {
    let mut found = remote.manifest(version).await?;
    for _ in 0..MAX_INDEXES {
        let Document::Index(entries) = remote.parse(&found.bytes, found.digest)? else {
            return Ok(found);
        };
        found = choose(remote, version, index::images(entries)).await?;
    }
    match remote.parse(&found.bytes, found.digest)? {
        Document::Image(_) => Ok(found),
        Document::Index(_) => Err(SourceError::NotAnEngine {
            what: remote.name(version),
            reason: format!("more than {MAX_INDEXES} indexes lead to it"),
        }),
    }
}

/// Returns the only image, or the only one that has a component.
async fn choose(
    remote: &mut Remote<'_>,
    version: &OciVersion,
    images: Vec<Descriptor>,
) -> Result<Manifest, SourceError> {
    if let [only] = images.as_slice() {
        let version = version_of(remote.digest_of(only)?);
        return remote.manifest(&version).await;
    }
    let (mut engines, mut indexes) = (Vec::new(), Vec::new());
    for entry in images.iter().take(MAX_IMAGES) {
        let version = version_of(remote.digest_of(entry)?);
        let found = match remote.manifest(&version).await {
            Ok(found) => found,
            // Registries that mirror one platform lack the images of the others.
            Err(SourceError::NotFound { .. }) => continue,
            Err(error) => return Err(error),
        };
        if wasm_layer(&found.bytes).is_ok() {
            engines.push(found);
        } else if let Ok(Document::Index(_)) = remote.parse(&found.bytes, found.digest) {
            indexes.push(found);
        }
    }
    let candidates = if engines.is_empty() { indexes } else { engines };
    let names = candidates
        .iter()
        .map(|it| remote.name(&version_of(it.digest)));
    let names: Vec<_> = names.collect();
    match (candidates.into_iter().next(), names.len()) {
        (Some(only), 1) => Ok(only),
        (None, _) => Err(SourceError::NotAnEngine {
            what: remote.name(version),
            reason: match images.len() {
                0 => "it is an index without an image".to_owned(),
                count => {
                    format!("none of the {count} images of its index has a layer of WebAssembly")
                }
            },
        }),
        (Some(_), _) => Err(SourceError::Index {
            what: remote.name(version),
            images: names,
        }),
    }
}

fn version_of(digest: host_base::Sha256) -> OciVersion {
    OciVersion::Digest(digest.to_string())
}

#[cfg(test)]
mod tests;
