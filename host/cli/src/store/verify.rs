use std::sync::Arc;

use clap::Args;
use host_driver::{StoreObserver, person};
use host_store::VerifyOrder;
use host_transfer::Progress;

use super::{IdentityArgs, Opener, rows};
use crate::error::CliError;
use crate::ui::{CopyChecksView, Document, Ui};

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
    opener: &Opener,
    ui: Ui,
) -> Result<Box<dyn Document>, CliError> {
    let store = opener.open(&args.store).await?;
    let order = VerifyOrder {
        is_deep: args.deep,
        identities: args.identity.read(&store)?,
    };
    let all = store.copies().await?;
    let copies = if args.copies.is_empty() {
        all
    } else {
        let picked = args.copies.iter().map(|copy| store.pick(all.clone(), copy));
        picked.collect::<Result<Vec<_>, _>>()?
    };
    let by = person();
    let mut items = Vec::new();
    let mut problem = None;
    for copy in copies {
        let progress: Arc<dyn Progress> = Arc::new(StoreObserver::new(Arc::new(ui), "Read"));
        let verified = store.verify(copy, &order, &progress).await?;
        // The result counts even if it can't be written: a store may be read-only.
        let noted = store.note_check(&verified.copy, &verified.mark(&by)).await;
        problem = problem.or(noted.err());
        items.push(rows::verified(&verified));
    }
    if let Some(problem) = problem {
        ui.warn(&format!(
            "The results can't be written to the store: {problem}"
        ));
    }
    Ok(Box::new(CopyChecksView {
        store: args.store.clone(),
        items,
    }))
}
