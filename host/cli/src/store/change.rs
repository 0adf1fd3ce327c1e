use clap::Args;
use jiff::Timestamp;

use super::{Opener, confirm};
use crate::error::CliError;
use crate::ui::{CopyChangesView, Document, Ui};

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

pub(super) async fn pin(args: &PinArgs, opener: &Opener) -> Result<Box<dyn Document>, CliError> {
    let store = opener.open(&args.store).await?;
    let all = store.copies().await?;
    let mut copies = Vec::new();
    for reference in &args.copies {
        let copy = store.pick(all.clone(), reference)?;
        store.pin(&copy).await?;
        copies.push(copy.name.reference());
    }
    Ok(Box::new(CopyChangesView {
        store: args.store.clone(),
        change: "pinned",
        copies,
    }))
}

pub(super) async fn unpin(
    args: &UnpinArgs,
    opener: &Opener,
) -> Result<Box<dyn Document>, CliError> {
    let store = opener.open(&args.store).await?;
    let all = store.copies().await?;
    let mut copies = Vec::new();
    for reference in &args.copies {
        let copy = store.pick(all.clone(), reference)?;
        store.unpin(&copy).await?;
        copies.push(copy.name.reference());
    }
    Ok(Box::new(CopyChangesView {
        store: args.store.clone(),
        change: "unpinned",
        copies,
    }))
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
    let names: Vec<_> = picked.iter().map(|copy| copy.name.reference()).collect();
    let doing = format!(
        "deleting {} from store {}",
        names.join(", "),
        store.called()
    );
    confirm(ui, &doing, store.called(), args.yes).await?;
    let now = Timestamp::now();
    let going: Vec<_> = picked.into_iter().map(|copy| copy.name).collect();
    let removed = store.remove(&going, now).await?;
    if let Some(error) = removed.error {
        return Err(error.into());
    }
    Ok(Box::new(CopyChangesView {
        store: args.store.clone(),
        change: "deleted",
        copies: names,
    }))
}
