use clap::Args;

use crate::ops::{OpsError, Session, Which, status};
use crate::ui::BackupsView;

/// Show the state of one backup
#[derive(Args)]
#[group(id = "which", required = true, multiple = false)]
pub(super) struct StatusArgs {
    /// The backup with this id
    #[arg(long, value_name = "ID", group = "which")]
    id: Option<String>,
    /// The newest backup that ended well
    #[arg(long, group = "which")]
    latest: bool,
}

pub(super) async fn run(args: StatusArgs, session: &Session) -> Result<BackupsView, OpsError> {
    let which = args.id.map_or(Which::Latest, Which::Id);
    status(session, &which).await
}
