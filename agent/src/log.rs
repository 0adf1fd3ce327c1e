//! Lines on stderr: time, level and text. They contain no control characters, no line breaks from other
//! sources, and no secrets.

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

/// A log. Clones write to the same place.
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

    /// Returns the text without the known secrets.
    pub fn redact(&self, text: &str) -> String {
        self.redactor.redact(text)
    }

    fn write(&self, level: Level, text: &str) {
        if level > self.level {
            return;
        }
        // The time has a resolution of one millisecond.
        let time = format!("{:.3}", Timestamp::now());
        let text = printable(&self.redactor.redact(text));
        // A single write keeps the lines of two threads apart. A closed stderr can't be reported anywhere.
        let line = format!("{time} {:<5} {text}\n", level.name());
        let _ = io::stderr().lock().write_all(line.as_bytes());
    }
}

/// Returns `text` with control characters escaped, so that it stays one line.
pub fn printable(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() || is_invisible(character) {
            // Writing to a String never fails.
            let _ = write!(safe, "\\u{{{:x}}}", u32::from(character));
        } else {
            safe.push(character);
        }
    }
    safe
}

/// Returns whether the character is a zero-width character, a line separator, or changes the direction of the
/// text.
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
