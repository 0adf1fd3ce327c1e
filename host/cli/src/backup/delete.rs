use clap::Args;
use host_driver::{Deleted, Session, Which, delete};

use super::which::asked;
use crate::confirm::Prompt;
use crate::error::CliError;
use crate::ui::Ui;

/// Delete a backup
#[derive(Args)]
pub(super) struct DeleteArgs {
    /// Id of the backup [default: menu, on a terminal]
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// Delete a backup that the engine would keep, such as one that is not uploaded
    #[arg(long)]
    force: bool,
    /// Skip the confirmation
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
