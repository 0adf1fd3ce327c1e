use clap::Args;
use host_store::{StoreError, Stores};

use super::{Opener, rows};
use crate::error::CliError;
use crate::ui::{Document, StoresView, Ui};

/// List the named stores
#[derive(Args)]
pub(super) struct ListArgs {}

/// Remove a store from the configuration; its copies stay
#[derive(Args)]
pub(super) struct RemoveArgs {
    /// Name of the store
    store: String,
}

pub(super) fn list(opener: &Opener) -> Result<Box<dyn Document>, CliError> {
    let folders = opener.folders.as_ref().ok_or(CliError::NoHome)?;
    let stores = Stores::read(&folders.configuration)?;
    let stores = stores.stores.iter();
    Ok(Box::new(StoresView {
        stores: stores.map(|(name, it)| rows::store(name, it)).collect(),
    }))
}

pub(super) fn remove(
    args: &RemoveArgs,
    opener: &Opener,
    ui: Ui,
) -> Result<Box<dyn Document>, CliError> {
    let folders = opener.folders.as_ref().ok_or(CliError::NoHome)?;
    let removed = Stores::change(&folders.configuration, |stores| {
        stores
            .stores
            .remove(&args.store)
            .ok_or_else(|| StoreError::Unknown {
                name: args.store.clone(),
                known: stores.stores.keys().cloned().collect(),
            })
    })?;
    ui.note(&format!("Store {} is removed; its copies stay", args.store));
    Ok(Box::new(StoresView {
        stores: vec![rows::store(&args.store, &removed)],
    }))
}
