use crate::engine::{Level, Observer};
use crate::model::text;
use crate::ui::Ui;

/// Longest note of an engine that is shown, in characters.
const MAX_NOTE: usize = 500;

/// Shows what engines say.
pub(super) struct UiObserver(pub(super) Ui);

impl Observer for UiObserver {
    fn log(&self, engine: &str, level: Level, message: &str) {
        let note = format!("engine {engine}: {}", text::printable(message, MAX_NOTE));
        match level {
            Level::Warn => self.0.warn(&note),
            Level::Info | Level::Debug => self.0.debug(&note),
        }
    }

    fn progress(&self, engine: &str, message: &str, done: u64, total: Option<u64>) {
        let total = total
            .map(|total| format!(" of {total}"))
            .unwrap_or_default();
        let message = text::printable(message, MAX_NOTE);
        self.0
            .debug(&format!("engine {engine}: {message}: {done}{total}"));
    }
}
