//! Whose flags the command line has, and which of them the help and the completion show.

use std::ffi::OsString;

use broker_manifest::Operation;
use clap::{Arg, ArgAction, ArgMatches, Command};
use host_driver::{EngineChoice, order};
use host_engine::EngineFile;

use super::first_pass;

/// Whose command line it is.
#[derive(Clone, Copy)]
pub(super) enum Whose<'a> {
    /// No engine is named. Each flag has the meaning of the engines that decide
    /// ([`host_driver::option_reading`]). The flags are shown that every engine takes which `auto` may choose.
    Unnamed,
    /// The line names this engine, and has its flags alone.
    Of(&'a EngineFile),
    /// As without a name, but all flags are shown, as documents have them.
    All,
}

impl<'a> Whose<'a> {
    /// Returns whose line it is if it names this engine, or none.
    pub(super) fn line(named: Option<&'a EngineFile>) -> Self {
        named.map_or(Self::Unnamed, Self::Of)
    }
}

/// The work that a command asks of an engine.
#[derive(Clone, Copy)]
pub(super) enum Task<'a> {
    /// Any work that the engine can do.
    Any,
    /// The command is not complete: a verb follows.
    Group,
    Operation(Operation),
    /// A verb that engines bring.
    Verb(&'a str),
    /// The command works without an engine.
    Nothing,
}

impl<'a> Task<'a> {
    /// Returns the task of a command of `backup`.
    pub(super) fn of(command: &'a str) -> Self {
        let mut operations = Operation::ALL.into_iter();
        match (command, operations.find(|it| it.name() == command)) {
            (_, Some(operation)) => Self::Operation(operation),
            ("test", _) => Self::Any,
            ("history", _) => Self::Nothing,
            (verb, _) => Self::Verb(verb),
        }
    }

    pub(super) fn is_done_by(self, engine: &EngineFile) -> bool {
        let manifest = engine.manifest();
        match self {
            Self::Any | Self::Group => true,
            Self::Operation(operation) => manifest.can(operation),
            Self::Verb(verb) => manifest.verbs.contains_key(verb),
            Self::Nothing => false,
        }
    }

    /// Returns the engines that a command line may mean which names none.
    fn unnamed(self, engines: &[EngineFile]) -> Vec<&EngineFile> {
        match self {
            // Every engine can detect.
            Self::Any | Self::Group => order(engines, &EngineChoice::Auto, Operation::Detect),
            Self::Operation(operation) => order(engines, &EngineChoice::Auto, operation),
            Self::Verb(_) | Self::Nothing => {
                let able = engines.iter().filter(|engine| self.is_done_by(engine));
                able.collect()
            }
        }
    }
}

/// The engines whose flags one command shows.
pub(super) struct Chosen<'a> {
    engines: Vec<&'a EngineFile>,
    /// Whether the flags of each of them are shown, not only those that all of them take.
    each: bool,
    /// Whether the command line names the engine.
    is_named: bool,
}

impl<'a> Chosen<'a> {
    pub(super) fn new(engines: &'a [EngineFile], whose: Whose<'a>, task: Task<'_>) -> Self {
        let chosen = match whose {
            Whose::Unnamed => task.unnamed(engines),
            Whose::Of(engine) => [engine]
                .into_iter()
                .filter(|it| task.is_done_by(it))
                .collect(),
            Whose::All => engines.iter().filter(|it| task.is_done_by(it)).collect(),
        };
        Self {
            engines: chosen,
            each: matches!(whose, Whose::All),
            is_named: matches!(whose, Whose::Of(_)),
        }
    }

    /// Returns whether a flag is shown that these engines take.
    pub(super) fn shows(&self, takers: &[&EngineFile]) -> bool {
        let mut engines = self.engines.iter();
        if self.each {
            engines.any(|engine| is_among(engine, takers))
        } else {
            !self.engines.is_empty() && engines.all(|engine| is_among(engine, takers))
        }
    }

    /// Returns whether the command line names one engine, which does the work.
    pub(super) fn is_one(&self) -> bool {
        self.is_named && self.engines.len() == 1
    }

    /// Returns whether one of the engines returns the backup that it creates.
    pub(super) fn saves(&self) -> bool {
        let mut engines = self.engines.iter();
        engines.any(|engine| engine.manifest().saves())
    }

    /// Returns the heading of a flag that these engines take.
    pub(super) fn heading(&self, takers: &[&EngineFile]) -> String {
        let names: Vec<_> = takers
            .iter()
            .filter(|engine| is_among(engine, &self.engines))
            .map(|engine| engine.shown_name())
            .collect();
        let noun = if names.len() == 1 {
            "engine"
        } else {
            "engines"
        };
        format!("Options of {noun} {}", names.join(", "))
    }
}

/// Returns whether an engine is one of these.
pub(super) fn is_among(engine: &EngineFile, engines: &[&EngineFile]) -> bool {
    let id = &engine.manifest().id;
    engines.iter().any(|other| other.manifest().id == *id)
}

/// Returns the lines that name how to see the options of further engines.
pub(super) fn more(program: &str, command: &str, further: &[&EngineFile]) -> Option<String> {
    if further.is_empty() {
        return None;
    }
    let line = |engine: &&EngineFile| {
        let name = engine.shown_name();
        format!("\n  {program} {command} --engine {name} --help")
    };
    let lines: String = further.iter().map(line).collect();
    Some(format!("Options of further engines:{lines}"))
}

/// Returns what an incomplete command line says; words that are missing or wrong are passed over.
pub(super) fn so_far(engines: &[EngineFile], arguments: &[OsString]) -> Option<ArgMatches> {
    // clap's own flag would end the parsing, before an engine that is named after it.
    let help = Arg::new("help")
        .short('h')
        .long("help")
        .global(true)
        .action(ArgAction::SetTrue);
    let whose = Whose::line(first_pass::named(engines, arguments));
    let command: Command = super::command(engines, arguments.first(), whose);
    command
        .disable_help_flag(true)
        .arg(help)
        .ignore_errors(true)
        .try_get_matches_from(arguments)
        .ok()
}

#[cfg(test)]
mod tests {
    use host_engine::Catalogue;

    use super::*;

    fn engines() -> Catalogue {
        Catalogue::bundled(host_bundled::ENGINES).expect("the bundled engines")
    }

    fn arguments(line: &str) -> Vec<OsString> {
        let words = ["kubectl-broker"].into_iter().chain(line.split(' '));
        words.map(OsString::from).collect()
    }

    /// The headings and the flags below them that the help of a command line shows for engines.
    fn shown(line: &str) -> Vec<String> {
        let engines = engines();
        let arguments = arguments(line);
        let whose = Whose::line(first_pass::named(&engines, &arguments));
        let command = super::super::command(&engines, arguments.first(), whose);
        let verb = line.split(' ').nth(1).expect("a verb");
        let backup = command.find_subcommand("backup").expect("`backup`");
        let command = backup.find_subcommand(verb).expect("the verb");
        let visible = command.get_arguments().filter(|it| !it.is_hide_set());
        let of_engines = visible.filter_map(|argument| {
            let heading = argument.get_help_heading()?.strip_prefix("Options of ")?;
            Some(format!("{heading}: {}", argument.get_long()?))
        });
        of_engines.collect()
    }

    #[test]
    fn the_engine_that_is_named_shows_its_own_options() {
        let flags = ["destination", "api-port", "health-port"];
        let hivemq = flags.map(|flag| format!("engine hivemq: {flag}"));
        for line in [
            "backup create --engine hivemq --help",
            "backup create --help --engine hivemq",
            "backup create -h --engine=hivemq",
            "backup create -e hivemq -vh",
            "backup create --help -ehivemq",
            "backup create -e kubectl-broker/hivemq --help",
        ] {
            assert_eq!(shown(line), hivemq, "{line}");
        }
        let strategy = shown("backup create -e strategy --help");
        let flags = ["drive-folder-id", "strategy-port"];
        assert_eq!(
            strategy,
            flags.map(|flag| format!("engine strategy: {flag}"))
        );
        let kafka = shown("backup create -e kafka --help");
        assert!(
            kafka.iter().all(|it| it.starts_with("engine kafka: ")),
            "{kafka:#?}"
        );
        assert_eq!(kafka.len(), 19, "{kafka:#?}");
        assert_eq!(
            shown("backup restore --source remote --help"),
            ["engine sidecar: sidecar-port"]
        );
        assert_eq!(shown("backup list -e sidecar -h").len(), 2);
        // HiveMQ deletes nothing.
        assert_eq!(shown("backup delete -e hivemq -h"), [""; 0]);
    }

    #[test]
    fn without_an_engine_only_what_every_possible_engine_takes_is_shown() {
        for line in [
            "backup create --help",
            "backup create --engine auto --help",
            "backup create --engine unknown --help",
            "backup create --help --engine",
            "backup list -h",
            "backup test -h",
            "backup history -h",
            "backup verify -h",
        ] {
            assert_eq!(shown(line), [""; 0], "{line}");
        }
        // Only the sidecar deletes in pods.
        assert_eq!(shown("backup delete -h"), ["engine sidecar: sidecar-port"]);
        assert_eq!(shown("backup purge -h"), ["engine sidecar: sidecar-port"]);
    }

    #[test]
    fn an_option_that_engines_share_has_the_help_of_the_engine_that_is_named() {
        let engines = engines();
        let help = |name: &str| {
            let line = arguments(&format!("backup create -e {name} --help"));
            let engine = first_pass::named(&engines, &line).expect("the engine");
            let command = super::super::command(&engines, line.first(), Whose::Of(engine));
            let backup = command.find_subcommand("backup").expect("`backup`");
            let create = backup.find_subcommand("create").expect("`create`");
            let mut arguments = create.get_arguments();
            let file = arguments.find(|it| it.get_long() == Some("file"));
            file.and_then(Arg::get_help).expect("a help").to_string()
        };
        assert!(help("kafka").contains("KafkaBackup"), "{}", help("kafka"));
        let other = help("backuprequest");
        assert!(other.contains("BackupRequest"), "{other}");
    }

    #[test]
    fn ports_of_every_engine_may_stand_on_both_sides_of_the_verb_if_none_is_named() {
        let engines = engines();
        for whose in [Whose::Unnamed, Whose::All] {
            let line = arguments("backup --api-port 1 list --sidecar-port 2 --api-port 3");
            let command = super::super::command(&engines, line.first(), whose);
            let matches = command.try_get_matches_from(line).expect("they are known");
            let ports = super::super::engine_flags::ports(&engines, whose, &matches);
            let expected = [("api-port", 3), ("sidecar-port", 2)];
            assert_eq!(
                ports,
                expected.map(|(flag, port)| (flag.to_owned(), port)).into()
            );
        }
    }
}
