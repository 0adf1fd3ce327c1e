//! The result of a command that works through several items, as far as it has come.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use crate::ui::{Document, Ui};

/// Keeps a result that is not complete yet. If the command is stopped, its future is dropped, and this is shown.
#[derive(Clone, Default)]
pub(super) struct SoFar(Rc<RefCell<Option<Rc<dyn Shown>>>>);

/// A result that can be shown while somebody else still has it.
trait Shown {
    fn show(&self, ui: Ui) -> io::Result<()>;
}

impl<D: Document> Shown for RefCell<D> {
    fn show(&self, ui: Ui) -> io::Result<()> {
        let result = self.borrow();
        ui.data(&*result)?;
        ui.summary(&*result);
        Ok(())
    }
}

impl SoFar {
    /// Keeps a result, and returns the place where it grows.
    pub(super) fn keep<D: Document + 'static>(&self, result: D) -> Rc<RefCell<D>> {
        let kept = Rc::new(RefCell::new(result));
        *self.0.borrow_mut() = Some(Rc::clone(&kept) as Rc<dyn Shown>);
        kept
    }

    /// Returns the complete result.
    pub(super) fn complete<D: Document + Default>(&self, kept: &RefCell<D>) -> D {
        *self.0.borrow_mut() = None;
        kept.take()
    }

    /// Shows the result of a command that was stopped, if it has one.
    ///
    /// # Errors
    /// When stdout can't be written.
    pub(super) fn show(&self, ui: Ui) -> io::Result<()> {
        match self.0.borrow_mut().take() {
            Some(kept) => kept.show(ui),
            None => Ok(()),
        }
    }
}
