use std::sync::Arc;

use clap::Args;
use host_driver::{StoreObserver, identities, person};
use host_store::{StoreError, VerifyOrder};
use host_transfer::Progress;

use super::each::Failures;
use super::{IdentityArgs, rows};
use crate::Context;
use crate::error::CliError;
use crate::ui::{CopyChecksView, Document};

/// Check copies: by sizes and entity tags, or with --deep by every byte
#[derive(Args)]
pub(super) struct VerifyArgs {
    /// Name or address of the store
    store: String,
    /// Ids or references of the copies [default: all]
    copies: Vec<String>,
    /// Read, decrypt and hash every byte, and follow the structure of archives
    #[arg(long)]
    deep: bool,
    #[command(flatten)]
    identity: IdentityArgs,
}

pub(super) async fn run(
    args: &VerifyArgs,
    context: &Context<'_>,
) -> Result<Box<dyn Document>, CliError> {
    let ui = context.ui;
    let store = context.opener.open(&args.store).await?;
    let order = VerifyOrder {
        is_deep: args.deep,
        identities: identities(&args.identity.sources(&store), &context.connect).await?,
    };
    let all = store.copies().await?;
    let is_named = !args.copies.is_empty();
    let copies = if args.copies.is_empty() {
        all
    } else {
        let picked = args.copies.iter().map(|copy| store.pick(all.clone(), copy));
        picked.collect::<Result<Vec<_>, _>>()?
    };
    let by = person();
    let rows = copies.iter().map(|copy| rows::unchecked(copy, args.deep));
    let view = context.so_far.keep(CopyChecksView {
        store: args.store.clone(),
        items: rows.collect(),
    });
    let is_only = copies.len() == 1;
    let mut failures = Failures::new(ui);
    let mut problem = None;
    let mut deleted = Vec::new();
    for (at, copy) in copies.into_iter().enumerate() {
        let progress: Arc<dyn Progress> = Arc::new(StoreObserver::new(Arc::new(ui), "Read"));
        match store.verify(copy, &order, &progress).await {
            Ok(verified) => {
                failures.done();
                view.borrow_mut().items[at] = rows::verified(&verified);
                // The result counts even if it can't be written: a store may be read-only.
                let noted = store.note_check(&verified.copy, &verified.mark(&by)).await;
                problem = problem.or(noted.err());
            }
            // Somebody prunes the store at the same time.
            Err(StoreError::NoCopy { .. }) if !is_named => deleted.push(at),
            Err(error) if is_only => return Err(error.into()),
            Err(error) => {
                let row = &mut view.borrow_mut().items[at];
                let (error, next) = failures.failed(&row.reference, &error.into());
                row.fail(error);
                if next.is_break() {
                    break;
                }
            }
        }
    }
    for at in deleted.into_iter().rev() {
        let row = view.borrow_mut().items.remove(at);
        ui.note(&format!("Deleted meanwhile: {}", row.reference));
    }
    if let Some(problem) = problem {
        ui.warn(&format!(
            "The results can't be written to the store, so `store ls` and `prune` don't know them: {problem}"
        ));
    }
    Ok(Box::new(context.so_far.complete(&view)))
}
