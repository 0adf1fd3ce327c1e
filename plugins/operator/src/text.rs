//! Texts from the cluster, in one line.

/// Longest text that a message repeats, in characters.
const LONGEST: usize = 600;

/// Returns a text in one line, so that it can't pass for lines of this engine. The host makes it safe for terminals.
pub fn line(text: &str) -> String {
    let words: Vec<_> = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect();
    let text = words.join(" ");
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
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
        let cut = line(&"ä".repeat(700));
        assert_eq!(cut.chars().count(), 601);
        assert!(cut.ends_with('…'));
    }
}
