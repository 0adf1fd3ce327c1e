//! Work on several items: an error of one does not end the work on the others.

use std::ops::ControlFlow;

use crate::error::CliError;
use crate::ui::{ItemError, Ui};

/// So many errors one after another that concern the whole store end the work.
const ENOUGH: u32 = 2;

/// Notes the errors of items.
pub(crate) struct Failures {
    ui: Ui,
    /// The errors in a row that concern the whole store.
    in_a_row: u32,
}

impl Failures {
    pub(crate) const fn new(ui: Ui) -> Self {
        Self { ui, in_a_row: 0 }
    }

    /// Notes that an item was done.
    pub(crate) const fn done(&mut self) {
        self.in_a_row = 0;
    }

    /// Tells the user that an item failed. Returns its error, and whether the work on the others goes on.
    pub(crate) fn failed(&mut self, item: &str, error: &CliError) -> (ItemError, ControlFlow<()>) {
        let found = self.ui.item_error(error);
        self.ui.note(&found.sentence(item));
        self.in_a_row = if error.concerns_all() {
            self.in_a_row + 1
        } else {
            0
        };
        let next = if self.in_a_row < ENOUGH {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        };
        (found, next)
    }
}

#[cfg(test)]
mod tests {
    use host_base::{Report, ReportKind};
    use host_store::StoreError;

    use super::*;
    use crate::ui::{Color, Format};

    #[test]
    fn only_errors_about_the_whole_store_in_a_row_end_the_work() {
        let mut failures = Failures::new(Ui::new(Format::Json, Color::Never));
        let mut next = |kind| {
            let error = StoreError::from(Report::new(kind, "x"));
            failures.failed("a", &error.into()).1.is_break()
        };
        assert!(!next(ReportKind::Unavailable));
        assert!(!next(ReportKind::Integrity));
        assert!(!next(ReportKind::Unavailable));
        assert!(next(ReportKind::Unauthenticated));
        failures.done();
        let error = StoreError::from(Report::new(ReportKind::TimedOut, "x"));
        assert!(failures.failed("a", &error.into()).1.is_continue());
    }
}
