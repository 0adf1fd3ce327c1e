//! Finds credentials in answers. A backend that repeats its request would show them to the engine.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE};
use host_base::Secret;
use memchr::memmem::Finder;
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};

/// Shorter secrets are not searched for: they would occur by chance in answers without a secret.
const SHORTEST: usize = 8;

/// The forms of a secret that are searched for: plain, percent-encoded, JSON, hexadecimal, and Base64, alone
/// or within longer text.
///
/// A backend that hashes, compresses, encrypts, splits or reverses the secret is not detected. An engine could
/// use this only with the backend's help.
#[derive(Clone, Default)]
pub(super) struct Echo(Arc<[Finder<'static>]>);

impl Echo {
    /// Prepares the forms of these secrets.
    pub(super) fn of<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        let mut forms = Vec::new();
        for secret in secrets {
            add_forms(secret.expose(), &mut forms);
        }
        forms.sort();
        forms.dedup();
        let finders = forms.iter().map(|form| Finder::new(form).into_owned());
        Self(finders.collect())
    }

    /// Returns the length of the longest form, in bytes.
    pub(super) fn longest(&self) -> usize {
        let lengths = self.0.iter().map(|form| form.needle().len());
        lengths.max().unwrap_or_default()
    }

    /// Searches for credentials as they are sent, in their plain form and whatever their length.
    pub(super) fn of_sent(sent: &[u8]) -> Self {
        Self([Finder::new(sent).into_owned()].into())
    }

    /// Returns whether the text contains one of the secrets.
    pub(super) fn is_in(&self, text: &[u8]) -> bool {
        self.0.iter().any(|form| form.find(text).is_some())
    }
}

/// The forms are secret, so they are not printed.
impl fmt::Debug for Echo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Echo(***)")
    }
}

fn add_forms(secret: &[u8], forms: &mut Vec<Vec<u8>>) {
    if secret.len() < SHORTEST {
        return;
    }
    forms.push(secret.to_vec());
    let percent = percent_encode(secret, NON_ALPHANUMERIC).to_string();
    forms.push(percent.into_bytes());
    let in_lower_case = secret.iter().map(|byte| match byte {
        byte if byte.is_ascii_alphanumeric() => char::from(*byte).to_string(),
        byte => format!("%{byte:02x}"),
    });
    forms.push(in_lower_case.collect::<String>().into_bytes());
    let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    forms.push(hex.to_ascii_uppercase().into_bytes());
    forms.push(hex.into_bytes());
    if let Ok(text) = std::str::from_utf8(secret)
        && let Ok(json) = serde_json::to_string(text)
    {
        // The quotes around the JSON string are removed.
        forms.push(json.as_bytes()[1..json.len() - 1].to_vec());
    }
    for before in 0..3 {
        forms.push(within(
            &BASE64_STANDARD.encode(padded(secret, before)),
            before,
        ));
        forms.push(within(
            &BASE64_URL_SAFE.encode(padded(secret, before)),
            before,
        ));
    }
}

/// Returns the secret after this number of other bytes.
fn padded(secret: &[u8], before: usize) -> Vec<u8> {
    [&[0; 3][..before], secret].concat()
}

/// Returns the characters of a Base64 text that depend only on the secret, not on the bytes around it.
fn within(text: &str, before: usize) -> Vec<u8> {
    let begin = [0, 2, 3][before];
    let text = text.trim_end_matches('=');
    // The last character may contain bits of the following byte.
    text.as_bytes()[begin..text.len() - 1].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn echo(secrets: &[&str]) -> Echo {
        let secrets: Vec<_> = secrets
            .iter()
            .map(|text| Secret::from((*text).to_owned()))
            .collect();
        Echo::of(&secrets)
    }

    #[test]
    fn every_form_that_a_server_would_repeat_is_found() {
        let secret = "P\u{e4}ss/w\"rd 4711+x";
        let echo = echo(&[secret]);
        let encode = |text: String| BASE64_STANDARD.encode(text);
        for text in [
            secret.to_owned(),
            format!("authorization: {secret}\r\n"),
            "P%C3%A4ss%2Fw%22rd%204711%2Bx".to_owned(),
            "P%c3%a4ss%2fw%22rd%204711%2bx".to_owned(),
            "{\"seen\": \"P\u{e4}ss/w\\\"rd 4711+x\"}".to_owned(),
            encode(secret.to_owned()),
            encode(format!("me:{secret}")),
            encode(format!("you:{secret}\n")),
            encode(format!("other:{secret} and more")),
            BASE64_URL_SAFE.encode(format!("me:{secret}")),
            "50c3a473732f772272642034373131".to_owned() + "2b78",
        ] {
            assert!(echo.is_in(text.as_bytes()), "{text}");
        }
        for text in ["", "p\u{e4}ss", "{\"backups\": []}", "bWU6"] {
            assert!(!echo.is_in(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn what_is_short_is_not_looked_for() {
        assert!(!echo(&["admin12"]).is_in(b"admin12"));
        assert!(echo(&["admin123"]).is_in(b"admin123"));
        assert!(!echo(&[]).is_in(b""));
        let sent = Echo::of_sent(b"Basic bWU6cHcx");
        assert!(sent.is_in(b"authorization: Basic bWU6cHcx\r\n"));
        assert!(!sent.is_in(b"pw1"));
    }

    #[test]
    fn nothing_of_it_is_shown() {
        assert_eq!(format!("{:?}", echo(&["canary-4711"])), "Echo(***)");
    }
}
