use clap::Args;
use host_installed::{PluginError, Plugins};

use super::accept::AcceptArgs;
use super::rows;
use crate::ui::{PluginChangesView, Ui};

/// Install the newest versions of engines from their sources
#[derive(Args)]
pub(super) struct UpdateArgs {
    /// Engine [default: all installed engines]
    name: Option<String>,
    /// Version to install, also an older one; only for engines from a registry
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
    // An update that failed must not hide those that were made.
    for change in changes.iter().filter(|change| change.what != "unchanged") {
        ui.note(&format!("{} is {}", change.id, change.what));
    }
    Err(PluginError::several(problems))
}
