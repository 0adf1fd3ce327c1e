//! The command line: one file for each verb, each with its `Args` and a `run` that calls an operation.

mod backup;
mod bug;
mod completion;
mod connection;
mod credentials;
mod discover;
mod engine_flags;
mod engine_help;
mod engine_verbs;
mod engines;
mod error;
mod events;
mod first_pass;
mod given;
mod health;
mod limits;
pub mod manifest_page;
pub mod operator_page;
mod output;
mod plugin;
pub mod reference;
mod run;
mod so_far;
mod stop;
mod store;
mod text_file;
mod tls_flags;
pub mod ui;
mod version;

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use backup::AfterStop;
use clap::{ArgMatches, Command, CommandFactory, FromArgMatches, Parser, Subcommand};
use engine_help::Whose;
use error::CliError;
use host_base::{Failure, Folders, Problem, text};
use host_cluster::ConnectOptions;
use host_driver::{Begun, EngineChoice, Request};
use host_engine::{Catalogue, EngineError, EngineFile, compile_if_asked};
use host_installed::{PluginError, catalogue};
use so_far::SoFar;
use stop::Stop;
use store::Opener;

use crate::ui::{Color, Format, Ui};

/// How long a process waits before its end for what it must undo in a store.
const CLEANUP: Duration = Duration::from_secs(10);

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
    Discover(discover::DiscoverArgs),
    Engines(engines::EnginesArgs),
    Health(health::HealthArgs),
    Plugin(plugin::PluginArgs),
    Run(run::RunArgs),
    Store(store::StoreArgs),
    Version(version::VersionArgs),
    Completion(completion::CompletionArgs),
}

/// The values that every verb gets.
struct Context<'a> {
    connect: ConnectOptions,
    engines: Catalogue,
    /// The engine that the command line names, as the first pass over it has found.
    named: Option<EngineFile>,
    matches: &'a ArgMatches,
    /// The file that `download --output NAME` means.
    output_file: Option<String>,
    /// Where it is noted what was begun in a backend.
    begun: Begun,
    /// Opens stores.
    opener: Opener,
    /// Keeps the result so far, for a command that is stopped.
    so_far: SoFar,
    ui: Ui,
}

impl Context<'_> {
    /// Returns whose command line it is.
    fn whose(&self) -> Whose<'_> {
        Whose::line(self.named.as_ref())
    }
}

/// Runs the program with these engines and those that are installed, and says how it ended.
pub fn main(
    engines: Result<Catalogue, EngineError>,
    arguments: impl IntoIterator<Item = OsString>,
) -> ExitCode {
    credentials::take_from_environment();
    bug::watch();
    let arguments: Vec<_> = arguments.into_iter().collect();
    if let Some(code) = compile_if_asked(&arguments) {
        return code;
    }
    // Before the arguments are read there is nothing better than the defaults.
    let mut said = Said {
        ui: Ui::new(Format::Table, Color::Auto),
        command: String::new(),
        is_completion: completion::is_asked(&arguments),
    };
    let code = bug::caught(|| start(engines, &arguments, &mut said));
    let during = format!("{} {}", shown_name(arguments.first()), said.command);
    match bug::found(during.trim_end()) {
        // The user is in the middle of a line.
        Some(_) if said.is_completion => ExitCode::SUCCESS,
        Some((error, backtrace)) => {
            let code = fail(said.ui, &error);
            if let Some(backtrace) = backtrace {
                said.ui.note(&backtrace);
            }
            code
        }
        None => code.unwrap_or_else(|| ExitCode::from(Failure::Failed.exit_code())),
    }
}

/// The facts about the command so far, for the report of a panic.
struct Said {
    ui: Ui,
    /// Its verbs.
    command: String,
    is_completion: bool,
}

fn start(
    engines: Result<Catalogue, EngineError>,
    arguments: &[OsString],
    said: &mut Said,
) -> ExitCode {
    let plain = said.ui;
    let engines = match engines {
        Ok(engines) => engines,
        Err(error) => return fail(plain, &error),
    };
    let (engines, problems) = catalogue(&engines, Folders::of_user().as_ref());
    // Before the arguments are read: those of a line that is being typed are not ours.
    if let Some(code) = completion::answer(&engines, arguments) {
        return code;
    }
    // The meaning of the flags of engines depends on the engine, so it is looked for first.
    let named = first_pass::named(&engines, arguments).cloned();
    let whose = Whose::line(named.as_ref());
    let mut command = command(&engines, arguments.first(), whose);
    let parsed = command
        .try_get_matches_from_mut(arguments)
        .and_then(|matches| {
            given::refuse_empty(&mut command, &matches)?;
            Cli::from_arg_matches(&matches).map(|cli| (cli, matches))
        });
    match parsed {
        Ok((cli, matches)) => {
            let ports = engine_flags::ports(&engines, whose, &matches);
            let name = shown_name(arguments.first());
            let invocation = given::invocation(&command, &matches, name, &engines, &ports);
            // There is one for the whole life of the process.
            let ui = cli.output.ui().of(Box::leak(Box::new(invocation)));
            said.ui = ui;
            said.command = verbs(&matches);
            // The output of `plugin` reports broken engines itself.
            if !matches!(cli.verb, Verb::Plugin(_)) {
                warn_of_broken(&problems, ui);
            }
            let connect = cli.connection.into_options();
            let context = Context {
                connect: connect.clone(),
                engines,
                named: named.clone(),
                matches: &matches,
                output_file: cli.output.file(),
                begun: Begun::default(),
                opener: Opener {
                    folders: Folders::of_user(),
                    connect,
                    ..Opener::default()
                },
                so_far: SoFar::default(),
                ui,
            };
            run(cli.verb, cli.output.is_verbose(), context)
        }
        Err(error) => {
            let ui = Ui::new(output::asked(arguments), Color::default());
            if error.use_stderr() && matches!(ui.format(), Format::Json | Format::Yaml) {
                return fail(ui, &wrong_line(&error));
            }
            let written = show(&error, plain);
            // A flag may be unknown because its engine is.
            warn_of_broken(&problems, plain);
            match (error.kind(), written) {
                (
                    clap::error::ErrorKind::DisplayHelp | clap::error::ErrorKind::DisplayVersion,
                    written,
                ) => written.map_or_else(
                    |error| fail(plain, &CliError::Output(error)),
                    |()| ExitCode::SUCCESS,
                ),
                _ => ExitCode::from(Failure::Usage.exit_code()),
            }
        }
    }
}

/// Reads a command line of an engine's verb that stands in an object, and returns what it asks for.
fn parsed_request(
    words: &[OsString],
    engine: EngineChoice,
    context: &Context<'_>,
) -> Result<Request, CliError> {
    let named = first_pass::named(&context.engines, words).cloned();
    let whose = Whose::line(named.as_ref());
    let parsed = command(&context.engines, words.first(), whose)
        .try_get_matches_from(words)
        .and_then(|matches| Cli::from_arg_matches(&matches).map(|cli| (cli, matches)));
    let (cli, matches) = parsed.map_err(|error| CliError::Conflict {
        problem: "the options of the object can't be used".to_owned(),
        choices: vec![text::printable(error.to_string().trim(), 1000).into_owned()],
    })?;
    let Verb::Backup(args) = cli.verb else {
        unreachable!("the line is one of `backup`")
    };
    let context = Context {
        connect: context.connect.clone(),
        engines: context.engines.clone(),
        named,
        matches: &matches,
        output_file: None,
        begun: context.begun.clone(),
        opener: context.opener.clone(),
        so_far: context.so_far.clone(),
        ui: context.ui,
    };
    args.into_request(context, engine)
}

/// The verbs of the command line, without anything that was given to them.
fn verbs(matches: &ArgMatches) -> String {
    match matches.subcommand() {
        Some((verb, inner)) => format!("{verb} {}", verbs(inner)).trim_end().to_owned(),
        None => String::new(),
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
        let more = ui.with_commands("`kubectl broker plugin doctor` shows details");
        ui.warn(&format!("{who} left out: {problem}. {more}"));
    }
}

/// Shows what clap has to say: help and version on stdout, all else on stderr.
fn show(said: &clap::Error, ui: Ui) -> io::Result<()> {
    // Errors repeat what was typed, and what was typed may come from a file.
    let plain = said.render().to_string();
    if plain.lines().any(|line| line.chars().any(text::is_unsafe)) {
        ui.note(&plain);
        return Ok(());
    }
    if !said.use_stderr() {
        ui.check_out()?;
    }
    match said.print().and_then(|()| io::stdout().flush()) {
        // A reader that has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// Returns what clap says about a line, for programs that read errors as documents.
fn wrong_line(said: &clap::Error) -> CliError {
    let text = said.render().to_string();
    let (problem, rest) = text.split_once("\n\n").unwrap_or((&text, ""));
    let problem = problem.strip_prefix("error: ").unwrap_or(problem);
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let tip = rest
        .lines()
        .find_map(|line| line.trim().strip_prefix("tip: "));
    let usage = rest.lines().find_map(|line| line.strip_prefix("Usage: "));
    let hints = tip.map(words).into_iter();
    let hints = hints.chain(usage.map(|usage| format!("Usage: {}", words(usage))));
    CliError::Line {
        problem: text::printable(&words(problem), 1000).into_owned(),
        usage: hints.collect::<Vec<_>>().join("; "),
    }
}

/// Returns the command with the flags and verbs that engines have on this line. No engine is run for it.
fn command(engines: &[EngineFile], program: Option<&OsString>, whose: Whose<'_>) -> Command {
    let name = shown_name(program);
    let command = Cli::command().bin_name(&name).after_help(exit_codes());
    let command = engine_verbs::add(command, engines, whose, &name);
    let command = match whose {
        Whose::Of(engine) => credentials::described(command, engine),
        Whose::Unnamed | Whose::All => command,
    };
    engine_flags::add(command, engines, whose, &name)
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

fn run(verb: Verb, is_verbose: bool, context: Context<'_>) -> ExitCode {
    let ui = context.ui;
    let begun = context.begun.clone();
    let cleanup = context.opener.cleanup.clone();
    let so_far = context.so_far.clone();
    // One thread waits for the network; what computes (compiling) has threads of its own.
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return fail(ui, &CliError::Runtime(error)),
    };
    let audit = match &verb {
        Verb::Backup(args) => args.audit(),
        Verb::Discover(args) => args.audit(),
        Verb::Engines(args) => args.audit(),
        Verb::Health(args) => args.audit(),
        _ => None,
    };
    if let Err(error) = events::show(ui, is_verbose, audit) {
        return fail(ui, &error);
    }
    let (is_watching, after_stop) = match &verb {
        Verb::Backup(args) => (args.is_watching(), args.after_stop(&context.engines)),
        Verb::Store(args) => (false, args.after_stop()),
        _ => (false, AfterStop::Nothing),
    };
    // The runtime outlives a panic: dropped in the middle, it would wait for the thread that reads the terminal.
    let result = bug::caught(|| {
        runtime.block_on(async {
            let stop = Stop::listen();
            tokio::select! {
                result = dispatch(verb, context) => Some(result),
                () = stop.asked() => None,
                () = bug::seen() => None,
            }
        })
    })
    .flatten();
    // A stopped upload undoes its work in the store. A second signal ends the process at once.
    runtime.block_on(cleanup.settled(CLEANUP));
    // A worker that still compiles must not keep a stopped command alive.
    runtime.shutdown_background();
    let result = result.unwrap_or_else(|| {
        // That the command was stopped counts more than a reader of stdout that is gone.
        let _ = so_far.show(ui);
        Err(if is_watching {
            CliError::Said(Failure::Interrupted)
        } else {
            CliError::Interrupted {
                next: after_stop.hint(&begun),
            }
        })
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(CliError::Said(failure)) => ExitCode::from(failure.exit_code()),
        // Errors that follow from a bug say little. The bug itself is reported.
        Err(_) if bug::is_found() => ExitCode::from(Failure::Failed.exit_code()),
        Err(error) => fail(ui, &error),
    }
}

async fn dispatch(verb: Verb, context: Context<'_>) -> Result<(), CliError> {
    match verb {
        Verb::Backup(args) => backup::run(args, context).await,
        Verb::Discover(args) => discover::run(args, context).await,
        Verb::Engines(args) => engines::run(args, context).await,
        Verb::Health(args) => health::run(args, context).await,
        Verb::Plugin(args) => Box::pin(plugin::run(args, context)).await,
        Verb::Run(args) => Box::pin(run::run(args, context)).await,
        Verb::Store(args) => Box::pin(store::run(args, context)).await,
        Verb::Version(args) => version::run(&args, context.ui),
        Verb::Completion(args) => completion::run(&args, context.ui),
    }
}

fn fail(ui: Ui, problem: &dyn Problem) -> ExitCode {
    ui.failure(problem);
    ExitCode::from(problem.failure().exit_code())
}
