//! The keys that publishers are trusted by, and what they say about a component.
//!
//! A key lies in the configuration folder as `keys/PUBLISHER/NAME.pub`, in PEM. Names are the user's
//! own. It is trusted for engines of that publisher and for no others; there is no key for everything.
//!
//! The policy, which install and update share:
//!
//! | keys of the publisher | signatures of the component | verdict |
//! |---|---|---|
//! | none | none | [`SignatureState::Unsigned`]: recorded, shown, and no error |
//! | none | some | [`SignatureState::Unverified`]: a signature alone does not say whose it is |
//! | none | some, all of something else | refused: somebody mixed up or exchanged files |
//! | some | one that is valid under one of them | [`SignatureState::Signed`], with that key |
//! | some | none, or none that is valid | refused: an exchanged component looks like this |
//!
//! From the moment a key is known the last two rows hold, for a first install as for an update, and
//! whatever the version before was. Going back needs a deliberate act: the keys are removed. A further
//! key is added before the publisher changes to it; both are good until the old one is removed.
//!
//! A file in the folder of a publisher that can't be read as a key is an error and is not passed over:
//! leaving it out could turn the last two rows into the first two.

mod error;
mod folder;

use host_base::text::printable;

use super::SignatureState;
use super::signature::{PublicKey, SignatureError, signed_bytes};
use super::source::DetachedSignature;

pub use error::KeyError;
pub use folder::{KeyFolder, NewKey, RemovedKey};

/// A key that the user trusts for one publisher.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedKey {
    pub publisher: String,
    /// The user's name for it.
    pub name: String,
    pub key: PublicKey,
}

/// By the policy above. `signatures` are those that came with `component`, and `keys` those that are
/// trusted for `publisher`; keys of others are passed over.
///
/// # Errors
/// When the component is refused.
pub fn verdict(
    publisher: &str,
    keys: &[TrustedKey],
    signatures: &[DetachedSignature],
    component: &[u8],
) -> Result<SignatureState, SignatureError> {
    let keys: Vec<_> = keys
        .iter()
        .filter(|trusted| trusted.publisher == publisher)
        .collect();
    let mut over_it = Vec::new();
    let mut over_others = Vec::new();
    for signature in signatures {
        match signed_bytes(signature, component) {
            Ok(bytes) => over_it.push((signature, bytes)),
            Err(error) => over_others.push(error),
        }
    }
    let valid = keys.iter().find(|trusted| {
        over_it
            .iter()
            .any(|(signature, bytes)| trusted.key.signed(bytes, &signature.der))
    });
    if let Some(trusted) = valid {
        return Ok(SignatureState::Signed {
            key: trusted.key.fingerprint().to_string(),
        });
    }
    if !keys.is_empty() {
        let (publisher, known) = (publisher.to_owned(), fingerprints(&keys));
        return Err(if signatures.is_empty() {
            SignatureError::Missing { publisher, known }
        } else {
            SignatureError::NotTrusted {
                publisher,
                known,
                found: found(signatures),
            }
        });
    }
    if !over_it.is_empty() {
        return Ok(SignatureState::Unverified);
    }
    match over_others.into_iter().next() {
        Some(error) => Err(error),
        None => Ok(SignatureState::Unsigned),
    }
}

/// Where signatures were found, for people.
fn found(signatures: &[DetachedSignature]) -> String {
    let found: Vec<_> = signatures.iter().map(|it| it.origin.as_str()).collect();
    printable(&found.join(", "), 300).into_owned()
}

fn fingerprints(keys: &[&TrustedKey]) -> String {
    let shown: Vec<_> = keys
        .iter()
        .map(|trusted| format!("{} ({})", trusted.name, trusted.key.fingerprint()))
        .collect();
    shown.join(", ")
}

#[cfg(test)]
mod tests;
