use std::time::Duration;

use clap::Args;
use host_driver::{Backups, Session, status, watch};

use super::which::WhichArgs;
use crate::connection::parse_duration;
use crate::error::CliError;
use crate::ui::Ui;

/// Show the state of a backup
#[derive(Args)]
pub(super) struct StatusArgs {
    #[command(flatten)]
    which: WhichArgs,
    /// Show each change until the backup ends; the exit code tells how it ended
    #[arg(long)]
    watch: bool,
    /// Maximum time to watch, such as 30s or 10m [default: no limit]
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
    ui: Ui,
) -> Result<Option<Backups>, CliError> {
    let which = args.which.which()?;
    if !args.watch {
        return Ok(Some(status(session, &which).await?));
    }
    let mut changes = ui.changes();
    let show = |view: &Backups| changes.show(view).map_err(CliError::from);
    watch(session, &which, args.timeout, show).await?;
    Ok(None)
}
