//! `store`: places for copies of backups, and the copies in them.

mod add;
mod change;
mod copy;
mod each;
mod get;
mod identity;
mod ls;
mod named;
mod object;
mod prune;
mod repair;
mod rows;
mod test;
mod verify;

use std::sync::Arc;

use clap::{Args, Subcommand};
use host_base::{Folders, Reporter as _};
use host_cluster::ConnectOptions;
use host_store::{Cleanup, Store, StoreError, Stores};

use super::Context;
use super::backup::AfterStop;
use super::error::CliError;
use crate::ui::{Document, Ui};

pub(super) use copy::Copying;
pub(super) use identity::IdentityArgs;
pub(super) use rows::{copied, copied_view};

/// Keep copies of backups in object storage: list, check, prune, restore
#[derive(Args)]
#[command(arg_required_else_help = true)]
pub(super) struct StoreArgs {
    #[command(subcommand)]
    verb: StoreVerb,
}

impl StoreArgs {
    /// Says what to do when the command is stopped.
    pub(super) fn after_stop(&self) -> AfterStop {
        match &self.verb {
            StoreVerb::Copy(args) => AfterStop::Copies(args.command()),
            _ => AfterStop::Nothing,
        }
    }
}

#[derive(Subcommand)]
enum StoreVerb {
    Add(add::AddArgs),
    List(named::ListArgs),
    Remove(named::RemoveArgs),
    Test(test::TestArgs),
    Ls(ls::LsArgs),
    Get(get::GetArgs),
    Verify(verify::VerifyArgs),
    Prune(prune::PruneArgs),
    Pin(change::PinArgs),
    Unpin(change::UnpinArgs),
    Rm(change::RmArgs),
    Copy(copy::CopyArgs),
    Repair(repair::RepairArgs),
}

/// Opens stores by name or address.
#[derive(Clone, Default)]
pub(super) struct Opener {
    pub(super) folders: Option<Folders>,
    pub(super) cleanup: Cleanup,
    /// The cluster with the stores of the operator.
    pub(super) connect: ConnectOptions,
}

impl Opener {
    /// Opens the store that the user names: by its name, its address, or the name of a BackupStore of the operator.
    ///
    /// A store of the user's configuration became a store when it was added. A folder that is none any more is refused.
    pub(super) async fn open(&self, given: &str) -> Result<Arc<Store>, CliError> {
        let store = self.open_as_it_is(given).await?;
        // The operator looks at its own stores before it uses them.
        if !given.starts_with(object::PREFIX) && self.named()?.knows(given) {
            store.check_mounted().await?;
        }
        Ok(store)
    }

    /// Opens a store that may not be mounted.
    async fn open_as_it_is(&self, given: &str) -> Result<Arc<Store>, CliError> {
        let settings = match given.strip_prefix(object::PREFIX) {
            Some(name) => object::settings(name, &self.connect, self.folders.as_ref()).await?,
            None => self.named()?.find(given)?,
        };
        let state = self.folders.as_ref().map(|folders| folders.state.clone());
        let opened = Store::open(given, settings, state, self.cleanup.clone()).await?;
        Ok(Arc::new(opened))
    }

    /// Returns the stores of the user's configuration.
    fn named(&self) -> Result<Stores, StoreError> {
        match &self.folders {
            Some(folders) => Stores::read(&folders.configuration),
            None => Ok(Stores::default()),
        }
    }

    /// Opens the store that the user names, or else the only one.
    pub(super) async fn open_or_only(&self, given: Option<&str>) -> Result<Arc<Store>, CliError> {
        if let Some(given) = given {
            return self.open(given).await;
        }
        let stores = self.named()?;
        let mut names = stores.stores.into_keys();
        match (names.next(), names.next()) {
            (Some(only), None) => self.open(&only).await,
            (None, _) => Err(CliError::WhichStore { known: Vec::new() }),
            (Some(first), Some(second)) => Err(CliError::WhichStore {
                known: [first, second].into_iter().chain(names).collect(),
            }),
        }
    }
}

pub(super) async fn run(args: StoreArgs, context: Context<'_>) -> Result<(), CliError> {
    let ui = context.ui;
    let opener = &context.opener;
    let work = async {
        Ok::<_, CliError>(match args.verb {
            StoreVerb::Add(args) => Some(add::run(args, opener, ui).await?),
            StoreVerb::List(_) => Some(named::list(opener)?),
            StoreVerb::Remove(args) => Some(named::remove(&args, opener, ui)?),
            StoreVerb::Test(args) => Some(test::run(&args, opener, ui).await?),
            StoreVerb::Ls(args) => Some(ls::run(&args, opener).await?),
            StoreVerb::Get(args) => get::run(args, &context, ui).await?,
            StoreVerb::Verify(args) => Some(verify::run(&args, &context).await?),
            StoreVerb::Prune(args) => Some(prune::run(&args, opener, ui).await?),
            StoreVerb::Pin(args) => Some(change::pin(&args, &context).await?),
            StoreVerb::Unpin(args) => Some(change::unpin(&args, &context).await?),
            StoreVerb::Rm(args) => Some(change::rm(&args, opener, ui).await?),
            StoreVerb::Copy(args) => Some(copy::run(&args, &context).await?),
            StoreVerb::Repair(args) => Some(repair::run(&args, opener, ui).await?),
        })
    };
    let view: Option<Box<dyn Document>> =
        ui.while_waiting("Asking the store", Box::pin(work)).await?;
    let Some(view) = view else {
        return Ok(());
    };
    ui.data(view.as_ref())?;
    ui.summary(view.as_ref());
    match view.failure() {
        Some(failure) => Err(CliError::Said(failure)),
        None => Ok(()),
    }
}

/// Asks the user to agree, unless the user has agreed before.
async fn confirm(ui: Ui, doing: &str, store: &str, is_confirmed: bool) -> Result<(), CliError> {
    if is_confirmed {
        return Ok(());
    }
    match ui.confirm(doing, store).await {
        Ok(Some(typed)) if typed == store => Ok(()),
        _ => Err(CliError::Unconfirmed {
            doing: doing.to_owned(),
        }),
    }
}
