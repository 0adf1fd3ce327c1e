use clap::Args;
use host_installed::{PluginError, Plugins};

use super::rows;
use crate::ui::{PluginChecksView, Ui};

/// Check engines and start each once without access, to find out why one fails
#[derive(Args)]
pub(super) struct DoctorArgs {
    /// Engine [default: all installed engines]
    name: Option<String>,
}

pub(super) async fn run(
    args: &DoctorArgs,
    plugins: &Plugins<'_>,
    ui: Ui,
) -> Result<PluginChecksView, PluginError> {
    let only = args.name.as_ref().map(|name| plugins.find(name));
    let checked = plugins.diagnose(only.transpose()?.as_ref()).await?;
    Ok(PluginChecksView {
        plugins: checked.iter().map(|it| rows::installed(it, ui)).collect(),
    })
}
