use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

use clap::{ArgMatches, Args, FromArgMatches as _};
use host_base::shell::word;
use host_driver::{OpsError, Place, StorePlace};
use host_transfer::FileName;

use crate::error::CliError;
use crate::store::Opener;
use crate::ui::{Format, Ui};

/// Where files go if nothing else is said. Several files of one command get a folder of their own there.
const DEFAULT_FOLDER: &str = "./backups";

/// Where the bytes of a backup go.
#[derive(Args, Default)]
pub(crate) struct PlaceArgs {
    /// Folder of the file or files, created if missing [default: ./backups]
    #[arg(long, value_name = "FOLDER")]
    output_dir: Option<PathBuf>,
    /// Name or path of the file; `-` means stdout [default: name from the backend]
    #[arg(long, value_name = "FILE")]
    pub(super) output_file: Option<PathBuf>,
    /// Replace an existing file, or a copy in the store, once the new one is complete
    #[arg(long)]
    force: bool,
    /// Accept a backup that is not proven complete: it has no length, no checksum and no end marker
    #[arg(long)]
    pub(super) accept_unproven: bool,
}

/// The store that gets a copy instead of a file.
#[derive(Args, Default)]
pub(crate) struct ToArgs {
    /// Copy the backup to this store, by its name or address
    #[arg(long, value_name = "STORE")]
    to: Option<String>,
    /// Name of the cluster in the copy [default: from the kubeconfig]
    #[arg(long, value_name = "NAME")]
    source_cluster: Option<String>,
}

/// Returns a flag with its value, for a command in a hint. Without a value it is empty.
pub(super) fn flag_words(flag: &str, value: Option<&str>) -> String {
    value.map_or_else(String::new, |value| format!(" --{flag} {}", word(value)))
}

impl ToArgs {
    /// Returns the flags for a command in a hint.
    pub(super) fn words(&self) -> String {
        let to = flag_words("to", self.to.as_deref());
        to + &flag_words("source-cluster", self.source_cluster.as_deref())
    }

    /// Returns the place of the copy. There is no other.
    pub(super) async fn required(
        self,
        is_forced: bool,
        opener: &Opener,
    ) -> Result<StorePlace, CliError> {
        Ok(StorePlace {
            store: opener.open_or_only(self.to.as_deref()).await?,
            cluster: self.source_cluster,
            is_forced,
        })
    }

    /// Returns the place of the copy, or else of the file.
    pub(super) async fn place(
        self,
        file: PlaceArgs,
        opener: &Opener,
        ui: Ui,
    ) -> Result<Place, CliError> {
        let is_file = file.output_dir.is_some() || file.output_file.is_some();
        match self.to {
            Some(_) if is_file => Err(CliError::Conflict {
                problem: "--to names a store, and another flag names a file".to_owned(),
                choices: vec![
                    "Leave --output-dir and --output-file out".to_owned(),
                    "Leave --to out, and copy the file with `backup copy` afterwards".to_owned(),
                ],
            }),
            Some(to) => Ok(Place::Store(StorePlace {
                store: opener.open(&to).await?,
                cluster: self.source_cluster,
                is_forced: file.force,
            })),
            None if self.source_cluster.is_some() => Err(CliError::Conflict {
                problem: "--source-cluster names the cluster in a copy, and no copy is made"
                    .to_owned(),
                choices: vec![
                    "Give the store with --to STORE".to_owned(),
                    "Leave --source-cluster out".to_owned(),
                ],
            }),
            None => file.place(ui),
        }
    }
}

impl PlaceArgs {
    /// Reads the flags of an engine's verb. Verbs that save nothing have none.
    pub(super) fn of(matches: &ArgMatches) -> Result<Self, clap::Error> {
        // clap panics if the command does not have the flags.
        match matches.try_get_one::<PathBuf>("output_dir") {
            Ok(_) => Self::from_arg_matches(matches),
            Err(_) => Ok(Self::default()),
        }
    }

    /// The first flag that was given, without its dashes.
    pub(super) fn given(&self) -> Option<&'static str> {
        [
            (self.output_dir.is_some(), "output-dir"),
            (self.output_file.is_some(), "output-file"),
            (self.force, "force"),
            (self.accept_unproven, "accept-unproven"),
        ]
        .into_iter()
        .find_map(|(given, flag)| given.then_some(flag))
    }

    pub(crate) fn place(self, ui: Ui) -> Result<Place, CliError> {
        let replace = self.force;
        let Some(file) = self.output_file else {
            return Ok(in_folder(self.output_dir, None, replace));
        };
        if file == Path::new("-") {
            return to_output(ui);
        }
        let name = file
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        let name = FileName::given(&name.unwrap_or_default()).map_err(OpsError::from)?;
        let parent = file.parent().filter(|parent| *parent != Path::new(""));
        let folder = match (self.output_dir, parent) {
            (Some(_), Some(_)) => {
                return Err(CliError::Conflict {
                    problem: "--output-dir and --output-file both name a folder".to_owned(),
                    choices: vec![
                        "Leave --output-dir out".to_owned(),
                        "Give --output-file a name without a folder".to_owned(),
                    ],
                });
            }
            (folder, parent) => folder.or(parent.map(Path::to_owned)),
        };
        Ok(in_folder(folder, Some(name), replace))
    }
}

fn in_folder(folder: Option<PathBuf>, name: Option<FileName>, replace: bool) -> Place {
    Place::File {
        is_default: folder.is_none(),
        folder: folder.unwrap_or_else(|| DEFAULT_FOLDER.into()),
        name,
        replace,
    }
}

fn to_output(ui: Ui) -> Result<Place, CliError> {
    ui.check_out()?;
    if ui.format() != Format::Table {
        return Err(CliError::Conflict {
            problem: "stdout can't carry both the backup and a result".to_owned(),
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
