use clap::Args;
use host_driver::{StoreObserver, StoredCopy, person};
use host_store::Way;
use std::sync::Arc;

use super::{Opener, copied_list};
use crate::error::CliError;
use crate::ui::{Document, Ui};

/// Copy copies to another store; within one S3 service the bytes are not downloaded
#[derive(Args)]
pub(super) struct CopyArgs {
    /// Name or address of the store to read
    from: String,
    /// Name or address of the store to write
    to: String,
    /// Ids or references of the copies [default: all]
    copies: Vec<String>,
}

pub(super) async fn run(
    args: &CopyArgs,
    opener: &Opener,
    ui: Ui,
) -> Result<Box<dyn Document>, CliError> {
    let from = opener.open(&args.from).await?;
    let to = opener.open(&args.to).await?;
    let all = from.copies().await?;
    let copies = if args.copies.is_empty() {
        all
    } else {
        let picked = args.copies.iter().map(|copy| from.pick(all.clone(), copy));
        picked.collect::<Result<Vec<_>, _>>()?
    };
    let by = person();
    let mut done = Vec::new();
    let mut by_service = 0;
    for copy in &copies {
        let progress = StoreObserver::new(Arc::new(ui), "Copied");
        let (written, way) = from.copy_to(copy, &to, &by, &progress).await?;
        by_service += usize::from(way == Way::Service && !written.was_there);
        done.push(StoredCopy {
            store: to.called().to_owned(),
            manifest: written.manifest,
            was_there: written.was_there,
            resumed: 0,
        });
    }
    if by_service > 0 {
        ui.note(&format!(
            "{by_service} of {} copies were copied by the service",
            done.len()
        ));
    }
    Ok(Box::new(copied_list(&args.to, &done)))
}
