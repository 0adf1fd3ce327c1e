//! The flags that engines add to the command line. They come from manifests: no engine is run.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use broker_manifest::{Endpoint, EngineOption, Operation, OptionForm, OptionKind};
use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command, ValueHint, value_parser};
use host_driver::{Reading, Sense, option_reading, sense};
use host_engine::{EngineFile, OptionSetting, OptionValue};

use super::backup::create;
use super::engine_help::{Chosen, Task, Whose, is_among, more};
use super::error::CliError;
use super::{health, text_file, tls_flags};

/// Adds the port flags to the commands that contact a backend, and the options of each operation to its
/// command. Those that are not shown are hidden.
pub(super) fn add(
    command: Command,
    engines: &[EngineFile],
    whose: Whose<'_>,
    program: &str,
) -> Command {
    // The command of all engines shows the flags of all.
    let all = Chosen::new(engines, Whose::All, Task::Any);
    let command = command.mut_subcommand("engines", |verb| {
        with_flags(verb, flags(engines, Whose::All, Task::Any), &all)
    });
    let command = command.mut_subcommand("health", |verb| {
        let task = Task::Operation(Operation::Health);
        with_help(health::described(verb), engines, whose, task, program)
    });
    command.mut_subcommand("backup", |mut backup| {
        let names: Vec<_> = backup
            .get_subcommands()
            .map(|command| command.get_name().to_owned())
            .collect();
        for name in names {
            backup = backup.mut_subcommand(&name, |command| {
                let task = Task::of(&name);
                with_help(command, engines, whose, task, &format!("{program} backup"))
            });
        }
        with_help(backup, engines, whose, Task::Group, program)
    })
}

/// Adds what engines take to a command that has this task.
fn with_help(
    mut command: Command,
    engines: &[EngineFile],
    whose: Whose<'_>,
    task: Task<'_>,
    parent: &str,
) -> Command {
    let chosen = Chosen::new(engines, whose, task);
    let flags = flags(engines, whose, task);
    let shows = |engine: &EngineFile, name: &str| {
        let mut flags = flags.iter().filter(|flag| flag.name == name);
        flags.any(|flag| is_among(engine, &flag.takers) && chosen.shows(&flag.takers))
    };
    let is_further = |engine: &&EngineFile| {
        let mut own = names(engine, task).into_iter();
        task.is_done_by(engine) && own.any(|name| !shows(engine, name))
    };
    // The several engines of a verb are named in its help.
    let is_of_verb = matches!(task, Task::Verb(_));
    if matches!(whose, Whose::Unnamed) && !is_of_verb {
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

/// Adds flags to a command.
fn with_flags(mut command: Command, flags: Vec<Flag<'_>>, chosen: &Chosen<'_>) -> Command {
    for flag in flags {
        // A verb may have an option with the name of a port flag.
        let is_there = |it: &Arg| it.get_id() == flag.name || it.get_long() == Some(flag.name);
        if command.get_arguments().any(is_there) {
            continue;
        }
        let argument = match flag.taken {
            Taken::Port => port_argument(flag.name),
            Taken::Option(option) => option_argument(option)
                // With `auto` the engine is not known yet, so the driver checks this.
                .required(option.required && chosen.is_one()),
            Taken::Unclear => unclear_argument(flag.name),
        };
        let is_shown = chosen.shows(&flag.takers) && !matches!(flag.taken, Taken::Unclear);
        let shown = |argument: Arg| {
            if is_shown {
                argument.help_heading(chosen.heading(&flag.takers))
            } else {
                argument.hide(true)
            }
        };
        command = command.arg(shown(argument));
        if matches!(flag.taken, Taken::Port) {
            for argument in tls_arguments(&flag) {
                if command
                    .get_arguments()
                    .all(|it| it.get_id() != argument.get_id())
                {
                    command = command.arg(shown(argument));
                }
            }
        }
    }
    command
}

/// Returns the flags for TLS that belong to the flag of a port.
fn tls_arguments(port: &Flag<'_>) -> Vec<Arg> {
    let manifests = port.takers.iter().map(|engine| engine.manifest());
    let endpoints = manifests.flat_map(|manifest| manifest.endpoints.values());
    endpoints
        .filter(|endpoint| endpoint.port_flag() == Some(port.name))
        .flat_map(tls_flags::arguments)
        .collect()
}

/// A flag of engines, as a command takes it.
struct Flag<'a> {
    name: &'a str,
    taken: Taken<'a>,
    /// The engines that take it so. None if it is only known to be refused.
    takers: Vec<&'a EngineFile>,
}

/// The kind of value that a command takes for a flag.
#[derive(Clone, Copy)]
enum Taken<'a> {
    Port,
    Option(&'a EngineOption),
    /// The named engine does not have the flag, or several engines have it with different meanings. The line is
    /// parsed, so that the driver can say which engines have it.
    Unclear,
}

impl<'a> From<Sense<'a>> for Taken<'a> {
    fn from(sense: Sense<'a>) -> Self {
        match sense {
            Sense::Port => Self::Port,
            Sense::Option(option) => Self::Option(option),
        }
    }
}

/// Returns the flags that a command takes, each once.
fn flags<'a>(engines: &'a [EngineFile], whose: Whose<'a>, task: Task<'_>) -> Vec<Flag<'a>> {
    let mut found: Vec<Flag<'a>> = Vec::new();
    let own = match whose {
        Whose::Of(engine) => Some(engine),
        Whose::Unnamed | Whose::All => None,
    };
    for engine in own.into_iter().chain(engines) {
        for name in names(engine, task) {
            if found.iter().any(|flag| flag.name == name) {
                continue;
            }
            let (taken, takers) = match own {
                Some(own) => match meaning(own, task, name) {
                    Some(sense) => (sense.into(), vec![own]),
                    None => (Taken::Unclear, Vec::new()),
                },
                None => unnamed(engines, task, name),
            };
            if !matches!(task, Task::Group) || may_precede_verb(engines, own, &takers, name) {
                found.push(Flag {
                    name,
                    taken,
                    takers,
                });
            }
        }
    }
    found
}

/// Returns whether a flag may stand before the verb. It may not if it could be meant as an option of the verb.
/// The port flags of bundled engines always may.
fn may_precede_verb(
    engines: &[EngineFile],
    own: Option<&EngineFile>,
    takers: &[&EngineFile],
    name: &str,
) -> bool {
    let has_option = |engine: &EngineFile| {
        let manifest = engine.manifest();
        let mut of_verbs = manifest.verbs.values().flat_map(|verb| &verb.options);
        let mut options = manifest.options.iter();
        options.any(|it| it.name == name) || of_verbs.any(|it| it.name == name)
    };
    match own {
        Some(own) => !has_option(own),
        None => takers.iter().any(|engine| engine.is_bundled()) || !engines.iter().any(has_option),
    }
}

/// Returns the names of the flags that an engine has on a command.
fn names<'a>(engine: &'a EngineFile, task: Task<'_>) -> Vec<&'a str> {
    let manifest = engine.manifest();
    let options = match task {
        Task::Operation(operation) => {
            let options = manifest.options_of_command(operation);
            options.map(|option| option.name.as_str()).collect()
        }
        _ => Vec::new(),
    };
    let ports = manifest.endpoints.values().filter_map(Endpoint::port_flag);
    options.into_iter().chain(ports).collect()
}

fn meaning<'a>(engine: &'a EngineFile, task: Task<'_>, name: &str) -> Option<Sense<'a>> {
    match task {
        Task::Operation(operation) => sense(engine, operation, name),
        _ => host_driver::has_port_flag(engine, name).then_some(Sense::Port),
    }
}

/// Returns how a flag is taken on a line that names no engine, and by which engines.
fn unnamed<'a>(
    engines: &'a [EngineFile],
    task: Task<'_>,
    name: &str,
) -> (Taken<'a>, Vec<&'a EngineFile>) {
    let Task::Operation(operation) = task else {
        let takers = engines
            .iter()
            .filter(|it| host_driver::has_port_flag(it, name));
        return (Taken::Port, takers.collect());
    };
    match option_reading(engines, operation, name) {
        Some(Reading::Alike(takers)) => {
            let first = takers.first().and_then(|it| sense(it, operation, name));
            (first.map_or(Taken::Unclear, Taken::from), takers)
        }
        Some(Reading::Disputed(takers)) => (Taken::Unclear, takers),
        None => (Taken::Unclear, Vec::new()),
    }
}

/// Returns the ports that stand on the command line, by flag. `matches` are those of the whole line. A port behind
/// the verb wins.
pub(super) fn ports(
    engines: &[EngineFile],
    whose: Whose<'_>,
    matches: &ArgMatches,
) -> BTreeMap<String, u16> {
    let mut ports = BTreeMap::new();
    for (flag, matches) in given(engines, whose, matches) {
        // If a verb has an option of this name, it has another type.
        if let (Taken::Port, Ok(Some(port))) = (flag.taken, matches.try_get_one::<u16>(flag.name)) {
            ports.insert(flag.name.to_owned(), *port);
        }
    }
    ports
}

/// Returns the options that stand on the command line, by name. The driver refuses those that are unclear.
pub(super) fn options(
    engines: &[EngineFile],
    whose: Whose<'_>,
    matches: &ArgMatches,
) -> Result<BTreeMap<String, OptionSetting>, CliError> {
    let mut options = BTreeMap::new();
    for (flag, matches) in given(engines, whose, matches) {
        let value = match flag.taken {
            Taken::Port => None,
            Taken::Option(option) => value(matches, option.form())?,
            Taken::Unclear => unclear(matches, flag.name),
        };
        if let Some(value) = value {
            let name = flag.name.to_owned();
            options.insert(name.clone(), OptionSetting { name, value });
        }
    }
    Ok(options)
}

/// Returns the flags of engines that stand on the command line, each with the matches of its command. Those in
/// front of the verb come first.
fn given<'a>(
    engines: &'a [EngineFile],
    whose: Whose<'a>,
    matches: &'a ArgMatches,
) -> Vec<(Flag<'a>, &'a ArgMatches)> {
    let commands = match matches.subcommand() {
        Some(("backup", group)) => {
            let verb = group.subcommand();
            let verb = verb.map(|(name, inner)| (flags(engines, whose, Task::of(name)), inner));
            let group = (flags(engines, whose, Task::Group), group);
            [Some(group), verb]
        }
        Some(("health", inner)) => {
            let task = Task::Operation(Operation::Health);
            [Some((flags(engines, whose, task), inner)), None]
        }
        Some((_, inner)) => [Some((flags(engines, Whose::All, Task::Any), inner)), None],
        None => [None, None],
    };
    let flags = commands
        .into_iter()
        .flatten()
        .flat_map(|(flags, matches)| flags.into_iter().map(move |flag| (flag, matches)));
    let is_given = |(flag, matches): &(Flag<'_>, &ArgMatches)| is_given(matches, flag.name);
    flags.filter(is_given).collect()
}

/// Returns whether an argument stands on the command line.
pub(super) fn is_given(matches: &ArgMatches, name: &str) -> bool {
    matches.try_contains_id(name).is_ok()
        && matches.value_source(name) == Some(ValueSource::CommandLine)
}

/// Returns the value of a flag whose type is not known, as it was typed.
pub(super) fn unclear(matches: &ArgMatches, name: &str) -> Option<OptionValue> {
    let value = matches.try_get_one::<OsString>(name).ok()?;
    Some(value.map_or(OptionValue::Boolean(true), |text| {
        OptionValue::Text(text.to_string_lossy().into_owned())
    }))
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
        .value_name("PORT")
        .value_parser(value_parser!(u16).range(1..))
        .help("Port of the backend inside the pod")
}

/// An argument that takes at most one value, whatever it is.
pub(super) fn unclear_argument(name: &str) -> Arg {
    Arg::new(name.to_owned())
        .long(name.to_owned())
        .num_args(0..=1)
        .allow_negative_numbers(true)
        .value_parser(value_parser!(OsString))
        .hide(true)
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
        OptionKind::Text => {
            let values = form.choices.iter().map(|choice| {
                let value = PossibleValue::new(choice.value.clone());
                match &choice.help {
                    Some(help) => value.help(help.clone()),
                    None => value,
                }
            });
            argument.value_parser(PossibleValuesParser::new(values))
        }
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
