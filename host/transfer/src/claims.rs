//! Collects what a response and an engine claim about the bytes before they arrive.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use host_base::Sha256;
use http::header::{self, HeaderMap};
use http_body::Body as _;

use super::{Answer, Origin, TransferError};

/// The facts that an engine knows about the bytes before they arrive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expectation {
    /// Length in bytes.
    pub length: Option<u64>,
    /// Length in bytes, according to a list of backups. Some backends count other bytes there, so this length
    /// is used only if nothing else says where the end is.
    pub listed_length: Option<u64>,
    /// SHA-256 digest in hexadecimal.
    pub sha256: Option<String>,
}

/// How certain it is that the bytes are complete and unchanged. Later variants are stronger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Proof {
    /// The backend gave neither length nor checksum, and its body ended with the connection. A backend that
    /// stopped early looks the same. Such a file is delivered only if the user accepts it.
    Nothing,
    /// The same as `Nothing`, but the bytes are an archive that ends as its format requires.
    Structure,
    /// The backend marked the end of the stream.
    End,
    /// The length equals the announced one.
    Length,
    /// The SHA-256 digest equals an announced one.
    Checksum,
}

/// The claims about the bytes.
#[derive(Clone, Debug)]
pub struct Claims {
    length: Option<(Origin, u64)>,
    checksums: Vec<(Origin, Sha256)>,
    pub(super) etag: Option<String>,
    pub(super) last_modified: Option<String>,
    delimited: bool,
    pub(super) refuses_ranges: bool,
    listed: Option<u64>,
}

impl Claims {
    /// Reads the head of a response with a whole body.
    ///
    /// # Errors
    /// When the body is not the whole one, or when its headers contradict each other or the expectation.
    pub fn read(answer: &Answer, expected: &Expectation) -> Result<Self, TransferError> {
        if answer.status() != http::StatusCode::OK {
            return Err(TransferError::Status {
                status: answer.status(),
            });
        }
        let headers = answer.headers();
        refuse_other_content(headers)?;
        let announced = number(headers, "content-length").or(answer.body().size_hint().exact());
        let mut claims = Self {
            length: None,
            checksums: Vec::new(),
            etag: strong_etag(headers),
            last_modified: text(headers, header::LAST_MODIFIED.as_str()),
            delimited: announced.is_some() || is_chunked(headers),
            refuses_ranges: text(headers, "accept-ranges").is_some_and(|units| units == "none"),
            listed: expected.listed_length,
        };
        claims.add_length(Origin::Header("Content-Length"), announced)?;
        claims.add_length(Origin::Header("X-Size"), number(headers, "x-size"))?;
        claims.add_length(Origin::Engine, expected.length)?;
        for (origin, value) in checksums(headers)? {
            claims.add_checksum(origin, value)?;
        }
        if claims.length.is_none() && !claims.delimited {
            claims.add_length(Origin::List, expected.listed_length)?;
        }
        if let Some(value) = &expected.sha256 {
            claims.add_checksum(Origin::Engine, parse_hex(Origin::Engine, value)?)?;
        }
        Ok(claims)
    }

    /// Returns the length to use for progress and for the check of free space.
    pub(super) fn likely_total(&self) -> Option<u64> {
        self.total().or(self.listed)
    }

    /// Drops the validators of a request that can't be sent again, so that nothing tries to resume it.
    pub(super) fn forget_validators(&mut self) {
        self.etag = None;
        self.last_modified = None;
    }

    /// Records that the body is a part of unknown position: its end does not prove the end of the whole.
    pub(super) fn forget_end(&mut self) {
        self.delimited = false;
    }

    /// Returns whether these bytes are certainly the claimed ones, by an announced digest.
    pub(super) fn prove(&self, length: u64, sha256: Sha256) -> bool {
        matches!(self.check(length, sha256), Ok(Proof::Checksum))
    }

    /// Returns whether a digest was announced.
    pub(super) fn has_checksum(&self) -> bool {
        !self.checksums.is_empty()
    }

    pub(super) fn total(&self) -> Option<u64> {
        self.length.map(|(_, length)| length)
    }

    /// Returns the error for more bytes than announced, if there are more.
    pub(crate) fn too_long(&self, received: u64) -> Option<TransferError> {
        self.length
            .filter(|(_, expected)| received > *expected)
            .map(|(origin, expected)| TransferError::WrongLength {
                received,
                expected,
                origin,
            })
    }

    /// Returns the announced length and where it was announced.
    pub(super) fn announced(&self) -> Option<(Origin, u64)> {
        self.length
    }

    /// Adopts a length that the backend named later, if none was known.
    ///
    /// # Errors
    /// [`TransferError::Contradiction`] if a different length was known.
    pub(super) fn learn_total(&mut self, total: u64) -> Result<(), TransferError> {
        let origin = Origin::Header("Content-Range");
        match self.length {
            Some((first, known)) if known != total => Err(TransferError::Contradiction {
                first: (first, known.to_string()),
                second: (origin, total.to_string()),
            }),
            Some(_) => Ok(()),
            None => {
                self.length = Some((origin, total));
                Ok(())
            }
        }
    }

    /// Checks the received bytes against the claims.
    ///
    /// # Errors
    /// When length or checksum differ from the announced ones.
    pub fn check(&self, received: u64, actual: Sha256) -> Result<Proof, TransferError> {
        if let Some((origin, expected)) = self.length
            && expected != received
        {
            return Err(TransferError::WrongLength {
                received,
                expected,
                origin,
            });
        }
        if let Some((origin, expected)) = self.checksums.iter().find(|(_, sha)| *sha != actual) {
            return Err(TransferError::WrongChecksum {
                actual,
                expected: *expected,
                origin: *origin,
            });
        }
        // No backup is empty, unless a checksum or the engine confirms it.
        let known_empty = matches!(self.length, Some((Origin::Engine, 0)));
        if received == 0 && self.checksums.is_empty() && !known_empty {
            return Err(TransferError::Empty);
        }
        Ok(if !self.checksums.is_empty() {
            Proof::Checksum
        } else if self.length.is_some() {
            Proof::Length
        } else if self.delimited {
            Proof::End
        } else {
            Proof::Nothing
        })
    }

    fn add_length(&mut self, origin: Origin, length: Option<u64>) -> Result<(), TransferError> {
        match (self.length, length) {
            (Some((first, a)), Some(b)) if a != b => Err(TransferError::Contradiction {
                first: (first, a.to_string()),
                second: (origin, b.to_string()),
            }),
            (Some((_, a)), Some(_)) => {
                // The engine's claim decides whether an empty backup is expected.
                self.length = Some((origin, a));
                Ok(())
            }
            (None, Some(length)) => {
                self.length = Some((origin, length));
                Ok(())
            }
            (_, None) => Ok(()),
        }
    }

    fn add_checksum(&mut self, origin: Origin, value: Sha256) -> Result<(), TransferError> {
        match self.checksums.iter().find(|(_, known)| *known != value) {
            Some((first, known)) => Err(TransferError::Contradiction {
                first: (*first, known.to_string()),
                second: (origin, value.to_string()),
            }),
            None => {
                self.checksums.push((origin, value));
                Ok(())
            }
        }
    }
}

/// Refuses responses whose content can't be a backup.
pub(super) fn refuse_other_content(headers: &HeaderMap) -> Result<(), TransferError> {
    if let Some(content_type) = text(headers, header::CONTENT_TYPE.as_str()) {
        let media = content_type.split(';').next().unwrap_or_default().trim();
        if ["text/html", "application/xhtml+xml"].contains(&media.to_ascii_lowercase().as_str()) {
            return Err(TransferError::WebPage { content_type });
        }
    }
    let encodings = headers.get_all(header::CONTENT_ENCODING);
    for value in encodings {
        let encoding = String::from_utf8_lossy(value.as_bytes());
        if !encoding.trim().is_empty() && !encoding.trim().eq_ignore_ascii_case("identity") {
            return Err(TransferError::Encoded {
                encoding: encoding.into_owned(),
            });
        }
    }
    Ok(())
}

/// Returns the ETag if it is strong: one that changes with every byte (RFC 9110, 8.8.1).
pub(super) fn strong_etag(headers: &HeaderMap) -> Option<String> {
    text(headers, header::ETAG.as_str())
        .filter(|tag| tag.len() > 2 && tag.starts_with('"') && tag.ends_with('"'))
}

pub(super) fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    let value = headers.get(name)?.to_str().ok()?;
    Some(value.trim().to_owned())
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    text(headers, name)?.parse().ok()
}

fn is_chunked(headers: &HeaderMap) -> bool {
    text(headers, header::TRANSFER_ENCODING.as_str()).is_some_and(|codings| {
        let last = codings.rsplit(',').next().unwrap_or_default();
        last.trim().eq_ignore_ascii_case("chunked")
    })
}

/// Returns all SHA-256 values of a response with a whole body. An unreadable value is an error: a backend
/// that announces a checksum wants it checked.
fn checksums(headers: &HeaderMap) -> Result<Vec<(Origin, Sha256)>, TransferError> {
    let mut found = Vec::new();
    for value in headers.get_all("x-checksum-sha256") {
        let origin = Origin::Header("X-Checksum-Sha256");
        let value = String::from_utf8_lossy(value.as_bytes());
        found.push((origin, parse_hex(origin, &value)?));
    }
    // `Digest` is RFC 3230. The others are RFC 9530, whose values are between colons. For a whole body, the
    // digests of content and representation are the same.
    for name in ["Digest", "Content-Digest", "Repr-Digest"] {
        let origin = Origin::Header(name);
        for value in headers.get_all(name) {
            let value = String::from_utf8_lossy(value.as_bytes());
            for (algorithm, digest) in value.split(',').filter_map(|part| part.split_once('=')) {
                if algorithm.trim().eq_ignore_ascii_case("sha-256") {
                    found.push((origin, parse_base64(origin, digest)?));
                }
            }
        }
    }
    Ok(found)
}

fn parse_hex(origin: Origin, value: &str) -> Result<Sha256, TransferError> {
    let digits = value.trim();
    let digits = match digits.split_at_checked(7) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case("sha256:") => rest,
        _ => digits,
    };
    digits.parse().map_err(|_| TransferError::BadChecksum {
        origin,
        value: value.to_owned(),
    })
}

fn parse_base64(origin: Origin, value: &str) -> Result<Sha256, TransferError> {
    // Parameters of a structured field may follow.
    let text = value.split(';').next().unwrap_or_default().trim();
    BASE64_STANDARD
        .decode(text.trim_matches(':'))
        .ok()
        .and_then(|bytes| Sha256::from_slice(&bytes))
        .ok_or_else(|| TransferError::BadChecksum {
            origin,
            value: value.to_owned(),
        })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http_body_util::{BodyExt as _, Full, StreamBody};

    use super::*;

    const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    const BASE64: &str = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

    fn answer(headers: &[(&'static str, &str)]) -> Answer {
        let frames = futures_util::stream::empty();
        let mut answer = Answer::new(StreamBody::new(frames).boxed_unsync());
        for (name, value) in headers {
            let value = value.parse().expect("a header value");
            answer.headers_mut().append(*name, value);
        }
        answer
    }

    fn read(headers: &[(&'static str, &str)]) -> Result<Claims, TransferError> {
        Claims::read(&answer(headers), &Expectation::default())
    }

    fn empty() -> Sha256 {
        HEX.parse().expect("a digest")
    }

    #[test]
    fn checksums_of_every_family_are_read() {
        let upper = HEX.to_uppercase();
        let prefixed = format!("SHA256:{HEX}");
        let listed = format!("md5=xyz==,SHA-256={BASE64}");
        let structured = format!("sha-512=:AAAA:, sha-256=:{BASE64}:;x=1");
        for (name, value) in [
            ("x-checksum-sha256", HEX),
            ("X-Checksum-SHA256", &upper),
            ("x-checksum-sha256", &prefixed),
            ("digest", &listed),
            ("content-digest", &structured),
            ("repr-digest", &structured),
        ] {
            let name: &'static str = name.to_ascii_lowercase().leak();
            let claims = read(&[(name, value)]).expect("claims");
            assert_eq!(
                claims.check(0, empty()).ok(),
                Some(Proof::Checksum),
                "{name}: {value}"
            );
            let other = Sha256::from_slice(&[7; 32]).expect("32 bytes");
            assert!(matches!(
                claims.check(0, other),
                Err(TransferError::WrongChecksum { .. })
            ));
        }
    }

    #[test]
    fn a_checksum_that_cannot_be_read_is_never_ignored() {
        for (name, value) in [
            ("x-checksum-sha256", "abc"),
            ("x-checksum-sha256", ""),
            ("digest", "sha-256=????"),
            ("content-digest", "sha-256=:AAAA:"),
        ] {
            assert!(
                matches!(
                    read(&[(name, value)]),
                    Err(TransferError::BadChecksum { .. })
                ),
                "{value}"
            );
        }
        // An ETag and an MD5 don't count as checksums.
        let claims = read(&[("etag", "\"abc\""), ("content-md5", "xyz")]).expect("claims");
        assert_eq!(claims.check(3, empty()).ok(), Some(Proof::Nothing));
    }

    #[test]
    fn a_backend_that_contradicts_itself_is_refused() {
        for headers in [
            &[("content-length", "5"), ("x-size", "6")][..],
            &[
                ("x-checksum-sha256", HEX),
                (
                    "digest",
                    "sha-256=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
                ),
            ],
        ] {
            assert!(
                matches!(read(headers), Err(TransferError::Contradiction { .. })),
                "{headers:?}"
            );
        }
        let expected = Expectation {
            length: Some(4),
            ..Expectation::default()
        };
        let answer = answer(&[("x-size", "5")]);
        assert!(matches!(
            Claims::read(&answer, &expected),
            Err(TransferError::Contradiction { .. })
        ));
    }

    #[test]
    fn how_the_end_is_known_decides_what_is_proven() {
        let proof = |headers| read(headers).expect("claims").check(5, empty()).ok();
        assert_eq!(proof(&[("content-length", "5")]), Some(Proof::Length));
        assert_eq!(proof(&[("x-size", "5")]), Some(Proof::Length));
        assert_eq!(proof(&[("x-size", "5 MB")]), Some(Proof::Nothing));
        assert_eq!(
            proof(&[("transfer-encoding", "gzip, Chunked")]),
            Some(Proof::End)
        );
        assert_eq!(proof(&[]), Some(Proof::Nothing));
        assert_eq!(proof(&[("content-length", "6")]), None);
        let known = Answer::new(
            Full::new(Bytes::from_static(b"hello"))
                .map_err(|e| match e {})
                .boxed_unsync(),
        );
        let claims = Claims::read(&known, &Expectation::default()).expect("claims");
        assert_eq!(claims.total(), Some(5));
    }

    #[test]
    fn the_length_of_a_list_counts_where_there_is_no_other() {
        let expected = Expectation {
            listed_length: Some(6),
            ..Expectation::default()
        };
        let check = |headers| {
            let claims = Claims::read(&answer(headers), &expected).expect("claims");
            assert!(claims.likely_total().is_some());
            claims.check(5, empty())
        };
        assert!(matches!(
            check(&[]),
            Err(TransferError::WrongLength {
                received: 5,
                expected: 6,
                origin: Origin::List
            })
        ));
        assert_eq!(check(&[("content-length", "5")]).ok(), Some(Proof::Length));
        assert_eq!(
            check(&[("transfer-encoding", "chunked")]).ok(),
            Some(Proof::End)
        );
    }

    #[test]
    fn an_empty_body_is_no_backup_unless_that_is_known() {
        let check = |headers| read(headers).expect("claims").check(0, empty());
        assert!(matches!(check(&[]), Err(TransferError::Empty)));
        assert!(matches!(
            check(&[("content-length", "0")]),
            Err(TransferError::Empty)
        ));
        assert_eq!(
            check(&[("x-checksum-sha256", HEX)]).ok(),
            Some(Proof::Checksum)
        );
        let expected = Expectation {
            length: Some(0),
            ..Expectation::default()
        };
        let claims = Claims::read(&answer(&[("content-length", "0")]), &expected).expect("claims");
        assert_eq!(claims.check(0, empty()).ok(), Some(Proof::Length));
    }

    #[test]
    fn web_pages_and_encoded_bodies_are_refused() {
        for value in [
            "text/html",
            "Text/HTML; charset=utf-8",
            "application/xhtml+xml",
        ] {
            assert!(matches!(
                read(&[("content-type", value)]),
                Err(TransferError::WebPage { .. })
            ));
        }
        assert!(matches!(
            read(&[("content-encoding", "gzip")]),
            Err(TransferError::Encoded { .. })
        ));
        assert!(
            read(&[
                ("content-encoding", "identity"),
                ("content-type", "application/gzip")
            ])
            .is_ok()
        );
    }

    #[test]
    fn only_a_strong_etag_counts() {
        let etag = |value| read(&[("etag", value)]).expect("claims").etag;
        assert_eq!(etag("\"abc\"").as_deref(), Some("\"abc\""));
        for weak in ["W/\"abc\"", "abc", "\"\"", "\""] {
            assert_eq!(etag(weak), None, "{weak}");
        }
    }
}
