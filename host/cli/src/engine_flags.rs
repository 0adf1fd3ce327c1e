//! The flags that engines add to the command line. They come from manifests: no engine is run.

use std::collections::BTreeMap;
use std::path::PathBuf;

use broker_manifest::{Endpoint, EngineOption, Operation, OptionForm, OptionKind};
use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches, Command, ValueHint, value_parser};
use host_engine::{EngineFile, OptionSetting, OptionValue};

use super::backup::create;
use super::engine_help::{Chosen, Shown, Task, is_among, more};
use super::error::CliError;
use super::{text_file, tls_flags};

/// Adds the port flags of all engines to the commands that contact a backend, and the options of
/// each operation to its command. Those that are not shown are hidden.
pub(super) fn add(
    command: Command,
    engines: &[EngineFile],
    shown: Shown<'_>,
    program: &str,
) -> Command {
    // The command of all engines shows the flags of all.
    let all = Chosen::new(engines, Shown::All, Task::Any);
    let command =
        command.mut_subcommand("engines", |verb| with_flags(verb, ports_of(engines), &all));
    command.mut_subcommand("backup", |mut backup| {
        let names: Vec<_> = backup
            .get_subcommands()
            .map(|command| command.get_name().to_owned())
            .collect();
        for name in names {
            backup = backup.mut_subcommand(&name, |command| {
                let task = Task::of(&name);
                with_help(command, engines, shown, task, &format!("{program} backup"))
            });
        }
        with_help(backup, engines, shown, Task::Any, program)
    })
}

/// Adds what engines take to a command that has this task.
fn with_help(
    mut command: Command,
    engines: &[EngineFile],
    shown: Shown<'_>,
    task: Task<'_>,
    parent: &str,
) -> Command {
    let chosen = Chosen::new(engines, shown, task);
    let mut flags = match task {
        Task::Operation(operation) => options_of(engines, operation),
        _ => Vec::new(),
    };
    flags.extend(ports_of(engines));
    let is_further = |engine: &&EngineFile| {
        let mut own = flags.iter().filter(|flag| is_among(engine, &flag.takers));
        task.is_done_by(engine) && own.any(|flag| !chosen.shows(&flag.takers))
    };
    // The several engines of a verb are named in its help.
    let is_of_verb = matches!(task, Task::Verb(_));
    if matches!(shown, Shown::Shared) && !is_of_verb {
        let further: Vec<_> = engines.iter().filter(is_further).collect();
        if let Some(more) = more(parent, command.get_name(), &further) {
            command = command.after_help(more);
        }
    }
    if matches!(task, Task::Operation(Operation::Create)) && !chosen.saves() {
        command = create::without_place(command);
    }
    with_flags(command, flags, &chosen)
}

/// Adds flags to a command. Global flags are added to commands inside it too, so that each may show others.
fn with_flags(mut command: Command, flags: Vec<Flag<'_>>, chosen: &Chosen<'_>) -> Command {
    for flag in flags {
        // A verb may have an option with the name of a flag.
        let name = flag.argument.get_id();
        if command.get_arguments().any(|it| it.get_id() == name) {
            continue;
        }
        let argument = if chosen.shows(&flag.takers) {
            flag.argument.help_heading(chosen.heading(&flag.takers))
        } else {
            flag.argument.hide(true)
        };
        command = command.arg(argument);
    }
    command
}

/// A flag, with the engines that take it.
struct Flag<'a> {
    argument: Arg,
    takers: Vec<&'a EngineFile>,
}

/// Returns the flags of ports and of TLS, each once.
fn ports_of(engines: &[EngineFile]) -> Vec<Flag<'_>> {
    let mut found = Vec::new();
    for engine in engines {
        let endpoints = engine.manifest().endpoints.values();
        for endpoint in endpoints {
            if let Some(flag) = endpoint.port_flag() {
                note(&mut found, flag, engine, || port_argument(flag));
            }
            for argument in tls_flags::arguments(endpoint) {
                let name = argument.get_id().to_string();
                note(&mut found, &name, engine, || argument);
            }
        }
    }
    found
}

/// Returns the options of an operation, each once, with the help of the first engine that takes it.
fn options_of(engines: &[EngineFile], operation: Operation) -> Vec<Flag<'_>> {
    let mut found = Vec::new();
    for engine in engines {
        for option in engine.manifest().options_of_command(operation) {
            note(&mut found, &option.name, engine, || option_argument(option));
        }
    }
    found
}

fn note<'a>(
    found: &mut Vec<Flag<'a>>,
    name: &str,
    engine: &'a EngineFile,
    argument: impl FnOnce() -> Arg,
) {
    match found.iter_mut().find(|flag| flag.argument.get_id() == name) {
        Some(flag) if is_among(engine, &flag.takers) => (),
        Some(flag) => flag.takers.push(engine),
        None => found.push(Flag {
            argument: argument(),
            takers: vec![engine],
        }),
    }
}

/// The values of the port flags that were given, by flag.
pub(super) fn ports(engines: &[EngineFile], matches: &ArgMatches) -> BTreeMap<String, u16> {
    let innermost = innermost(matches);
    let endpoints = engines
        .iter()
        .flat_map(|engine| engine.manifest().endpoints.values());
    endpoints
        .filter_map(Endpoint::port_flag)
        .filter_map(|flag| {
            let port = innermost.try_get_one::<u16>(flag).ok().flatten().copied();
            port.map(|port| (flag.to_owned(), port))
        })
        .collect()
}

/// The values of the options that were given or have a default, by option.
pub(super) fn settings(
    engines: &[EngineFile],
    matches: &ArgMatches,
) -> Result<BTreeMap<String, OptionSetting>, CliError> {
    let innermost = innermost(matches);
    let options = engines.iter().flat_map(|engine| &engine.manifest().options);
    let mut settings = BTreeMap::new();
    for option in options {
        let name = option.name.clone();
        // The flag of a name that engines share is one: standard input is read once.
        if settings.contains_key(&name) {
            continue;
        }
        if let Some(value) = value(innermost, option.form())? {
            settings.insert(name.clone(), OptionSetting { name, value });
        }
    }
    Ok(settings)
}

/// The value of an option, if it was given or has a default. That of a file is read.
pub(super) fn value(
    matches: &ArgMatches,
    form: OptionForm<'_>,
) -> Result<Option<OptionValue>, CliError> {
    let name = form.name;
    if form.kind == OptionKind::File {
        let path = matches.try_get_one::<PathBuf>(name).ok().flatten();
        let text = path.map(|path| text_file::read(name, path)).transpose()?;
        return Ok(text.map(OptionValue::Text));
    }
    Ok(plain_value(matches, form))
}

fn plain_value(matches: &ArgMatches, form: OptionForm<'_>) -> Option<OptionValue> {
    let name = form.name;
    match form.kind {
        OptionKind::Text => {
            let text = matches.try_get_one::<String>(name).ok()??;
            Some(OptionValue::Text(text.clone()))
        }
        OptionKind::Integer => {
            let number = matches.try_get_one::<i64>(name).ok()??;
            Some(OptionValue::Integer(*number))
        }
        OptionKind::File => None,
        OptionKind::Boolean => {
            let value = matches.try_get_one::<bool>(name).ok()??;
            Some(OptionValue::Boolean(*value))
        }
    }
}

/// Global arguments are found in the matches of the innermost command.
pub(super) fn innermost(matches: &ArgMatches) -> &ArgMatches {
    match matches.subcommand() {
        Some((_, inner)) => innermost(inner),
        None => matches,
    }
}

fn port_argument(flag: &str) -> Arg {
    Arg::new(flag.to_owned())
        .long(flag.to_owned())
        .global(true)
        .value_name("PORT")
        .value_parser(value_parser!(u16).range(1..))
        .help("Port of the backend inside the pod")
}

fn option_argument(option: &EngineOption) -> Arg {
    argument(option.form())
        .long(option.name.clone())
        .value_name(option.name.to_ascii_uppercase())
        .help(option.help.clone())
}

/// An argument that takes the values of an option, and has yet to be told how it is given.
pub(super) fn argument(form: OptionForm<'_>) -> Arg {
    let argument = Arg::new(form.name.to_owned());
    let argument = match form.kind {
        OptionKind::Text if form.choices.is_empty() => argument.value_parser(value_parser!(String)),
        OptionKind::Text => argument.value_parser(PossibleValuesParser::new(form.choices)),
        OptionKind::Integer => argument
            .value_parser(value_parser!(i64))
            .allow_negative_numbers(true),
        OptionKind::File => argument
            .value_parser(value_parser!(PathBuf))
            .value_hint(ValueHint::FilePath),
        OptionKind::Boolean => argument.action(ArgAction::SetTrue),
    };
    match form.default {
        Some(default) => argument.default_value(default.to_owned()),
        None => argument,
    }
}
