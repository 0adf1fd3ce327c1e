//! A result that changes, shown anew with each change, as `kubectl get --watch` does it.

use std::io;
use std::ops::ControlFlow;

use host_driver::Backups;

use super::document::{self, Document as _};
use super::views::lay_out;
use super::{Format, Ui, live};

/// What was shown of a backup so far.
#[derive(Debug)]
pub struct Changes {
    ui: Ui,
    shown: Option<Backups>,
}

impl Changes {
    pub(super) fn new(ui: Ui) -> Self {
        Self { ui, shown: None }
    }

    /// Writes a change: a row below those before, or a document of its own. With JSON that is one line
    /// each (newline-delimited JSON), with YAML a document that begins with `---`. Says whether anybody
    /// still reads.
    ///
    /// # Errors
    /// When stdout can't be written.
    pub fn show(&mut self, change: &Backups) -> io::Result<ControlFlow<()>> {
        let text = match self.ui.format {
            Format::Table => self.row(change, false),
            Format::Wide => self.row(change, true),
            Format::Name => change.names(),
            Format::Json => document::json_line(&change.document())?,
            Format::Yaml => format!("---\n{}", document::yaml(&change.document())?),
        };
        let mut written = Ok(());
        live::aside(|| written = self.ui.write_all_out(&text));
        match written {
            Ok(()) => Ok(ControlFlow::Continue(())),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ControlFlow::Break(())),
            Err(error) => Err(error),
        }
    }

    /// The last line of a table of all that was shown, so that columns stay where they are; the first
    /// time with the header.
    fn row(&mut self, change: &Backups, wide: bool) -> String {
        let is_first = self.shown.is_none();
        let shown = self.shown.get_or_insert_with(|| Backups {
            scope: change.scope.clone(),
            columns: change.columns.clone(),
            backups: Vec::new(),
            per_pod: None,
            left_out: 0,
            // Which columns there are must not depend on the state.
            is_list: true,
            now: change.now,
        });
        shown.backups.extend(change.backups.iter().cloned());
        shown.now = change.now;
        let table = lay_out(shown, wide, true);
        if is_first {
            return table;
        }
        let last = table.lines().next_back().unwrap_or_default();
        format!("{last}\n")
    }
}
