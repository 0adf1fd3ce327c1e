//! Secrets, and texts without them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use percent_encoding::percent_decode_str;

/// A secret whose `Debug` output is redacted.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Minimum length of a secret, in bytes. Replacing shorter texts everywhere would make logs unreadable.
const SHORTEST: usize = 3;
/// Minimum length of a line of a multi-line secret to be redacted on its own, in bytes.
const SHORTEST_LINE: usize = 8;
/// A variable whose name contains one of these texts holds a secret.
const TELLING_NAMES: [&str; 7] = [
    "PASSWORD",
    "PASSWD",
    "SECRET",
    "TOKEN",
    "CREDENTIAL",
    "PRIVATE",
    "API_KEY",
];

/// A filter that removes secrets from logs and error answers.
#[derive(Default)]
pub struct Redactor {
    /// The secrets, the longest first, so that a secret that contains another is replaced as a whole.
    secrets: Vec<String>,
}

impl Redactor {
    /// Creates a redactor for `secrets`, and for secrets in `environment`. Those are the variables with names
    /// that indicate a secret, and the passwords in URLs.
    pub fn new<'a>(
        secrets: impl IntoIterator<Item = &'a Secret>,
        environment: &BTreeMap<String, String>,
    ) -> Self {
        let mut known = BTreeSet::new();
        for secret in secrets {
            add(&mut known, secret.expose());
        }
        for (name, value) in environment {
            let name = name.to_ascii_uppercase();
            if TELLING_NAMES.iter().any(|telling| name.contains(telling)) {
                add(&mut known, value);
            }
            if let Some(password) = url_password(value) {
                add(&mut known, password);
                add(
                    &mut known,
                    &percent_decode_str(password).decode_utf8_lossy(),
                );
            }
        }
        let mut secrets: Vec<_> = known.into_iter().collect();
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Self { secrets }
    }

    /// Returns `text` with `***` in place of each secret.
    pub fn redact(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.secrets {
            if text.contains(secret) {
                text = text.replace(secret, "***");
            }
        }
        text
    }
}

fn add(known: &mut BTreeSet<String>, secret: &str) {
    if secret.len() >= SHORTEST {
        known.insert(secret.to_owned());
    }
    if secret.contains('\n') {
        let lines = secret.lines().map(str::trim);
        known.extend(
            lines
                .filter(|l| l.len() >= SHORTEST_LINE)
                .map(str::to_owned),
        );
    }
}

/// Returns the password of `scheme://user:password@host/…`.
fn url_password(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let (user, _) = authority.rsplit_once('@')?;
    user.split_once(':').map(|(_, password)| password)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redactor(environment: &[(&str, &str)]) -> Redactor {
        let environment = environment
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Redactor::new([&Secret::new("the-api-token")], &environment)
    }

    #[test]
    fn a_secret_is_not_in_any_text_that_is_shown() {
        let known = redactor(&[("PGPASSWORD", "hunter2"), ("EDITOR", "vim")]);
        let text = known.redact("hunter2 failed: the-api-token in vim");
        assert_eq!(text, "*** failed: *** in vim");
        assert_eq!(format!("{:?}", Secret::new("x")), "***");
    }

    #[test]
    fn the_password_of_a_url_is_a_secret_however_it_is_written() {
        let known = redactor(&[("DATABASE_URL", "postgresql://app:p%40ss@db:5432/app")]);
        assert_eq!(
            known.redact("postgresql://app:p%40ss@db:5432/app says p@ss is wrong for app"),
            "postgresql://app:***@db:5432/app says *** is wrong for app"
        );
    }

    #[test]
    fn a_line_of_a_key_is_a_secret_as_the_key_is() {
        let known = redactor(&[("SSH_PRIVATE_KEY", "-----BEGIN-----\nMIIEowIBAAKC\n=")]);
        assert_eq!(known.redact("read MIIEowIBAAKC = 1"), "read *** = 1");
    }

    #[test]
    fn a_secret_that_contains_another_is_replaced_as_a_whole() {
        let known = redactor(&[("A_TOKEN", "abc"), ("B_TOKEN", "abcdef")]);
        assert_eq!(known.redact("abcdef abc"), "*** ***");
    }
}
