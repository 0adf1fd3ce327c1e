//! The command line: one file for each verb, each with its `Args` and a `run` that calls an operation.

mod backup;
mod completion;
mod confirm;
mod connection;
mod credentials;
mod engine_flags;
mod engine_verbs;
mod engines;
mod error;
mod limits;
mod output;
mod plugin;
mod text_file;
mod version;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;
#[cfg(unix)]
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use clap::{ArgMatches, Command, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::cluster::ConnectOptions;
use crate::engine::{Catalogue, EngineError, EngineFile, compile_if_asked};
use crate::model::{Failure, Problem, text};
use crate::plugin::{PluginError, catalogue};
use crate::ui::{Color, Format, Ui};
use error::CliError;

#[derive(Parser)]
#[command(
    name = "kubectl-broker",
    version,
    about = "Back up, list, download, verify and restore brokers and databases on Kubernetes",
    arg_required_else_help = true,
    disable_help_subcommand = true
)]
struct Cli {
    #[command(flatten)]
    output: output::OutputArgs,
    #[command(flatten)]
    connection: connection::ConnectionArgs,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    Backup(backup::BackupArgs),
    Engines(engines::EnginesArgs),
    Plugin(plugin::PluginArgs),
    Version(version::VersionArgs),
    Completion(completion::CompletionArgs),
}

/// What every verb is given.
struct Context<'a> {
    connect: ConnectOptions,
    engines: Catalogue,
    matches: &'a ArgMatches,
    /// The file that `download --output NAME` means.
    output_file: Option<String>,
    ui: Ui,
}

/// Runs the program with these engines and those that are installed, and says how it ended.
pub fn main(
    engines: Result<Catalogue, EngineError>,
    arguments: impl IntoIterator<Item = OsString>,
) -> ExitCode {
    credentials::take_from_environment();
    let arguments: Vec<_> = arguments.into_iter().collect();
    if let Some(code) = compile_if_asked(&arguments) {
        return code;
    }
    // Before the arguments are read there is nothing better than the defaults.
    let plain = Ui::new(Format::Table, Color::Auto, false);
    let engines = match engines {
        Ok(engines) => engines,
        Err(error) => return fail(plain, &error),
    };
    let (engines, problems) = catalogue(&engines);
    // Before the arguments are read: those of a line that is being typed are not ours.
    if let Some(code) = completion::answer(&engines, &arguments) {
        return code;
    }
    let mut command = command(&engines, arguments.first());
    let parsed = command
        .try_get_matches_from_mut(&arguments)
        .and_then(|matches| Cli::from_arg_matches(&matches).map(|cli| (cli, matches)));
    match parsed {
        Ok((cli, matches)) => {
            // What `plugin` shows says it all.
            if !matches!(cli.verb, Verb::Plugin(_)) {
                warn_of_broken(&problems, cli.output.ui());
            }
            run(cli, &matches, engines)
        }
        Err(error) => {
            show(&error, plain);
            // A flag may be unknown because its engine is.
            warn_of_broken(&problems, plain);
            let code = match error.kind() {
                clap::error::ErrorKind::DisplayHelp | clap::error::ErrorKind::DisplayVersion => 0,
                _ => Failure::Usage.exit_code(),
            };
            ExitCode::from(code)
        }
    }
}

/// An engine that can't be used is no reason not to use the others.
fn warn_of_broken(problems: &[PluginError], ui: Ui) {
    for problem in problems {
        let who = if problem.is_about_all() {
            "the installed engines are"
        } else {
            "an installed engine is"
        };
        ui.warn(&format!(
            "{who} left out: {problem}. `kubectl broker plugin doctor` says more"
        ));
    }
}

/// Shows what clap has to say: help and version on stdout, all else on stderr.
fn show(said: &clap::Error, ui: Ui) {
    // Errors repeat what was typed, and what was typed may come from a file.
    let plain = said.render().to_string();
    if plain.lines().any(|line| line.chars().any(text::is_unsafe)) {
        ui.note(&plain);
    } else {
        // A closed pipe is no matter.
        let _ = said.print();
    }
}

/// The command with the flags of all engines. No engine is run for it.
fn command(engines: &[EngineFile], program: Option<&OsString>) -> Command {
    let command = Cli::command()
        .bin_name(shown_name(program))
        .after_long_help(exit_codes());
    engine_flags::add(engine_verbs::add(command, engines), engines)
}

/// `kubectl broker` where kubectl runs the program, or could.
fn shown_name(program: Option<&OsString>) -> String {
    let name = program
        .and_then(|path| Path::new(path).file_stem())
        .map_or_else(|| "kubectl-broker".into(), std::ffi::OsStr::to_string_lossy);
    match name.strip_prefix("kubectl-") {
        Some(plugin) => format!("kubectl {plugin}"),
        None => name.into_owned(),
    }
}

fn exit_codes() -> String {
    let mut lines = String::from("Exit codes:\n    0  done\n");
    for failure in Failure::ALL {
        lines.push_str(&format!(
            "  {:>3}  {}\n",
            failure.exit_code(),
            failure.meaning()
        ));
    }
    lines
}

fn run(cli: Cli, matches: &ArgMatches, engines: Catalogue) -> ExitCode {
    let ui = cli.output.ui();
    // One thread waits for the network; what computes (compiling) has threads of its own.
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return fail(ui, &CliError::Runtime(error)),
    };
    let context = Context {
        connect: cli.connection.into_options(),
        engines,
        matches,
        output_file: cli.output.file(),
        ui,
    };
    let stopped = match &cli.verb {
        Verb::Backup(args) if args.is_watching() => CliError::Said(Failure::Interrupted),
        Verb::Backup(args) => CliError::Interrupted {
            next: args.after_interruption(&context.engines),
        },
        _ => CliError::Interrupted { next: None },
    };
    let result = runtime.block_on(async {
        tokio::select! {
            result = dispatch(cli.verb, context) => result,
            () = interrupted() => Err(stopped),
        }
    });
    // A worker that still compiles must not keep a stopped command alive.
    runtime.shutdown_background();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(CliError::Said(failure)) => ExitCode::from(failure.exit_code()),
        Err(error) => fail(ui, &error),
    }
}

async fn dispatch(verb: Verb, context: Context<'_>) -> Result<(), CliError> {
    match verb {
        Verb::Backup(args) => backup::run(args, context).await,
        Verb::Engines(args) => engines::run(args, context).await,
        Verb::Plugin(args) => Box::pin(plugin::run(args, context)).await,
        Verb::Version(args) => version::run(&args, context.ui),
        Verb::Completion(args) => completion::run(&args, context.ui),
    }
}

/// Resolves at the first Ctrl-C; never where signals can't be had. What has come of a download is put
/// on the disk then; a second Ctrl-C ends the process at once.
async fn interrupted() {
    #[cfg(unix)]
    let is_second = {
        let is_second = Arc::new(AtomicBool::new(false));
        // Without it, a second one changes nothing.
        let _ = signal_hook::flag::register_conditional_default(
            signal_hook::consts::SIGINT,
            Arc::clone(&is_second),
        );
        is_second
    };
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
    #[cfg(unix)]
    is_second.store(true, Ordering::Relaxed);
}

fn fail(ui: Ui, problem: &dyn Problem) -> ExitCode {
    ui.failure(problem);
    ExitCode::from(problem.failure().exit_code())
}
