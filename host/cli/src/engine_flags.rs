//! The flags that engines add to the command line. They come from manifests: no engine is run.

use std::collections::BTreeMap;
use std::path::PathBuf;

use broker_manifest::{EngineOption, Operation, OptionForm, OptionKind};
use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches, Command, ValueHint, value_parser};
use host_engine::{EngineFile, OptionSetting, OptionValue};

use super::error::CliError;
use super::text_file;

/// The commands that take engines' flags.
const COMMANDS: [&str; 2] = ["backup", "engines"];

/// Adds the port flags of all engines to the commands that contact a backend, and the options of
/// each operation to its command.
pub(super) fn add(mut command: Command, engines: &[EngineFile]) -> Command {
    for name in COMMANDS {
        command = command.mut_subcommand(name, |mut verb| {
            for (flag, engine) in port_flags(engines) {
                verb = verb.arg(port_argument(&flag, &engine));
            }
            if name == "backup" {
                verb = add_options(verb, engines);
            }
            verb
        });
    }
    command
}

fn add_options(mut verb: Command, engines: &[EngineFile]) -> Command {
    let present: Vec<_> = verb
        .get_subcommands()
        .map(|command| command.get_name().to_owned())
        .collect();
    for operation in Operation::ALL {
        if !present.iter().any(|name| name == operation.name()) {
            continue;
        }
        verb = verb.mut_subcommand(operation.name(), |mut command| {
            for (option, engine) in options(engines, operation) {
                command = command.arg(option_argument(option, &engine));
            }
            command
        });
    }
    verb
}

/// The values of the port flags that were given, by flag.
pub(super) fn ports(engines: &[EngineFile], matches: &ArgMatches) -> BTreeMap<String, u16> {
    let innermost = innermost(matches);
    port_flags(engines)
        .into_keys()
        .filter_map(|flag| {
            let port = innermost.try_get_one::<u16>(&flag).ok().flatten().copied();
            port.map(|port| (flag, port))
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

/// Each flag once, with the engine that asks for it first.
fn port_flags(engines: &[EngineFile]) -> BTreeMap<String, String> {
    let mut flags = BTreeMap::new();
    for engine in engines {
        let manifest = engine.manifest();
        for endpoint in manifest.endpoints.values() {
            if let Some(flag) = endpoint.port_flag() {
                flags
                    .entry(flag.to_owned())
                    .or_insert_with(|| engine.shown_name());
            }
        }
    }
    flags
}

/// Each option of an operation once, with the engine that asks for it first.
fn options(engines: &[EngineFile], operation: Operation) -> Vec<(&EngineOption, String)> {
    let mut found: Vec<(&EngineOption, String)> = Vec::new();
    for engine in engines {
        for option in engine.manifest().options_of_command(operation) {
            if !found.iter().any(|(known, _)| known.name == option.name) {
                found.push((option, engine.shown_name()));
            }
        }
    }
    found
}

fn port_argument(flag: &str, engine: &str) -> Arg {
    Arg::new(flag.to_owned())
        .long(flag.to_owned())
        .global(true)
        .value_name("PORT")
        .value_parser(value_parser!(u16).range(1..))
        .help(format!(
            "Port of the backend inside the pod, for engine {engine}"
        ))
        .help_heading("Engines")
}

fn option_argument(option: &EngineOption, engine: &str) -> Arg {
    argument(option.form())
        .long(option.name.clone())
        .value_name(option.name.to_ascii_uppercase())
        .help(format!("{} (engine {engine})", option.help))
        .help_heading("Engines")
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
