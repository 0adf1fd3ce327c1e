//! `backup`: the operations on backups.

mod act;
mod create;
mod delete;
mod list;
mod restore;
mod status;

use clap::{ArgMatches, Args, Command, FromArgMatches, Subcommand};

use super::credentials::CredentialsArgs;
use super::error::CliError;
use super::{Context, engine_flags};
use crate::ops::{EngineChoice, Request, Session};
use crate::ui::Document;

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
    verb: AnyVerb,
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
    #[command(flatten)]
    credentials: CredentialsArgs,
}

#[derive(Subcommand)]
enum BackupVerb {
    List(list::ListArgs),
    Status(status::StatusArgs),
    Create(create::CreateArgs),
    Restore(restore::RestoreArgs),
    Delete(delete::DeleteArgs),
    /// One that an engine brings: see [`AnyVerb`].
    #[command(skip)]
    OfEngine(act::ActArgs),
}

/// What clap derives of [`BackupVerb`] refuses the commands that were added for the verbs of engines.
struct AnyVerb(BackupVerb);

impl FromArgMatches for AnyVerb {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        match matches.subcommand() {
            Some((name, inner)) if !BackupVerb::has_subcommand(name) => {
                Ok(Self(BackupVerb::OfEngine(act::ActArgs::new(name, inner))))
            }
            _ => BackupVerb::from_arg_matches(matches).map(Self),
        }
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Subcommand for AnyVerb {
    fn augment_subcommands(command: Command) -> Command {
        BackupVerb::augment_subcommands(command)
    }

    fn augment_subcommands_for_update(command: Command) -> Command {
        BackupVerb::augment_subcommands_for_update(command)
    }

    /// Whatever the command has: it was built of the manifests.
    fn has_subcommand(_: &str) -> bool {
        true
    }
}

pub(super) async fn run(args: BackupArgs, context: Context<'_>) -> Result<(), CliError> {
    let ui = context.ui;
    let engines = context.engines.clone();
    let known = engines.clone();
    let AnyVerb(verb) = args.verb;
    let engine = verb.engine(&args.engine)?;
    let request = args.target.into_request(context, engine)?;
    let work = async {
        let session = Session::open(engines, request, ui).await?;
        let view: Box<dyn Document> = match verb {
            BackupVerb::List(args) => Box::new(list::run(&args, &session).await?),
            BackupVerb::Status(args) => Box::new(status::run(args, &session).await?),
            BackupVerb::Create(args) => Box::new(create::run(&args, &session).await?),
            BackupVerb::Restore(args) => Box::new(restore::run(args, &session).await?),
            BackupVerb::Delete(args) => Box::new(delete::run(&args, &session).await?),
            BackupVerb::OfEngine(args) => act::run(args, &known, &session).await?,
        };
        session.note_requests();
        Ok::<_, CliError>(view)
    };
    let view = ui
        .while_waiting("Asking the backend", Box::pin(work))
        .await?;
    ui.data(view.as_ref())?;
    if let (true, Some(summary)) = (ui.format().is_table(), view.summary()) {
        ui.note(&summary);
    }
    Ok(())
}

impl BackupVerb {
    /// The engine that the flags ask for. A restore may name it by where the backup comes from.
    fn engine(&self, named: &str) -> Result<EngineChoice, CliError> {
        match self {
            Self::Restore(args) => args.engine(named),
            _ => Ok(EngineChoice::from(named)),
        }
    }
}

impl TargetArgs {
    pub(super) fn into_request(
        self,
        context: Context<'_>,
        engine: EngineChoice,
    ) -> Result<Request, CliError> {
        Ok(Request {
            engine,
            statefulset: self.statefulset,
            pod: self.pod,
            ports: engine_flags::ports(&context.engines, context.matches),
            options: engine_flags::settings(&context.engines, context.matches),
            connect: context.connect,
            credentials: self.credentials.into_request(context.ui)?,
        })
    }
}
