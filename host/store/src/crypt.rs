//! Encryption of copies, in the format of `age`: <https://age-encryption.org/v1>.

use std::io::{self, BufReader, Read};
use std::str::FromStr as _;

use age::x25519;
use host_base::Secret;

use crate::{IdentitySource, StoreError};

/// The longest content with identities, in bytes. A Secret of Kubernetes can't be longer.
const MAX_LENGTH: u64 = 1 << 20;

/// Parses a recipient, `age1…`.
pub(crate) fn recipient(text: &str) -> Result<x25519::Recipient, StoreError> {
    x25519::Recipient::from_str(text).map_err(|_| StoreError::BadRecipient {
        // Somebody may have given the secret key instead.
        given: text.chars().take(8).collect(),
    })
}

/// Secret keys that decrypt copies.
pub struct Identities(Vec<x25519::Identity>);

impl Identities {
    /// Reads a file as `age-keygen` writes it: an identity on each line, and comments.
    ///
    /// # Errors
    /// When the file can't be read, or has no identity. This crate can't read a Secret.
    pub fn read(source: &IdentitySource) -> Result<Self, StoreError> {
        let failed = |reason: String| StoreError::BadIdentity {
            place: source.to_string(),
            reason,
        };
        let IdentitySource::File(path) = source else {
            return Err(failed("a Secret needs a cluster".to_owned()));
        };
        let bytes = host_base::files::read_plain(path, MAX_LENGTH)
            .map_err(|error| failed(error.to_string()))?;
        Self::parse(&bytes.into()).map_err(failed)
    }

    /// Parses the content of such a file, or of a key of a Secret.
    ///
    /// # Errors
    /// With the reason if it is too long, has no identity, or has another line.
    pub fn parse(content: &Secret) -> Result<Self, String> {
        if content.expose().len() as u64 > MAX_LENGTH {
            return Err(format!("it has more than {MAX_LENGTH} bytes"));
        }
        let text = content
            .expose_text()
            .map_err(|_| "it is not UTF-8".to_owned())?;
        let mut found = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            // The error must not repeat the line, which may be a secret key with a typo.
            let identity = x25519::Identity::from_str(line)
                .map_err(|_| format!("line {} is not an identity", index + 1))?;
            found.push(identity);
        }
        if found.is_empty() {
            return Err("it has no line with an identity".to_owned());
        }
        Ok(Self(found))
    }

    /// Adds other identities.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Returns true if one of the identities decrypts what is encrypted for these recipients.
    #[must_use]
    pub fn can_open(&self, recipients: &[String]) -> bool {
        let own = self.0.iter().map(|it| it.to_public().to_string());
        own.into_iter().any(|own| recipients.contains(&own))
    }

    /// Returns the plain bytes of an encrypted stream.
    pub(crate) fn decrypt<R: Read>(&self, from: R) -> io::Result<age::stream::StreamReader<R>> {
        let invalid = |error: age::DecryptError| {
            io::Error::new(io::ErrorKind::InvalidData, error.to_string())
        };
        let decryptor = age::Decryptor::new(from).map_err(invalid)?;
        let own = self.0.iter().map(|it| it as &dyn age::Identity);
        decryptor.decrypt(own).map_err(invalid)
    }
}

impl std::fmt::Debug for Identities {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// Begins an encrypted stream.
pub(crate) fn encrypt<W: io::Write>(
    recipients: &[x25519::Recipient],
    to: W,
) -> io::Result<age::stream::StreamWriter<W>> {
    let recipients = recipients.iter().map(|it| it as &dyn age::Recipient);
    let encryptor = age::Encryptor::with_recipients(recipients).map_err(io::Error::other)?;
    encryptor.wrap_output(to)
}

/// Makes small reads cheap.
pub(crate) fn buffered<R: Read>(reader: R) -> BufReader<R> {
    BufReader::with_capacity(256 << 10, reader)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    use age::secrecy::ExposeSecret as _;

    fn identities(keys: &[&x25519::Identity]) -> Identities {
        let lines: String = keys
            .iter()
            .map(|key| {
                format!(
                    "# public key: {}\n{}\n",
                    key.to_public(),
                    key.to_string().expose_secret()
                )
            })
            .collect();
        Identities::parse(&lines.into()).unwrap()
    }

    #[test]
    fn each_of_several_recipients_can_decrypt_and_no_other() {
        let [a, b, c] = [(); 3].map(|()| x25519::Identity::generate());
        let recipients = [a.to_public(), b.to_public()];
        let mut writer = encrypt(&recipients, Vec::new()).unwrap();
        writer.write_all(b"backup").unwrap();
        let bytes = writer.finish().unwrap();
        let names = recipients.map(|it| it.to_string());
        for key in [&a, &b] {
            let identities = identities(&[&c, key]);
            assert!(identities.can_open(&names));
            let mut plain = Vec::new();
            identities
                .decrypt(&*bytes)
                .unwrap()
                .read_to_end(&mut plain)
                .unwrap();
            assert_eq!(plain, b"backup");
        }
        let other = identities(&[&c]);
        assert!(!other.can_open(&names));
        assert!(other.decrypt(&*bytes).is_err());
    }

    #[test]
    fn content_that_is_too_long_or_no_text_is_refused() {
        for (content, reason) in [
            (vec![b'#'; (1 << 20) + 1], "it has more than 1048576 bytes"),
            (vec![0xff, 0xfe], "it is not UTF-8"),
            (b"# nothing\n\n".to_vec(), "it has no line with an identity"),
        ] {
            assert_eq!(Identities::parse(&content.into()).unwrap_err(), reason);
        }
    }

    #[test]
    fn errors_never_repeat_a_secret_key() {
        let key = x25519::Identity::generate().to_string();
        let key = key.expose_secret();
        let error = recipient(key).unwrap_err().to_string();
        assert!(!error.contains(&key[..20]), "{error}");
        let broken = format!("{key}x");
        let error = Identities::parse(&broken.into()).unwrap_err();
        assert!(!error.contains(&key[..20]), "{error}");
    }
}
