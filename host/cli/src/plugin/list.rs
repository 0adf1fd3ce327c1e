use clap::Args;
use host_engine::EngineFile;
use host_installed::{PluginError, Plugins};

use super::rows;
use crate::ui::{PluginsView, Ui};

/// List bundled and installed engines with their sources
#[derive(Args)]
pub(super) struct ListArgs {}

pub(super) fn run(
    _: &ListArgs,
    plugins: &Plugins<'_>,
    engines: &[EngineFile],
    ui: Ui,
) -> Result<PluginsView, PluginError> {
    let bundled = engines.iter().filter(|file| file.is_bundled());
    let mut rows: Vec<_> = bundled.map(rows::bundled).collect();
    rows.extend(plugins.list()?.iter().map(|it| rows::installed(it, ui)));
    Ok(PluginsView { plugins: rows })
}
