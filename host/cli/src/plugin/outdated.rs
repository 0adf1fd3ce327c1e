use clap::Args;
use host_installed::{PluginError, Plugins};

use crate::ui::{PluginUpdateRow, PluginUpdatesView};

/// Show newer versions of installed engines, without installing them
#[derive(Args)]
pub(super) struct OutdatedArgs {
    /// Engine [default: all installed engines]
    name: Option<String>,
}

pub(super) async fn run(
    args: &OutdatedArgs,
    plugins: &Plugins<'_>,
) -> Result<PluginUpdatesView, PluginError> {
    let only = args.name.as_ref().map(|name| plugins.find(name));
    let only = only.transpose()?;
    let mut lockfile = plugins.store().lockfile()?;
    lockfile
        .plugins
        .retain(|id, _| only.as_ref().is_none_or(|only| only == id));
    let mut updates = Vec::new();
    for (id, plugin) in &lockfile.plugins {
        let current = &plugin.current;
        let newest = plugins.newest(id, &lockfile).await;
        let more = newest.as_ref().map_or_else(
            |_| Vec::new(),
            |newest| {
                newest
                    .capabilities
                    .beyond(&current.capabilities)
                    .sentences()
            },
        );
        updates.push(PluginUpdateRow {
            id: id.to_string(),
            installed: current.version.to_string(),
            is_new: newest
                .as_ref()
                .is_ok_and(|it| it.digest() != current.digest),
            available: newest
                .map(|newest| newest.file.manifest().version.to_string())
                .map_err(|problem| problem.to_string()),
            more,
        });
    }
    Ok(PluginUpdatesView { updates })
}
