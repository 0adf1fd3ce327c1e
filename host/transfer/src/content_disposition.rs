//! Parses `Content-Disposition` (RFC 6266) as leniently as clients have to.

use http::HeaderValue;
use percent_encoding::percent_decode_str;

/// Returns the proposed names, the best first: `filename*` before `filename`.
pub(super) fn names(value: &HeaderValue) -> impl Iterator<Item = String> {
    let text = decode(value.as_bytes());
    let mut extended = None;
    let mut plain = None;
    for (name, value) in parameters(&text) {
        if name.eq_ignore_ascii_case("filename*") {
            extended = extended.or_else(|| decode_extended(&value));
        } else if name.eq_ignore_ascii_case("filename") {
            plain = plain.or(Some(value));
        }
    }
    [extended, plain].into_iter().flatten()
}

/// Decodes a header value. By the standard it is Latin-1, but many servers send UTF-8.
fn decode(bytes: &[u8]) -> String {
    str::from_utf8(bytes).map_or_else(
        |_| bytes.iter().copied().map(char::from).collect(),
        str::to_owned,
    )
}

/// Decodes an extended value (RFC 8187) such as `utf-8'en'%e2%82%ac.zip`. Quotes around it violate the
/// standard but occur.
fn decode_extended(value: &str) -> Option<String> {
    let mut parts = value.splitn(3, '\'');
    let (charset, _, encoded) = (parts.next()?, parts.next()?, parts.next()?);
    let bytes = percent_decode_str(encoded);
    if charset.eq_ignore_ascii_case("utf-8") {
        bytes.decode_utf8().ok().map(Into::into)
    } else if charset.eq_ignore_ascii_case("iso-8859-1") {
        Some(bytes.map(char::from).collect())
    } else {
        None
    }
}

/// Returns all parameters. A disposition type before them has no `=` and is skipped; it may be missing.
fn parameters(text: &str) -> Vec<(&str, String)> {
    let mut found = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find([';', '=']).unwrap_or(rest.len());
        let name = rest[..end].trim();
        let Some(after) = rest[end..].strip_prefix('=') else {
            rest = rest.get(end + 1..).unwrap_or_default();
            continue;
        };
        let after = after.trim_start();
        let (value, left) = match after.strip_prefix('"') {
            Some(quoted) => unquote(quoted),
            None => {
                let end = after.find(';').unwrap_or(after.len());
                (after[..end].trim().to_owned(), &after[end..])
            }
        };
        found.push((name, value));
        rest = left.find(';').map_or("", |at| &left[at + 1..]);
    }
    found
}

/// Returns a quoted string and the text after it. A string without an end extends to the end of the text.
///
/// Only `\"` and `\\` count as escapes. Before other characters, a backslash is more often part of a Windows
/// path.
fn unquote(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut characters = text.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, &text[at + 1..]),
            '\\' => match characters.next_if(|(_, next)| matches!(next, '"' | '\\')) {
                Some((_, escaped)) => value.push(escaped),
                None => value.push('\\'),
            },
            other => value.push(other),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FileName;

    fn name(value: &[u8]) -> Option<String> {
        let mut headers = http::HeaderMap::new();
        headers.insert(
            http::header::CONTENT_DISPOSITION,
            HeaderValue::from_bytes(value).expect("a header value"),
        );
        FileName::of_headers(&headers).map(|name| name.to_string())
    }

    #[test]
    fn both_forms_are_read_in_both_orders() {
        for value in [
            "attachment; filename=\"plain.zip\"; filename*=UTF-8''gr%C3%B6%C3%9Fe.zip",
            "attachment; filename*=utf-8'de'gr%C3%B6%C3%9Fe.zip; filename=plain.zip",
            "attachment;FILENAME*=iso-8859-1''gr%F6%DFe.zip",
            "attachment; filename*=\"UTF-8''gr%C3%B6%C3%9Fe.zip\"",
            "attachment; filename=größe.zip",
        ] {
            assert_eq!(
                name(value.as_bytes()).as_deref(),
                Some("größe.zip"),
                "{value}"
            );
        }
        assert_eq!(
            name(b"attachment; filename=\"gr\xf6\xdfe.zip\"").as_deref(),
            Some("größe.zip")
        );
    }

    #[test]
    fn tokens_and_quoted_strings_are_read() {
        for (value, expected) in [
            ("attachment; filename=a.zip", "a.zip"),
            (
                "inline; x=y; filename = \"a b;c.zip\" ; size=3",
                "a b;c.zip",
            ),
            (r#"attachment; filename="a\"b.zip""#, "a_b.zip"),
            (r#"attachment; filename="C:\dir\a.zip""#, "a.zip"),
            (r#"attachment; filename="C:\\dir\\a.zip""#, "a.zip"),
        ] {
            assert_eq!(name(value.as_bytes()).as_deref(), Some(expected), "{value}");
        }
    }

    #[test]
    fn broken_forms_give_what_can_be_understood() {
        for (value, expected) in [
            ("filename=a.zip", Some("a.zip")),
            ("attachment; filename=a b.zip", Some("a b.zip")),
            ("attachment; filename=\"a.zip", Some("a.zip")),
            (
                "attachment; filename=\"a.zip\"garbage; filename=b",
                Some("a.zip"),
            ),
            ("attachment; filename*=a.zip; filename=b.zip", Some("b.zip")),
            (
                "attachment; filename*=koi8-r''a.zip; filename=b.zip",
                Some("b.zip"),
            ),
            (
                "attachment; filename*=UTF-8''%ff%fe; filename=b.zip",
                Some("b.zip"),
            ),
            (
                "attachment; filename*=UTF-8''..%2f..; filename=b.zip",
                Some("b.zip"),
            ),
            ("attachment; filename=\"\\", None),
            ("attachment; filename=", None),
            ("attachment; filename=\"..\"", None),
            ("attachment", None),
            (";;;===;=", None),
            ("", None),
        ] {
            assert_eq!(name(value.as_bytes()).as_deref(), expected, "{value}");
        }
    }

    #[test]
    fn an_encoded_path_cannot_leave_its_folder() {
        assert_eq!(
            name(b"attachment; filename*=UTF-8''..%2F..%2Fetc%2Fpasswd%00").as_deref(),
            Some("passwd")
        );
    }
}
