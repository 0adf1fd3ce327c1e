//! Commands that an engine may run in the pods of its target.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::names::is_flag_name;
use crate::place::{Findings, Place};

/// Maximum length of a word of a command and of the value of a placeholder, in bytes.
const MAX_WORD: usize = 4096;
/// Maximum number of words of one command.
const MAX_WORDS: usize = 64;
/// Maximum timeout of a command, in seconds.
const MAX_TIMEOUT: u32 = 3600;

/// A command: the program and its arguments, word by word. No shell reads them.
///
/// A word may contain placeholders such as `{folder}`. The engine supplies a value for each. The host never
/// splits a value, and a value that begins a word must not begin with a dash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Command {
    /// The name of the container. The default is the pod's default container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// The program and its arguments.
    pub argv: Vec<Word>,
    /// The timeout in seconds, at most 3600.
    #[serde(default = "default_timeout")]
    pub timeout: u32,
}

/// One word of a command, with placeholders: `{folder}/{name}.zip`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
pub struct Word(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Placeholder(String),
}

/// An error that makes a command of a manifest invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// A word is empty, too long, or contains a control character.
    #[error(
        "`{word}` is not a valid word of a command: it is empty, too long, or has a control character"
    )]
    Word {
        /// The word.
        word: String,
    },
    /// A word has a brace that belongs to no placeholder.
    #[error(
        "`{word}` has a brace that belongs to no placeholder; a placeholder is `{{name}}`, of lower-case letters, digits and dashes"
    )]
    Brace {
        /// The word.
        word: String,
    },
    /// The command has no words, or too many.
    #[error("`argv` must have 1–{MAX_WORDS} words")]
    Length,
    /// The program is a placeholder.
    #[error("the program itself can't be a placeholder")]
    Program,
    /// The name of the container is not a DNS label.
    #[error("`{container}` is not a valid name for a container")]
    Container {
        /// The name of the container.
        container: String,
    },
    /// The timeout is zero or too long.
    #[error("`timeout` must be 1–{MAX_TIMEOUT} seconds")]
    Timeout,
}

/// An error in the values for the placeholders of a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FillError {
    /// A placeholder has no value.
    #[error("the command gets no value for `{{{name}}}`")]
    Missing {
        /// The name of the placeholder.
        name: String,
    },
    /// A value is for a placeholder that the command does not have.
    #[error("the command gets a value for `{{{name}}}`, which it does not have")]
    Unknown {
        /// The name of the placeholder.
        name: String,
    },
    /// A placeholder has two values.
    #[error("the command gets two values for `{{{name}}}`")]
    Twice {
        /// The name of the placeholder.
        name: String,
    },
    /// A value is empty, too long, or contains a control character.
    #[error(
        "the {name} can't be a word of a command: it is empty, has more than {MAX_WORD} bytes, or has a control character"
    )]
    Value {
        /// The name of the placeholder.
        name: String,
    },
    /// A value would be read as an option, because it begins with a dash.
    #[error("the {name} begins with a dash, so the command would take it for an option")]
    Option {
        /// The name of the placeholder.
        name: String,
    },
}

const fn default_timeout() -> u32 {
    30
}

impl Command {
    /// Returns the words of the command with `values` in its placeholders.
    ///
    /// # Errors
    /// Fails if a value is missing, unknown, or given twice, or if the value is invalid.
    pub fn fill(&self, values: &[(String, String)]) -> Result<Vec<String>, FillError> {
        let known: BTreeSet<&str> = self.argv.iter().flat_map(Word::placeholders).collect();
        let mut given = BTreeSet::new();
        for (name, _) in values {
            if !known.contains(name.as_str()) {
                return Err(FillError::Unknown { name: name.clone() });
            }
            if !given.insert(name) {
                return Err(FillError::Twice { name: name.clone() });
            }
        }
        self.argv.iter().map(|word| word.fill(values)).collect()
    }

    pub(crate) fn check(&self) -> Findings<CommandError> {
        let mut found = Findings::new();
        let argv = Place::of("argv");
        if !(1..=MAX_WORDS).contains(&self.argv.len()) {
            found.add(argv.clone(), CommandError::Length);
        }
        let program = self.argv.first();
        if program.is_some_and(|program| program.placeholders().next().is_some()) {
            found.add(argv.then(0), CommandError::Program);
        }
        if let Some(container) = self.container.as_ref().filter(|name| !is_label(name)) {
            let container = container.clone();
            found.add(
                Place::of("container"),
                CommandError::Container { container },
            );
        }
        if !(1..=MAX_TIMEOUT).contains(&self.timeout) {
            found.add(Place::of("timeout"), CommandError::Timeout);
        }
        found
    }
}

impl Word {
    fn placeholders(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Placeholder(name) => Some(name.as_str()),
        })
    }

    fn fill(&self, values: &[(String, String)]) -> Result<String, FillError> {
        let mut word = String::new();
        for part in &self.0 {
            let name = match part {
                Part::Text(text) => {
                    word.push_str(text);
                    continue;
                }
                Part::Placeholder(name) => name,
            };
            let (_, value) = values
                .iter()
                .find(|(given, _)| given == name)
                .ok_or_else(|| FillError::Missing { name: name.clone() })?;
            if !is_text(value) {
                return Err(FillError::Value { name: name.clone() });
            }
            if word.is_empty() && value.starts_with('-') {
                return Err(FillError::Option { name: name.clone() });
            }
            word.push_str(value);
        }
        Ok(word)
    }
}

/// Returns whether a word or a value has a valid length and no control characters, such as NUL.
fn is_text(text: &str) -> bool {
    (1..=MAX_WORD).contains(&text.len()) && !text.chars().any(char::is_control)
}

/// Returns whether the name is a DNS-1123 label, like the names of containers.
fn is_label(name: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    (1..=63).contains(&name.len())
        && name.bytes().all(|b| inner(b) || b == b'-')
        && !name.starts_with('-')
        && !name.ends_with('-')
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| match part {
            Part::Text(text) => f.write_str(text),
            Part::Placeholder(name) => write!(f, "{{{name}}}"),
        })
    }
}

impl TryFrom<String> for Word {
    type Error = CommandError;

    fn try_from(word: String) -> Result<Self, Self::Error> {
        if !is_text(&word) {
            return Err(CommandError::Word { word });
        }
        let mut parts = Vec::new();
        let mut rest = word.as_str();
        while let Some(at) = rest.find(['{', '}']) {
            let name = rest[at..]
                .strip_prefix('{')
                .and_then(|inner| inner.split_once('}'))
                .filter(|(name, _)| is_flag_name(name));
            let Some((name, behind)) = name else {
                return Err(CommandError::Brace { word });
            };
            if at > 0 {
                parts.push(Part::Text(rest[..at].to_owned()));
            }
            parts.push(Part::Placeholder(name.to_owned()));
            rest = behind;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Self(parts))
    }
}

impl From<Word> for String {
    fn from(word: Word) -> Self {
        word.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(argv: &[&str]) -> Result<Command, CommandError> {
        let words = argv.iter().map(|word| Word::try_from((*word).to_owned()));
        let command = Command {
            container: None,
            argv: words.collect::<Result<_, _>>()?,
            timeout: default_timeout(),
        };
        command.check().only().map(|()| command)
    }

    fn fill(argv: &[&str], values: &[(&str, &str)]) -> Result<Vec<String>, FillError> {
        let values: Vec<_> = values
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        command(argv).unwrap().fill(&values)
    }

    #[test]
    fn a_value_stays_within_its_word() {
        let values = [("from", "/a b/$(c);*"), ("to", "d")];
        assert_eq!(
            fill(&["mv", "-n", "{from}", "{to}/{from}.{to}"], &values).unwrap(),
            ["mv", "-n", "/a b/$(c);*", "d//a b/$(c);*.d"]
        );
    }

    #[test]
    fn values_are_exactly_those_of_the_placeholders() {
        let name = || "x".to_owned();
        let argv = ["ls", "{x}"];
        assert_eq!(fill(&argv, &[]), Err(FillError::Missing { name: name() }));
        assert_eq!(
            fill(&["ls"], &[("x", "1")]),
            Err(FillError::Unknown { name: name() })
        );
        assert_eq!(
            fill(&argv, &[("x", "1"), ("x", "2")]),
            Err(FillError::Twice { name: name() })
        );
    }

    #[test]
    fn a_value_can_be_neither_nothing_nor_an_option_nor_control_anything() {
        let long = "x".repeat(MAX_WORD + 1);
        for value in ["", "a\nb", "a\0b", "\u{1b}[2J", "\u{9b}", &long] {
            assert_eq!(
                fill(&["ls", "--{x}"], &[("x", value)]),
                Err(FillError::Value { name: "x".into() }),
                "{value:?}"
            );
        }
        let option = Err(FillError::Option { name: "x".into() });
        assert_eq!(fill(&["rm", "{x}"], &[("x", "-rf")]), option);
        assert_eq!(fill(&["rm", "{x}/y"], &[("x", "-rf")]), option);
        assert_eq!(fill(&["rm", "/{x}"], &[("x", "-rf")]).unwrap()[1], "/-rf");
    }

    #[test]
    fn a_word_survives_its_text_and_a_stray_brace_does_not() {
        for word in ["-Pk", "{a}", "x{a}y{b-1}", "ä b"] {
            assert_eq!(Word::try_from(word.to_owned()).unwrap().to_string(), word);
        }
        for word in ["{", "}", "{}", "{A}", "{a", "a}", "{{a}}", "{a b}"] {
            let refused = Word::try_from(word.to_owned());
            assert!(matches!(refused, Err(CommandError::Brace { .. })), "{word}");
        }
        for word in ["", "a\tb"] {
            let refused = Word::try_from(word.to_owned());
            assert!(matches!(refused, Err(CommandError::Word { .. })), "{word}");
        }
    }

    #[test]
    fn a_command_has_a_program_of_its_own_and_bounds() {
        assert_eq!(command(&[]), Err(CommandError::Length));
        assert_eq!(command(&["x"; 65]), Err(CommandError::Length));
        assert_eq!(command(&["{x}"]), Err(CommandError::Program));
        assert_eq!(command(&["/bin/{x}"]), Err(CommandError::Program));
        for timeout in [0, MAX_TIMEOUT + 1] {
            let command = Command {
                timeout,
                ..command(&["ls"]).unwrap()
            };
            assert_eq!(command.check().only(), Err(CommandError::Timeout));
        }
        for container in ["", "-a", "A", "a/b", "a b"] {
            let command = Command {
                container: Some(container.to_owned()),
                ..command(&["ls"]).unwrap()
            };
            assert!(
                matches!(command.check().only(), Err(CommandError::Container { .. })),
                "{container}"
            );
        }
    }
}
