use std::fmt;
use std::str::FromStr;

/// A SHA-256 digest. It parses hexadecimal in any case and shows it in lower case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha256([u8; 32]);

impl Sha256 {
    /// Completes a computation of the `sha2` crate.
    pub fn of(state: sha2::Sha256) -> Self {
        use sha2::Digest as _;
        Self(state.finalize().into())
    }

    /// Computes the digest of bytes in memory.
    #[must_use]
    pub fn digest(bytes: &[u8]) -> Self {
        let mut hashing = Hashing::default();
        hashing.update(bytes);
        hashing.finish()
    }

    /// Returns the 32 bytes of the digest.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 32] {
        self.0
    }

    /// Creates a digest from its 32 bytes.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

impl From<[u8; 32]> for Sha256 {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

/// A digest that is being computed.
#[derive(Clone, Debug, Default)]
pub struct Hashing(sha2::Sha256);

impl Hashing {
    /// Adds bytes to the computation.
    pub fn update(&mut self, bytes: &[u8]) {
        use sha2::Digest as _;
        self.0.update(bytes);
    }

    /// Completes the computation and returns the digest.
    #[must_use]
    pub fn finish(self) -> Sha256 {
        Sha256::of(self.0)
    }
}

/// An error: the text does not have exactly 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a SHA-256 is 64 hexadecimal digits")]
pub struct NotSha256;

impl FromStr for Sha256 {
    type Err = NotSha256;

    fn from_str(text: &str) -> Result<Self, NotSha256> {
        let (pairs, []) = text.as_bytes().as_chunks::<2>() else {
            return Err(NotSha256);
        };
        let digit = |byte: u8| char::from(byte).to_digit(16);
        let bytes: Option<Vec<u8>> = pairs
            .iter()
            .map(|[high, low]| u8::try_from(digit(*high)? << 4 | digit(*low)?).ok())
            .collect();
        bytes
            .and_then(|bytes| Self::from_slice(&bytes))
            .ok_or(NotSha256)
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn either_case_is_read_and_lower_case_is_shown() {
        use sha2::Digest as _;
        let empty = Sha256::of(sha2::Sha256::new());
        assert_eq!(empty.to_string(), EMPTY);
        assert_eq!(EMPTY.to_uppercase().parse(), Ok(empty));
    }

    #[test]
    fn what_is_no_digest_is_refused() {
        for text in [
            "",
            "e3",
            &EMPTY[1..],
            &format!("{EMPTY}00"),
            &EMPTY.replace('e', "g"),
        ] {
            assert_eq!(text.parse::<Sha256>(), Err(NotSha256), "{text}");
        }
        assert_eq!("é".repeat(32).parse::<Sha256>(), Err(NotSha256));
    }
}
