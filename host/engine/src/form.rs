//! A form as the body of a request: `multipart/form-data` (RFC 7578).

use bytes::Bytes;
use host_base::{Report, ReportKind, text};

use crate::Artifact;

/// The maximum number of parts of one form.
const MAX_PARTS: usize = 100;
/// The maximum length of all names and texts of a form, in bytes. Files don't count.
const MAX_SAID: usize = 1 << 20;
/// The maximum length of the name of a part, in bytes.
const MAX_NAME: usize = 256;
/// The maximum length of a name in an error, in characters.
const MAX_SHOWN: usize = 80;

/// A form that is to be sent.
#[derive(Clone, Debug)]
pub struct Form {
    boundary: String,
    parts: Vec<FormPart>,
}

/// One part of a form.
#[derive(Clone, Debug)]
pub struct FormPart {
    /// Name of the field.
    pub name: String,
    /// The content of the part.
    pub value: FormValue,
}

/// The content of a part.
#[derive(Clone, Debug)]
pub enum FormValue {
    /// Text that the engine gave. It is sent unchanged.
    Text(String),
    /// The bytes of a file of the user.
    File(Artifact),
}

/// A piece of the encoded form.
#[derive(Clone, Debug)]
pub enum FormPiece {
    /// Bytes in memory.
    Bytes(Bytes),
    /// All bytes of a file.
    File(Artifact),
}

impl Form {
    /// Checks the parts of a form. The boundary must be random: the contents then can't contain it.
    ///
    /// # Errors
    /// `invalid-argument` if the parts exceed a limit, or a name can't be sent.
    pub(crate) fn new(boundary: String, parts: Vec<FormPart>) -> Result<Self, Report> {
        let invalid = |message| Err(Report::new(ReportKind::InvalidArgument, message));
        if parts.is_empty() || parts.len() > MAX_PARTS {
            let count = parts.len();
            return invalid(format!("the form has {count} parts, not 1–{MAX_PARTS}"));
        }
        let said = FormPart::said(&parts);
        if said > MAX_SAID {
            return invalid(format!(
                "the names and texts of the form have {said} bytes; at most {MAX_SAID} can be sent"
            ));
        }
        for FormPart { name, .. } in &parts {
            let shown = text::printable(name, MAX_SHOWN);
            if name.is_empty() || name.len() > MAX_NAME {
                return invalid(format!(
                    "the name `{shown}` of a part has {} bytes, not 1–{MAX_NAME}",
                    name.len()
                ));
            }
            let is_refused = |c: char| c.is_control() && !matches!(c, '\r' | '\n');
            if name.contains(is_refused) {
                return invalid(format!(
                    "the name `{shown}` of a part contains a control character"
                ));
            }
        }
        Ok(Self { boundary, parts })
    }

    /// Returns the parts in the order in which they are sent.
    #[must_use]
    pub fn parts(&self) -> &[FormPart] {
        &self.parts
    }

    /// Returns the value of the header `content-type`.
    pub(crate) fn content_type(&self) -> String {
        format!("multipart/form-data; boundary={}", self.boundary)
    }

    /// Returns true if a part is a file.
    pub(crate) fn has_files(&self) -> bool {
        let mut parts = self.parts.iter();
        parts.any(|part| matches!(part.value, FormValue::File(_)))
    }

    /// Returns the encoded form. Its length is the sum of the lengths of its pieces.
    #[must_use]
    pub fn pieces(&self) -> Vec<FormPiece> {
        let mut pieces = Vec::new();
        let mut open = String::new();
        for part in &self.parts {
            open += &format!(
                "--{}\r\nContent-Disposition: form-data; name=\"{}\"",
                self.boundary,
                encoded(&part.name)
            );
            match &part.value {
                FormValue::Text(text) => {
                    open += "\r\n\r\n";
                    open += text;
                }
                FormValue::File(file) => {
                    open += &format!(
                        "; filename=\"{}\"\r\nContent-Type: application/octet-stream\r\n\r\n",
                        encoded(&file.name)
                    );
                    pieces.push(FormPiece::Bytes(std::mem::take(&mut open).into()));
                    pieces.push(FormPiece::File(file.clone()));
                }
            }
            open += "\r\n";
        }
        open += &format!("--{}--\r\n", self.boundary);
        pieces.push(FormPiece::Bytes(open.into()));
        pieces
    }
}

impl FormPart {
    /// Returns the number of bytes that an engine gave for these parts.
    pub(crate) fn said(parts: &[Self]) -> usize {
        let lengths = parts.iter().map(|part| match &part.value {
            FormValue::Text(text) => part.name.len() + text.len(),
            FormValue::File(_) => part.name.len(),
        });
        lengths.sum()
    }
}

impl FormPiece {
    /// Returns the length in bytes.
    #[must_use]
    pub fn length(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File(file) => file.length,
        }
    }
}

/// Encodes a name as browsers do (WHATWG HTML, 4.10.21.8), and every other control character in the same way.
/// The name of a user's file may contain one.
fn encoded(name: &str) -> String {
    let mut encoded = String::with_capacity(name.len());
    for character in name.chars() {
        if character != '"' && !character.is_control() {
            encoded.push(character);
            continue;
        }
        for byte in character.encode_utf8(&mut [0; 4]).bytes() {
            encoded += &format!("%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn text(name: &str, text: &str) -> FormPart {
        FormPart {
            name: name.to_owned(),
            value: FormValue::Text(text.to_owned()),
        }
    }

    /// Returns a part with a file. The bytes of the file are never read here.
    fn file(part: &str, name: &str, length: u64) -> FormPart {
        let file = std::fs::File::open(std::env::current_exe().expect("a path")).expect("a file");
        FormPart {
            name: part.to_owned(),
            value: FormValue::File(Artifact {
                name: name.to_owned(),
                length,
                sha256: String::new(),
                file: Arc::new(file),
            }),
        }
    }

    fn form(parts: Vec<FormPart>) -> Result<Form, Report> {
        Form::new("b0undary".to_owned(), parts)
    }

    /// Returns the encoded form, with the name and length of a file instead of its bytes.
    fn shown(form: &Form) -> String {
        let pieces = form.pieces().into_iter().map(|piece| match piece {
            FormPiece::Bytes(bytes) => String::from_utf8(bytes.to_vec()).expect("UTF-8"),
            FormPiece::File(file) => format!("<{} {}>", file.name, file.length),
        });
        pieces.collect()
    }

    #[test]
    fn a_form_has_exactly_these_bytes() {
        let parts = vec![
            text("mode", "full\r\n--b"),
            file("upload", "a.zip", 70_000),
            file("upload", "b.zip", 0),
            text("größe", ""),
        ];
        let form = form(parts).expect("a form");
        assert_eq!(
            form.content_type(),
            "multipart/form-data; boundary=b0undary"
        );
        let expected = "--b0undary\r\n\
            Content-Disposition: form-data; name=\"mode\"\r\n\r\n\
            full\r\n--b\r\n\
            --b0undary\r\n\
            Content-Disposition: form-data; name=\"upload\"; filename=\"a.zip\"\r\n\
            Content-Type: application/octet-stream\r\n\r\n\
            <a.zip 70000>\r\n\
            --b0undary\r\n\
            Content-Disposition: form-data; name=\"upload\"; filename=\"b.zip\"\r\n\
            Content-Type: application/octet-stream\r\n\r\n\
            <b.zip 0>\r\n\
            --b0undary\r\n\
            Content-Disposition: form-data; name=\"größe\"\r\n\r\n\
            \r\n\
            --b0undary--\r\n";
        assert_eq!(shown(&form), expected);
        let length: u64 = form.pieces().iter().map(FormPiece::length).sum();
        let stand_ins = "<a.zip 70000><b.zip 0>".len();
        assert_eq!(length, (expected.len() - stand_ins) as u64 + 70_000);
        assert!(form.has_files());
    }

    #[test]
    fn no_name_ends_its_quotes_or_its_line() {
        let parts = vec![
            text("a\"; filename=\"x\r\nX-Evil: 1\r\n\r\n%22", "t"),
            file("f", "a\"\r\nb\t\u{85}.zip", 1),
        ];
        let shown = shown(&form(parts).expect("a form"));
        let lines: Vec<_> = shown.split("\r\n").collect();
        assert_eq!(
            (lines[1], lines[5]),
            (
                "Content-Disposition: form-data; name=\"a%22; filename=%22x%0D%0AX-Evil: 1%0D%0A%0D%0A%22\"",
                "Content-Disposition: form-data; name=\"f\"; filename=\"a%22%0D%0Ab%09%C2%85.zip\""
            )
        );
    }

    #[test]
    fn a_form_has_limits() {
        let many = |count| (0..count).map(|_| text("a", "")).collect::<Vec<_>>();
        let long = |length| vec![text("a", &"x".repeat(length))];
        let name = |name: &str| vec![text(name, "")];
        assert!(form(many(MAX_PARTS)).is_ok());
        assert!(form(long(MAX_SAID - 1)).is_ok());
        assert!(form(vec![file("f", "a.zip", u64::MAX)]).is_ok());
        assert!(form(name(&"x".repeat(MAX_NAME))).is_ok());
        for (refused, message) in [
            (many(0), "the form has 0 parts, not 1–100"),
            (many(MAX_PARTS + 1), "the form has 101 parts, not 1–100"),
            (
                long(MAX_SAID),
                "the names and texts of the form have 1048577 bytes; at most 1048576 can be sent",
            ),
            (name(""), "the name `` of a part has 0 bytes, not 1–256"),
            (
                name("a\u{1b}"),
                "the name `a\\u{1b}` of a part contains a control character",
            ),
            (
                name("a\u{85}"),
                "the name `a\\u{85}` of a part contains a control character",
            ),
        ] {
            let report = form(refused).expect_err(message);
            assert_eq!(report.kind, ReportKind::InvalidArgument);
            assert_eq!(report.message, message);
        }
        assert!(form(name(&"x".repeat(MAX_NAME + 1))).is_err());
    }
}
