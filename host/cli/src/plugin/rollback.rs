use clap::Args;
use host_installed::{PluginError, Plugins};

use super::rows;
use crate::ui::{PluginChangeRow, PluginChangesView};

/// Return to the version before the last update, without a network
#[derive(Args)]
pub(super) struct RollbackArgs {
    /// Engine, as PUBLISHER/NAME or an unambiguous short name
    name: String,
}

pub(super) async fn run(
    args: &RollbackArgs,
    plugins: &Plugins<'_>,
) -> Result<PluginChangesView, PluginError> {
    let change = plugins.rollback(&plugins.find(&args.name)?).await?;
    Ok(PluginChangesView {
        changes: vec![PluginChangeRow {
            what: "rolled back",
            ..rows::change(&change)
        }],
    })
}
