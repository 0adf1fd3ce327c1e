//! Reads the prose of a Markdown page: its sentences, without code blocks, comments and addresses.

/// One sentence, list item or table cell.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sentence {
    /// The line on which it begins, counted from 1.
    pub(super) line: usize,
    /// The text on one line. Inline code keeps its backticks, links keep only their text.
    pub(super) text: String,
}

/// Words that end with a full stop inside a sentence.
const ABBREVIATIONS: &[&str] = &["e.g.", "i.e.", "etc.", "vs.", "cf."];

/// Returns the sentences of a page in order.
pub(super) fn sentences(page: &str) -> Vec<Sentence> {
    let mut reader = Reader::default();
    for (index, line) in page.lines().enumerate() {
        reader.line(index + 1, line);
    }
    reader.end_block();
    reader.sentences
}

/// The state of reading between two lines of a page.
#[derive(Default)]
struct Reader {
    sentences: Vec<Sentence>,
    /// The paragraph, heading, list item or cell that is being read.
    block: String,
    /// The line on which the block begins.
    first_line: usize,
    /// The marker of the code block around the line, if there is one.
    fence: Option<&'static str>,
    in_comment: bool,
}

impl Reader {
    fn line(&mut self, number: usize, line: &str) {
        let text = line.trim();
        if let Some(fence) = self.fence {
            if text.starts_with(fence) {
                self.fence = None;
            }
            return;
        }
        let fence = ["```", "~~~"].into_iter().find(|f| text.starts_with(f));
        if fence.is_some() && !self.in_comment {
            self.end_block();
            self.fence = fence;
            return;
        }
        let text = self.without_comments(text);
        let text = text.trim();
        let indented = line.starts_with("    ") && self.block.is_empty();
        // A blank line, code by indentation, or the target of a reference link.
        if text.is_empty() || indented || (text.starts_with('[') && text.contains("]: ")) {
            self.end_block();
        } else if let Some(row) = text.strip_prefix('|') {
            self.end_block();
            for cell in cells(row) {
                self.add(number, cell.trim());
                self.end_block();
            }
        } else if text.starts_with('#') {
            self.end_block();
            self.add(number, text.trim_start_matches('#').trim());
            self.end_block();
        } else if let Some(item) = list_item(text) {
            self.end_block();
            self.add(number, item);
        } else {
            self.add(number, text.trim_start_matches("> "));
        }
    }

    /// Returns the line without its HTML comments.
    fn without_comments(&mut self, line: &str) -> String {
        let mut rest = line;
        let mut kept = String::new();
        loop {
            let marker = if self.in_comment { "-->" } else { "<!--" };
            let (before, after) = match rest.split_once(marker) {
                Some((before, after)) => (before, Some(after)),
                None => (rest, None),
            };
            if !self.in_comment {
                kept.push_str(before);
            }
            let Some(after) = after else { return kept };
            self.in_comment = !self.in_comment;
            rest = after;
        }
    }

    fn add(&mut self, number: usize, text: &str) {
        if self.block.is_empty() {
            self.first_line = number;
        } else {
            self.block.push('\n');
        }
        self.block.push_str(text);
    }

    /// Splits the block that has been read into sentences.
    fn end_block(&mut self) {
        let block = std::mem::take(&mut self.block);
        let mut line = self.first_line;
        let mut text = String::new();
        let mut begins = line;
        let mut in_code = false;
        let shown = without_addresses(&block);
        let mut signs = shown.chars().peekable();
        while let Some(sign) = signs.next() {
            match sign {
                '`' => in_code = !in_code,
                '\n' => line += 1,
                _ => {}
            }
            if text.is_empty() {
                if sign.is_whitespace() {
                    continue;
                }
                begins = line;
            }
            text.push(if sign == '\n' { ' ' } else { sign });
            let closed = text.trim_end_matches([')', '"', '*', '_']);
            let ends = !in_code
                && closed.ends_with(['.', '!', '?'])
                && signs.peek().is_none_or(|next| next.is_whitespace())
                && !ABBREVIATIONS.iter().any(|short| closed.ends_with(short));
            if ends {
                self.push(begins, &mut text);
            }
        }
        self.push(begins, &mut text);
    }

    fn push(&mut self, line: usize, text: &mut String) {
        let text = std::mem::take(text).trim_end().to_owned();
        if text.contains(char::is_alphanumeric) {
            self.sentences.push(Sentence { line, text });
        }
    }
}

/// Returns the cells of a table row. A bar in inline code or after a backslash separates nothing.
fn cells(row: &str) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut in_code = false;
    let mut escaped = false;
    for sign in row.chars() {
        let separates = sign == '|' && !in_code && !escaped;
        if separates {
            cells.push(String::new());
        } else if let Some(cell) = cells.last_mut() {
            cell.push(sign);
        }
        in_code ^= sign == '`';
        escaped = sign == '\\';
    }
    cells
}

/// Returns the text of a list item without its marker.
fn list_item(text: &str) -> Option<&str> {
    let bullet = ["- ", "* ", "+ "];
    if let Some(item) = bullet.iter().find_map(|mark| text.strip_prefix(mark)) {
        return Some(item.trim_start());
    }
    let rest = text.trim_start_matches(|sign: char| sign.is_ascii_digit());
    let item = rest.strip_prefix(". ")?;
    (rest.len() < text.len()).then(|| item.trim_start())
}

/// Replaces each `[text](address)` by `text`, except in inline code.
fn without_addresses(text: &str) -> String {
    let mut kept = String::new();
    let mut in_code = false;
    let mut rest = text;
    while let Some(sign) = rest.chars().next() {
        let address = rest.strip_prefix("](").and_then(|at| at.split_once(')'));
        match (sign, address) {
            (']', Some((_, after))) if !in_code => {
                rest = after;
                continue;
            }
            ('[' | ']', _) if !in_code => {}
            _ => kept.push(sign),
        }
        in_code ^= sign == '`';
        rest = &rest[sign.len_utf8()..];
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(page: &str) -> Vec<(usize, String)> {
        let sentences = sentences(page).into_iter();
        sentences.map(|s| (s.line, s.text)).collect()
    }

    fn texts(page: &str) -> Vec<String> {
        sentences(page).into_iter().map(|s| s.text).collect()
    }

    #[test]
    fn a_sentence_may_span_lines_and_knows_where_it_begins() {
        assert_eq!(
            read("First one. Second\nhas two lines.\n\nThird"),
            [
                (1, "First one.".to_owned()),
                (1, "Second has two lines.".to_owned()),
                (4, "Third".to_owned()),
            ]
        );
    }

    #[test]
    fn code_blocks_and_comments_are_not_prose() {
        let page =
            "Before\n```console\n$ who am i\n```\nAfter <!-- not\nthis --> again\n\n    code\n";
        assert_eq!(texts(page), ["Before", "After again"]);
    }

    #[test]
    fn headings_list_items_and_cells_are_sentences() {
        let page = "# A title\n- one\n  more\n2. two\n\n| a | `b|c` d\\|e |\n|---|---|\n| f | |\n";
        assert_eq!(
            texts(page),
            ["A title", "one more", "two", "a", "`b|c` d\\|e", "f"]
        );
    }

    #[test]
    fn stops_in_code_numbers_and_abbreviations_end_nothing() {
        let page = "Rust 1.95, e.g. `a. b` (see x). Next";
        assert_eq!(texts(page), ["Rust 1.95, e.g. `a. b` (see x).", "Next"]);
    }

    #[test]
    fn links_keep_their_text() {
        let page = "See [the page](docs/page.md#part) and [`Type`].\n\n[x]: https://example.com";
        assert_eq!(texts(page), ["See the page and `Type`."]);
    }
}
