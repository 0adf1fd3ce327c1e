//! Texts of backends.

/// Returns a text in one line of at most `longest` bytes, so that it can't pass for lines of the engine. A text that is cut
/// ends with an ellipsis. The host makes it safe for terminals.
#[must_use]
pub fn line(text: &str, longest: usize) -> String {
    let words: Vec<_> = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect();
    let text = words.join(" ");
    if text.len() <= longest {
        return text;
    }
    let ends = (0..=longest).rev().find(|end| text.is_char_boundary(*end));
    format!("{}…", &text[..ends.unwrap_or_default()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_several_lines_is_one_line() {
        assert_eq!(
            line(" a\n\nhint: b\t\u{1b}[31mc\r\n", 100),
            "a hint: b [31mc"
        );
        assert_eq!(line("\u{85}\u{0}", 100), "");
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(line("äää", 6), "äää");
        assert_eq!(line("äää", 5), "ää…");
        assert_eq!(line("ä", 1), "…");
    }
}
