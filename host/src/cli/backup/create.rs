use std::time::Duration;

use clap::Args;

use crate::cli::connection::parse_duration;
use crate::ops::{OpsError, Session, Waiting, create};
use crate::ui::CreatedView;

/// Begin a backup and wait for its end
#[derive(Args)]
pub(super) struct CreateArgs {
    #[command(flatten)]
    waiting: WaitingArgs,
}

/// Waiting for what was begun.
#[derive(Args)]
pub(super) struct WaitingArgs {
    /// Wait for the end; with `--wait=false` only begin
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value_t = true, default_missing_value = "true", action = clap::ArgAction::Set)]
    wait: bool,
    /// Longest time to wait, as in 30s or 10m
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "5m")]
    timeout: Duration,
}

impl WaitingArgs {
    pub(super) fn waiting(&self) -> Waiting {
        Waiting {
            wait: self.wait,
            timeout: self.timeout,
        }
    }
}

pub(super) async fn run(args: &CreateArgs, session: &Session) -> Result<CreatedView, OpsError> {
    create(session, args.waiting.waiting()).await
}
