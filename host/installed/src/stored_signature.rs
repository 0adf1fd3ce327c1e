use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};

use super::source::{CosignPayload, DetachedSignature};

/// A signature in the form of the store and of bundles.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoredSignature {
    /// The signature in base64, like the other fields.
    der: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    payload: Option<StoredPayload>,
    /// Where it was found, for people.
    origin: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredPayload {
    document: String,
    manifest: String,
}

impl StoredSignature {
    pub(super) fn of(signature: &DetachedSignature) -> Self {
        let text = |bytes: &[u8]| BASE64_STANDARD.encode(bytes);
        Self {
            der: text(&signature.der),
            payload: signature.payload.as_ref().map(|payload| StoredPayload {
                document: text(&payload.document),
                manifest: text(&payload.manifest),
            }),
            origin: signature.origin.clone(),
        }
    }

    /// Decodes the signature; none if it is not base64. The keys decide later what it signs.
    pub(super) fn read(&self) -> Option<DetachedSignature> {
        let bytes = |text: &String| BASE64_STANDARD.decode(text).ok();
        let payload = match &self.payload {
            None => None,
            Some(payload) => Some(CosignPayload {
                document: bytes(&payload.document)?,
                manifest: bytes(&payload.manifest)?,
            }),
        };
        Some(DetachedSignature {
            der: bytes(&self.der)?,
            payload,
            origin: self.origin.clone(),
        })
    }
}
