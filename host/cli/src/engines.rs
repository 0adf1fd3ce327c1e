use std::path::Path;

use clap::Args;
use host_driver::{EngineChoice, engines};

use super::Context;
use super::backup::TargetArgs;
use super::error::CliError;

/// List engines, their operations and whether their backends respond
#[derive(Args)]
pub(super) struct EnginesArgs {
    #[command(flatten)]
    target: TargetArgs,
}

impl EnginesArgs {
    /// The file that gets the calls of engines.
    pub(super) fn audit(&self) -> Option<&Path> {
        self.target.audit()
    }
}

pub(super) async fn run(args: EnginesArgs, context: Context<'_>) -> Result<(), CliError> {
    let ui = context.ui;
    let host = args.target.host(&context);
    args.target.refuse_all_pods()?;
    let request = args.target.into_request(context, EngineChoice::Auto)?;
    let work = engines(&host, request);
    let view = ui.while_waiting("Asking the backends", work).await?;
    ui.data(&view)?;
    Ok(())
}
