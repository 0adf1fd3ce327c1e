use clap::Args;

use super::which::WhichArgs;
use crate::ops::{OpsError, Session, status};
use crate::ui::BackupsView;

/// Show the state of one backup
#[derive(Args)]
pub(super) struct StatusArgs {
    #[command(flatten)]
    which: WhichArgs,
}

pub(super) async fn run(args: StatusArgs, session: &Session) -> Result<BackupsView, OpsError> {
    status(session, &args.which.which()).await
}
