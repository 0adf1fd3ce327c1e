use clap::Args;
use host_driver::{Backups, OpsError, Session, list};

/// List backups, newest first
#[derive(Args)]
pub(super) struct ListArgs {
    /// Maximum number of backups [default: no limit]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
}

pub(super) async fn run(args: &ListArgs, session: &Session) -> Result<Backups, OpsError> {
    list(session, args.limit).await
}
