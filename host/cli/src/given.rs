//! The words of the command line, before clap interprets them.

use std::collections::BTreeMap;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};
use host_driver::has_port_flag;
use host_engine::EngineFile;

use super::engine_flags::innermost;
use crate::ui::{GivenFlag, Invocation};

/// Flags that kubectl has too, with the same meaning. kubectl takes an empty value as none at all, and so
/// does [`super::connection`].
const OF_KUBECTL: [&str; 10] = [
    "namespace",
    "context",
    "kubeconfig",
    "cluster",
    "user",
    "as",
    "as-group",
    "request-timeout",
    "tls-server-name",
    "insecure-skip-tls-verify",
];
/// Flags that kubectl is not told of in hints: it has its own patience.
const NOT_FOR_KUBECTL: &str = "request-timeout";
/// Flags of the output and of this one run, which another command can do without.
const OF_THIS_RUN: [&str; 6] = ["output", "color", "no-color", "verbose", "audit", "help"];

/// How the program was called, for the commands in hints. `command` was parsed into `matches`.
/// `engines` are all engines, and `ports` the port flags that were given.
pub(super) fn invocation(
    command: &Command,
    matches: &ArgMatches,
    program: String,
    engines: &[EngineFile],
    ports: &BTreeMap<String, u16>,
) -> Invocation {
    let given = innermost(matches);
    let ports = ports
        .iter()
        .map(|(flag, port)| port_flag(engines, flag, *port));
    let flags = innermost_command(command, matches)
        .get_arguments()
        .filter(|argument| argument.is_global_set() && was_given(given, argument))
        .filter(|argument| !OF_THIS_RUN.contains(&argument.get_id().as_str()))
        .flat_map(|argument| flags(command, given, argument))
        .chain(ports)
        .collect();
    Invocation::new(program, flags)
}

/// A port flag. Commands with another engine than its own don't take it.
fn port_flag(engines: &[EngineFile], flag: &str, port: u16) -> GivenFlag {
    let takers = engines.iter().filter(|it| has_port_flag(it, flag));
    let names = takers.flat_map(|engine| {
        let id = &engine.manifest().id;
        [id.to_string(), id.name().to_owned()]
    });
    GivenFlag {
        long: flag.to_owned(),
        short: None,
        value: Some(port.to_string()),
        commands: ["backup", "engines", "health"].map(str::to_owned).to_vec(),
        engines: Some(names.collect()),
        is_of_kubectl: false,
    }
}

/// One for each value of the flag.
fn flags(command: &Command, given: &ArgMatches, argument: &Arg) -> Vec<GivenFlag> {
    let Some(long) = argument.get_long() else {
        return Vec::new();
    };
    let takes_it = |command: &Command| {
        let mut arguments = command.get_arguments();
        arguments.any(|it| it.get_long() == Some(long))
    };
    let everywhere = takes_it(command);
    let commands = command.get_subcommands();
    let flag = GivenFlag {
        long: long.to_owned(),
        short: argument.get_short(),
        value: None,
        commands: commands
            .filter(|command| everywhere || takes_it(command))
            .map(|command| command.get_name().to_owned())
            // Nothing of these reaches a cluster.
            .filter(|name| matches!(&**name, "backup" | "discover" | "engines" | "health"))
            .collect(),
        engines: None,
        is_of_kubectl: OF_KUBECTL.contains(&long) && long != NOT_FOR_KUBECTL,
    };
    match long {
        // A password stands in no message; it can be typed.
        "password" => vec![GivenFlag {
            long: "password-stdin".to_owned(),
            ..flag
        }],
        _ if !argument.get_action().takes_values() => vec![flag],
        _ => values(given, argument)
            .filter(|value| !value.is_empty())
            .map(|value| GivenFlag {
                value: Some(value),
                ..flag.clone()
            })
            .collect(),
    }
}

/// Refuses an empty value of a flag or argument of this program. An unset variable of a script must not become
/// another backup, file or target. An empty value of a flag of kubectl counts as absent.
pub(super) fn refuse_empty(command: &mut Command, matches: &ArgMatches) -> Result<(), clap::Error> {
    let given = innermost(matches);
    let empty = innermost_command(command, matches)
        .get_arguments()
        .filter(|argument| argument.get_action().takes_values())
        .filter(|argument| {
            let long = argument.get_long();
            long.is_none_or(|long| !OF_KUBECTL.contains(&long))
        })
        .find(|argument| {
            was_given(given, argument) && values(given, argument).any(|value| value.is_empty())
        })
        .map(ToString::to_string);
    match empty {
        Some(argument) => Err(command.error(
            ErrorKind::InvalidValue,
            format!("a value is required for '{argument}', and an empty one was given"),
        )),
        None => Ok(()),
    }
}

fn was_given(matches: &ArgMatches, argument: &Arg) -> bool {
    let id = argument.get_id().as_str();
    // Of an argument that the command does not have nothing can be asked.
    matches.try_contains_id(id).is_ok()
        && matches.value_source(id) == Some(ValueSource::CommandLine)
}

/// The values as they were typed.
fn values(matches: &ArgMatches, argument: &Arg) -> impl Iterator<Item = String> {
    let raw = matches
        .try_get_raw(argument.get_id().as_str())
        .ok()
        .flatten();
    raw.into_iter()
        .flatten()
        .map(|value| value.to_string_lossy().into_owned())
}

/// The command whose matches are [`innermost`].
fn innermost_command<'a>(command: &'a Command, matches: &ArgMatches) -> &'a Command {
    let inner = matches.subcommand().and_then(|(name, matches)| {
        let inner = command.find_subcommand(name)?;
        Some(innermost_command(inner, matches))
    });
    inner.unwrap_or(command)
}
