//! Shows a long list page by page, while it arrives.

use std::io;
use std::ops::ControlFlow;

use host_base::text;
use host_driver::{Backups, LeftOut};
use serde_json::Value;

use super::document::{self, Document as _};
use super::views::{Room, lay_out};
use super::{Format, Ui, live};

/// A string that stands in for the items of a document. JSON and YAML write it without escapes.
const ITEMS: &str = "items-of-the-list";

/// The pages of one list that were shown so far.
#[derive(Debug)]
pub struct PageWriter {
    ui: Ui,
    /// The part of a document after its items. None before the first page.
    rest: Option<String>,
    /// The indentation of an item in a document, in spaces.
    indent: usize,
    widths: Vec<u16>,
    count: usize,
    bytes: Option<u64>,
    pod: Option<String>,
    left_out: LeftOut,
}

impl PageWriter {
    pub(super) fn new(ui: Ui) -> Self {
        Self {
            ui,
            rest: None,
            indent: 0,
            widths: Vec::new(),
            count: 0,
            bytes: None,
            pod: None,
            left_out: LeftOut::Nothing,
        }
    }

    /// Writes a page. The result says whether stdout still has a reader.
    ///
    /// # Errors
    /// When stdout can't be written.
    pub fn show(&mut self, page: &Backups) -> io::Result<ControlFlow<()>> {
        let text = match self.ui.format {
            Format::Table => self.rows(page, false),
            Format::Wide => self.rows(page, true),
            Format::Name => {
                self.rest.get_or_insert_default();
                page.names()
            }
            Format::Json => self.items(page, document::json, ",\n")?,
            Format::Yaml => self.items(page, document::yaml, "")?,
        };
        self.count += page.backups.len();
        let sizes = page.backups.iter().filter_map(|backup| backup.size);
        // Backends report the sizes, so their sum may overflow.
        self.bytes = sizes.fold(self.bytes, |sum, size| {
            Some(sum.unwrap_or_default().saturating_add(size))
        });
        self.pod.clone_from(&page.scope.pod);
        self.left_out = page.left_out;
        self.write(&text)
    }

    /// Writes the end of a document, and below a table the number of backups.
    ///
    /// # Errors
    /// When stdout can't be written.
    pub fn end(mut self) -> io::Result<()> {
        if let Some(rest) = self.rest.take() {
            // Without a reader there is no end to write.
            let _ = self.write(&rest)?;
        }
        if self.ui.format.is_table() {
            self.ui.note(&self.summary());
        }
        Ok(())
    }

    fn summary(&self) -> String {
        let noun = if self.count == 1 { "backup" } else { "backups" };
        let from = self.pod.as_ref().map_or_else(String::new, |pod| {
            format!(", from pod {}", text::printable(pod, 200))
        });
        match (self.left_out, self.bytes) {
            (LeftOut::Nothing, Some(bytes)) => {
                format!("{} {noun}, {} in all{from}", self.count, text::size(bytes))
            }
            (LeftOut::Nothing, None) => format!("{} {noun}{from}", self.count),
            _ => format!("{} {noun}{from}; there are more", self.count),
        }
    }

    /// Returns the rows of a page. The first page comes with the header, and decides how wide columns are at
    /// least.
    fn rows(&mut self, page: &Backups, wide: bool) -> String {
        let widths = Room::AtLeast(self.widths.clone());
        let table = lay_out(page, wide, widths);
        let (header, rows) = table.split_once('\n').unwrap_or((&table, ""));
        if self.rest.is_some() {
            return rows.to_owned();
        }
        self.rest = Some(String::new());
        self.widths = widths_of(header);
        table
    }

    /// Returns the items of a page as they stand in a document. The first page comes with the beginning of the
    /// document.
    fn items(
        &mut self,
        page: &Backups,
        write: impl Fn(&Value) -> io::Result<String>,
        separator: &str,
    ) -> io::Result<String> {
        let mut document = page.body().document()?;
        let items = document["items"].take();
        let items = items.as_array().map(Vec::as_slice).unwrap_or_default();
        let is_first = self.rest.is_none();
        let mut begin = String::new();
        if is_first {
            document["items"] = Value::from(vec![ITEMS]);
            let whole = write(&document)?;
            let (before, after) = whole.split_once(ITEMS).unwrap_or((&whole, ""));
            let line = before.rfind('\n').map_or(0, |at| at + 1);
            self.indent = indent_of(&before[line..]);
            before[..line].clone_into(&mut begin);
            let rest = after.split_once('\n').map_or("", |(_, rest)| rest);
            // The last item of JSON ends without a comma and a line break.
            let end = if separator.is_empty() { "" } else { "\n" };
            self.rest = Some(format!("{end}{rest}"));
        }
        let mut texts = Vec::new();
        for item in items {
            // An item is written as in a list with one item, without the lines around it.
            let list = write(&Value::from(vec![item.clone()]))?;
            texts.push(self.item(&list, separator.is_empty()));
        }
        let texts = texts.join(separator);
        let between = if is_first || texts.is_empty() {
            ""
        } else {
            separator
        };
        Ok(format!("{begin}{between}{texts}"))
    }

    /// Returns the item of a list, indented as in the document.
    fn item(&self, list: &str, is_yaml: bool) -> String {
        let is_flow = list.starts_with('[');
        let lines = list.lines().filter(|line| !matches!(*line, "[" | "]"));
        let lines: Vec<_> = lines.collect();
        let own = lines.first().map_or(0, |line| indent_of(line));
        let mut text = String::new();
        for (at, line) in lines.iter().enumerate() {
            let line = line.get(own..).unwrap_or(line);
            let mark = match (is_yaml && is_flow, at) {
                (false, _) => "",
                (true, 0) => "- ",
                (true, _) => "  ",
            };
            text.push_str(&" ".repeat(self.indent));
            text.push_str(mark);
            text.push_str(line);
            if is_yaml || at + 1 < lines.len() {
                text.push('\n');
            }
        }
        text
    }

    fn write(&self, text: &str) -> io::Result<ControlFlow<()>> {
        let mut written = Ok(());
        live::aside(|| written = self.ui.write_all_out(text));
        match written {
            Ok(()) => Ok(ControlFlow::Continue(())),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ControlFlow::Break(())),
            Err(error) => Err(error),
        }
    }
}

fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// Returns the widths of columns from a header, without the gaps between them.
fn widths_of(header: &str) -> Vec<u16> {
    let header = anstream::adapter::strip_str(header).to_string();
    let mut starts = Vec::new();
    let mut before = ' ';
    for (at, character) in header.chars().enumerate() {
        if before == ' ' && character != ' ' {
            starts.push(at);
        }
        before = character;
    }
    let widths = starts.windows(2).map(|two| {
        let width = (two[1] - two[0]).saturating_sub(usize::from(super::table::GAP));
        u16::try_from(width).unwrap_or(u16::MAX)
    });
    widths.collect()
}

#[cfg(test)]
mod tests {
    use broker_manifest::Column;
    use host_base::{Backup, State};
    use host_driver::Scope;
    use jiff::Timestamp;

    use super::super::Color;
    use super::*;

    fn page(ids: &[&str]) -> Backups {
        let backups = ids.iter().map(|id| Backup::new(*id, State::Succeeded));
        Backups {
            scope: Scope {
                namespace: "messaging".to_owned(),
                statefulset: None,
                pod: None,
                engine: "acme/vault".to_owned(),
                engine_version: "1.0.0".to_owned(),
                is_bundled: false,
            },
            columns: Column::defaults(),
            backups: backups.collect(),
            per_pod: None,
            left_out: LeftOut::Nothing,
            is_list: true,
            now: Timestamp::UNIX_EPOCH,
        }
    }

    fn document(format: Format, pages: &[Backups]) -> String {
        let mut writer = PageWriter::new(Ui::new(format, Color::Never));
        let texts = pages.iter().map(|page| match format {
            Format::Json => writer.items(page, document::json, ",\n"),
            _ => writer.items(page, document::yaml, ""),
        });
        let texts: Result<String, _> = texts.collect();
        texts.expect("documents") + &writer.rest.unwrap_or_default()
    }

    #[test]
    fn pages_together_are_the_document_of_the_whole_list() {
        let whole = page(&["a", "b\u{202e}", "- c: \u{1b}[2J", "d"]);
        let pages = [
            page(&["a", "b\u{202e}"]),
            page(&[]),
            page(&["- c: \u{1b}[2J"]),
            page(&["d"]),
        ];
        let value = || whole.body().document().expect("a document");
        let json = document(Format::Json, &pages);
        assert_eq!(json, document::json(&value()).expect("JSON"));
        let yaml = document(Format::Yaml, &pages);
        let read: Value = serde_saphyr::from_str(&yaml).unwrap_or_else(|e| panic!("{e}: {yaml}"));
        assert_eq!(read, value());
    }

    #[test]
    fn columns_keep_the_place_of_the_first_page() {
        let mut writer = PageWriter::new(Ui::new(Format::Table, Color::Never));
        let first = writer.rows(&page(&["a-long-name-of-a-backup"]), false);
        let second = writer.rows(&page(&["b"]), false);
        let plain = |text: &str| anstream::adapter::strip_str(text).to_string();
        let (first, second) = (plain(&first), plain(&second));
        assert_eq!((first.lines().count(), second.lines().count()), (2, 1));
        let column = |text: &str| text.lines().last().and_then(|line| line.find("Succeeded"));
        assert!(column(&first).is_some());
        assert_eq!(column(&first), column(&second));
    }
}
