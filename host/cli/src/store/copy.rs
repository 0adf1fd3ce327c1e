use std::cell::RefCell;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::Arc;

use clap::Args;
use host_base::shell::word;
use host_base::{Failure, Problem as _, Reporter};
use host_driver::{StoreObserver, StoredCopy, examine, person};
use host_store::Way;

use super::each::Failures;
use super::rows;
use crate::Context;
use crate::error::CliError;
use crate::so_far::SoFar;
use crate::ui::{CopiedView, Document, FailedItem, Ui};

/// Copy copies to another store; within one S3 service the bytes are not downloaded
#[derive(Args)]
pub(super) struct CopyArgs {
    /// Name or address of the store to read
    from: String,
    /// Name or address of the store to write
    to: String,
    /// Ids or references of the copies [default: all]
    copies: Vec<String>,
    /// Replace the copies that the other store has, once the new ones are complete
    #[arg(long)]
    force: bool,
}

impl CopyArgs {
    /// Returns the command.
    pub(super) fn command(&self) -> String {
        let words = [&self.from, &self.to].into_iter().chain(&self.copies);
        let words: Vec<_> = words.map(|it| word(it)).collect();
        let force = if self.force { " --force" } else { "" };
        format!("kubectl broker store copy {}{force}", words.join(" "))
    }
}

pub(super) async fn run(
    args: &CopyArgs,
    context: &Context<'_>,
) -> Result<Box<dyn Document>, CliError> {
    let ui = context.ui;
    let from = context.opener.open(&args.from).await?;
    let to = context.opener.open(&args.to).await?;
    let all = from.copies().await?;
    let copies = if args.copies.is_empty() {
        all
    } else {
        let picked = args.copies.iter().map(|copy| from.pick(all.clone(), copy));
        picked.collect::<Result<Vec<_>, _>>()?
    };
    let by = person();
    let items = copies.iter().map(host_store::Copy::reference);
    let mut copying = Copying::begin(to.called(), items.collect(), &context.so_far, ui);
    let mut by_service = 0;
    for copy in &copies {
        let progress = StoreObserver::new(Arc::new(ui), "Copied");
        let outcome = from.copy_to(copy, &to, &by, args.force, &progress).await;
        if outcome
            .as_ref()
            .is_err_and(|error| error.failure() == Failure::Integrity)
        {
            let reporter: Arc<dyn Reporter> = Arc::new(ui);
            examine(&reporter, &from, copy, None).await;
        }
        let outcome = outcome.map(|(written, way)| {
            by_service += usize::from(way == Way::Service && !written.was_there);
            StoredCopy {
                store: to.called().to_owned(),
                manifest: written.manifest,
                was_there: written.was_there,
                resumed: 0,
            }
        });
        if copying.tried(outcome.map_err(CliError::from))?.is_break() {
            break;
        }
    }
    if by_service > 0 {
        ui.note(&format!(
            "{by_service} of {} copies were copied by the service",
            copies.len()
        ));
    }
    Ok(Box::new(copying.end()))
}

/// The work of copying several items to a store. An error of one does not end it.
pub(crate) struct Copying<'a> {
    view: Rc<RefCell<CopiedView>>,
    so_far: &'a SoFar,
    failures: Failures,
    is_only: bool,
}

impl<'a> Copying<'a> {
    /// Begins with all items untried. They are tried in this order.
    pub(crate) fn begin(store: &str, items: Vec<String>, so_far: &'a SoFar, ui: Ui) -> Self {
        Self {
            is_only: items.len() == 1,
            view: so_far.keep(CopiedView {
                store: store.to_owned(),
                untried: items,
                ..CopiedView::default()
            }),
            so_far,
            failures: Failures::new(ui),
        }
    }

    /// Notes the outcome of the next item. Returns whether the work on the others goes on.
    ///
    /// # Errors
    /// With the error of the item, if it is the only one.
    pub(crate) fn tried(
        &mut self,
        outcome: Result<StoredCopy, CliError>,
    ) -> Result<ControlFlow<()>, CliError> {
        let mut view = self.view.borrow_mut();
        let item = view.untried.remove(0);
        match outcome {
            Ok(copy) => {
                view.items.push(rows::copied(&copy));
                self.failures.done();
                Ok(ControlFlow::Continue(()))
            }
            Err(error) if self.is_only => Err(error),
            Err(error) => {
                let (error, next) = self.failures.failed(&item, &error);
                view.failures.push(FailedItem { item, error });
                Ok(next)
            }
        }
    }

    /// Returns the result.
    pub(crate) fn end(self) -> CopiedView {
        self.so_far.complete(&self.view)
    }
}
