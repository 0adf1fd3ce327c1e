use comfy_table::presets::NOTHING;
use comfy_table::{Cell, Color, ColumnConstraint, ContentArrangement, Width};
use host_base::{State, text};

/// Longest cell, in characters. `-o json` and `-o name` show longer text whole.
const MAX_CELL: usize = 120;
/// Number of spaces between columns, as in kubectl.
pub(super) const GAP: u16 = 3;

/// Returns a cell for text of any source.
pub(super) fn cell(content: &str) -> Cell {
    let shown = if content.is_empty() { "-" } else { content };
    Cell::new(text::printable(shown, MAX_CELL))
}

/// Returns a cell that may be empty.
pub(super) fn optional(content: Option<&str>) -> Cell {
    cell(content.unwrap_or_default())
}

/// Returns a cell in the colour of a state.
pub(super) fn state(content: &str, state: State) -> Cell {
    let color = match state {
        State::Succeeded => Color::DarkGreen,
        State::Pending | State::Running | State::Partial => Color::DarkYellow,
        State::Failed => Color::DarkRed,
        State::Unknown => Color::Reset,
    };
    cell(content).fg(color)
}

/// Formats a table without borders and line wrapping. It always contains colours; the writer removes them
/// where they are not wanted.
pub(super) fn table(headers: &[String], rows: Vec<Vec<Cell>>) -> String {
    table_with_room(headers, rows, &[])
}

/// Formats a table whose columns have at least these widths.
pub(super) fn table_with_room(headers: &[String], rows: Vec<Vec<Cell>>, least: &[u16]) -> String {
    let mut table = comfy_table::Table::new();
    table
        .load_style(NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .enforce_styling()
        .set_header(headers);
    for row in rows {
        table.add_row(row);
    }
    for (at, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, GAP));
        if let Some(width) = least.get(at).filter(|width| **width > 0) {
            let width = Width::Fixed(width.saturating_add(GAP));
            column.set_constraint(ColumnConstraint::LowerBoundary(width));
        }
    }
    let lines = table.trim_fmt();
    lines.lines().map(|line| trimmed(line) + "\n").collect()
}

/// Removes the spaces at the end of a line, also from inside a coloured last cell.
fn trimmed(line: &str) -> String {
    let is_colour = |at: &usize| {
        let codes = line[*at..].strip_prefix("\u{1b}[");
        let codes = codes.and_then(|rest| rest.strip_suffix('m'));
        codes.is_some_and(|codes| codes.bytes().all(|b| b.is_ascii_digit() || b == b';'))
    };
    let end = line.rfind('\u{1b}').filter(is_colour);
    let (text, reset) = line.split_at(end.unwrap_or(line.len()));
    format!("{}{reset}", text.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_ends_with_spaces() {
        let text = table(
            &["NAME".to_owned(), "OUTCOME".to_owned()],
            vec![vec![cell("a"), state("ok", State::Succeeded)]],
        );
        let plain = anstream::adapter::strip_str(&text).to_string();
        assert_eq!(plain, "NAME   OUTCOME\na      ok\n");
        // The colour stands before the last cell and ends in the same way as other colours.
        let text = table(
            &["OUTCOME".to_owned(), "FILE".to_owned()],
            vec![vec![state("ok", State::Succeeded), cell("a.wasm")]],
        );
        let plain = anstream::adapter::strip_str(&text).to_string();
        assert_eq!(plain, "OUTCOME   FILE\nok        a.wasm\n");
    }

    #[test]
    fn hostile_and_long_text_keeps_the_table_in_shape() {
        let long = "x".repeat(300);
        let text = table(
            &["NAME".to_owned(), "SIZE".to_owned()],
            vec![
                vec![cell("a\u{1b}[2J\nb"), cell("1B")],
                vec![cell(&long), cell("")],
                vec![cell("備份"), cell("2B")],
            ],
        );
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 4);
        assert!(lines[1].starts_with("a\\u{1b}[2J\\u{a}b "));
        assert!(lines[2].ends_with('-') && !text.contains('\u{1b}'));
        // Wide characters take two columns, and the last column must still line up.
        let column = |line: &str, last: char| {
            unicode_width::UnicodeWidthStr::width(
                &line[..line.rfind(last).expect("a last cell") + last.len_utf8()],
            )
        };
        assert_eq!(column(lines[1], 'B'), column(lines[3], 'B'));
    }
}
