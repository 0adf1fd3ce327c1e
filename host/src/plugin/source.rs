use futures_util::future::BoxFuture;

use super::Reference;

/// A component as it came, not yet looked at.
#[derive(Clone, Debug)]
pub struct Fetched {
    pub bytes: Vec<u8>,
    /// The reference that gets the same bytes again: for a tag of a registry, its digest of that moment.
    pub pinned: Reference,
    pub signatures: Vec<DetachedSignature>,
}

/// A signature that came beside a component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DetachedSignature {
    /// ECDSA over P-256 and SHA-256, in DER.
    pub der: Vec<u8>,
    /// What was signed, where that is not the component itself: cosign signs a small JSON document
    /// that names the digest of the artifact.
    pub payload: Option<Vec<u8>>,
    /// Where it was found, for people.
    pub origin: String,
}

/// Gets components from one kind of place.
pub trait Source: Send + Sync {
    /// Why it failed: a problem with a hint and an exit code.
    type Error: crate::model::Problem;

    /// Fetches the component and the signatures that lie beside it. A missing signature is none.
    fn fetch<'a>(&'a self, reference: &'a Reference)
    -> BoxFuture<'a, Result<Fetched, Self::Error>>;
}
