use clap::Args;
use host_installed::{PluginError, Plugins};

use super::accept::AcceptArgs;
use super::rows;
use crate::ui::{PluginChangesView, Ui};

/// Fetch engines again from where they came from, and install what is new there
#[derive(Args)]
pub(super) struct UpdateArgs {
    /// The engine; all of them where none is named
    name: Option<String>,
    /// This version, though it may be older; of an engine that came from a registry
    #[arg(long, requires = "name")]
    version: Option<semver::Version>,
    #[command(flatten)]
    accept: AcceptArgs,
}

pub(super) async fn run(
    args: &UpdateArgs,
    plugins: &Plugins<'_>,
    ui: Ui,
) -> Result<PluginChangesView, PluginError> {
    let ids = match &args.name {
        Some(name) => vec![plugins.find(name)?],
        None => plugins.list()?.into_iter().map(|one| one.id).collect(),
    };
    let consent = args.accept.asking(ui);
    let mut changes = Vec::new();
    let mut problems = Vec::new();
    for id in ids {
        let update = match &args.version {
            Some(version) => plugins.update_to(&id, version, &consent).await,
            None => plugins.update(&id, &consent).await,
        };
        match update {
            Ok(change) => changes.push(rows::change(&change)),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() {
        return Ok(PluginChangesView { changes });
    }
    // What failed must not hide what was done.
    for change in changes.iter().filter(|change| change.what != "unchanged") {
        ui.note(&format!("{} is {}", change.id, change.what));
    }
    Err(PluginError::several(problems))
}
