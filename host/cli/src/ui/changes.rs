//! Shows a changing result again after each change, as `kubectl get --watch` does.

use std::io;
use std::ops::ControlFlow;

use host_driver::{Backups, LeftOut};

use super::document::{self, Document as _};
use super::views::{Room, lay_out};
use super::{Format, Ui, live};

/// The changes of one backup that were shown so far.
#[derive(Debug)]
pub struct Changes {
    ui: Ui,
    shown: Option<Backups>,
}

impl Changes {
    pub(super) fn new(ui: Ui) -> Self {
        Self { ui, shown: None }
    }

    /// Writes a change: as another row of the table, or as another document.
    ///
    /// JSON documents are one line each (newline-delimited JSON). YAML documents begin with `---`. The result
    /// says whether stdout still has a reader.
    ///
    /// # Errors
    /// When stdout can't be written.
    pub fn show(&mut self, change: &Backups) -> io::Result<ControlFlow<()>> {
        let text = match self.ui.format {
            Format::Table => self.row(change, false),
            Format::Wide => self.row(change, true),
            Format::Name => change.names(),
            Format::Json => document::json_line(&change.body().document()?)?,
            Format::Yaml => format!("---\n{}", document::yaml(&change.body().document()?)?),
        };
        let mut written = Ok(());
        live::aside(|| written = self.ui.write_all_out(&text));
        match written {
            Ok(()) => Ok(ControlFlow::Continue(())),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ControlFlow::Break(())),
            Err(error) => Err(error),
        }
    }

    /// Returns the last row of a table of all changes, so that columns keep their widths. The first row comes
    /// with the header.
    fn row(&mut self, change: &Backups, wide: bool) -> String {
        let is_first = self.shown.is_none();
        let shown = self.shown.get_or_insert_with(|| Backups {
            scope: change.scope.clone(),
            columns: change.columns.clone(),
            backups: Vec::new(),
            per_pod: None,
            left_out: LeftOut::Nothing,
            // The columns must not depend on the state.
            is_list: true,
            now: change.now,
        });
        shown.backups.extend(change.backups.iter().cloned());
        shown.now = change.now;
        let table = lay_out(shown, wide, Room::Reserved);
        if is_first {
            return table;
        }
        let last = table.lines().next_back().unwrap_or_default();
        format!("{last}\n")
    }
}
