//! References `${NAME}` and `${NAME:-default}` in the text of the configuration.
//!
//! Each reference is replaced by a mark before the text is parsed as YAML. The marks in the parsed scalars
//! are then replaced by the values. A value therefore can't change the structure of the document, and
//! references in comments are ignored.

use std::collections::BTreeMap;

/// The ends of a mark: two characters of the private use area, which no configuration needs.
const OPEN: char = '\u{e000}';
const CLOSE: char = '\u{e001}';
/// The prefix of variables that exist only while a command runs. The shell resolves them.
const RUN_TIME: &str = "SIDE_CAR_";

/// The environment variables for references.
pub type Environment = BTreeMap<String, String>;

/// A text in which references are replaced by marks.
#[derive(Debug)]
pub(super) struct Masked {
    pub(super) text: String,
    references: Vec<Reference>,
}

#[derive(Debug, PartialEq, Eq)]
struct Reference {
    name: String,
    default: Option<String>,
    /// The line in the masked text, counted from 1.
    line: u64,
    /// The number of line breaks within the default. The masked text does not have them.
    breaks: u64,
}

impl Masked {
    /// Masks a text. Returns `None` if the text contains the characters of the marks.
    pub(super) fn new(raw: &str) -> Option<Self> {
        if raw.contains([OPEN, CLOSE]) {
            return None;
        }
        let mut masked = Self {
            text: String::with_capacity(raw.len()),
            references: Vec::new(),
        };
        let mut rest = raw;
        let mut line = 1;
        while let Some(at) = rest.find("${") {
            let (before, from) = rest.split_at(at);
            masked.text.push_str(before);
            line += breaks(before);
            if let Some((name, default, length)) = parse(from) {
                let mark = format!("{OPEN}{}{CLOSE}", masked.references.len());
                masked.text.push_str(&mark);
                masked.references.push(Reference {
                    name: name.to_owned(),
                    default: default.map(str::to_owned),
                    line,
                    breaks: default.map_or(0, breaks),
                });
                rest = &from[length..];
            } else {
                masked.text.push_str("${");
                rest = &from[2..];
            }
        }
        masked.text.push_str(rest);
        Some(masked)
    }

    /// Converts a line of the masked text to a line of the file.
    pub(super) fn line(&self, line: u64) -> u64 {
        let before = self.references.iter().filter(|r| r.line < line);
        line + before.map(|r| r.breaks).sum::<u64>()
    }

    /// Returns `text` with the values in place of the marks.
    ///
    /// An empty variable yields an empty text, even if the reference has a default. The contract requires
    /// this, unlike a shell.
    ///
    /// # Errors
    ///
    /// Returns the names of unset variables without a default.
    pub(super) fn resolve(&self, text: &str, env: &Environment) -> Result<String, Vec<String>> {
        let mut resolved = String::with_capacity(text.len());
        let mut missing = Vec::new();
        let mut rest = text;
        while let Some((before, from)) = rest.split_once(OPEN) {
            resolved.push_str(before);
            let Some((index, after)) = from.split_once(CLOSE) else {
                rest = from;
                break;
            };
            rest = after;
            let reference = index
                .parse()
                .ok()
                .and_then(|i: usize| self.references.get(i));
            let Some(reference) = reference else { continue };
            match (env.get(&reference.name), &reference.default) {
                (Some(value), _) | (None, Some(value)) => resolved.push_str(value),
                (None, None) => missing.push(reference.name.clone()),
            }
        }
        resolved.push_str(rest);
        if missing.is_empty() {
            Ok(resolved)
        } else {
            Err(missing)
        }
    }
}

/// Returns the name, the default and the length of the reference at the beginning of `text`.
fn parse(text: &str) -> Option<(&str, Option<&str>, usize)> {
    let body = text.strip_prefix("${")?;
    let (body, _) = body.split_once('}')?;
    let (name, default) = match body.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (body, None),
    };
    let mut characters = name.chars();
    let first = characters.next()?;
    let is_name = (first.is_ascii_alphabetic() || first == '_')
        && characters.all(|c| c.is_ascii_alphanumeric() || c == '_');
    (is_name && !name.starts_with(RUN_TIME)).then_some((name, default, body.len() + 3))
}

fn breaks(text: &str) -> u64 {
    text.bytes().filter(|byte| *byte == b'\n').count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(text: &str) -> Result<String, Vec<String>> {
        let env = [("SET", "v"), ("EMPTY", ""), ("YAML", "a: [b, #")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let masked = Masked::new(text).expect("the text has no marks");
        masked.resolve(&masked.text, &env.into())
    }

    #[test]
    fn a_default_is_for_what_is_not_set_and_not_for_what_is_empty() {
        assert_eq!(resolved("${SET}-${SET:-d}").as_deref(), Ok("v-v"));
        assert_eq!(resolved("[${EMPTY}][${EMPTY:-d}]").as_deref(), Ok("[][]"));
        assert_eq!(resolved("${UNSET:-d} ${UNSET:-}|").as_deref(), Ok("d |"));
        assert_eq!(resolved("${UNSET:-a:-b}").as_deref(), Ok("a:-b"));
    }

    #[test]
    fn every_variable_that_is_missing_is_named() {
        assert_eq!(
            resolved("${ONE} ${SET} ${TWO}"),
            Err(vec!["ONE".to_owned(), "TWO".to_owned()])
        );
    }

    #[test]
    fn what_is_for_the_shell_is_left_to_it() {
        for text in [
            "$SET",
            "${SET-x}",
            "${9}",
            "${}",
            "${SET",
            "${#SET}",
            "${SIDE_CAR_TEMP_DUMP}",
            "$${",
        ] {
            assert_eq!(resolved(text).as_deref(), Ok(text));
        }
    }

    #[test]
    fn the_mark_of_a_value_has_nothing_that_yaml_could_read() {
        let masked = Masked::new("a: [${YAML}]").expect("the text has no marks");
        assert_eq!(masked.text, "a: [\u{e000}0\u{e001}]");
        assert!(Masked::new("\u{e000}0\u{e001}").is_none());
    }

    #[test]
    fn lines_are_those_of_the_file_also_behind_a_default_of_several() {
        let masked = Masked::new("a: |\n  ${X:-1\n  2\n  3}\nb: 1\n").expect("no marks");
        assert_eq!(masked.text.lines().nth(2), Some("b: 1"));
        assert_eq!((masked.line(2), masked.line(3)), (2, 5));
    }
}
