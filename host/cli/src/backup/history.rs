use clap::Args;
use host_driver::{Host, OpsError, history};

use crate::ui::Document;

/// Show what was done on this machine: created, downloaded, verified, restored, deleted
#[derive(Args)]
pub(super) struct HistoryArgs {
    /// Show at most this many, the newest
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
}

pub(super) async fn run(args: &HistoryArgs, host: &Host) -> Result<Box<dyn Document>, OpsError> {
    Ok(Box::new(history(host, args.limit).await?))
}
