//! Quotes words for a shell, in commands that a person copies from a message.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::text::is_unsafe;

/// Returns `word` as one word for a POSIX shell. Control characters, which a message can't show unchanged,
/// get the form `$'\n'` that bash, zsh and ksh know.
#[must_use]
pub fn word(word: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:,@%".contains(c);
    if !word.is_empty() && !word.starts_with('-') && word.chars().all(plain) {
        return Cow::Borrowed(word);
    }
    if !word.chars().any(is_unsafe) {
        return Cow::Owned(format!("'{}'", word.replace('\'', "'\\''")));
    }
    let mut quoted = String::from("$'");
    for character in word.chars() {
        match character {
            '\'' | '\\' => quoted.extend(['\\', character]),
            // Writing to a String can't fail.
            _ if is_unsafe(character) => {
                let _ = write!(quoted, "\\U{:08x}", u32::from(character));
            }
            _ => quoted.push(character),
        }
    }
    quoted.push('\'');
    Cow::Owned(quoted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_in_a_command_is_one_word() {
        assert_eq!(word("a/b-c.part"), "a/b-c.part");
        assert_eq!(word("it's; rm"), "'it'\\''s; rm'");
        assert_eq!(word("-rf"), "'-rf'");
        assert_eq!(word(""), "''");
        assert_eq!(word("a`b`$(c)"), "'a`b`$(c)'");
    }

    #[test]
    fn control_characters_are_written_so_that_a_message_can_show_them() {
        assert_eq!(word("a\u{1b}'b"), "$'a\\U0000001b\\'b'");
        assert!(!word("a\n\u{202e}").chars().any(is_unsafe));
    }
}
