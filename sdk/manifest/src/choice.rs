use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::check::printable;

/// Maximum length of a choice, in characters.
const MAX_VALUE: usize = 100;
/// Maximum length of the help text of a choice, in characters.
const MAX_HELP: usize = 200;

/// An allowed value of an option of the type text.
///
/// An author writes a text, or a table with `value` and `help`. A choice without a help text is written as a
/// text again, so that its form does not depend on the version that wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The value, exactly as the user types it and the engine receives it.
    pub value: String,
    /// The help text, in one line.
    pub help: Option<String>,
}

/// An allowed value with a help text.
#[derive(Serialize, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "ChoiceWithHelp")
)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct WithHelp {
    /// The value, exactly as the user types it and the engine receives it.
    value: String,
    /// The help text, in one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    help: Option<String>,
}

impl From<&str> for Choice {
    fn from(value: &str) -> Self {
        Self {
            value: value.to_owned(),
            help: None,
        }
    }
}

impl Serialize for Choice {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { value, help } = self.clone();
        match help {
            None => value.serialize(serializer),
            help => WithHelp { value, help }.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Choice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ChoiceVisitor)
    }
}

/// Reads a text or a table. An untagged enum would not say which key is wrong.
struct ChoiceVisitor;

impl<'de> Visitor<'de> for ChoiceVisitor {
    type Value = Choice;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, or a table with `value` and `help`")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Choice, E> {
        Ok(Choice::from(text))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Choice, A::Error> {
        let WithHelp { value, help } = WithHelp::deserialize(MapAccessDeserializer::new(map))?;
        Ok(Choice { value, help })
    }
}

impl Choice {
    /// Returns whether the choice can be typed and shown. It has 1 to 100 printable characters, no dash at the
    /// beginning, and no spaces at either end.
    pub(crate) fn is_valid(&self) -> bool {
        let value = &self.value;
        let help = self.help.as_deref();
        printable("choices", value, MAX_VALUE).is_ok()
            && !value.starts_with('-')
            && value.trim() == value
            && !value.chars().any(is_invisible)
            && help.is_none_or(|help| printable("choices.help", help, MAX_HELP).is_ok())
    }
}

/// Returns whether a character can't be seen, or changes how the characters around it are shown: two choices
/// must not look alike.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Choice {
        serde_json::from_str(json).expect("a choice")
    }

    #[test]
    fn a_choice_is_written_in_the_form_in_which_it_was_read() {
        for json in [
            r#""remote""#,
            r#"{"value":"barmanObjectStore","help":"In object storage"}"#,
        ] {
            assert_eq!(serde_json::to_string(&read(json)).unwrap(), json);
        }
        let plain = read(r#"{"value":"remote"}"#);
        assert_eq!(plain, Choice::from("remote"));
        assert_eq!(serde_json::to_string(&plain).unwrap(), r#""remote""#);
        assert!(serde_json::from_str::<Choice>(r#"{"value":"x","hlep":"y"}"#).is_err());
        assert!(serde_json::from_str::<Choice>("1").is_err());
    }

    #[test]
    fn any_spelling_is_a_choice_that_can_be_typed_and_seen() {
        for value in [
            "Snapshot",
            "barmanObjectStore",
            "SCRAM-SHA-256",
            "a b",
            "ü",
            "1.2",
        ] {
            assert!(Choice::from(value).is_valid(), "{value}");
        }
        let long = "x".repeat(101);
        for value in [
            "",
            " ",
            " a",
            "a ",
            "-a",
            "a\nb",
            "\u{1b}[2J",
            "a\u{202e}b",
            "a\u{200b}",
            &*long,
        ] {
            assert!(!Choice::from(value).is_valid(), "{value:?}");
        }
        for help in ["", "a\nb"] {
            let choice = Choice {
                help: Some(help.to_owned()),
                ..Choice::from("a")
            };
            assert!(!choice.is_valid(), "{help:?}");
        }
    }
}
