//! The verbs that engines bring. They come from manifests: no engine is run.

use broker_manifest::{OptionKind, VerbOption};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};
use host_engine::{EngineFile, OptionSetting};

use super::connection::parse_duration;
use super::engine_flags::{argument, innermost, value};
use super::engine_help::Shown;
use super::error::CliError;

/// Adds the verbs of all engines to `backup`, after those of the host. clap has no headings for
/// commands, so the help of each names its engine.
///
/// If several engines have a verb of one name, the flags are those of the first engine.
/// `host_driver::act` refuses options that the chosen engine does not take.
pub(super) fn add(command: Command, engines: &[EngineFile], shown: Shown<'_>) -> Command {
    command.mut_subcommand("backup", |mut backup| {
        for (name, having) in verbs(engines) {
            let is_hidden = match shown {
                Shown::Of(engine) => !engine.manifest().verbs.contains_key(name),
                Shown::Shared | Shown::All => false,
            };
            backup = backup.subcommand(command_of(name, &having).hide(is_hidden));
        }
        backup
    })
}

/// Returns the options of a verb that stand on the command line, without defaults.
pub(super) fn given(
    engines: &[EngineFile],
    matches: &ArgMatches,
    verb: &str,
) -> Result<Vec<OptionSetting>, CliError> {
    let inner = innermost(matches);
    let first = engines
        .iter()
        .find_map(|engine| engine.manifest().verbs.get(verb));
    let options = first.into_iter().flat_map(|verb| &verb.options);
    let given =
        options.filter(|option| inner.value_source(&option.name) == Some(ValueSource::CommandLine));
    let mut settings = Vec::new();
    for option in given {
        if let Some(value) = value(inner, option.form())? {
            let name = option.name.clone();
            settings.push(OptionSetting { name, value });
        }
    }
    Ok(settings)
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

fn command_of(name: &str, having: &[&EngineFile]) -> Command {
    let mut command = Command::new(name.to_owned());
    let engines: Vec<_> = having.iter().map(|engine| engine.shown_name()).collect();
    let verbs = having
        .iter()
        .filter_map(|engine| engine.manifest().verbs.get(name));
    if let Some(first) = verbs.clone().next() {
        let noun = if engines.len() == 1 {
            "engine"
        } else {
            "engines"
        };
        command = command
            .about(format!("{} ({noun} {})", first.help, engines.join(", ")))
            .args(first.options.iter().map(option_argument));
    }
    command = command.arg(
        Arg::new("timeout")
            .long("timeout")
            .value_name("TIME")
            .value_parser(parse_duration)
            .help("Maximum time for the command, such as 30s or 10m [default: 15m]"),
    );
    // Which of them is meant is not known yet.
    if verbs.into_iter().any(|verb| verb.destructive) {
        command = command.arg(
            Arg::new("yes")
                .short('y')
                .long("yes")
                .action(ArgAction::SetTrue)
                .help("Skip the confirmation"),
        );
    }
    if let [first, _, ..] = &engines[..] {
        command = command.after_help(format!(
            "Several engines have this verb: name one with --engine. The options are those of engine {first}."
        ));
    }
    command
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
    fn two_engines_with_one_verb_share_a_command_that_names_both() {
        let engines =
            host_engine::Catalogue::bundled(host_bundled::ENGINES).expect("the bundled engines");
        let twice: Vec<_> = engines.iter().chain(engines.iter()).cloned().collect();
        let command = add(Cli::command(), &twice, Shown::Shared);
        let backup = command.find_subcommand("backup").expect("`backup`");
        let purge: Vec<_> = backup
            .get_subcommands()
            .filter(|command| command.get_name() == "purge")
            .map(|command| (command.get_about(), command.get_after_help()))
            .collect();
        let [(Some(about), Some(after))] = purge[..] else {
            panic!("one command with a help: {purge:?}")
        };
        assert!(
            about.to_string().ends_with("(engines sidecar, sidecar)"),
            "{about}"
        );
        assert!(
            after.to_string().contains("those of engine sidecar"),
            "{after}"
        );
    }
}
