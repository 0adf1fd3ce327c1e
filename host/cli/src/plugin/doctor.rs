use clap::Args;
use host_installed::{PluginError, Plugins};

use super::rows;
use crate::ui::PluginChecksView;

/// Say why an engine can't be used: check it, and start it once with nothing to reach
#[derive(Args)]
pub(super) struct DoctorArgs {
    /// The engine; all of them where none is named
    name: Option<String>,
}

pub(super) async fn run(
    args: &DoctorArgs,
    plugins: &Plugins<'_>,
) -> Result<PluginChecksView, PluginError> {
    let only = args.name.as_ref().map(|name| plugins.find(name));
    let checked = plugins.diagnose(only.transpose()?.as_ref()).await?;
    Ok(PluginChecksView {
        plugins: checked.iter().map(rows::installed).collect(),
    })
}
