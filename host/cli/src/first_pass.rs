//! The first pass over the command line: which engine it names, whatever the flags of engines mean.
//!
//! The meaning of an engine's option depends on the engine, so clap can't parse the line before the engine is
//! known. The flags of the host are enough to find it: no value begins with a dash, so `--engine` is never the
//! value of another flag.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::iter::Peekable;

use broker_manifest::{Endpoint, Operation};
use clap::{Arg, ArgAction, Command, CommandFactory as _};
use host_driver::{EngineChoice, order};
use host_engine::EngineFile;

use super::Cli;
use super::backup::restore;

/// Returns the engine that the command line names. None if it names none, or one that does not exist.
pub(super) fn named<'a>(
    engines: &'a [EngineFile],
    arguments: &[OsString],
) -> Option<&'a EngineFile> {
    match choice(engines, arguments) {
        EngineChoice::Auto => None,
        // Every engine can detect.
        named @ EngineChoice::Named(_) => order(engines, &named, Operation::Detect).pop(),
    }
}

/// Returns the choice that the command line makes. A line that contradicts itself chooses nothing.
pub(super) fn choice(engines: &[EngineFile], arguments: &[OsString]) -> EngineChoice {
    let ports = engines
        .iter()
        .flat_map(|it| it.manifest().endpoints.values());
    let found = read(arguments, &ports.filter_map(Endpoint::port_flag).collect());
    let named = found.engine.as_deref().unwrap_or("auto");
    if found.verb.as_deref() == Some("restore") {
        let source = found.source.as_deref();
        return restore::engine_so_far(source, found.version, named);
    }
    EngineChoice::from(named)
}

/// The findings of the first pass.
#[derive(Debug, Default, PartialEq, Eq)]
struct Found {
    verb: Option<String>,
    engine: Option<String>,
    /// The value of `--source`, and whether `--version` is there: flags of `restore` that name an engine.
    source: Option<String>,
    version: bool,
}

/// Reads a command line of `backup` or `health`. Before the verb only the host's flags may stand, and `ports`.
fn read(arguments: &[OsString], ports: &BTreeSet<&str>) -> Found {
    let root = Cli::command();
    let mut commands = vec![&root];
    let mut found = Found::default();
    let words = arguments.iter().skip(1).map(|word| word.to_string_lossy());
    let mut words = words.map(Cow::into_owned).peekable();
    while let Some(word) = words.next() {
        if word == "--" {
            break;
        }
        if let Some(long) = word.strip_prefix("--") {
            let (name, value) = match long.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (long, None),
            };
            let argument = find(&commands, |it| it.get_long() == Some(name));
            let takes_next = argument.map_or_else(|| ports.contains(name), takes_next);
            let value = match value {
                None if takes_next => next_value(&mut words),
                value => value,
            };
            found.note(name, value);
        } else if is_group(&word) {
            let mut rest = word[1..].chars();
            while let Some(short) = rest.next() {
                let Some(argument) = find(&commands, |it| it.get_short() == Some(short)) else {
                    // A flag of clap itself, such as `-h`, or an error.
                    continue;
                };
                let name = argument.get_long().unwrap_or_default();
                if !takes_next(argument) {
                    found.note(name, None);
                    continue;
                }
                let rest = rest.as_str();
                let value = match rest.strip_prefix('=').unwrap_or(rest) {
                    "" => next_value(&mut words),
                    value => Some(value.to_owned()),
                };
                found.note(name, value);
                break;
            }
        } else if let [root] = commands[..] {
            match root.find_subcommand(&word) {
                Some(backup) if word == "backup" => commands.push(backup),
                Some(health) if word == "health" => {
                    commands.push(health);
                    found.verb = Some(word);
                }
                _ => return Found::default(),
            }
        } else if let ([_, backup], None) = (&commands[..], &found.verb) {
            // A verb of an engine has only the flags of the commands above it, as far as the host knows.
            commands.extend(backup.find_subcommand(&word));
            found.verb = Some(word);
        }
    }
    found
}

impl Found {
    fn note(&mut self, flag: &str, value: Option<String>) {
        match flag {
            "engine" => self.engine = value.or(self.engine.take()),
            "source" => self.source = value.or(self.source.take()),
            "version" => self.version = true,
            _ => {}
        }
    }
}

fn find<'a>(commands: &[&'a Command], is_it: impl Fn(&Arg) -> bool) -> Option<&'a Arg> {
    let mut arguments = commands.iter().flat_map(|command| command.get_arguments());
    arguments.find(|argument| is_it(argument))
}

/// Returns whether a flag takes the next word as its value.
fn takes_next(argument: &Arg) -> bool {
    matches!(argument.get_action(), ArgAction::Set | ArgAction::Append)
        && !argument.is_require_equals_set()
}

/// Returns whether a word is a group of short flags. Negative numbers are values.
fn is_group(word: &str) -> bool {
    let first = word.strip_prefix('-').and_then(|rest| rest.chars().next());
    first.is_some_and(|first| !first.is_ascii_digit())
}

/// Takes the next word, unless it is a flag.
fn next_value(words: &mut Peekable<impl Iterator<Item = String>>) -> Option<String> {
    words.next_if(|word| word == "-" || !word.starts_with('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(line: &str) -> Found {
        let words = ["kubectl-broker"].into_iter().chain(line.split(' '));
        let words: Vec<_> = words.map(OsString::from).collect();
        read(&words, &["api-port"].into())
    }

    fn engine(line: &str) -> Option<String> {
        found(line).engine
    }

    #[test]
    fn an_engine_is_found_wherever_the_flag_stands() {
        for line in [
            "backup --engine x list",
            "backup list --engine x",
            "backup list --engine=x",
            "backup -e x list",
            "backup -ex list",
            "backup -e=x list",
            "backup list -ve x",
            "backup list -vhex",
            "-n a -v backup -o json -e x list --limit 3",
            "backup --api-port 1 -e x list",
            "backup --api-port=1 list -e x",
            "backup list --kind --engine x",
            "backup list --kind some -e x --help",
            "backup plan a b --of c -e x",
            "backup plan --depth -1 -e x",
            "backup create --wait -e x",
            "backup create --wait=false -e x",
            "backup -e y list -e x",
            "backup -e x",
            "health -e x",
            "health --api-port 1 --engine=x --help",
            "-n a health -vex",
        ] {
            assert_eq!(engine(line).as_deref(), Some("x"), "{line}");
        }
    }

    #[test]
    fn words_that_only_look_like_it_name_no_engine() {
        for line in [
            "backup list",
            "backup list -- --engine x",
            "backup list -- -e x",
            "backup list -ne x",
            "backup list -oe",
            "backup list --engine",
            "backup list --engines x",
            "backup list --engine --limit 1",
            "--engine x backup list",
            "plugin list -e x",
            "plugin backup -e x",
            "plugin health -e x",
            "engines -e x",
            "-e x health",
            "health -- -e x",
            "list -e x",
            "",
        ] {
            assert_eq!(engine(line), None, "{line}");
        }
    }

    #[test]
    fn the_verb_is_the_first_word_that_is_no_value() {
        for (line, verb) in [
            ("backup list", Some("list")),
            ("backup -n list restore", Some("restore")),
            ("backup --api-port 1 restore", Some("restore")),
            ("backup --engine=list restore", Some("restore")),
            ("backup plan restore", Some("plan")),
            ("backup --statefulset list", None),
            ("backup", None),
            ("health restore", Some("health")),
            ("engines", None),
        ] {
            assert_eq!(found(line).verb.as_deref(), verb, "{line}");
        }
    }

    #[test]
    fn a_source_of_a_restore_names_an_engine() {
        let line = found("backup restore --source remote --version=a");
        assert_eq!(line.source.as_deref(), Some("remote"));
        assert!(line.version);
        let engines = host_engine::Catalogue::bundled(host_bundled::ENGINES);
        let engines = engines.expect("the bundled engines");
        for (line, expected) in [
            ("backup restore --source remote", Some("sidecar")),
            ("backup restore --source local", Some("hivemq")),
            ("backup restore --version x", Some("sidecar")),
            ("backup restore --source auto", None),
            ("backup restore --source nonsense", None),
            ("backup restore --source nonsense -e kafka", Some("kafka")),
            ("backup restore --source remote -e hivemq", None),
            ("backup list --source remote", None),
            ("backup list -e unknown", None),
        ] {
            let words = ["kubectl-broker"].into_iter().chain(line.split(' '));
            let words: Vec<_> = words.map(OsString::from).collect();
            let named = named(&engines, &words).map(|it| it.manifest().id.name());
            assert_eq!(named, expected, "{line}");
        }
    }
}
