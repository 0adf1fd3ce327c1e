use clap::Args;
use host_installed::{PluginError, Plugins};

use super::rows;
use crate::ui::{PluginChecksView, Ui};

/// Compare installed engines with the lockfile: bytes, capabilities and native code
#[derive(Args)]
pub(super) struct VerifyArgs {
    /// Engine [default: all installed engines]
    name: Option<String>,
}

pub(super) fn run(
    args: &VerifyArgs,
    plugins: &Plugins<'_>,
    ui: Ui,
) -> Result<PluginChecksView, PluginError> {
    let only = args.name.as_ref().map(|name| plugins.find(name));
    let checked = plugins.verify(only.transpose()?.as_ref())?;
    Ok(PluginChecksView {
        plugins: checked.iter().map(|it| rows::installed(it, ui)).collect(),
    })
}
