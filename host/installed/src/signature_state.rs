use std::fmt;
use std::str::FromStr;

/// The knowledge about who signed an engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignatureState {
    /// The engine has no signature. That is a valid state, which is shown.
    Unsigned,
    /// It has a signature but no known key of its publisher, so the signer is unknown.
    Unverified,
    /// It is signed with a key that the user trusts for this publisher.
    Signed {
        /// The fingerprint of the key.
        key: String,
    },
}

const SIGNED: &str = "signed:";

impl fmt::Display for SignatureState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsigned => f.write_str("unsigned"),
            Self::Unverified => f.write_str("unverified"),
            Self::Signed { key } => write!(f, "{SIGNED}{key}"),
        }
    }
}

impl FromStr for SignatureState {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "unsigned" => return Ok(Self::Unsigned),
            "unverified" => return Ok(Self::Unverified),
            _ => {}
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
