use clap::Args;
use host_driver::{Backups, OpsError, Session, list};

/// List backups, the newest first
#[derive(Args)]
pub(super) struct ListArgs {
    /// Show at most this many
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
}

pub(super) async fn run(args: &ListArgs, session: &Session) -> Result<Backups, OpsError> {
    list(session, args.limit).await
}
