//! Finds the signatures that `cosign sign` stores beside an image. They are at the tag `sha256-HEX.sig`, or
//! are images that refer to it. The latter are the referrers of the distribution specification 1.1, or its
//! fallback, the tag `sha256-HEX`.
//!
//! <https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md>. Only signatures by a key are
//! supported; certificates and bundles of sigstore's public service are ignored.
//!
//! Registries respond to these requests in many ways. ghcr.io redirects to a page for browsers; others
//! refuse, or limit the rate. No such response ends the look-up. The first of them is returned with the found
//! signatures, in case a signature is required.

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

/// The maximum number of signatures of one image, and of images that refer to it. Ignoring further ones can
/// only cause a refusal.
const MAX_SIGNATURES: usize = 32;

/// The state of a look-up for one image.
pub(super) struct Looking<'a> {
    manifest: &'a [u8],
    digest: Sha256,
    pub(super) found: Vec<DetachedSignature>,
    /// The first unusable response.
    pub(super) problem: Option<SourceError>,
}

impl<'a> Looking<'a> {
    /// Finds all signatures of `manifest`, which has `digest`, within `deadline`.
    ///
    /// The keys decide later whether the signatures are valid. An invalid one does not affect the others.
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

    /// Returns the referrers. If the registry has no useful response, the fallback tag is read, too.
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

    /// Reads an image of signatures: each layer is a payload, and its annotation is the signature.
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
            // The annotation has another kind of signature, by a key that can't be known here.
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

/// Returns the document at a tag; none if there is no such tag.
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
