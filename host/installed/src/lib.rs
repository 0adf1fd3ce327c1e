//! Manages installed engines: their sources, whether they are trusted, and where they are stored.
//!
//! An installed engine is the same kind of file as a bundled one, with the same manifest and the same
//! sandbox. In addition it needs a decision of the user: which file, from which source, with which
//! capabilities.
//!
//! | question | answered by |
//! |---|---|
//! | where is it? | [`Reference`], [`Sources`] |
//! | is it an engine for this host, and who is its publisher? | [`Candidate`], [`KeyFolder`] |
//! | which capabilities does it ask for, and are they accepted? | [`Capabilities`], [`Consent`] |
//! | what is installed? | [`Lockfile`], [`Store`] |
//! | what changes that? | [`Plugins`] |
//! | how does it get to a machine without a network? | [`Plugins::bundle`] |

mod bundle;
mod candidate;
mod capabilities;
mod check;
mod consent;
mod defaults;
mod error;
mod inspect;
mod keys;
mod keys_changed;
mod lockfile;
mod marks;
mod plugins;
mod reference;
mod reserved;
mod sentences;
mod signature;
mod signature_state;
mod source;
mod steps;
mod store;
mod stored_signature;
mod sync;
#[cfg(test)]
mod testing;
mod today;
mod trial;

pub use bundle::{MAX_BUNDLE, WrittenBundle};
pub use candidate::{Candidate, Expected};
pub use capabilities::{Capabilities, Capability};
pub use check::{Checked, catalogue};
pub use consent::{Consent, Wanted, defaultable, digest as consent_digest};
pub use defaults::{DefaultChange, DefaultRequest};
pub use error::PluginError;
pub use inspect::{Inspected, Whereabouts};
pub use keys::{KeyError, KeyFolder, NewKey, RemovedKey, TrustedKey, verdict};
pub use keys_changed::Untrusted;
pub use lockfile::{Installed, Lockfile, LockfileError, Plugin};
pub use plugins::{Change, InstallRequest, Plugins};
pub use reference::{BadReference, OciVersion, Reference};
pub use reserved::{Reserved, check as check_name};
pub use signature::{PublicKey, SignatureError};
pub use signature_state::SignatureState;
pub use source::{
    CosignPayload, Deadlines, DetachedSignature, Fetched, MAX_ENGINE, SourceError, SourceOptions,
    Sources,
};
pub use store::{Changing, LOCKFILE, Store};
pub use sync::Synced;
