//! `backup`: the operations on backups.

mod list;
mod status;

use clap::{Args, Subcommand};

use super::error::CliError;
use super::{Context, engine_flags};
use crate::ops::{EngineChoice, Request, Session};

/// Work with the backups of a StatefulSet
#[derive(Args)]
#[command(arg_required_else_help = true)]
pub(super) struct BackupArgs {
    #[command(flatten)]
    target: TargetArgs,
    /// Engine to use, or `auto` for the one that the operation prefers of those that answer
    #[arg(
        short,
        long,
        global = true,
        default_value = "auto",
        value_name = "NAME"
    )]
    engine: String,
    #[command(subcommand)]
    verb: BackupVerb,
}

/// Whose backups.
#[derive(Args)]
#[command(next_help_heading = "Target")]
pub(super) struct TargetArgs {
    /// StatefulSet of the broker [default: broker]
    #[arg(long, global = true, value_name = "NAME")]
    statefulset: Option<String>,
    /// Pod to talk to [default: the first that is ready]
    #[arg(long, global = true, value_name = "NAME")]
    pod: Option<String>,
}

#[derive(Subcommand)]
enum BackupVerb {
    List(list::ListArgs),
    Status(status::StatusArgs),
}

pub(super) async fn run(args: BackupArgs, context: Context<'_>) -> Result<(), CliError> {
    let ui = context.ui;
    let engines = context.engines.clone();
    let engine = EngineChoice::from(args.engine.as_str());
    let request = args.target.into_request(context, engine);
    let work = async {
        let session = Session::open(engines, request, ui).await?;
        let view = match args.verb {
            BackupVerb::List(args) => list::run(&args, &session).await?,
            BackupVerb::Status(args) => status::run(args, &session).await?,
        };
        session.note_requests();
        Ok::<_, CliError>(view)
    };
    let view = ui.while_waiting("Asking the backend", work).await?;
    ui.data(&view)?;
    if view.is_list && ui.format().is_table() {
        ui.note(&view.summary());
    }
    Ok(())
}

impl TargetArgs {
    pub(super) fn into_request(self, context: Context<'_>, engine: EngineChoice) -> Request {
        Request {
            engine,
            statefulset: self.statefulset,
            pod: self.pod,
            ports: engine_flags::ports(&context.engines, context.matches),
            options: engine_flags::settings(&context.engines, context.matches),
            connect: context.connect,
        }
    }
}
