use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use host_driver::{DownloadRequest, Downloaded, Session, download};

use super::place::{PlaceArgs, ToArgs};
use super::which::WhichArgs;
use crate::connection::parse_duration;
use crate::error::CliError;
use crate::store::Opener;
use crate::ui::Ui;

/// Download a backup to a verified file
#[derive(Args)]
pub(super) struct DownloadArgs {
    #[command(flatten)]
    which: WhichArgs,
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    to: ToArgs,
    /// Maximum time for the download, such as 30m or 2h [default: no limit]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    timeout: Option<Duration>,
    /// Number of retries without progress before giving up
    #[arg(long, value_name = "COUNT", default_value_t = 6)]
    retries: u32,
}

/// `older` is the value of `--output` where that is no format: the older plugin took it for the name
/// of the file.
pub(super) async fn run(
    mut args: DownloadArgs,
    older: Option<String>,
    session: &Session,
    opener: &Opener,
    ui: Ui,
) -> Result<Downloaded, CliError> {
    if let Some(older) = older {
        if args.place.output_file.is_some() {
            return Err(CliError::Conflict {
                problem: "--output and --output-file both name a file".to_owned(),
                choices: vec![
                    "Leave --output out".to_owned(),
                    "Give --output a format (table, wide, json, yaml, name)".to_owned(),
                ],
            });
        }
        args.place.output_file = Some(PathBuf::from(older));
    }
    let which = args.which.which()?;
    let accept_unproven = args.place.accept_unproven;
    let request = DownloadRequest {
        which,
        place: args.to.place(args.place, opener, ui).await?,
        timeout: args.timeout,
        retries: args.retries,
        accept_unproven,
    };
    Ok(download(session, request).await?)
}
