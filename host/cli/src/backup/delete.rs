use clap::Args;
use host_driver::{Deleted, Session, Which, delete};

use super::which::asked;
use crate::confirm::Prompt;
use crate::error::CliError;
use crate::ui::Ui;

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

pub(super) async fn run(args: DeleteArgs, session: &Session, ui: Ui) -> Result<Deleted, CliError> {
    let prompt = Prompt { yes: args.yes, ui };
    let which = match args.id {
        Some(id) => Which::Id(id),
        None => asked("--id ID")?,
    };
    Ok(delete(session, &which, args.force, &prompt).await?)
}
