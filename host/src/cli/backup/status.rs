use std::time::Duration;

use clap::Args;

use super::which::WhichArgs;
use crate::cli::connection::parse_duration;
use crate::cli::error::CliError;
use crate::ops::{Session, status, watch};
use crate::ui::BackupsView;

/// Show the state of one backup
#[derive(Args)]
pub(super) struct StatusArgs {
    #[command(flatten)]
    which: WhichArgs,
    /// Go on until it has ended, with a row for each change (with `-o json` a line); the exit code is then
    /// that of the end
    #[arg(long)]
    watch: bool,
    /// Longest time to watch, as in 30s or 10m [default: no limit]
    #[arg(long, value_name = "TIME", value_parser = parse_duration, requires = "watch")]
    timeout: Option<Duration>,
}

impl StatusArgs {
    /// Whether it is to be ended by who watches, when it has shown enough.
    pub(super) fn watches(&self) -> bool {
        self.watch
    }
}

/// None where all was shown as it came.
pub(super) async fn run(
    args: StatusArgs,
    session: &Session,
) -> Result<Option<BackupsView>, CliError> {
    let which = args.which.which()?;
    if !args.watch {
        return Ok(Some(status(session, &which).await?));
    }
    let mut changes = session.ui().changes();
    let show = |view: &BackupsView| changes.show(view).map_err(CliError::from);
    watch(session, &which, args.timeout, show).await?;
    Ok(None)
}
