//! Lines on stderr: time, level, text. Nothing in them can drive a terminal, forge a line or show a secret.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::sync::Arc;

use clap::ValueEnum;
use jiff::Timestamp;

use crate::redact::Redactor;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Level {
    Error,
    Warn,
    Info,
    Debug,
}

impl Level {
    fn name(self) -> &'static str {
        match self {
            Self::Error => "ERROR",
            Self::Warn => "WARN",
            Self::Info => "INFO",
            Self::Debug => "DEBUG",
        }
    }
}

/// Clones write to the same place.
#[derive(Clone)]
pub struct Log {
    level: Level,
    redactor: Arc<Redactor>,
}

impl Log {
    pub fn new(level: Level, redactor: Redactor) -> Self {
        Self {
            level,
            redactor: Arc::new(redactor),
        }
    }

    pub fn error(&self, text: &str) {
        self.write(Level::Error, text);
    }

    pub fn warn(&self, text: &str) {
        self.write(Level::Warn, text);
    }

    pub fn info(&self, text: &str) {
        self.write(Level::Info, text);
    }

    pub fn debug(&self, text: &str) {
        self.write(Level::Debug, text);
    }

    /// A text without the secrets that are known.
    pub fn redact(&self, text: &str) -> String {
        self.redactor.redact(text)
    }

    fn write(&self, level: Level, text: &str) {
        if level > self.level {
            return;
        }
        // To the millisecond.
        let time = format!("{:.3}", Timestamp::now());
        let text = printable(&self.redactor.redact(text));
        // One write, so that lines of two threads don't mix. Nothing can be done about a closed stderr.
        let line = format!("{time} {:<5} {text}\n", level.name());
        let _ = io::stderr().lock().write_all(line.as_bytes());
    }
}

/// `text` with control characters as escapes; a line stays one line.
pub fn printable(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() || is_invisible(character) {
            // Writing to a String can't fail.
            let _ = write!(safe, "\\u{{{:x}}}", u32::from(character));
        } else {
            safe.push(character);
        }
    }
    safe
}

/// Zero-width characters, separators of lines, and those that turn the direction of the text round.
fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{61c}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}'
            | '\u{feff}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_cannot_forge_a_second_line_or_drive_a_terminal() {
        assert_eq!(
            printable("done\n2026 INFO forged \u{1b}[2J \u{202e}"),
            "done\\u{a}2026 INFO forged \\u{1b}[2J \\u{202e}"
        );
        assert_eq!(printable("Größe ✓"), "Größe ✓");
    }
}
