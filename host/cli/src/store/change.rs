use std::sync::Arc;

use clap::Args;
use host_store::{Copy, Store, StoreError};
use jiff::Timestamp;

use super::each::Failures;
use super::{Opener, confirm};
use crate::Context;
use crate::error::CliError;
use crate::ui::{CopyChangesView, Document, FailedItem, Ui};

/// Protect copies from `prune` and `rm`
#[derive(Args)]
pub(super) struct PinArgs {
    /// Name or address of the store
    store: String,
    /// Ids or references of the copies
    #[arg(required = true)]
    copies: Vec<String>,
}

/// Remove the pins of copies
#[derive(Args)]
pub(super) struct UnpinArgs {
    /// Name or address of the store
    store: String,
    /// Ids or references of the copies
    #[arg(required = true)]
    copies: Vec<String>,
}

/// Delete copies
#[derive(Args)]
pub(super) struct RmArgs {
    /// Name or address of the store
    store: String,
    /// Ids or references of the copies
    #[arg(required = true)]
    copies: Vec<String>,
    /// Skip the confirmation
    #[arg(short, long)]
    yes: bool,
}

pub(super) async fn pin(
    args: &PinArgs,
    context: &Context<'_>,
) -> Result<Box<dyn Document>, CliError> {
    let change = async |store: Arc<Store>, copy: Copy| store.pin(&copy).await;
    each(&args.store, &args.copies, "pinned", change, context).await
}

pub(super) async fn unpin(
    args: &UnpinArgs,
    context: &Context<'_>,
) -> Result<Box<dyn Document>, CliError> {
    let change = async |store: Arc<Store>, copy: Copy| store.unpin(&copy).await;
    each(&args.store, &args.copies, "unpinned", change, context).await
}

/// Changes each copy, although another one could not be changed.
async fn each(
    store: &str,
    references: &[String],
    name: &'static str,
    change: impl AsyncFn(Arc<Store>, Copy) -> Result<(), StoreError>,
    context: &Context<'_>,
) -> Result<Box<dyn Document>, CliError> {
    let opened = context.opener.open(store).await?;
    let all = opened.copies().await?;
    let picked = references.iter().map(|it| opened.pick(all.clone(), it));
    let copies = picked.collect::<Result<Vec<_>, _>>()?;
    let view = context.so_far.keep(CopyChangesView {
        store: store.to_owned(),
        change: name,
        untried: copies.iter().map(Copy::reference).collect(),
        ..CopyChangesView::default()
    });
    let is_only = copies.len() == 1;
    let mut failures = Failures::new(context.ui);
    for copy in copies {
        let changed = change(Arc::clone(&opened), copy).await;
        let mut view = view.borrow_mut();
        let item = view.untried.remove(0);
        match changed {
            Ok(()) => {
                failures.done();
                view.copies.push(item);
            }
            Err(error) if is_only => return Err(error.into()),
            Err(error) => {
                let (error, next) = failures.failed(&item, &error.into());
                view.failures.push(FailedItem { item, error });
                if next.is_break() {
                    break;
                }
            }
        }
    }
    Ok(Box::new(context.so_far.complete(&view)))
}

pub(super) async fn rm(
    args: &RmArgs,
    opener: &Opener,
    ui: Ui,
) -> Result<Box<dyn Document>, CliError> {
    let store = opener.open(&args.store).await?;
    let all = store.copies().await?;
    let picked = args.copies.iter().map(|copy| store.pick(all.clone(), copy));
    let picked = picked.collect::<Result<Vec<_>, _>>()?;
    let names: Vec<_> = picked.iter().map(Copy::reference).collect();
    let doing = format!(
        "deleting {} from store {}",
        names.join(", "),
        store.called()
    );
    confirm(ui, &doing, store.called(), args.yes).await?;
    let now = Timestamp::now();
    let going: Vec<_> = picked.into_iter().map(|copy| copy.name).collect();
    let removed = store.remove(&going, now).await?;
    let gone: Vec<_> = removed.copies.iter().map(Copy::reference).collect();
    let (copies, left): (Vec<_>, Vec<_>) = names.into_iter().partition(|it| gone.contains(it));
    let failures = match removed.error {
        // The copies are gone, and the error says that some of their data are not.
        Some(error) if copies.is_empty() || left.is_empty() => return Err(error.into()),
        Some(error) => {
            let error = error.into();
            let mut failures = Failures::new(ui);
            let failed = left.into_iter().map(|item| FailedItem {
                error: failures.failed(&item, &error).0,
                item,
            });
            failed.collect()
        }
        None => Vec::new(),
    };
    Ok(Box::new(CopyChangesView {
        store: args.store.clone(),
        change: "deleted",
        copies,
        failures,
        untried: Vec::new(),
    }))
}
