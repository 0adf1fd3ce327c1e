use std::io;

use serde::Serialize;
use serde_json::Value;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter, Serializer};

use super::kind::Kind;
use crate::model::{Failure, Problem, text};

/// `apiVersion` of every document. It changes when a field is removed or changes its meaning.
const API_VERSION: &str = "kubectl-broker/v1";

/// A result that can be shown in every format.
pub trait Document {
    fn table(&self, wide: bool) -> String;

    /// One name a line.
    fn names(&self) -> String;

    /// For JSON and YAML.
    fn document(&self) -> Value;

    /// One line to stand below a table, for people.
    fn summary(&self) -> Option<String> {
        None
    }

    /// How the command ends although it has a result. It says on stdout, in every format, what is wrong,
    /// and there is no error beside it. Everything else that fails has no result.
    fn failure(&self) -> Option<Failure> {
        None
    }
}

/// What a result is about.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Scope {
    pub namespace: String,
    /// None for an engine that has nothing to do with pods.
    pub statefulset: Option<String>,
    /// The pod that has answered for itself; none where any pod answers for all of them.
    pub pod: Option<String>,
    /// `publisher/name`.
    pub engine: String,
    pub engine_version: String,
    /// Whether the engine is one of ours, whose words need no mark.
    #[serde(skip)]
    pub is_bundled: bool,
}

impl Scope {
    /// A line that the engine wrote, for a report: the line of an engine that is not bundled gets a
    /// mark if it begins like a message of this program.
    #[must_use]
    pub fn line(&self, line: &str) -> String {
        let shown = text::whole(line);
        if self.is_bundled || !text::looks_like_ours(&shown) {
            return format!("{shown}\n");
        }
        format!("engine {} says: {shown}\n", self.engine)
    }

    /// A fact that the engine tells beside its result.
    #[must_use]
    pub fn detail(&self, name: &str, value: &str) -> String {
        let (name, value) = (text::printable(name, 60), text::printable(value, 400));
        if self.is_bundled {
            return format!("{name}: {value}\n");
        }
        format!("engine {} says: {name}: {value}\n", self.engine)
    }

    /// The name of what something is done to.
    #[must_use]
    pub fn target(&self) -> &str {
        self.statefulset.as_ref().unwrap_or(&self.namespace)
    }
}

/// A document of `kind` with the fields of `body`, an object.
pub(super) fn document(kind: Kind, body: Value) -> Value {
    let mut fields = serde_json::Map::new();
    fields.insert("apiVersion".to_owned(), API_VERSION.into());
    fields.insert("kind".to_owned(), kind.name().into());
    if let Value::Object(body) = body {
        fields.extend(body);
    }
    Value::Object(fields)
}

/// An error as a document.
pub fn error_document(problem: &dyn Problem) -> Value {
    let failure = problem.failure();
    document(
        Kind::Error,
        serde_json::json!({
            "code": failure.name(),
            "exitCode": failure.exit_code(),
            "message": problem.to_string(),
            "hint": problem.hint().as_deref().map(sentence),
            "source": problem.written_by(),
            "hintSource": problem.hint_written_by(),
        }),
    )
}

/// Hints come from many hands, engines' among them: all begin in the same way.
pub(super) fn sentence(hint: &str) -> String {
    let mut rest = hint.chars();
    rest.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(rest).collect()
    })
}

/// JSON for people and programs.
///
/// JSON lets control and invisible characters stand as they are; some of them drive a terminal. They
/// are written as escapes, which every reader of JSON turns back.
pub(super) fn json(document: &Value) -> io::Result<String> {
    json_in(document, PrettyFormatter::new())
}

/// The same on one line.
pub(super) fn json_line(document: &Value) -> io::Result<String> {
    json_in(document, CompactFormatter)
}

fn json_in(document: &Value, layout: impl Formatter) -> io::Result<String> {
    let mut bytes = Vec::new();
    document.serialize(&mut Serializer::with_formatter(
        &mut bytes,
        SafeFormatter(layout),
    ))?;
    bytes.push(b'\n');
    String::from_utf8(bytes).map_err(io::Error::other)
}

/// YAML, in block style. The writer escapes control characters but not all that `text::is_unsafe`
/// knows; a document that has one of the others is written as JSON, which is YAML as well.
pub(super) fn yaml(document: &Value) -> io::Result<String> {
    // Folded text reads badly and is found by no `grep`.
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    let text = serde_saphyr::to_string_with_options(document, options).map_err(io::Error::other)?;
    if text::unsafe_characters(&text).any(|(_, c)| c != '\n') {
        return json(document);
    }
    Ok(text)
}

struct SafeFormatter<F>(F);

impl<F: Formatter> Formatter for SafeFormatter<F> {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut done = 0;
        for (at, unsafe_char) in text::unsafe_characters(fragment) {
            writer.write_all(&fragment.as_bytes()[done..at])?;
            for unit in unsafe_char.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
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
        for text in [
            json(&value).unwrap(),
            json_line(&value).unwrap(),
            yaml(&value).unwrap(),
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
    }

    #[test]
    fn yaml_is_in_block_style_and_does_not_fold_long_text() {
        let long = "word ".repeat(60) + "end";
        let text = yaml(&serde_json::json!({ "a": long, "n": null, "s": "12" })).unwrap();
        assert_eq!(text, format!("a: {long}\n\"n\": null\ns: \"12\"\n"));
    }
}
