use clap::Args;

use crate::cli::confirm::Prompt;
use crate::ops::{OpsError, Session, delete};
use crate::ui::DeletedView;

/// Remove a backup
#[derive(Args)]
pub(super) struct DeleteArgs {
    /// The backup with this id
    #[arg(long, value_name = "ID")]
    id: String,
    /// Remove it although the engine would keep it, for example because it is not uploaded
    #[arg(long)]
    force: bool,
    /// Don't ask
    #[arg(short, long)]
    yes: bool,
}

pub(super) async fn run(args: &DeleteArgs, session: &Session) -> Result<DeletedView, OpsError> {
    let prompt = Prompt {
        yes: args.yes,
        ui: session.ui(),
    };
    delete(session, &args.id, args.force, &prompt).await
}
