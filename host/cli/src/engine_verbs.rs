//! The verbs that engines bring. They come from manifests: no engine is run.

use broker_manifest::{OptionKind, Saves, Verb, VerbOption};
use clap::builder::ValueParser;
use clap::{Arg, ArgAction, ArgMatches, Args as _, Command};
use host_driver::{Reading, verb_reading};
use host_engine::{EngineFile, OptionSetting};

use super::backup::place::PlaceArgs;
use super::connection::parse_duration;
use super::engine_flags::{argument, innermost, is_given, unclear, unclear_argument, value};
use super::engine_help::{Whose, is_among};
use super::error::CliError;

/// Adds the verbs of all engines to `backup`, after those of the host. clap has no headings for commands, so the
/// help of each names its engine.
pub(super) fn add(
    command: Command,
    engines: &[EngineFile],
    whose: Whose<'_>,
    program: &str,
) -> Command {
    command.mut_subcommand("backup", |mut backup| {
        for (name, having) in verbs(engines) {
            let mut command = match meaning(engines, whose, name) {
                Some((verb, alike)) => command_of(name, verb, &alike),
                None => unclear_command(name, whose, &having),
            };
            if !matches!(
                (whose, meaning(engines, whose, name)),
                (Whose::Unnamed | Whose::All, Some(_))
            ) {
                for option in options_of(&having, name) {
                    let is_there = |it: &Arg| it.get_id() == option;
                    if !command.get_arguments().any(is_there) {
                        command = command.arg(unclear_argument(option));
                    }
                }
            }
            backup = backup.subcommand(with_others(command, engines, whose, &having, program));
        }
        backup
    })
}

/// Returns the options of a verb that stand on the command line, without defaults. The driver refuses those that
/// the named engine does not have.
pub(super) fn given(
    engines: &[EngineFile],
    whose: Whose<'_>,
    matches: &ArgMatches,
    verb: &str,
) -> Result<Vec<OptionSetting>, CliError> {
    let inner = innermost(matches);
    // The driver reports a verb without a meaning before it looks at options.
    let Some((meant, _)) = meaning(engines, whose, verb) else {
        return Ok(Vec::new());
    };
    let mut settings = Vec::new();
    for option in &meant.options {
        if is_given(inner, &option.name)
            && let Some(value) = value(inner, option.form())?
        {
            let name = option.name.clone();
            settings.push(OptionSetting { name, value });
        }
    }
    let having: Vec<_> = engines.iter().collect();
    let is_own = |name: &str| meant.options.iter().any(|it| it.name == name);
    for name in options_of(&having, verb) {
        let is_new = !is_own(name) && settings.iter().all(|it| it.name != name);
        if is_new
            && is_given(inner, name)
            && let Some(value) = unclear(inner, name)
        {
            let name = name.to_owned();
            settings.push(OptionSetting { name, value });
        }
    }
    Ok(settings)
}

/// Returns what a verb means on this line, and the engines to which it means the same. None if the named engine
/// does not have it, or several engines have it with different meanings.
fn meaning<'a>(
    engines: &'a [EngineFile],
    whose: Whose<'a>,
    name: &str,
) -> Option<(&'a Verb, Vec<&'a EngineFile>)> {
    let alike = match whose {
        Whose::Of(engine) => vec![engine],
        Whose::Unnamed | Whose::All => match verb_reading(engines, name)? {
            Reading::Alike(engines) => engines,
            Reading::Disputed(_) => return None,
        },
    };
    let first: &EngineFile = alike.first()?;
    Some((first.manifest().verbs.get(name)?, alike))
}

/// Returns the names of the options that these engines' verbs of one name have as flags.
fn options_of<'a>(having: &[&'a EngineFile], verb: &str) -> Vec<&'a str> {
    let verbs = having.iter().filter_map(|it| it.manifest().verbs.get(verb));
    let options = verbs.flat_map(|verb| &verb.options);
    let flags = options.filter(|option| !option.positional);
    flags.map(|option| option.name.as_str()).collect()
}

/// Each verb once, with the engines that have it: at least one.
fn verbs(engines: &[EngineFile]) -> Vec<(&str, Vec<&EngineFile>)> {
    let mut found: Vec<(&str, Vec<&EngineFile>)> = Vec::new();
    for engine in engines {
        for name in engine.manifest().verbs.keys() {
            match found.iter_mut().find(|(known, _)| known == name) {
                Some((_, having)) => having.push(engine),
                None => found.push((name, vec![engine])),
            }
        }
    }
    found
}

fn command_of(name: &str, verb: &Verb, engines: &[&EngineFile]) -> Command {
    let command = Command::new(name.to_owned())
        .about(format!("{} ({})", verb.help, called(engines)))
        .args(verb.options.iter().map(option_argument))
        .arg(
            Arg::new("timeout")
                .long("timeout")
                .value_name("TIME")
                .value_parser(parse_duration)
                .help("Maximum time for the command, such as 30s or 10m [default: 15m]"),
        );
    let command = match verb.saves() {
        Saves::Nothing => command,
        Saves::One => PlaceArgs::augment_args(command),
        Saves::Many => PlaceArgs::augment_args(command)
            // The driver explains to those who give it why it can't be used.
            .mut_arg("output_file", |argument| argument.hide(true)),
    };
    if !verb.destructive {
        return command;
    }
    command.arg(yes())
}

fn yes() -> Arg {
    Arg::new("yes")
        .short('y')
        .long("yes")
        .action(ArgAction::SetTrue)
        .help("Skip the confirmation")
}

/// Returns a command for a verb without a meaning on this line. It takes any words, so that the driver can say
/// which engines have the verb.
fn unclear_command(name: &str, whose: Whose<'_>, having: &[&EngineFile]) -> Command {
    // No option can have this name. Words with a dash are flags: `--engine` may be among them.
    let words = Arg::new("WORDS")
        .num_args(0..)
        .value_parser(ValueParser::os_string())
        .hide(true);
    let command = Command::new(name.to_owned())
        .arg(words)
        .arg(unclear_argument("timeout"))
        .arg(yes().hide(true));
    match whose {
        Whose::Of(engine) => command.hide(true).about(format!(
            "Verb of {}; engine {} does not have it",
            called(having),
            engine.shown_name()
        )),
        Whose::Unnamed | Whose::All => command.about(format!(
            "Several engines have this verb with different options ({})",
            called(having)
        )),
    }
}

/// Adds the lines that name how to see the same verb of further engines.
fn with_others(
    command: Command,
    engines: &[EngineFile],
    whose: Whose<'_>,
    having: &[&EngineFile],
    program: &str,
) -> Command {
    let name = command.get_name().to_owned();
    let alike = match (whose, meaning(engines, whose, &name)) {
        (Whose::Of(_), Some(_)) => return command,
        (_, Some((_, alike))) => alike,
        (_, None) => Vec::new(),
    };
    let is_other = |engine: &&&EngineFile| !is_among(engine, &alike);
    let lines = having.iter().filter(is_other).map(|engine| {
        let engine = engine.shown_name();
        format!("\n  {program} backup {name} --engine {engine} --help")
    });
    let lines: String = lines.collect();
    let mut more = Vec::new();
    if alike.len() > 1 {
        more.push("Several engines have this verb: name one with --engine.".to_owned());
    }
    if !lines.is_empty() {
        let heading = if alike.is_empty() {
            "The verb of each engine:"
        } else {
            "The same verb of further engines:"
        };
        more.push(format!("{heading}{lines}"));
    }
    if more.is_empty() {
        return command;
    }
    command.after_help(more.join("\n\n"))
}

/// Names engines, such as `engine sidecar`.
fn called(engines: &[&EngineFile]) -> String {
    let names: Vec<_> = engines.iter().map(|engine| engine.shown_name()).collect();
    let noun = if names.len() == 1 {
        "engine"
    } else {
        "engines"
    };
    format!("{noun} {}", names.join(", "))
}

fn option_argument(option: &VerbOption) -> Arg {
    let argument = argument(option.form())
        .help(option.help.clone())
        .required(option.is_required());
    let argument = if option.kind == OptionKind::Boolean {
        argument
    } else {
        argument.value_name(option.name.to_ascii_uppercase())
    };
    if option.positional {
        argument
    } else {
        argument.long(option.name.clone())
    }
}

#[cfg(test)]
mod tests {
    use broker_manifest::{RESERVED_FLAGS, RESERVED_VERBS, SHARED_FLAGS, is_flag_name};
    use clap::CommandFactory as _;

    use super::*;
    use crate::Cli;

    /// `backup` as the host alone has it.
    fn backup() -> Command {
        let command = Cli::command();
        let backup = command.find_subcommand("backup").cloned();
        backup.expect("the command `backup`")
    }

    #[test]
    fn no_verb_of_an_engine_can_take_the_place_of_one_of_the_host() {
        for command in backup().get_subcommands() {
            let name = command.get_name();
            assert!(RESERVED_VERBS.contains(&name), "{name} must be reserved");
        }
    }

    #[test]
    fn no_option_of_a_verb_can_take_the_place_of_a_flag_that_every_command_has() {
        let command = Cli::command();
        let backup = backup();
        let global = command.get_arguments().chain(backup.get_arguments());
        for argument in global.filter(|argument| argument.is_global_set()) {
            let names = argument
                .get_long()
                .into_iter()
                .chain([argument.get_id().as_str()]);
            for name in names.filter(|name| is_flag_name(name)) {
                let reserved = RESERVED_FLAGS.contains(&name) && !SHARED_FLAGS.contains(&name);
                assert!(reserved, "{name} must be reserved");
            }
        }
    }

    #[test]
    fn every_flag_of_a_command_that_engines_add_to_is_reserved() {
        let backup = backup();
        let commands = backup.get_subcommands();
        let arguments = commands.flat_map(Command::get_arguments);
        // Engines add nothing to `verify`, which alone has arguments without a flag.
        for argument in arguments.filter(|it| !it.is_positional()) {
            let names = argument.get_long().into_iter();
            for name in names.chain([argument.get_id().as_str()]) {
                let is_reserved = RESERVED_FLAGS.contains(&name) || !is_flag_name(name);
                assert!(is_reserved, "{name} must be reserved");
            }
        }
        for group in backup.get_subcommands().flat_map(Command::get_groups) {
            let name = group.get_id().as_str();
            assert!(!is_flag_name(name), "an option may be called {name}");
        }
    }
}
