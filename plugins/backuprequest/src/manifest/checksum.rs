//! The checksum that a manifest contains about its own bytes.
//!
//! The author may have hashed several forms, so each is tried: without the checksum, with an empty checksum,
//! and unchanged. The file without white space and with sorted names is tried as well.

use serde_json::Value;
use sha2::{Digest, Sha256};

/// Returns the description of the form of the document that has this SHA-256 digest, if one has it.
pub fn covered(file: &str, document: &Value, digest: &str) -> Option<&'static str> {
    let place = member(file);
    let without = place.as_ref().map(|place| place.removed(file));
    let empty = place.as_ref().map(|place| place.emptied(file));
    let mut sorted = document.clone();
    if let Some(fields) = sorted.as_object_mut() {
        fields.remove("checksum");
    }
    let packed = |text: &Option<String>| text.as_deref().map(packed);
    let forms = [
        ("the file without the checksum", without.clone()),
        ("the file with an empty checksum", empty.clone()),
        (
            "the file without the checksum and without spaces",
            packed(&without),
        ),
        (
            "the file with an empty checksum and without spaces",
            packed(&empty),
        ),
        (
            "the fields without the checksum, sorted by name",
            Some(sorted.to_string()),
        ),
    ];
    let mut forms = forms.into_iter();
    forms.find_map(|(what, form)| {
        // A file often ends with a line break that was not hashed.
        let form = form?;
        let fits = [form.as_str(), form.trim_end()]
            .into_iter()
            .any(|it| sha256(it) == digest);
        fits.then_some(what)
    })
}

fn sha256(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The position of the top-level member `checksum` in the text of an object.
struct Member {
    /// The position of the member's name; `end` is the position after its value.
    start: usize,
    value: usize,
    end: usize,
}

impl Member {
    /// Returns the text without the member, the comma next to it, and the space there.
    fn removed(&self, file: &str) -> String {
        let (before, after) = (&file[..self.start], &file[self.end..]);
        match before.trim_end().strip_suffix(',') {
            Some(before) => format!("{before}{after}"),
            None => match after.trim_start().strip_prefix(',') {
                Some(after) => format!("{before}{}", after.trim_start()),
                None => format!("{before}{after}"),
            },
        }
    }

    fn emptied(&self, file: &str) -> String {
        format!("{}\"\"{}", &file[..self.value], &file[self.end..])
    }
}

/// Returns the position of the member. The caller has checked that the text is JSON.
fn member(file: &str) -> Option<Member> {
    let mut depth = 0;
    let mut at = 0;
    let mut named: Option<usize> = None;
    while at < file.len() {
        match file.as_bytes()[at] {
            b'"' => {
                let end = string_end(file, at)?;
                match named {
                    Some(start) if depth == 1 => {
                        return Some(Member {
                            start,
                            value: at,
                            end,
                        });
                    }
                    _ if depth == 1 && &file[at..end] == "\"checksum\"" => {
                        // A string value with the same text is not followed by a colon.
                        let is_name = file[end..].trim_start().starts_with(':');
                        named = is_name.then_some(at);
                    }
                    _ => {}
                }
                at = end;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
    }
    None
}

/// Returns the position after the string that begins at `start`.
fn string_end(file: &str, start: usize) -> Option<usize> {
    let mut escaped = false;
    for (at, byte) in file.bytes().enumerate().skip(start + 1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// Returns the text without white space outside of strings.
fn packed(file: &str) -> String {
    let mut packed = String::with_capacity(file.len());
    let mut at = 0;
    while let Some(byte) = file.as_bytes().get(at) {
        let end = match byte {
            b'"' => string_end(file, at).unwrap_or(file.len()),
            _ => at + 1,
        };
        if !byte.is_ascii_whitespace() {
            packed.push_str(&file[at..end]);
        }
        at = end;
    }
    packed
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRETTY: &str = "{\n  \"z\": \"a \\\" {b\",\n  \"nested\": {\"checksum\": \"no\"},\n  \"checksum\": \"sha256:x\",\n  \"a\": 1\n}\n";

    fn found(form: &str) -> Option<&'static str> {
        let document: Value = serde_json::from_str(PRETTY).unwrap();
        covered(PRETTY, &document, &sha256(form))
    }

    #[test]
    fn each_form_is_recognised_by_its_own_digest() {
        let forms = [
            "{\n  \"z\": \"a \\\" {b\",\n  \"nested\": {\"checksum\": \"no\"},\n  \"a\": 1\n}",
            "{\n  \"z\": \"a \\\" {b\",\n  \"nested\": {\"checksum\": \"no\"},\n  \"checksum\": \"\",\n  \"a\": 1\n}\n",
            "{\"z\":\"a \\\" {b\",\"nested\":{\"checksum\":\"no\"},\"a\":1}",
            "{\"z\":\"a \\\" {b\",\"nested\":{\"checksum\":\"no\"},\"checksum\":\"\",\"a\":1}",
            "{\"a\":1,\"nested\":{\"checksum\":\"no\"},\"z\":\"a \\\" {b\"}",
        ];
        let names: std::collections::BTreeSet<_> =
            forms.iter().filter_map(|it| found(it)).collect();
        assert_eq!(names.len(), forms.len(), "{names:?}");
        assert_eq!(found(PRETTY), None);
    }

    #[test]
    fn the_checksum_is_removed_with_its_comma_wherever_it_stands() {
        for (file, left) in [
            (r#"{"checksum":"x","a":1}"#, r#"{"a":1}"#),
            (r#"{"a":1,"checksum":"x"}"#, r#"{"a":1}"#),
            (
                r#"{"a":"checksum", "checksum" : "x"}"#,
                r#"{"a":"checksum"}"#,
            ),
            (r#"{"checksum":"x"}"#, "{}"),
        ] {
            assert_eq!(member(file).unwrap().removed(file), left);
        }
        for file in [r#"{"a":{"checksum":"x"}}"#, r#"{"a":"checksum"}"#, "{}"] {
            assert!(member(file).is_none(), "{file}");
        }
    }
}
