use clap::Args;
use host_installed::{PluginError, Plugins};

use crate::ui::{PluginChangeRow, PluginChangesView};

/// Remove an engine and its earlier version
#[derive(Args)]
pub(super) struct RemoveArgs {
    /// Engine, as PUBLISHER/NAME or an unambiguous short name
    name: String,
}

pub(super) async fn run(
    args: &RemoveArgs,
    plugins: &Plugins<'_>,
) -> Result<PluginChangesView, PluginError> {
    let id = plugins.find(&args.name)?;
    let removed = plugins.remove(&id).await?;
    Ok(PluginChangesView {
        changes: vec![PluginChangeRow {
            id: id.to_string(),
            what: "removed",
            from: Some(removed.version.to_string()),
            to: None,
            sha256: removed.digest.to_string(),
            signature: removed.signature.to_string(),
            trusted: None,
            default_for: Vec::new(),
        }],
    })
}
