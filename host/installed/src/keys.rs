//! Stores the keys of trusted publishers, and judges components by them.
//!
//! A key is in the configuration folder as `keys/PUBLISHER/NAME.pub`, in PEM. The user chooses the names. A
//! key is trusted for engines of that publisher and for no others; no key is trusted for everything.
//!
//! The policy, which install and update share:
//!
//! | keys of the publisher | signatures of the component | verdict |
//! |---|---|---|
//! | none | none | [`SignatureState::Unsigned`]: recorded, shown, and no error |
//! | none | some | [`SignatureState::Unverified`]: a signature alone does not prove its signer |
//! | none | some, all of something else | refused: somebody mixed up or exchanged files |
//! | some | one that is valid under one of them | [`SignatureState::Signed`], with that key |
//! | some | none, or none that is valid | refused: an exchanged component looks like this |
//!
//! Once a key is known, the last two rows apply to installs and updates alike, whatever the previous version
//! was. Only removing the keys reverses that. A further key is added before the publisher changes to it; both
//! are valid until the old one is removed.
//!
//! An unreadable file in the folder of a publisher is an error and is not ignored. Ignoring it could turn the
//! last two rows into the first two.

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
    /// The publisher whose engines it signs.
    pub publisher: String,
    /// The user's name for the key.
    pub name: String,
    /// The key itself.
    pub key: PublicKey,
}

/// Judges a component by the policy above. `signatures` were fetched with `component`, and `keys` are trusted
/// keys. Keys for other publishers than `publisher` are ignored.
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

/// Returns where signatures were found, for people.
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
