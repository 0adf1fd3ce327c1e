use clap::Args;
use host_installed::{PluginError, Plugins};

use super::rows;
use crate::ui::{PluginChangeRow, PluginChangesView};

/// Go back to the version before the last update; without a network
#[derive(Args)]
pub(super) struct RollbackArgs {
    /// The engine, `PUBLISHER/NAME`, or its short name where no other has it
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
