use std::path::Path;

use clap::{Args, Command};
use host_driver::{Session, health};

use super::Context;
use super::backup::{EngineArgs, TargetArgs};
use super::error::CliError;

/// Check the health of the backend and of each of its replicas
#[derive(Args)]
pub(super) struct HealthArgs {
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    target: TargetArgs,
}

impl HealthArgs {
    /// The file that gets the calls of engines.
    pub(super) fn audit(&self) -> Option<&Path> {
        self.target.audit()
    }
}

/// Returns the command with the help of those flags that have another default than elsewhere.
pub(super) fn described(command: Command) -> Command {
    command.mut_arg("pod", |argument| {
        argument.help("Pod to check [default: every pod]")
    })
}

pub(super) async fn run(args: HealthArgs, context: Context<'_>) -> Result<(), CliError> {
    let ui = context.ui;
    let engine = args.engine.choice("health", &context)?;
    let host = args.target.host(&context);
    // `--pod all` means what is meant without the flag.
    let request = args.target.into_request(context, engine)?;
    let work = async {
        let mut session = Session::open(&host, request).await?;
        let health = health(&mut session).await;
        session.note_requests();
        health
    };
    let view = ui
        .while_waiting("Asking the backend", Box::pin(work))
        .await?;
    ui.data(&view)?;
    ui.summary(&view);
    match view.failure() {
        Some(failure) => Err(CliError::Said(failure)),
        None => Ok(()),
    }
}
