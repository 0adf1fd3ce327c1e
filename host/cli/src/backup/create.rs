use std::time::Duration;

use clap::{Args, Command};
use host_driver::{CreateRequest, Created, Session, Waiting, create};

use super::place::{PlaceArgs, ToArgs};
use crate::connection::parse_duration;
use crate::error::CliError;
use crate::store::Opener;
use crate::ui::Ui;

/// How long a command waits if nothing else is said: what the help says, too.
const DEFAULT_TIMEOUT: Duration = Duration::from_mins(5);

/// Create a backup and wait until it is complete
#[derive(Args)]
pub(super) struct CreateArgs {
    #[command(flatten)]
    waiting: WaitingArgs,
    #[command(flatten, next_help_heading = "Store")]
    to: ToArgs,
    #[command(
        flatten,
        next_help_heading = "File (only for engines that return the backup)"
    )]
    place: PlaceArgs,
}

/// Waiting for what was begun.
#[derive(Args)]
pub(super) struct WaitingArgs {
    /// Wait for the end of the operation; `--wait=false` only starts it
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value_t = true, default_missing_value = "true", action = clap::ArgAction::Set)]
    wait: bool,
    /// Maximum time to wait, such as 30s or 10m [default: 5m]
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

/// Hides where the backup goes, if no engine returns it.
pub(crate) fn without_place(command: Command) -> Command {
    let place = PlaceArgs::augment_args(Command::new("place"));
    let names: Vec<_> = place
        .get_arguments()
        .map(|it| it.get_id().clone())
        .collect();
    command.mut_args(|argument| {
        let is_hidden = argument.is_hide_set() || names.contains(argument.get_id());
        argument.hide(is_hidden)
    })
}

pub(super) async fn run(
    args: CreateArgs,
    session: &Session,
    opener: &Opener,
    ui: Ui,
) -> Result<Option<Created>, CliError> {
    let given = args.place.given();
    let accept_unproven = args.place.accept_unproven;
    let request = CreateRequest {
        waiting: args.waiting.waiting(),
        limit: args.waiting.timeout,
        place: args.to.place(args.place, opener, ui).await?,
        accept_unproven,
        place_flag: given,
    };
    Ok(create(session, request).await?)
}
