//! Reads the prose of a Rust file: its doc comments and line comments.

use super::markdown::{self, Sentence};

/// A line comment or one line of a doc comment.
struct Comment<'a> {
    /// The number of the line, counted from 1.
    line: usize,
    /// `///`, `//!` or `//`.
    marker: &'static str,
    text: &'a str,
    /// False if code stands before the comment.
    has_own_line: bool,
}

/// Returns the sentences in the comments of a Rust file. Comments on neighbouring lines are one text.
pub(super) fn sentences(source: &str) -> Vec<Sentence> {
    let mut sentences = Vec::new();
    let comments = comments(source);
    let mut rest = comments.as_slice();
    while let Some(first) = rest.first() {
        let follows = |(index, other): &(usize, &Comment<'_>)| {
            *index == 0
                || (first.has_own_line
                    && other.has_own_line
                    && other.marker == first.marker
                    && other.line == first.line + index)
        };
        let length = rest.iter().enumerate().take_while(follows).count();
        let (block, others) = rest.split_at(length);
        let texts: Vec<_> = block.iter().map(|comment| comment.text).collect();
        for mut sentence in markdown::sentences(&texts.join("\n")) {
            sentence.line += first.line - 1;
            sentences.push(sentence);
        }
        rest = others;
    }
    sentences
}

/// Returns the line comments of a file, and nothing from literals and block comments.
fn comments(source: &str) -> Vec<Comment<'_>> {
    let mut comments = Vec::new();
    let mut at = 0;
    let mut line = 1;
    let mut line_begins = 0;
    while let Some(sign) = source[at..].chars().next() {
        let rest = &source[at..];
        if rest.starts_with("//") {
            let length = rest.find('\n').unwrap_or(rest.len());
            let (marker, text) = split_marker(&rest[..length]);
            comments.push(Comment {
                line,
                marker,
                text,
                has_own_line: source[line_begins..at].trim().is_empty(),
            });
            at += length;
            continue;
        }
        let is_in_word = source[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let length = match sign {
            '"' => text_length(rest),
            '\'' => character_length(rest),
            'r' | 'b' | 'c' if !is_in_word => raw_text_length(rest).unwrap_or(1),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            _ => sign.len_utf8(),
        };
        for (index, _) in rest[..length].match_indices('\n') {
            line += 1;
            line_begins = at + index + 1;
        }
        at += length;
    }
    comments
}

fn split_marker(comment: &str) -> (&'static str, &str) {
    let (marker, text) = if let Some(text) = comment.strip_prefix("//!") {
        ("//!", text)
    } else if let Some(text) = comment.strip_prefix("///") {
        ("///", text)
    } else {
        ("//", &comment[2..])
    };
    (marker, text.strip_prefix(' ').unwrap_or(text))
}

/// Returns the length of the text literal at the beginning, with its quotes.
fn text_length(rest: &str) -> usize {
    let mut is_escaped = false;
    for (index, sign) in rest.char_indices().skip(1) {
        if sign == '"' && !is_escaped {
            return index + 1;
        }
        is_escaped = sign == '\\' && !is_escaped;
    }
    rest.len()
}

/// Returns the length of a raw literal such as `r#"…"#`, if one begins here.
fn raw_text_length(rest: &str) -> Option<usize> {
    let after = rest.strip_prefix(['b', 'c']).unwrap_or(rest);
    let after = after.strip_prefix('r')?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    let text = after[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let begin = rest.len() - text.len();
    Some(
        text.find(&end)
            .map_or(rest.len(), |at| begin + at + end.len()),
    )
}

/// Returns the length of a character literal, or of the quote of a lifetime.
fn character_length(rest: &str) -> usize {
    let mut signs = rest.char_indices().skip(1);
    match signs.next() {
        // The character after the backslash may be a quote.
        Some((_, '\\')) => rest[3..].find('\'').map_or(rest.len(), |end| end + 4),
        Some(_) => match signs.next() {
            Some((index, '\'')) => index + 1,
            _ => 1,
        },
        None => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(source: &str) -> Vec<(usize, String)> {
        let sentences = sentences(source).into_iter();
        sentences.map(|s| (s.line, s.text)).collect()
    }

    #[test]
    fn neighbouring_comments_of_one_kind_are_one_text() {
        let source = "//! A file.\n\n/// Does a\n/// thing.\nfn a() {} // Here.\n// There.\n";
        assert_eq!(
            read(source),
            [
                (1, "A file.".to_owned()),
                (3, "Does a thing.".to_owned()),
                (5, "Here.".to_owned()),
                (6, "There.".to_owned()),
            ]
        );
    }

    #[test]
    fn literals_are_no_comments() {
        let source = "let a = \"\\\"// a\";\nlet b = r#\"// \"b\" //\"#; let c = '\"'; // Yes.\n\
                      fn f<'a>(x: &'a str) { g('\\'', '/') } /* // no\n */ // Too.\n";
        assert_eq!(
            read(source),
            [(2, "Yes.".to_owned()), (4, "Too.".to_owned())]
        );
    }

    #[test]
    fn code_in_doc_comments_is_not_prose() {
        let source = "/// Example:\n///\n/// ```\n/// // Who knows\n/// ```\nstruct A;\n";
        assert_eq!(read(source), [(1, "Example:".to_owned())]);
    }
}
