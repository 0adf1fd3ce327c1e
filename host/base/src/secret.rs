use std::fmt;
use std::str::Utf8Error;

/// Bytes that must not be shown: `Debug` and `Display` print `***`.
///
/// The type can't be serialized or compared. Code that needs the bytes calls [`Secret::expose`].
#[derive(Clone)]
pub struct Secret(Box<[u8]>);

impl Secret {
    /// Returns the secret bytes.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Returns the bytes as text.
    ///
    /// # Errors
    /// When the bytes are not UTF-8. The error contains the position but not the bytes.
    pub fn expose_text(&self) -> Result<&str, Utf8Error> {
        std::str::from_utf8(&self.0)
    }
}

impl From<Vec<u8>> for Secret {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        text.into_bytes().into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_shown_and_its_length_neither() {
        let short = Secret::from("a".to_owned());
        let long = Secret::from(b"canary-canary".to_vec());
        for secret in [&short, &long] {
            assert_eq!(format!("{secret} {secret:?} {secret:#?}"), "*** *** ***");
        }
        assert_eq!(format!("{:?}", Some(&long)), "Some(***)");
        assert_eq!(long.expose(), b"canary-canary");
        assert_eq!(long.expose_text(), Ok("canary-canary"));
        assert!(Secret::from(vec![0xff]).expose_text().is_err());
    }
}
