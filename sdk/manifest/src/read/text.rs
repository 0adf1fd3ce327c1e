use std::fmt::Write as _;

use crate::problem::Position;

/// Maximum length of a line that is quoted, in characters.
const MAX_QUOTED: usize = 200;

/// The lines of a text.
pub(super) struct Lines<'a> {
    text: &'a str,
    /// The byte at which each line begins.
    begins: Vec<usize>,
}

impl<'a> Lines<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        let ends = text.match_indices('\n').map(|(at, _)| at + 1);
        Self {
            text,
            begins: std::iter::once(0).chain(ends).collect(),
        }
    }

    /// Returns the position of a byte.
    pub(super) fn position(&self, at: usize) -> Position {
        let line = self.begins.partition_point(|begin| *begin <= at).max(1);
        let begin = self.begins[line - 1];
        let before = self.text.get(begin..at).unwrap_or_default();
        Position {
            line,
            column: before.chars().count() + 1,
        }
    }

    /// Returns a message below the line that it is about, in the form of the parser of TOML.
    /// `length` characters are marked, as far as they are in the line.
    pub(super) fn quoted(&self, position: Position, length: usize, message: &str) -> String {
        let Position { line, column } = position;
        let mut quoted = format!("TOML parse error at line {line}, column {column}\n");
        let begin = self.begins.get(line - 1).copied().unwrap_or_default();
        let content = self.text.get(begin..).unwrap_or_default();
        let content = content.lines().next().unwrap_or_default();
        let width = content.chars().count();
        if width <= MAX_QUOTED {
            let marks = "^".repeat(length.min((width + 1).saturating_sub(column)).max(1));
            let gutter = " ".repeat(line.to_string().len());
            let before = " ".repeat(column - 1);
            // Writing to a String can't fail.
            let _ = write!(
                quoted,
                "{gutter} |\n{line} | {content}\n{gutter} | {before}{marks}\n"
            );
        }
        quoted + message
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_counts_lines_and_characters() {
        let lines = Lines::of("a = 1\nü = \"é\"\n");
        let position = |at| {
            let Position { line, column } = lines.position(at);
            (line, column)
        };
        assert_eq!(position(0), (1, 1));
        assert_eq!(position(5), (1, 6));
        assert_eq!(position(6), (2, 1));
        assert_eq!(position("a = 1\nü = ".len()), (2, 5));
        assert_eq!(position(9999), (3, 1));
        assert_eq!(Lines::of("").position(0), Position { line: 1, column: 1 });
    }
}
