use std::path::PathBuf;

use clap::{Args, ValueEnum};
use host_driver::{
    CopyChoice, EngineChoice, RestoreFrom, RestoreRequest, Restored, Session, restore,
};

use super::create::WaitingArgs;
use super::which::which;
use crate::error::CliError;
use crate::store::{IdentityArgs, Opener};

/// The group of the flags that say what is restored. No option of an engine can have this name.
const WHICH: &str = "WhichRestore";

/// Restore a backup
#[derive(Args)]
#[group(id = WHICH, multiple = false)]
pub(super) struct RestoreArgs {
    /// Id of the backup [default: menu, on a terminal]
    #[arg(long, value_name = "ID", group = WHICH)]
    id: Option<String>,
    /// Key of an object in the remote store; same as --id with --source remote
    #[arg(long, value_name = "KEY", group = WHICH)]
    version: Option<String>,
    /// Use the newest complete backup
    #[arg(long, group = WHICH)]
    latest: bool,
    /// File to verify and restore; only for engines whose backend accepts files
    #[arg(
        long,
        value_name = "FILE",
        group = WHICH,
        conflicts_with = "source"
    )]
    file: Option<PathBuf>,
    /// Copy in a store to verify and restore; only for engines whose backend accepts files
    #[arg(
        long,
        value_names = ["STORE", "COPY"],
        num_args = 2,
        group = WHICH,
        conflicts_with = "source"
    )]
    from: Option<Vec<String>>,
    #[command(flatten)]
    identity: IdentityArgs,
    /// Location of the backup; `local` and `management` mean engine hivemq, `remote` means engine sidecar
    #[arg(long, value_enum, value_name = "SOURCE")]
    source: Option<Source>,
    /// Show what would be restored without restoring it
    #[arg(long)]
    dry_run: bool,
    /// Skip the confirmation
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    waiting: WaitingArgs,
}

/// The older plugin's names for the engines.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Source {
    Auto,
    Management,
    Local,
    Remote,
}

/// Returns the engine that `--source` and `--version` name.
fn by_source(source: Option<Source>, has_version: bool) -> Option<&'static str> {
    match source {
        None | Some(Source::Auto) if has_version => Some("sidecar"),
        None | Some(Source::Auto) => None,
        Some(Source::Management | Source::Local) => Some("hivemq"),
        Some(Source::Remote) => Some("sidecar"),
    }
}

/// Returns the engine that a line asks for which is not parsed yet. If the line names two engines, it asks for
/// none: the conflict is reported later.
pub(crate) fn engine_so_far(source: Option<&str>, has_version: bool, named: &str) -> EngineChoice {
    let source = source.and_then(|source| Source::from_str(source, false).ok());
    match by_source(source, has_version) {
        Some(engine) if named == "auto" || named == engine => EngineChoice::from(engine),
        Some(_) => EngineChoice::Auto,
        None => EngineChoice::from(named),
    }
}

impl RestoreArgs {
    /// The engine that `--source` and `--engine` ask for together.
    pub(super) fn engine(&self, named: &str) -> Result<EngineChoice, CliError> {
        let by_source = by_source(self.source, self.version.is_some());
        if self.version.is_some() && by_source != Some("sidecar") {
            return Err(CliError::Conflict {
                problem: "--version names an object of the remote store".to_owned(),
                choices: vec![
                    "Use --source remote with --version KEY".to_owned(),
                    "Use --id ID for a backup of the management API".to_owned(),
                ],
            });
        }
        match (by_source, named) {
            (None, named) => Ok(EngineChoice::from(named)),
            (Some(engine), "auto") => Ok(EngineChoice::from(engine)),
            (Some(engine), named) if engine == named => Ok(EngineChoice::from(engine)),
            (Some(engine), named) => Err(CliError::Conflict {
                problem: format!("the flags ask for engine {engine} and for engine {named}"),
                choices: vec![
                    format!("Leave --engine {named} out"),
                    "Leave --source and --version out, and name the backup with --id".to_owned(),
                ],
            }),
        }
    }
}

pub(super) async fn run(
    args: RestoreArgs,
    session: &Session,
    opener: &Opener,
) -> Result<Restored, CliError> {
    if args.from.is_none() && args.identity.is_given() {
        return Err(CliError::Conflict {
            problem: "--identity decrypts a copy, and no copy is restored".to_owned(),
            choices: vec![
                "Name the copy with --from STORE COPY".to_owned(),
                "Leave --identity out".to_owned(),
            ],
        });
    }
    let request = RestoreRequest {
        from: match (args.file, args.from.as_deref()) {
            (Some(file), _) => RestoreFrom::File(file),
            (None, Some([store, copy])) => {
                let store = opener.open(store).await?;
                let sources = args.identity.sources(&store);
                RestoreFrom::Copy(CopyChoice {
                    identities: session.identities(&sources).await?,
                    store,
                    reference: copy.clone(),
                })
            }
            (None, _) => RestoreFrom::Backup(which(args.id.or(args.version), args.latest)?),
        },
        dry_run: args.dry_run,
        waiting: args.waiting.waiting(),
        is_confirmed: args.yes,
    };
    Ok(Box::pin(restore(session, &request)).await?)
}
