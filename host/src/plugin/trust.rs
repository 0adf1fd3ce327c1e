use std::fmt;
use std::str::FromStr;

use super::Fetched;
use crate::model::Problem;

/// What is known of who made an engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignatureState {
    /// Nobody says so. A state like any other, that is shown.
    Unsigned,
    /// Signed with a key that the user trusts for this publisher.
    Signed {
        /// The fingerprint of the key.
        key: String,
    },
}

/// Decides whether the maker of an engine is trusted. Installing, updating and syncing ask here before
/// anything of the component is compiled.
pub trait Trust: Send + Sync {
    /// What the signatures say. `known` is the state of the version that is installed, if there is one.
    ///
    /// # Errors
    /// When a signature is wrong, or is lacking where there must be one.
    fn judge(
        &self,
        publisher: &str,
        fetched: &Fetched,
        known: Option<&SignatureState>,
    ) -> Result<SignatureState, Box<dyn Problem>>;
}

/// Trusts no key, so that every engine is one that nobody has signed.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoKeys;

impl Trust for NoKeys {
    fn judge(
        &self,
        _: &str,
        _: &Fetched,
        _: Option<&SignatureState>,
    ) -> Result<SignatureState, Box<dyn Problem>> {
        Ok(SignatureState::Unsigned)
    }
}

const SIGNED: &str = "signed:";

impl fmt::Display for SignatureState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsigned => f.write_str("unsigned"),
            Self::Signed { key } => write!(f, "{SIGNED}{key}"),
        }
    }
}

impl FromStr for SignatureState {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if text == "unsigned" {
            return Ok(Self::Unsigned);
        }
        let key = text.strip_prefix(SIGNED).ok_or(())?;
        let fits = !key.is_empty() && key.bytes().all(|b| b.is_ascii_graphic());
        if fits {
            Ok(Self::Signed {
                key: key.to_owned(),
            })
        } else {
            Err(())
        }
    }
}
