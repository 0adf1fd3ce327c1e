//! Signatures that `cosign sign` puts beside an image: behind the tag `sha256-HEX.sig`, and as images
//! that refer to it (the referrers of the distribution specification 1.1, and its fallback, the tag
//! `sha256-HEX`).
//!
//! <https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md>. Only signatures by a key are
//! of use here; certificates and bundles of sigstore's public service are passed over.

use super::super::{CosignPayload, DetachedSignature, MAX_SIGNATURE, SourceError};
use super::manifest::{Descriptor, Document, Image};
use super::remote::Remote;
use super::version_of;
use crate::plugin::signature::decode;
use crate::transfer::Sha256;

const PAYLOAD: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
const SIGNATURE: &str = "dev.cosignproject.cosign/signature";
const ARTIFACT: &str = "application/vnd.dev.cosign.artifact.sig.v1+json";

/// How many signatures of one image, and images that refer to it, are looked at. Leaving out more can
/// only lead to a refusal.
const MAX_SIGNATURES: usize = 32;

/// All signatures of `manifest`, which has `digest`.
///
/// Whether they are valid, and of it, is found out with the keys: one of something else takes nothing
/// from the others.
pub(super) async fn signatures(
    remote: &mut Remote<'_>,
    manifest: &[u8],
    digest: Sha256,
) -> Result<Vec<DetachedSignature>, SourceError> {
    let mut found = Vec::new();
    let tag = format!("sha256-{digest}.sig");
    if let Some(document) = remote.manifest_if_there(&tag).await?
        && let Document::Image(image) = remote.parse(&document.bytes, document.digest)?
    {
        read(remote, &image, manifest, &mut found).await?;
    }
    let referrers = referrers(remote, digest).await?;
    let signed = |it: &&Descriptor| it.artifact_type.as_deref() == Some(ARTIFACT);
    for descriptor in referrers.iter().filter(signed).take(MAX_SIGNATURES) {
        let version = version_of(remote.digest_of(descriptor)?);
        let document = remote.manifest(&version).await?;
        let parsed = remote.parse(&document.bytes, document.digest)?;
        if let Document::Image(image) = parsed
            && image.subject.as_ref().and_then(Descriptor::sha256) == Some(digest)
        {
            read(remote, &image, manifest, &mut found).await?;
        }
    }
    Ok(found)
}

async fn referrers(
    remote: &mut Remote<'_>,
    digest: Sha256,
) -> Result<Vec<Descriptor>, SourceError> {
    if let Some(entries) = remote.referrers(digest).await? {
        return Ok(entries);
    }
    let tag = format!("sha256-{digest}");
    let Some(document) = remote.manifest_if_there(&tag).await? else {
        return Ok(Vec::new());
    };
    match remote.parse(&document.bytes, document.digest)? {
        Document::Index(entries) => Ok(entries),
        Document::Image(_) => Ok(Vec::new()),
    }
}

/// Each layer is a payload, and its annotation is the signature.
async fn read(
    remote: &mut Remote<'_>,
    image: &Image,
    manifest: &[u8],
    found: &mut Vec<DetachedSignature>,
) -> Result<(), SourceError> {
    for layer in image.layers.iter().filter(|it| it.media_type == PAYLOAD) {
        let Some(text) = layer.annotation(SIGNATURE) else {
            continue;
        };
        if found.len() == MAX_SIGNATURES {
            return Ok(());
        }
        let digest = remote.digest_of(layer)?;
        let origin = format!("sha256:{digest} in {}", remote.place());
        // Another kind of signature, of a key that can't be known here.
        let Ok(der) = decode(text.as_bytes(), &origin) else {
            continue;
        };
        let document = remote.blob(digest, layer.size, MAX_SIGNATURE).await?;
        let signature = DetachedSignature {
            der,
            payload: Some(CosignPayload {
                document,
                manifest: manifest.to_vec(),
            }),
            origin,
        };
        if !found.iter().any(|known| known.der == signature.der) {
            found.push(signature);
        }
    }
    Ok(())
}
