//! Arguments, start, signals, and exit codes.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use host_base::Failure;
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::error::{Result, WorkError};
use crate::object::Object;
use crate::output::Output;
use crate::places::Places;
use crate::work::{Outcome, Work};
use crate::{backup, log, prune, reset, restore, rollback, validate};

/// How long work may take to end after a signal. The next attempt resumes the rest.
const LIMIT: Duration = Duration::from_secs(20);

/// Do the work of one object of kafka.oso.sh/v1alpha1, and report it as JSON lines
#[derive(Debug, Parser)]
#[command(name = "broker-kafka-worker", version, max_term_width = 100)]
struct Line {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Copy topics into a backup set
    Backup(Options),
    /// Restore topics of a backup set
    Restore(Options),
    /// Set the offsets of consumer groups
    OffsetReset(Options),
    /// Give consumer groups the offsets of a snapshot
    OffsetRollback(Options),
    /// Read every segment of a backup set, and check it
    Validate(Options),
    /// Delete old backup sets of a KafkaBackup
    Prune(Options),
}

#[derive(Debug, Args)]
struct Options {
    /// File with the object, in JSON or YAML
    #[arg(long, value_name = "FILE")]
    object: PathBuf,
    /// File with the KafkaBackup that a restore or a validation refers to
    #[arg(long, value_name = "FILE")]
    backup: Option<PathBuf>,
    /// Id of the backup set, if the objects don't name it
    #[arg(long, value_name = "ID")]
    backup_id: Option<String>,
    /// Folder with one folder for each Secret, and in it one file for each key
    #[arg(long, value_name = "DIR")]
    secrets: Option<PathBuf>,
    /// Folder with one folder for each PersistentVolumeClaim
    #[arg(long, value_name = "DIR")]
    volumes: Option<PathBuf>,
    /// Folder for notes that another attempt needs; it must outlive the process
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// File for the result, of at most 4096 bytes
    #[arg(long, value_name = "FILE")]
    termination_message: Option<PathBuf>,
    /// Minimum level of the lines on stderr, such as debug or info
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<String>,
}

impl Command {
    /// Returns the name, the kind of the object, and the options.
    const fn parts(&self) -> (&'static str, &'static str, &Options) {
        match self {
            Self::Backup(options) => ("backup", "KafkaBackup", options),
            Self::Restore(options) => ("restore", "KafkaRestore", options),
            Self::OffsetReset(options) => ("offset-reset", "KafkaOffsetReset", options),
            Self::OffsetRollback(options) => ("offset-rollback", "KafkaOffsetRollback", options),
            Self::Validate(options) => ("validate", "KafkaBackupValidation", options),
            Self::Prune(options) => ("prune", "KafkaBackup", options),
        }
    }
}

/// Runs the program. The exit codes are those of `kubectl-broker`.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let line = match Line::try_parse_from(arguments) {
        Ok(line) => line,
        Err(error) => {
            // A closed stdout or stderr can't be reported anywhere.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() {
                Failure::Usage.exit_code()
            } else {
                0
            });
        }
    };
    let (_, _, options) = line.command.parts();
    if let Err(problem) = log::start(options.log_level.as_deref()) {
        let _ = writeln!(io::stderr(), "error: {problem}");
        return ExitCode::from(Failure::Usage.exit_code());
    }
    // Two providers are linked: the library's stores bring a second one. rustls panics unless one is chosen. The call
    // fails only if a provider is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = match Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!("the program can't be set up: {error}");
            return ExitCode::from(Failure::Failed.exit_code());
        }
    };
    let (name, ..) = line.command.parts();
    let output = Output::new(name, options.termination_message.as_deref().map(absolute));
    let working = AssertUnwindSafe(|| runtime.block_on(start(&line.command, &output)));
    let code = catch_unwind(working).unwrap_or_else(|_| {
        // The message of the panic is on stderr already.
        let bug = WorkError::failed("the program has a bug: its log has a panic");
        output.result(&bug.with_hint("Please report it with the log").into())
    });
    // Tasks of a stopped restore must not go on while the process ends.
    runtime.shutdown_background();
    ExitCode::from(code)
}

async fn start(command: &Command, output: &Output) -> u8 {
    let (_, kind, options) = command.parts();
    let outcome = match prepare(kind, options, output) {
        Ok(work) => Box::pin(limited(command, work)).await,
        Err(error) => error.into(),
    };
    tracing::info!(state = ?outcome.state, "{}", outcome.message);
    output.result(&outcome)
}

fn prepare(kind: &str, options: &Options, output: &Output) -> Result<Work> {
    let object = Object::read(&options.object, kind)?;
    let backup = options
        .backup
        .as_ref()
        .map(|path| Object::read(path, "KafkaBackup"))
        .transpose()?;
    if let Some(folder) = &options.state {
        let failed =
            |error| WorkError::failed(format!("{} can't be used: {error}", folder.display()));
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let places = Places {
        secrets: options.secrets.as_deref().map(absolute),
        volumes: options.volumes.as_deref().map(absolute),
    };
    let state = options.state.as_deref().map(absolute);
    if let Some(folder) = &state {
        // The library counts the path of its notes as a setting. Another attempt may have the folder elsewhere.
        std::env::set_current_dir(folder).map_err(|error| {
            WorkError::failed(format!("{} can't be used: {error}", folder.display()))
        })?;
    }
    let stop = CancellationToken::new();
    listen(&stop)
        .map_err(|error| WorkError::failed(format!("signals can't be received: {error}")))?;
    Ok(Work {
        object,
        backup,
        places,
        state,
        backup_id: options.backup_id.clone(),
        stop,
        output: output.clone(),
    })
}

/// Returns a path that is the same in another folder. One without a name stays as it is: opening it says why.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// Cancels the token at the first signal.
fn listen(stop: &CancellationToken) -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stop = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stop.cancel();
    });
    Ok(())
}

/// Does the work. After a signal it has a limited time to end.
async fn limited(command: &Command, work: Work) -> Outcome {
    let stop = work.stop.clone();
    let late = async {
        stop.cancelled().await;
        tokio::time::sleep(LIMIT).await;
    };
    tokio::select! {
        biased;
        outcome = run(command, &work) => outcome,
        () = late => WorkError::interrupted().into(),
    }
}

async fn run(command: &Command, work: &Work) -> Outcome {
    match command {
        Command::Backup(_) => Box::pin(backup::run(work)).await,
        Command::Restore(_) => Box::pin(restore::run(work)).await,
        Command::OffsetReset(_) => reset::run(work).await,
        Command::OffsetRollback(_) => rollback::run(work).await,
        Command::Validate(_) => validate::run(work).await,
        Command::Prune(_) => prune::run(work).await,
    }
}
