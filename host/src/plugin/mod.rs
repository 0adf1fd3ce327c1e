//! Engines of others: where they come from, whether they are trusted, and where they are kept.
//!
//! An engine that is installed is the same kind of file as one that is bundled, with the same manifest
//! and the same sandbox. What is more here is a decision of the user: which file, from where, and what
//! it may do.

mod keys;
mod reference;
mod signature;
mod source;

pub use keys::{KeyError, KeyFolder, SignatureState, TrustedKey, verdict};
pub use reference::{BadReference, OciVersion, Reference};
pub use signature::{PublicKey, SignatureError};
pub use source::{
    CosignPayload, Deadlines, DetachedSignature, Fetched, MAX_ENGINE, ProxySettings, Source,
    SourceError, SourceOptions, Sources,
};
