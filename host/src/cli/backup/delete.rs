use clap::Args;

use super::which::asked;
use crate::cli::confirm::Prompt;
use crate::cli::error::CliError;
use crate::ops::{Session, Which, delete};
use crate::ui::DeletedView;

/// Remove a backup
#[derive(Args)]
pub(super) struct DeleteArgs {
    /// The backup with this id; without it there is a menu, on a terminal
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// Remove it although the engine would keep it, for example because it is not uploaded
    #[arg(long)]
    force: bool,
    /// Don't ask
    #[arg(short, long)]
    yes: bool,
}

pub(super) async fn run(args: DeleteArgs, session: &Session) -> Result<DeletedView, CliError> {
    let prompt = Prompt {
        yes: args.yes,
        ui: session.ui(),
    };
    let which = match args.id {
        Some(id) => Which::Id(id),
        None => asked("--id ID")?,
    };
    Ok(delete(session, &which, args.force, &prompt).await?)
}
