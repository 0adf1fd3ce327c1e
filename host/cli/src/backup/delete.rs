use clap::Args;
use host_driver::{DeleteRequest, Deleted, Session, Which, delete};

use super::which::asked;
use crate::error::CliError;

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

pub(super) async fn run(args: DeleteArgs, session: &Session) -> Result<Deleted, CliError> {
    let request = DeleteRequest {
        which: match args.id {
            Some(id) => Which::Id(id),
            None => asked("--id ID")?,
        },
        force: args.force,
        is_confirmed: args.yes,
    };
    Ok(delete(session, &request).await?)
}
