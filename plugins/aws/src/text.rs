//! Texts of AWS, in one line.

/// The maximum length of a text that a message or a reason repeats, in bytes.
const LONGEST: usize = 240;

/// Returns a text in one line, so that it can't pass for lines of this engine. The host makes it safe for terminals.
pub fn line(text: &str) -> String {
    let words: Vec<_> = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect();
    let text = words.join(" ");
    if text.len() <= LONGEST {
        return text;
    }
    let ends = (0..=LONGEST).rev().find(|end| text.is_char_boundary(*end));
    format!("{}…", &text[..ends.unwrap_or_default()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_several_lines_is_one_line() {
        assert_eq!(line(" a\n\nhint: b\t\u{1b}[31mc\r\n"), "a hint: b [31mc");
        assert_eq!(line("\u{85}\u{0}"), "");
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let cut = line(&"ä".repeat(300));
        assert_eq!(cut.chars().count(), 121);
        assert!(cut.ends_with('…'));
    }
}
