use std::path::Path;

use clap::Args;
use host_driver::{DiscoverRequest, EngineChoice, discover};

use super::Context;
use super::backup::{ENGINE_HEADING, SandboxArgs};
use super::error::CliError;

/// Find the targets that engines can serve, with their volumes
#[derive(Args)]
pub(super) struct DiscoverArgs {
    /// Look in all namespaces
    #[arg(short = 'A', long, help_heading = "Cluster")]
    all_namespaces: bool,
    /// Engine whose targets to find [default: all engines]
    #[arg(short, long, value_name = "NAME", help_heading = ENGINE_HEADING)]
    engine: Option<String>,
    #[command(flatten)]
    sandbox: SandboxArgs,
}

impl DiscoverArgs {
    /// The file that gets the calls of engines.
    pub(super) fn audit(&self) -> Option<&Path> {
        self.sandbox.audit()
    }
}

pub(super) async fn run(args: DiscoverArgs, context: Context<'_>) -> Result<(), CliError> {
    let ui = context.ui;
    let host = args.sandbox.host(&context);
    let request = DiscoverRequest {
        connect: context.connect,
        engine: args
            .engine
            .as_deref()
            .map_or(EngineChoice::Auto, Into::into),
        all_namespaces: args.all_namespaces,
    };
    let work = Box::pin(discover(&host, request));
    let view = ui.while_waiting("Asking the backends", work).await?;
    ui.data(&view)?;
    ui.summary(&view);
    match view.failure() {
        Some(failure) => Err(CliError::Said(failure)),
        None => Ok(()),
    }
}
