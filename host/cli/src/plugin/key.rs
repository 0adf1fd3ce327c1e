use std::path::PathBuf;

use clap::{Args, Subcommand};
use host_installed::{NewKey, PluginError, Plugins};

use super::rows;
use crate::ui::{Document, KeyChangeView, KeysView, Ui};

/// Manage the keys that publishers are trusted by
#[derive(Args)]
#[command(arg_required_else_help = true)]
pub(super) struct KeyArgs {
    #[command(subcommand)]
    verb: KeyVerb,
}

#[derive(Subcommand)]
enum KeyVerb {
    Add(AddArgs),
    List(ListArgs),
    Remove(RemoveArgs),
}

/// Trust a key for a publisher, and refuse engines that the key did not sign
#[derive(Args)]
struct AddArgs {
    /// Publisher: the part of an engine name before the slash
    publisher: String,
    /// P-256 public key in PEM, as written by `openssl` and `cosign`
    file: PathBuf,
    /// Name of the key on this machine [default: file name]
    #[arg(long)]
    name: Option<String>,
}

/// List trusted keys
#[derive(Args)]
struct ListArgs {}

/// Stop trusting a key
#[derive(Args)]
struct RemoveArgs {
    /// Publisher that the key is trusted for
    publisher: String,
    /// Name of the key on this machine
    name: String,
}

pub(super) fn run(
    args: &KeyArgs,
    plugins: &Plugins<'_>,
    ui: Ui,
) -> Result<Box<dyn Document>, PluginError> {
    Ok(match &args.verb {
        KeyVerb::Add(args) => Box::new(add(args, plugins, ui)?),
        KeyVerb::List(_) => Box::new(list(plugins)?),
        KeyVerb::Remove(args) => Box::new(remove(args, plugins, ui)?),
    })
}

fn add(args: &AddArgs, plugins: &Plugins<'_>, ui: Ui) -> Result<KeyChangeView, PluginError> {
    let new = NewKey::read(&args.file)?;
    let name = args.name.as_ref().unwrap_or(&new.name);
    let added = plugins.keys().add(&args.publisher, name, new.key)?;
    let (engines, problem) = plugins.without_trust(&args.publisher);
    tell(problem, ui);
    Ok(KeyChangeView::Added {
        key: rows::key(&added),
        engines: engines.iter().map(ToString::to_string).collect(),
    })
}

fn list(plugins: &Plugins<'_>) -> Result<KeysView, PluginError> {
    let keys = plugins.keys().list_all()?;
    Ok(KeysView {
        keys: keys.iter().map(rows::key).collect(),
    })
}

fn remove(args: &RemoveArgs, plugins: &Plugins<'_>, ui: Ui) -> Result<KeyChangeView, PluginError> {
    let removed = plugins.remove_key(&args.publisher, &args.name)?;
    tell(removed.problem, ui);
    Ok(KeyChangeView::Removed {
        publisher: args.publisher.clone(),
        name: args.name.clone(),
        fingerprint: removed.key.fingerprint.map(|it| it.to_string()),
        is_last: removed.key.is_last,
        engines: removed.engines.iter().map(ToString::to_string).collect(),
    })
}

fn tell(problem: Option<PluginError>, ui: Ui) {
    if let Some(problem) = problem {
        ui.warn(&format!("the affected engines are unknown: {problem}"));
    }
}
