use std::borrow::Cow;
use std::fmt::Write as _;

/// Text from outside (a server, an engine, a file) in a form that can't drive a terminal.
///
/// Control characters, and invisible characters that change how the rest is read, become
/// `\u{1b}`-style escapes. What is longer than `max_chars` characters is cut, with `…` at its end.
#[must_use]
pub fn printable(text: &str, max_chars: usize) -> Cow<'_, str> {
    let cut = text.char_indices().nth(max_chars).map(|(at, _)| at);
    if cut.is_none() && !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let kept = &text[..cut.unwrap_or(text.len())];
    let mut safe = String::with_capacity(kept.len() + 16);
    for character in kept.chars() {
        if is_unsafe(character) {
            // Writing to a String can't fail.
            let _ = write!(safe, "\\u{{{:x}}}", u32::from(character));
        } else {
            safe.push(character);
        }
    }
    if cut.is_some() {
        safe.push('…');
    }
    Cow::Owned(safe)
}

/// The same, whole: what somebody has to agree to, or takes for the result, is never cut.
#[must_use]
pub fn whole(text: &str) -> Cow<'_, str> {
    printable(text, usize::MAX)
}

/// Text from outside within one line: the ends of its lines become spaces, so that none of it can
/// stand where a message of this program begins.
#[must_use]
pub fn one_line(text: &str, max_chars: usize) -> String {
    let ends = |c: char| {
        matches!(
            c,
            '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}'
        )
    };
    let lines = text.split(ends).map(str::trim);
    let lines: Vec<_> = lines.filter(|line| !line.is_empty()).collect();
    printable(&lines.join(" "), max_chars).into_owned()
}

/// What begins the messages of this program.
const LABELS: [&str; 5] = ["error", "warning", "hint", "debug", "note"];

/// Whether a line begins like a message of this program, whatever stands before the word that no eye
/// tells from nothing.
#[must_use]
pub fn looks_like_ours(line: &str) -> bool {
    let word = line.trim_start_matches(|c: char| !c.is_alphanumeric());
    LABELS.iter().any(|label| {
        let begins = word
            .get(..label.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(label));
        // `hint from engine …:` is one of ours, too.
        begins
            && word[label.len()..]
                .trim_start()
                .starts_with([':', '[', '\u{ff1a}'])
            || begins && word[label.len()..].starts_with(" from engine")
    })
}

/// C0, DEL, C1, zero-width characters, line and paragraph separators, bidirectional overrides and
/// isolates (Unicode Technical Report 36), the byte order mark, and tag characters.
#[must_use]
pub fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(
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
    fn plain_text_is_handed_back_as_it_is() {
        for text in ["", "broker-0", "Größe 3 µs – 備份 ✓"] {
            assert!(matches!(printable(text, 40), Cow::Borrowed(same) if same == text));
        }
    }

    #[test]
    fn escape_sequences_cannot_reach_the_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb", 40), "a\\u{1b}[2Jb");
        assert_eq!(printable("a\r\nb\tc", 40), "a\\u{d}\\u{a}b\\u{9}c");
        assert_eq!(printable("\u{7f}\u{9b}\u{0}", 40), "\\u{7f}\\u{9b}\\u{0}");
    }

    #[test]
    fn invisible_characters_are_shown() {
        for character in [
            '\u{200b}', '\u{200f}', '\u{202a}', '\u{202e}', '\u{2066}', '\u{2069}', '\u{2028}',
            '\u{2029}', '\u{feff}',
        ] {
            let shown = printable(&character.to_string(), 40).into_owned();
            assert_eq!(shown, format!("\\u{{{:x}}}", u32::from(character)));
        }
    }

    #[test]
    fn text_of_several_lines_becomes_one() {
        assert_eq!(
            one_line("expired\nerror: run\r\n\r\n  hint: this\u{2028}x\ty", 100),
            "expired error: run hint: this x\\u{9}y"
        );
        assert_eq!(one_line("\n\n", 10), "");
    }

    #[test]
    fn lines_that_begin_like_ours_are_known() {
        for line in [
            "error: x",
            "  Hint: x",
            "WARNING : x",
            "\u{2022} error: x",
            "hint from engine a/b: x",
        ] {
            assert!(looks_like_ours(line), "{line}");
        }
        for line in [
            "errors: 3",
            "hints",
            "no error: x",
            "",
            "broker_errors{a=\"b\"} 3",
        ] {
            assert!(!looks_like_ours(line), "{line}");
        }
    }

    #[test]
    fn long_text_is_cut_at_a_character() {
        assert_eq!(printable("äöü", 3), "äöü");
        assert_eq!(printable("äöüß", 3), "äöü…");
        assert_eq!(printable("x", 0), "…");
    }
}
