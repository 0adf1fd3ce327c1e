//! `plugin`: which engines there are on this machine, and what they may do.

mod accept;
mod author;
mod bundle;
mod default;
mod doctor;
mod inspect;
mod install;
mod key;
mod list;
mod outdated;
mod remove;
mod rollback;
mod rows;
mod sync;
mod update;
mod verify;

use std::sync::Arc;

use clap::{Args, Subcommand};
use host_base::Folders;
use host_installed::{KeyFolder, PluginError, Plugins, SourceOptions, Sources};

pub(crate) use accept::AcceptArgs;

use super::Context;
use super::error::CliError;
use crate::ui::Document;

/// Install, inspect, update and remove engines
#[derive(Args)]
#[command(arg_required_else_help = true)]
pub(super) struct PluginArgs {
    /// Read only files; open no connection and run no other program
    #[arg(long, global = true)]
    offline: bool,
    /// Registry to contact without TLS, as HOST or HOST:PORT; repeatable
    #[arg(long, global = true, value_name = "HOST")]
    insecure_registry: Vec<String>,
    #[command(subcommand)]
    verb: AnyVerb,
}

#[derive(Subcommand)]
enum AnyVerb {
    #[command(flatten)]
    User(PluginVerb),
    #[command(flatten)]
    Author(author::AuthorVerb),
}

/// A verb that works with the store of installed engines.
#[derive(Subcommand)]
enum PluginVerb {
    Install(install::InstallArgs),
    List(list::ListArgs),
    Inspect(inspect::InspectArgs),
    Update(update::UpdateArgs),
    Outdated(outdated::OutdatedArgs),
    Rollback(rollback::RollbackArgs),
    Remove(remove::RemoveArgs),
    Verify(verify::VerifyArgs),
    Sync(sync::SyncArgs),
    Doctor(doctor::DoctorArgs),
    Key(key::KeyArgs),
    Default(default::DefaultArgs),
    Bundle(bundle::BundleArgs),
}

pub(super) async fn run(args: PluginArgs, context: Context<'_>) -> Result<(), CliError> {
    let ui = context.ui;
    let verb = match args.verb {
        AnyVerb::Author(verb) => return author::run(verb, &context.engines, ui).await,
        AnyVerb::User(verb) => verb,
    };
    let sources = Sources::new(SourceOptions {
        offline: args.offline,
        insecure_registries: args.insecure_registry,
        ..SourceOptions::from_environment()
    });
    let folders = Folders::of_user().ok_or(PluginError::NoHome)?;
    let keys = KeyFolder::of(&folders.configuration);
    let plugins = Plugins::open(&context.engines, &sources, &keys, &folders, Arc::new(ui))?;
    let view = Box::pin(run_verb(verb, &plugins, &context)).await?;
    ui.data(view.as_ref())?;
    ui.summary(view.as_ref());
    Ok(())
}

async fn run_verb(
    verb: PluginVerb,
    plugins: &Plugins<'_>,
    context: &Context<'_>,
) -> Result<Box<dyn Document>, PluginError> {
    let ui = context.ui;
    Ok(match verb {
        PluginVerb::Install(args) => Box::new(install::run(&args, plugins, ui).await?),
        PluginVerb::List(args) => Box::new(list::run(&args, plugins, &context.engines, ui)?),
        PluginVerb::Inspect(args) => inspect::run(&args, plugins).await?,
        PluginVerb::Update(args) => Box::new(update::run(&args, plugins, ui).await?),
        PluginVerb::Outdated(args) => Box::new(outdated::run(&args, plugins).await?),
        PluginVerb::Rollback(args) => Box::new(rollback::run(&args, plugins).await?),
        PluginVerb::Remove(args) => Box::new(remove::run(&args, plugins).await?),
        PluginVerb::Verify(args) => Box::new(verify::run(&args, plugins, ui)?),
        PluginVerb::Sync(args) => Box::new(sync::run(&args, plugins).await?),
        PluginVerb::Doctor(args) => Box::new(doctor::run(&args, plugins, ui).await?),
        PluginVerb::Bundle(args) => Box::new(bundle::run(&args, plugins)?),
        PluginVerb::Default(args) => Box::new(default::run(&args, plugins, ui).await?),
        PluginVerb::Key(args) => key::run(&args, plugins, ui)?,
    })
}
