use std::io;

use host_base::{Failure, Hint, Problem, text};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter, Serializer};

use super::fields;
use super::schema::Body;

/// A result that every output format can show.
pub trait Document {
    /// Returns the table. `wide` adds columns.
    fn table(&self, wide: bool) -> String;

    /// Returns the names, one per line.
    fn names(&self) -> String;

    /// Returns the fields of the document for JSON and YAML.
    fn body(&self) -> Body<'_>;

    /// Returns a line that people read below the table.
    fn summary(&self) -> Option<String> {
        None
    }

    /// Returns the failure for the exit code, although there is a result. The result itself tells on stdout
    /// what is wrong, so no error is printed. All other failures have no result.
    fn failure(&self) -> Option<Failure> {
        None
    }
}

/// The reason why a command failed. Written to stderr with `-o json`. A command line that can't be parsed is
/// explained in plain text instead.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ErrorBody<'a> {
    /// Kind of failure.
    #[schemars(schema_with = "fields::failure")]
    code: &'static str,
    /// Exit code of the process. Each belongs to one `code`.
    #[schemars(schema_with = "fields::exit_codes")]
    exit_code: u8,
    /// Message of the error.
    message: String,
    /// Next step, as one sentence with commands in backticks. Null if none is known.
    hint: Option<&'a str>,
    /// Engine that wrote the message, as `publisher/name`. Null if this program or a bundled engine wrote it.
    source: Option<&'a str>,
    /// Engine that wrote the hint, in the same form. Null if this program or a bundled engine wrote it.
    hint_source: Option<&'a str>,
}

/// Builds the document for an error. `hint` is the hint as people see it.
pub(super) fn error_document(
    problem: &dyn Problem,
    hint: Option<&str>,
) -> serde_json::Result<Value> {
    let failure = problem.failure();
    let hint_source = problem.hint();
    let body = ErrorBody {
        code: failure.name(),
        exit_code: failure.exit_code(),
        message: problem.to_string(),
        hint,
        source: problem.written_by(),
        hint_source: hint_source.as_ref().and_then(Hint::engine),
    };
    Body::Error(body).document()
}

/// Starts a hint with a capital letter. Hints have many authors, engines among them, and all should look
/// alike.
pub(super) fn sentence(hint: &str) -> String {
    let mut rest = hint.chars();
    rest.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(rest).collect()
    })
}

/// Formats a document as JSON over several lines.
///
/// JSON allows control and invisible characters in strings, and some of them control a terminal. They are
/// written as escapes, which every reader of JSON decodes.
pub(super) fn json(document: &Value) -> io::Result<String> {
    json_in(document, PrettyFormatter::new(), Escapes::Json)
}

/// Formats a document as JSON on one line.
pub(super) fn json_line(document: &Value) -> io::Result<String> {
    json_in(document, CompactFormatter, Escapes::Json)
}

fn json_in(document: &Value, layout: impl Formatter, escapes: Escapes) -> io::Result<String> {
    let mut bytes = Vec::new();
    document.serialize(&mut Serializer::with_formatter(
        &mut bytes,
        SafeFormatter(layout, escapes),
    ))?;
    bytes.push(b'\n');
    String::from_utf8(bytes).map_err(io::Error::other)
}

/// Formats a document as YAML in block style.
///
/// The writer quotes strings that a reader of YAML 1.1 or 1.2 would take for another type. It escapes control
/// characters, but not all that `text::is_unsafe` knows. A document with one of the others is written in flow
/// style: JSON with the escapes of YAML.
pub(crate) fn yaml(document: &Value) -> io::Result<String> {
    // Folded text is hard to read, and `grep` can't find it.
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    let text = serde_saphyr::to_string_with_options(document, options).map_err(io::Error::other)?;
    if text::unsafe_characters(&text).any(|(_, c)| c != '\n') {
        return json_in(document, PrettyFormatter::new(), Escapes::Yaml);
    }
    Ok(text)
}

/// How a character beyond U+FFFF is written. YAML has no surrogate pairs, and JSON has nothing else.
#[derive(Clone, Copy)]
enum Escapes {
    Json,
    Yaml,
}

struct SafeFormatter<F>(F, Escapes);

impl<F: Formatter> Formatter for SafeFormatter<F> {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        if fragment.bytes().all(|byte| (b' '..0x7f).contains(&byte)) {
            return writer.write_all(fragment.as_bytes());
        }
        let mut done = 0;
        for (at, unsafe_char) in text::unsafe_characters(fragment) {
            writer.write_all(&fragment.as_bytes()[done..at])?;
            match (self.1, u32::from(unsafe_char)) {
                (Escapes::Yaml, code) if code > 0xffff => write!(writer, "\\U{code:08x}")?,
                _ => {
                    for unit in unsafe_char.encode_utf16(&mut [0; 2]) {
                        write!(writer, "\\u{unit:04x}")?;
                    }
                }
            }
            done = at + unsafe_char.len_utf8();
        }
        writer.write_all(&fragment.as_bytes()[done..])
    }

    fn begin_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_array(writer)
    }

    fn end_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array(writer)
    }

    fn begin_array_value<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.0.begin_array_value(writer, first)
    }

    fn end_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array_value(writer)
    }

    fn begin_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object(writer)
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.0.begin_object_key(writer, first)
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object_value(writer)
    }

    fn end_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object_value(writer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str = "a\u{1b}[2J\u{9b}\u{202e}\u{200b}\n\u{e0041}\u{fe0f}\u{3164}\"\\é";

    #[test]
    fn json_and_yaml_carry_hostile_text_whole_and_harmless() {
        let value = serde_json::json!({ "id": HOSTILE });
        assert_eq!(json_line(&value).unwrap().lines().count(), 1);
        let yaml = yaml(&value).unwrap();
        for text in [
            json(&value).unwrap(),
            json_line(&value).unwrap(),
            // YAML and JSON differ in one escape.
            yaml.replace("\\U000e0041", "\\udb40\\udc41"),
        ] {
            assert!(
                !text
                    .trim_end()
                    .chars()
                    .any(|c| c != '\n' && text::is_unsafe(c))
            );
            let back: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(back, value);
        }
        assert!(yaml.contains("\\U000e0041"), "{yaml}");
    }

    #[test]
    fn what_is_no_plain_word_for_every_reader_of_yaml_is_quoted() {
        for text in [
            "no",
            "NO",
            "y",
            "off",
            "True",
            "~",
            "null",
            "",
            "1e3",
            "0x1",
            "0o7",
            "0b1",
            "017",
            "1_000",
            "12:30:45",
            "2001-01-01",
            "2001-01-01T00:00:00Z",
            ".inf",
            "-.INF",
            ".nan",
            "+1",
            "1.",
            "=",
            "<<",
            "- a",
            "? a",
            "a: b",
            "a:",
            "a #b",
            "#a",
            "&a",
            "*a",
            "!a",
            "|",
            ">",
            "%a",
            "@a",
            "`a",
            "'a",
            "\"a",
            "[a",
            "{a",
            ",a",
            " a",
            "a ",
            "\ta",
            "a\nb",
            "---",
            "...",
            "--- a",
            "a\u{85}b",
        ] {
            let shown = yaml(&serde_json::json!({ "a": text, text: "b" })).unwrap();
            let [value, key] = [shown.lines().next(), shown.lines().nth(1)].map(Option::unwrap);
            let (value, key) = if value.starts_with("a:") {
                (value, key)
            } else {
                (key, value)
            };
            assert!(
                value.starts_with("a: \"") && value.ends_with('"'),
                "{text:?}: {shown}"
            );
            assert!(
                key.starts_with('"') && key.ends_with("\": b"),
                "{text:?}: {shown}"
            );
        }
    }

    #[test]
    fn yaml_is_in_block_style_and_does_not_fold_long_text() {
        let long = "word ".repeat(60) + "end";
        let text = yaml(&serde_json::json!({ "a": long, "n": null, "s": "12" })).unwrap();
        assert_eq!(text, format!("a: {long}\n\"n\": null\ns: \"12\"\n"));
    }
}
