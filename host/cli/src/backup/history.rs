use clap::Args;
use host_driver::{Host, OpsError, history};

use crate::ui::Document;

/// Show what was created, downloaded, verified, restored and deleted on this machine
#[derive(Args)]
pub(super) struct HistoryArgs {
    /// Maximum number of entries, newest first [default: no limit]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
}

pub(super) async fn run(args: &HistoryArgs, host: &Host) -> Result<Box<dyn Document>, OpsError> {
    Ok(Box::new(history(host, args.limit).await?))
}
