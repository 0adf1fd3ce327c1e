//! Reads the facts about a certificate that was trusted by name: its validity and its purposes.
//!
//! The TLS library checks these only for certificates that another one has signed. Source: RFC 5280, section
//! 4.1.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

const SEQUENCE: u8 = 0x30;
const OBJECT_IDENTIFIER: u8 = 0x06;
const OCTET_STRING: u8 = 0x04;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// The tags of fields that may be absent.
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;

/// The object ids of `id-ce-extKeyUsage` and two of its values: TLS servers, and any purpose.
const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x25];
const SERVER: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 1];
const EVERYTHING: &[u8] = &[0x55, 0x1d, 0x25, 0];

/// The facts in a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    /// Begin of the validity, in seconds since 1970.
    pub not_before: i64,
    /// End of the validity, in seconds since 1970.
    pub not_after: i64,
    /// True if a server may use the certificate.
    pub for_servers: bool,
}

/// Reads a certificate in DER. Returns none if the bytes are not a certificate.
pub(super) fn facts(der: &[u8]) -> Option<Facts> {
    let (certificate, _) = take(der, SEQUENCE)?;
    let (mut fields, _) = take(certificate, SEQUENCE)?;
    if let Some((_, rest)) = take(fields, VERSION) {
        fields = rest;
    }
    // The skipped fields are serial number, algorithm and issuer.
    for _ in 0..3 {
        fields = any(fields)?.2;
    }
    let (validity, rest) = take(fields, SEQUENCE)?;
    let (not_before, validity) = time(validity)?;
    let (not_after, _) = time(validity)?;
    // The remaining fields are subject, public key, unique identifiers and extensions.
    let mut fields = rest;
    let mut for_servers = true;
    while let Some((tag, content, rest)) = any(fields) {
        if tag == EXTENSIONS {
            for_servers = allows_servers(content)?;
        }
        fields = rest;
    }
    Some(Facts {
        not_before,
        not_after,
        for_servers,
    })
}

/// Returns true if the extensions permit the certificate for a server. Without a list of purposes, all are
/// permitted.
fn allows_servers(extensions: &[u8]) -> Option<bool> {
    let (mut extensions, _) = take(extensions, SEQUENCE)?;
    while let Some((extension, rest)) = take(extensions, SEQUENCE) {
        extensions = rest;
        let (name, value) = take(extension, OBJECT_IDENTIFIER)?;
        if name != EXTENDED_KEY_USAGE {
            continue;
        }
        let value = match any(value)? {
            (OCTET_STRING, value, _) => value,
            // The flag whether the extension is critical precedes the value.
            (_, _, rest) => take(rest, OCTET_STRING)?.0,
        };
        let (mut uses, _) = take(value, SEQUENCE)?;
        let mut found = false;
        while let Some((name, rest)) = take(uses, OBJECT_IDENTIFIER) {
            found |= name == SERVER || name == EVERYTHING;
            uses = rest;
        }
        return Some(found);
    }
    Some(true)
}

fn time(der: &[u8]) -> Option<(i64, &[u8])> {
    let (tag, text, rest) = any(der)?;
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (year, text) = match tag {
        // RFC 5280: the years 50 to 99 belong to the last century.
        UTC_TIME => {
            let year: i16 = text.get(..2)?.parse().ok()?;
            (year + if year < 50 { 2000 } else { 1900 }, text.get(2..)?)
        }
        GENERALIZED_TIME => (text.get(..4)?.parse().ok()?, text.get(4..)?),
        _ => return None,
    };
    let part = |at: usize| -> Option<i8> { text.get(at..at + 2)?.parse().ok() };
    let time = DateTime::new(year, part(0)?, part(2)?, part(4)?, part(6)?, part(8)?, 0).ok()?;
    let seconds = TimeZone::UTC.to_timestamp(time).ok()?.as_second();
    Some((seconds, rest))
}

/// Returns the content of a value of this type, and the bytes after it.
fn take(der: &[u8], wanted: u8) -> Option<(&[u8], &[u8])> {
    any(der).and_then(|(tag, content, rest)| (tag == wanted).then_some((content, rest)))
}

/// Returns type and content of a value, and the bytes after it.
fn any(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, length], rest) = der.split_first_chunk::<2>()?;
    let (length, rest) = match length {
        0..=0x7f => (usize::from(length), rest),
        0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
            let length = bytes
                .iter()
                .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
            (length, rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject as _;

    use super::*;
    use testbed::scripted::certificates::{CA, CLIENT_ONLY, LEAF};

    fn of(pem: &str) -> Facts {
        let der = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
        facts(&der).unwrap()
    }

    #[test]
    fn a_certificate_tells_how_long_it_is_valid_and_what_for() {
        assert!(of(CA).for_servers && of(LEAF).for_servers);
        assert!(!of(CLIENT_ONLY).for_servers);
        let found = of(LEAF);
        assert_eq!(found.not_after - found.not_before, 36_500 * 24 * 3600);
    }

    #[test]
    fn what_is_no_certificate_has_no_facts() {
        let der = CertificateDer::from_pem_slice(LEAF.as_bytes()).unwrap();
        for end in 0..der.len() {
            assert_eq!(facts(&der[..end]), None);
        }
        assert_eq!(facts(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]), None);
    }
}
