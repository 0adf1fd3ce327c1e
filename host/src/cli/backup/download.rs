use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use super::which::WhichArgs;
use crate::cli::connection::parse_duration;
use crate::cli::error::CliError;
use crate::ops::{DownloadRequest, Downloaded, OpsError, Place, Session, download};
use crate::transfer::FileName;
use crate::ui::{Format, Ui};

/// Where files go if nothing else is said.
const DEFAULT_FOLDER: &str = "./backups";

/// Download a backup into a verified file
#[derive(Args)]
pub(super) struct DownloadArgs {
    #[command(flatten)]
    which: WhichArgs,
    /// Folder for the file; it is made if it is missing [default: ./backups]
    #[arg(long, value_name = "FOLDER")]
    output_dir: Option<PathBuf>,
    /// Name of the file, or its path, or `-` for stdout [default: as the backend names it]
    #[arg(long, value_name = "FILE")]
    output_file: Option<PathBuf>,
    /// Replace an older file, once the new one is whole
    #[arg(long)]
    force: bool,
    /// Longest time for all of it, as in 30m or 2h [default: none]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    timeout: Option<Duration>,
    /// How often a transfer that broke off is taken up again without having got further
    #[arg(long, value_name = "COUNT", default_value_t = 6)]
    retries: u32,
}

/// `older` is the value of `--output` where that is no format: the older plugin took it for the name
/// of the file.
pub(super) async fn run(
    args: DownloadArgs,
    older: Option<String>,
    session: &Session,
) -> Result<Downloaded, CliError> {
    let file = match (args.output_file, older) {
        (Some(_), Some(_)) => {
            return Err(CliError::Conflict {
                problem: "--output and --output-file both name a file".to_owned(),
                choices: vec![
                    "Leave --output out".to_owned(),
                    "Give --output a format (table, wide, json, yaml, name)".to_owned(),
                ],
            });
        }
        (file, older) => file.or(older.map(PathBuf::from)),
    };
    let request = DownloadRequest {
        which: args.which.which()?,
        place: place(args.output_dir, file, args.force, session.ui())?,
        timeout: args.timeout,
        retries: args.retries,
    };
    Ok(download(session, request).await?)
}

fn place(
    folder: Option<PathBuf>,
    file: Option<PathBuf>,
    replace: bool,
    ui: Ui,
) -> Result<Place, CliError> {
    let Some(file) = file else {
        let folder = folder.unwrap_or_else(|| {
            ui.note(&format!("Using folder {DEFAULT_FOLDER}"));
            DEFAULT_FOLDER.into()
        });
        return Ok(Place::File {
            folder,
            name: None,
            replace,
        });
    };
    if file == Path::new("-") {
        return to_output(ui);
    }
    let name = file
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    let name = FileName::given(&name.unwrap_or_default()).map_err(OpsError::from)?;
    let parent = file.parent().filter(|parent| *parent != Path::new(""));
    let folder = match (folder, parent) {
        (Some(_), Some(_)) => {
            return Err(CliError::Conflict {
                problem: "--output-dir and --output-file both name a folder".to_owned(),
                choices: vec![
                    "Leave --output-dir out".to_owned(),
                    "Give --output-file a name without a folder".to_owned(),
                ],
            });
        }
        (Some(folder), None) => folder,
        (None, Some(parent)) => parent.to_owned(),
        (None, None) => {
            ui.note(&format!("Using folder {DEFAULT_FOLDER}"));
            DEFAULT_FOLDER.into()
        }
    };
    Ok(Place::File {
        folder,
        name: Some(name),
        replace,
    })
}

fn to_output(ui: Ui) -> Result<Place, CliError> {
    if ui.format() != Format::Table {
        return Err(CliError::Conflict {
            problem: "stdout can't carry the backup and a result".to_owned(),
            choices: vec![
                "Leave --output out".to_owned(),
                "Give --output-file a name".to_owned(),
            ],
        });
    }
    if io::stdout().is_terminal() {
        return Err(CliError::Conflict {
            problem: "a backup is not for a terminal".to_owned(),
            choices: vec![
                "Send stdout into a file or a pipe".to_owned(),
                "Give --output-file a name".to_owned(),
            ],
        });
    }
    Ok(Place::Output)
}
