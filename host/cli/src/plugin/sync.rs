use std::path::PathBuf;

use clap::Args;
use host_installed::{LOCKFILE, PluginError, Plugins};

use super::rows;
use crate::ui::{PluginChangeRow, PluginChangesView};

/// Install exactly the engines in a lockfile, with the capabilities it grants
#[derive(Args)]
pub(super) struct SyncArgs {
    /// Install the locked versions only; required
    #[arg(long, required = true)]
    locked: bool,
    /// Lockfile to install from
    #[arg(long, value_name = "PATH", default_value = LOCKFILE)]
    file: PathBuf,
}

pub(super) async fn run(
    args: &SyncArgs,
    plugins: &Plugins<'_>,
) -> Result<PluginChangesView, PluginError> {
    let synced = Box::pin(plugins.sync(&args.file)).await?;
    let removed = synced.removed.iter().map(|(id, version)| PluginChangeRow {
        id: id.to_string(),
        what: "removed",
        from: Some(version.version.to_string()),
        to: None,
        sha256: version.digest.to_string(),
        signature: version.signature.to_string(),
        trusted: None,
        default_for: Vec::new(),
    });
    let changes = synced.changes.iter().map(rows::change);
    Ok(PluginChangesView {
        changes: changes.chain(removed).collect(),
    })
}
