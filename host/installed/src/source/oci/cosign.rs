//! Signatures that `cosign sign` puts beside an image: behind the tag `sha256-HEX.sig`, and as images
//! that refer to it (the referrers of the distribution specification 1.1, and its fallback, the tag
//! `sha256-HEX`).
//!
//! <https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md>. Only signatures by a key are
//! of use here; certificates and bundles of sigstore's public service are passed over.
//!
//! Registries answer these questions in many ways: ghcr.io leads to a page for browsers, others refuse, or
//! limit how often they are asked. No such answer ends the look-up; the first of them is handed back with what
//! was found, for where a signature is demanded.

use std::time::Duration;

use host_base::Sha256;

use super::super::{CosignPayload, DetachedSignature, MAX_SIGNATURE, SourceError};
use super::manifest::{Descriptor, Document, Image};
use super::remote::Remote;
use super::version_of;
use crate::signature::decode;

const PAYLOAD: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
const SIGNATURE: &str = "dev.cosignproject.cosign/signature";
const ARTIFACT: &str = "application/vnd.dev.cosign.artifact.sig.v1+json";

/// How many signatures of one image, and images that refer to it, are looked at. Leaving out more can
/// only lead to a refusal.
const MAX_SIGNATURES: usize = 32;

/// What was found of an image.
pub(super) struct Looking<'a> {
    manifest: &'a [u8],
    digest: Sha256,
    pub(super) found: Vec<DetachedSignature>,
    /// The first answer that was of no use.
    pub(super) problem: Option<SourceError>,
}

impl<'a> Looking<'a> {
    /// Looks for all signatures of `manifest`, which has `digest`, for as long as `deadline`.
    ///
    /// Whether they are valid, and of it, is found out with the keys: one of something else takes nothing
    /// from the others.
    pub(super) async fn at(
        remote: &mut Remote<'_>,
        manifest: &'a [u8],
        digest: Sha256,
        deadline: Duration,
    ) -> Self {
        let mut looking = Self {
            manifest,
            digest,
            found: Vec::new(),
            problem: None,
        };
        let everywhere = Box::pin(looking.everywhere(remote));
        if tokio::time::timeout(deadline, everywhere).await.is_err() {
            let what = remote.name(&version_of(digest));
            looking.problem.get_or_insert(SourceError::TimedOut {
                what: format!("the signatures of {what}"),
                after: deadline,
            });
        }
        looking
    }

    async fn everywhere(&mut self, remote: &mut Remote<'_>) {
        let tag = format!("sha256-{}.sig", self.digest);
        let tagged = tagged(remote, &tag).await;
        if let Some(Some(Document::Image(image))) = self.useful(tagged) {
            self.read(remote, &image).await;
        }
        let referrers = self.referrers(remote).await;
        let signed = |it: &&Descriptor| it.artifact_type.as_deref() == Some(ARTIFACT);
        for descriptor in referrers.iter().filter(signed).take(MAX_SIGNATURES) {
            let referring = referring(remote, descriptor).await;
            if let Some(Document::Image(image)) = self.useful(referring)
                && image.subject.as_ref().and_then(Descriptor::sha256) == Some(self.digest)
            {
                self.read(remote, &image).await;
            }
        }
    }

    /// Where the registry has no useful answer of its own, the tag that stands for it is looked at too.
    async fn referrers(&mut self, remote: &mut Remote<'_>) -> Vec<Descriptor> {
        let answer = remote.referrers(self.digest).await;
        if let Ok(Some(entries)) = answer {
            return entries;
        }
        let tag = format!("sha256-{}", self.digest);
        match tagged(remote, &tag).await {
            Ok(Some(Document::Index(entries))) => return entries,
            Ok(_) => drop(self.useful(answer)),
            fallback @ Err(_) => {
                self.useful(answer);
                self.useful(fallback);
            }
        }
        Vec::new()
    }

    /// Each layer is a payload, and its annotation is the signature.
    async fn read(&mut self, remote: &mut Remote<'_>, image: &Image) {
        for layer in image.layers.iter().filter(|it| it.media_type == PAYLOAD) {
            let Some(text) = layer.annotation(SIGNATURE) else {
                continue;
            };
            if self.found.len() == MAX_SIGNATURES {
                return;
            }
            let digest = remote.digest_of(layer);
            let Some(digest) = self.useful(digest) else {
                continue;
            };
            let origin = format!("sha256:{digest} in {}", remote.place());
            // Another kind of signature, of a key that can't be known here.
            let Ok(der) = decode(text.as_bytes(), &origin) else {
                continue;
            };
            let document = remote.blob(digest, layer.size, MAX_SIGNATURE).await;
            let Some(document) = self.useful(document) else {
                continue;
            };
            let signature = DetachedSignature {
                der,
                payload: Some(CosignPayload {
                    document,
                    manifest: self.manifest.to_vec(),
                }),
                origin,
            };
            if !self.found.iter().any(|known| known.der == signature.der) {
                self.found.push(signature);
            }
        }
    }

    fn useful<T>(&mut self, answer: Result<T, SourceError>) -> Option<T> {
        match answer {
            Ok(answer) => Some(answer),
            Err(problem) => {
                self.problem.get_or_insert(problem);
                None
            }
        }
    }
}

/// What is behind a tag, or none where there is no such tag.
async fn tagged(remote: &mut Remote<'_>, tag: &str) -> Result<Option<Document>, SourceError> {
    match remote.manifest_if_there(tag).await? {
        Some(document) => remote.parse(&document.bytes, document.digest).map(Some),
        None => Ok(None),
    }
}

async fn referring(
    remote: &mut Remote<'_>,
    descriptor: &Descriptor,
) -> Result<Document, SourceError> {
    let version = version_of(remote.digest_of(descriptor)?);
    let document = remote.manifest(&version).await?;
    remote.parse(&document.bytes, document.digest)
}
