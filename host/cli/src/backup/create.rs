use std::time::Duration;

use clap::Args;
use host_driver::{CreateRequest, Created, Session, Waiting, create};

use super::place::PlaceArgs;
use crate::connection::parse_duration;
use crate::error::CliError;
use crate::ui::Ui;

/// How long a command waits if nothing else is said: what the help says, too.
const DEFAULT_TIMEOUT: Duration = Duration::from_mins(5);

/// Begin a backup and wait for its end
#[derive(Args)]
pub(super) struct CreateArgs {
    #[command(flatten)]
    waiting: WaitingArgs,
    #[command(
        flatten,
        next_help_heading = "Where the backup is saved, for engines that save what they create"
    )]
    place: PlaceArgs,
}

/// Waiting for what was begun.
#[derive(Args)]
pub(super) struct WaitingArgs {
    /// Wait for the end; with `--wait=false` only begin
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value_t = true, default_missing_value = "true", action = clap::ArgAction::Set)]
    wait: bool,
    /// Longest time to wait, as in 30s or 10m [default: 5m]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    timeout: Option<Duration>,
}

impl WaitingArgs {
    pub(super) fn waiting(&self) -> Waiting {
        Waiting {
            wait: self.wait,
            timeout: self.timeout.unwrap_or(DEFAULT_TIMEOUT),
        }
    }
}

pub(super) async fn run(
    args: CreateArgs,
    session: &Session,
    ui: Ui,
) -> Result<Option<Created>, CliError> {
    let given = args.place.given();
    let accept_unproven = args.place.accept_unproven;
    let chosen = args.place.place(ui)?;
    let request = CreateRequest {
        waiting: args.waiting.waiting(),
        limit: args.waiting.timeout,
        place: chosen.place,
        accept_unproven,
        place_note: chosen.note,
        place_flag: given,
    };
    Ok(create(session, request).await?)
}
