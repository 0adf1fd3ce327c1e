//! Verifies signatures of `openssl dgst -sha256 -sign` and `cosign sign-blob --key`: ECDSA over P-256 and
//! SHA-256, in DER. It also verifies what cosign signs in a registry.
//!
//! The curve arithmetic is ring's, which the TLS of this program uses as well.

use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use host_base::text::printable;
use host_base::{Failure, Hashing, Problem, Sha256};
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::pki_types::pem::PemObject;
use serde::Deserialize;

use super::source::{CosignPayload, DetachedSignature, wasm_layer};

/// The maximum DER size of a P-256 signature, in bytes: two integers of 33 bytes with their headers.
const MAX_DER: usize = 72;

/// The part of `SubjectPublicKeyInfo` before the point, for an uncompressed P-256 point (RFC 5480). Every
/// other key differs in it.
const P256_PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
/// The size of an uncompressed point: the byte 4, and two coordinates of 32 bytes.
const POINT: usize = 65;

const EC_KEY: &[u8] = &[0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const P256_CURVE: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const RSA_KEY: &[u8] = &[
    0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01,
];
const ED25519_KEY: &[u8] = &[0x06, 0x03, 0x2b, 0x65, 0x70];

/// An error: a key or signature is invalid, or does not match what it should sign.
#[derive(Debug, thiserror::Error)]
pub enum SignatureError {
    /// The text is not a supported public key.
    #[error("{origin} is not a usable public key: {reason}")]
    NotAKey {
        origin: String,
        reason: &'static str,
    },
    /// The content is not a signature.
    #[error("{origin} is not a valid signature: {reason}")]
    NotASignature {
        origin: String,
        reason: &'static str,
    },
    /// The signature is for something else.
    #[error("the signature {origin} does not belong to this engine: {reason}")]
    OtherArtifact {
        origin: String,
        reason: &'static str,
    },
    /// The component is not signed, although a key of its publisher is trusted.
    #[error("it is not signed, but a key of the publisher {publisher} is trusted: {known}")]
    Missing { publisher: String, known: String },
    /// No trusted key made any of the signatures.
    #[error(
        "it has no signature of a trusted key of the publisher {publisher}. Trusted: {known}. Signatures: {found}"
    )]
    NotTrusted {
        publisher: String,
        known: String,
        found: String,
    },
    /// The named key made none of the signatures.
    #[error(
        "it is not signed with the key {name} ({fingerprint}). Signatures: {}",
        if found.is_empty() { "none" } else { found }
    )]
    OtherKey {
        name: String,
        fingerprint: Sha256,
        found: String,
    },
}

impl Problem for SignatureError {
    fn failure(&self) -> Failure {
        match self {
            Self::NotAKey { .. } => Failure::Usage,
            Self::NotASignature { .. }
            | Self::OtherArtifact { .. }
            | Self::Missing { .. }
            | Self::NotTrusted { .. }
            | Self::OtherKey { .. } => Failure::Integrity,
        }
    }

    fn advice(&self) -> Option<String> {
        Some(match self {
            Self::NotAKey { .. } => "Use an ECDSA key over P-256, in PEM: \
                 `openssl ecparam -name prime256v1 -genkey -noout -out private.pem`, then \
                 `openssl ec -in private.pem -pubout`"
                .to_owned(),
            Self::NotASignature { .. } => "Signatures are made with \
                 `openssl dgst -sha256 -sign KEY -out FILE.sig FILE` or \
                 `cosign sign-blob --key KEY --output-signature FILE.sig FILE`"
                .to_owned(),
            Self::OtherArtifact { .. } => {
                "Ask the publisher to sign this version, or install the version that was signed"
                    .to_owned()
            }
            Self::OtherKey { .. } => {
                "Nothing was changed, and the key is not trusted. Ask the publisher for the key that this \
                 version is signed with"
                    .to_owned()
            }
            Self::Missing { publisher, .. } | Self::NotTrusted { publisher, .. } => format!(
                "Once a key of {publisher} is trusted, its engines need a signature of a trusted key. Ask the publisher; if the key was replaced, check the new key's fingerprint and add it"
            ),
        })
    }
}

/// A public key that verifies signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    der: Vec<u8>,
}

impl PublicKey {
    /// Reads `-----BEGIN PUBLIC KEY-----`. `origin` names the text in errors.
    ///
    /// # Errors
    /// When there is no such block or more than one, or when it contains another kind of key.
    pub fn from_pem(pem: &[u8], origin: &str) -> Result<Self, SignatureError> {
        let refuse = |reason| SignatureError::NotAKey {
            origin: shown(origin),
            reason,
        };
        let mut blocks = SubjectPublicKeyInfoDer::pem_slice_iter(pem);
        let der = match blocks.next() {
            None => return Err(refuse(without_key(pem))),
            Some(Err(_)) => return Err(refuse("its PEM is damaged")),
            Some(Ok(der)) => der,
        };
        if blocks.next().is_some() {
            return Err(refuse("it has more than one key"));
        }
        if let Some(reason) = unfit(&der) {
            return Err(refuse(reason));
        }
        Ok(Self { der: der.to_vec() })
    }

    /// Returns the digest of the key's DER form (`openssl pkey -pubin -outform DER | sha256sum`).
    #[must_use]
    pub fn fingerprint(&self) -> Sha256 {
        digest(&self.der)
    }

    /// Returns the key in PEM, as it is stored in a file.
    #[must_use]
    pub fn to_pem(&self) -> String {
        let text = BASE64_STANDARD.encode(&self.der);
        let (first, second) = text.split_at(64);
        format!("-----BEGIN PUBLIC KEY-----\n{first}\n{second}\n-----END PUBLIC KEY-----\n")
    }

    /// Returns true if this key made `signature`, in DER, of `message`.
    #[must_use]
    pub fn signed(&self, message: &[u8], signature: &[u8]) -> bool {
        let point = &self.der[P256_PREFIX.len()..];
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point)
            .verify(message, signature)
            .is_ok()
    }
}

fn without_key(pem: &[u8]) -> &'static str {
    let text = String::from_utf8_lossy(pem);
    if text.contains("PRIVATE KEY-----") {
        "it is a private key"
    } else if text.contains("-----BEGIN CERTIFICATE-----") {
        "it is a certificate"
    } else {
        "it has no block `-----BEGIN PUBLIC KEY-----`"
    }
}

fn unfit(der: &[u8]) -> Option<&'static str> {
    let has = |part: &[u8]| der.windows(part.len()).any(|window| window == part);
    if let Some(point) = der.strip_prefix(&P256_PREFIX[..]) {
        return (point.len() != POINT || point[0] != 4).then_some("its point is damaged");
    }
    Some(if has(RSA_KEY) {
        "it is an RSA key"
    } else if has(ED25519_KEY) {
        "it is an Ed25519 key"
    } else if has(EC_KEY) && has(P256_CURVE) {
        "its point is compressed or damaged"
    } else if has(EC_KEY) {
        "it is a key of another curve than P-256"
    } else {
        "its content is damaged, or a kind of key that is not known"
    })
}

/// Decodes the content of a signature file: DER, or DER in base64. `origin` names the file in errors.
pub(super) fn decode(content: &[u8], origin: &str) -> Result<Vec<u8>, SignatureError> {
    let refuse = |reason| SignatureError::NotASignature {
        origin: shown(origin),
        reason,
    };
    if is_der(content) {
        return Ok(content.to_vec());
    }
    let text: Vec<u8> = content
        .iter()
        .copied()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    if text.is_empty() {
        return Err(refuse("it is empty"));
    }
    let der = BASE64_STANDARD
        .decode(text)
        .map_err(|_| refuse("it is neither DER nor base64"))?;
    if is_der(&der) {
        Ok(der)
    } else {
        Err(refuse("it is not in the form of ECDSA over P-256"))
    }
}

/// Returns true for a DER sequence of the length that it states. ring checks its content.
fn is_der(bytes: &[u8]) -> bool {
    let [0x30, length, rest @ ..] = bytes else {
        return false;
    };
    bytes.len() <= MAX_DER && usize::from(*length) == rest.len()
}

/// Returns the bytes that `signature` must cover to be one of `component`.
///
/// A signature of a registry covers a document that names an image manifest, which names the component. Each
/// step is checked here, so that the three can't come from different places.
pub(super) fn signed_bytes<'a>(
    signature: &'a DetachedSignature,
    component: &'a [u8],
) -> Result<&'a [u8], SignatureError> {
    let Some(payload) = &signature.payload else {
        return Ok(component);
    };
    match follow(payload, component) {
        None => Ok(&payload.document),
        Some(reason) => Err(SignatureError::OtherArtifact {
            origin: shown(&signature.origin),
            reason,
        }),
    }
}

/// Cosign's signed document, described at
/// <https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md>.
#[derive(Deserialize)]
struct SimpleSigning {
    critical: Critical,
}

#[derive(Deserialize)]
struct Critical {
    image: Image,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct Image {
    #[serde(rename = "docker-manifest-digest")]
    digest: String,
}

/// Returns why the document does not lead to the component.
fn follow(payload: &CosignPayload, component: &[u8]) -> Option<&'static str> {
    let Ok(document) = serde_json::from_slice::<SimpleSigning>(&payload.document) else {
        return Some("the signed document is not one of cosign");
    };
    if document.critical.kind != "cosign container image signature" {
        return Some("the signed document is of another kind");
    }
    if document.critical.image.digest != format!("sha256:{}", digest(&payload.manifest)) {
        return Some("the signed document names another image manifest");
    }
    match wasm_layer(&payload.manifest) {
        Ok(layer) if layer.digest == digest(component) => None,
        _ => Some("the image manifest that was signed names another component"),
    }
}

pub(super) fn digest(bytes: &[u8]) -> Sha256 {
    let mut state = Hashing::default();
    state.update(bytes);
    state.finish()
}

fn shown(text: &str) -> String {
    printable(text, 300).into_owned()
}

/// Returns the path of a file for messages.
pub(super) fn origin(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod messages;
