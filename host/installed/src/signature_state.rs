use std::fmt;
use std::str::FromStr;

/// What is known of who made an engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignatureState {
    /// Nobody says so. A state like any other, that is shown.
    Unsigned,
    /// It has a signature, and no key of its publisher is known: it does not say whose it is.
    Unverified,
    /// Signed with a key that the user trusts for this publisher.
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
