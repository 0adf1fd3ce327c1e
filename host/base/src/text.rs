use std::borrow::Cow;
use std::fmt::Write as _;

use icu_properties::props::{BidiControl, DefaultIgnorableCodePoint, GeneralCategory};
use icu_properties::{CodePointMapData, CodePointSetData};

/// The maximum number of combining marks on one character. Hebrew, Tibetan and Vietnamese need no more. A
/// terminal draws a larger number over the lines above and below.
const MAX_MARKS: usize = 4;

/// Escapes untrusted text (from a server, an engine, a file) so that it can't control a terminal.
///
/// Control characters, and characters that are invisible or change how the rest is read, become
/// `\u{1b}`-style escapes; see [`unsafe_characters`]. Text beyond `max_chars` characters is cut and ends with
/// `…`.
#[must_use]
pub fn printable(text: &str, max_chars: usize) -> Cow<'_, str> {
    let cut = text.char_indices().nth(max_chars).map(|(at, _)| at);
    let kept = &text[..cut.unwrap_or(text.len())];
    let mut unsafe_characters = unsafe_characters(kept).peekable();
    if cut.is_none() && unsafe_characters.peek().is_none() {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(kept.len() + 16);
    let mut done = 0;
    for (at, character) in unsafe_characters {
        safe.push_str(&kept[done..at]);
        // Writing to a String can't fail.
        let _ = write!(safe, "\\u{{{:x}}}", u32::from(character));
        done = at + character.len_utf8();
    }
    safe.push_str(&kept[done..]);
    if cut.is_some() {
        safe.push('…');
    }
    Cow::Owned(safe)
}

/// Escapes untrusted text without cutting it. Text that a user must agree to, and results, are never cut.
#[must_use]
pub fn whole(text: &str) -> Cow<'_, str> {
    printable(text, usize::MAX)
}

/// Escapes untrusted text and puts it on one line. Line ends become spaces, so that no part of it can stand
/// where a message of this program begins.
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

/// The labels at the beginning of this program's messages.
const LABELS: [&str; 5] = ["error", "warning", "hint", "debug", "note"];

/// Returns true if a line looks like the beginning of a message of this program. Characters before the label
/// that look like nothing are ignored.
#[must_use]
pub fn looks_like_ours(line: &str) -> bool {
    let word = line.trim_start_matches(|c: char| !c.is_alphanumeric());
    LABELS.iter().any(|label| {
        let begins = word
            .get(..label.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(label));
        if !begins {
            return false;
        }
        let rest = &word[label.len()..];
        // This program also writes `hint from engine …:`.
        rest.trim_start().starts_with([':', '[', '\u{ff1a}']) || rest.starts_with(" from engine")
    })
}

/// Returns the characters of a text that must not reach a terminal unchanged, each with its byte position.
///
/// They are those of [`is_unsafe`], combining marks without a base character, and marks beyond four on one
/// character.
pub fn unsafe_characters(text: &str) -> impl Iterator<Item = (usize, char)> + '_ {
    // A mark at the start of a text would change the character before the text.
    let mut marks = MAX_MARKS;
    text.char_indices().filter(move |(_, character)| {
        if is_unsafe(*character) {
            marks = MAX_MARKS;
            return true;
        }
        if is_mark(*character) {
            marks += 1;
            return marks > MAX_MARKS;
        }
        marks = 0;
        false
    })
}

/// Returns true if a character must never reach a terminal unchanged.
///
/// These are control and format characters, white space except the plain space, bidirectional controls, and
/// private and unassigned characters. They include everything that Unicode calls "default ignorable" and that
/// may be drawn as nothing: soft hyphens, fillers, variation selectors, tags. Sources: Unicode Technical
/// Report 36, 2.5, and Standard Annex 44; the data is that of `icu_properties`.
#[must_use]
pub fn is_unsafe(character: char) -> bool {
    if character.is_ascii() {
        return character.is_control();
    }
    // The character is assigned as a symbol, and blank in every font.
    character == BRAILLE_BLANK
        || CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(character)
        || CodePointSetData::new::<BidiControl>().contains(character)
        || matches!(
            category(character),
            GeneralCategory::Control
                | GeneralCategory::Format
                | GeneralCategory::LineSeparator
                | GeneralCategory::ParagraphSeparator
                | GeneralCategory::SpaceSeparator
                | GeneralCategory::PrivateUse
                | GeneralCategory::Unassigned
        )
}

const BRAILLE_BLANK: char = '\u{2800}';

fn is_mark(character: char) -> bool {
    !character.is_ascii()
        && matches!(
            category(character),
            GeneralCategory::NonspacingMark | GeneralCategory::EnclosingMark
        )
}

fn category(character: char) -> GeneralCategory {
    CodePointMapData::<GeneralCategory>::new().get(character)
}

/// Returns a list item with a bullet. Sentences that are marked as dangerous get a different bullet.
#[must_use]
pub fn bullet(sentence: &str) -> String {
    let bullet = if sentence.starts_with('[') { '!' } else { '-' };
    format!("{bullet} {sentence}")
}

/// Returns a size in bytes as one word for people, such as `1.5GiB`. All output uses this form.
#[must_use]
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes}B");
    }
    let tenths = |unit: u128| (u128::from(bytes) * 10 + unit / 2) / unit;
    let mut unit = 1024;
    let mut name = UNITS[0];
    for next in &UNITS[1..] {
        // The comparison uses the rounded value, so that 1024.0 of a unit is never shown.
        if tenths(unit) < 10_240 {
            break;
        }
        (unit, name) = (unit * 1024, next);
    }
    format!("{}.{}{name}", tenths(unit) / 10, tenths(unit) % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_is_handed_back_as_it_is() {
        for text in [
            "",
            "broker-0",
            "Größe 3 µs – 備份 ✓",
            "u\u{308}ber",
            "Tie\u{302}\u{301}ng",
            "שָּׁלוֹם",
            "👍🏽",
        ] {
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
    fn invisible_and_misleading_characters_are_shown() {
        for character in [
            // These have zero width, or are bidirectional controls, separators, or the byte order mark.
            '\u{200b}',
            '\u{200c}',
            '\u{200d}',
            '\u{200f}',
            '\u{202a}',
            '\u{202e}',
            '\u{2066}',
            '\u{2069}',
            '\u{61c}',
            '\u{2028}',
            '\u{2029}',
            '\u{feff}',
            '\u{2060}',
            '\u{2064}',
            // These are default ignorable: the soft hyphen, the grapheme joiner, fillers, vowel separators.
            '\u{ad}',
            '\u{34f}',
            '\u{115f}',
            '\u{1160}',
            '\u{17b4}',
            '\u{180b}',
            '\u{180e}',
            '\u{3164}',
            '\u{ffa0}',
            '\u{1bca0}',
            '\u{1d173}',
            // These are variation selectors and tags.
            '\u{fe00}',
            '\u{fe0f}',
            '\u{e0100}',
            '\u{e01ef}',
            '\u{e0001}',
            '\u{e0041}',
            '\u{e007f}',
            // These look blank but are not the plain space.
            '\u{a0}',
            '\u{2003}',
            '\u{202f}',
            '\u{3000}',
            '\u{2800}',
            // These need no glyph in any font: private, unassigned, and noncharacters.
            '\u{e000}',
            '\u{fffe}',
            '\u{10ffff}',
            '\u{fff9}',
            '\u{2065}',
        ] {
            let shown = printable(&character.to_string(), 40).into_owned();
            assert_eq!(shown, format!("\\u{{{:x}}}", u32::from(character)));
        }
    }

    #[test]
    fn marks_do_not_pile_up_and_stand_on_something() {
        let marks = |count| "\u{301}".repeat(count);
        assert_eq!(
            printable(&format!("a{}", marks(4)), 40),
            format!("a{}", marks(4))
        );
        let shown = printable(&format!("a{}b{}", marks(6), marks(1)), 40).into_owned();
        assert_eq!(
            shown,
            format!("a{}\\u{{301}}\\u{{301}}b{}", marks(4), marks(1))
        );
        assert_eq!(printable("\u{20dd}a", 40), "\\u{20dd}a");
        // A mark after an escaped character has no base either.
        assert_eq!(printable("a\u{200b}\u{301}", 40), "a\\u{200b}\\u{301}");
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

    #[test]
    fn sizes_are_one_word_with_a_binary_unit() {
        for (bytes, shown) in [
            (0, "0B"),
            (1023, "1023B"),
            (1024, "1.0KiB"),
            (1536, "1.5KiB"),
            (1_500_000_000, "1.4GiB"),
            ((1 << 20) - 52, "1023.9KiB"),
            ((1 << 20) - 1, "1.0MiB"),
            (1 << 20, "1.0MiB"),
            (4 << 30, "4.0GiB"),
            (u64::MAX, "16.0EiB"),
        ] {
            assert_eq!(size(bytes), shown);
        }
    }
}
