//! The meaning of an option or a verb, if several engines have one of this name.
//!
//! A request that names an engine is read as that engine reads it. For other requests, the bundled engines
//! decide what a name means. A name that no bundled engine has belongs to the installed engines that are the
//! user's default, or else to all of them. They must agree.

use broker_manifest::{EngineOption, Operation};
use host_engine::EngineFile;

/// How a name is read in a request that names no engine.
#[derive(Clone, Debug)]
pub enum Reading<'a> {
    /// These engines read it alike. There is at least one.
    Alike(Vec<&'a EngineFile>),
    /// These engines read it differently, so the request must name one of them.
    Disputed(Vec<&'a EngineFile>),
}

/// The meaning of a name on the command of an operation.
#[derive(Clone, Copy, Debug)]
pub enum Sense<'a> {
    /// The port of an endpoint.
    Port,
    /// An option of the operation.
    Option(&'a EngineOption),
}

impl<'a> Reading<'a> {
    /// Returns the engine that decides how the name is read. None if it is disputed.
    #[must_use]
    pub fn reader(&self) -> Option<&'a EngineFile> {
        match self {
            Self::Alike(engines) => engines.first().copied(),
            Self::Disputed(_) => None,
        }
    }

    fn of<T>(
        takers: &[(&'a EngineFile, T)],
        operation: Operation,
        alike: impl Fn(&T, &T) -> bool,
    ) -> Option<Self> {
        let deciding = deciding(takers, operation);
        let (_, first) = deciding.first()?;
        if !deciding.iter().all(|(_, other)| alike(first, other)) {
            return Some(Self::Disputed(engines(takers.iter())));
        }
        // An engine that has no say may still read it alike.
        let same = takers.iter().filter(|(_, other)| alike(first, other));
        let mut same = engines(same);
        let decides = |engine: &&EngineFile| {
            let mut deciding = deciding.iter();
            deciding.any(|(it, _)| it.manifest().id == engine.manifest().id)
        };
        same.sort_by_key(|engine| !decides(engine));
        Some(Self::Alike(same))
    }
}

impl Sense<'_> {
    /// Returns whether both take the same values on the command line.
    pub(super) fn is_like(self, other: Self) -> bool {
        match (self, other) {
            (Self::Port, Self::Port) => true,
            (Self::Option(one), Self::Option(other)) => one.form().reads_like(&other.form()),
            _ => false,
        }
    }
}

/// Returns how an option of the command of `operation` is read if no engine is named. None if no engine has it.
#[must_use]
pub fn option_reading<'a>(
    engines: &'a [EngineFile],
    operation: Operation,
    name: &str,
) -> Option<Reading<'a>> {
    let takers = takers(engines, operation, name);
    Reading::of(&takers, operation, |one, other| one.is_like(*other))
}

/// Returns how a verb is read if no engine is named. None if no engine has it.
#[must_use]
pub fn verb_reading<'a>(engines: &'a [EngineFile], name: &str) -> Option<Reading<'a>> {
    let having = engines.iter();
    let having = having.filter_map(|engine| Some((engine, engine.manifest().verbs.get(name)?)));
    let having: Vec<_> = having.collect();
    Reading::of(&having, Operation::Act, |one, other| one.reads_like(other))
}

/// Returns the meaning of a name to one engine, on the command of `operation`.
#[must_use]
pub fn sense<'a>(engine: &'a EngineFile, operation: Operation, name: &str) -> Option<Sense<'a>> {
    let manifest = engine.manifest();
    let mut options = manifest.options_of_command(operation);
    if let Some(option) = options.find(|option| option.name == name) {
        return Some(Sense::Option(option));
    }
    has_port_flag(engine, name).then_some(Sense::Port)
}

/// Returns whether an engine has a port flag of this name.
#[must_use]
pub fn has_port_flag(engine: &EngineFile, name: &str) -> bool {
    let mut endpoints = engine.manifest().endpoints.values();
    endpoints.any(|endpoint| endpoint.port_flag() == Some(name))
}

/// Returns the engines whose command of `operation` has an option or a port flag of this name.
pub(super) fn takers<'a>(
    engines: &'a [EngineFile],
    operation: Operation,
    name: &str,
) -> Vec<(&'a EngineFile, Sense<'a>)> {
    let takers = engines.iter();
    let takers = takers.filter_map(|engine| Some((engine, sense(engine, operation, name)?)));
    takers.collect()
}

/// Returns the engines that decide: the bundled ones, or else the user's defaults, or else all.
fn deciding<'b, 'a, T>(
    takers: &'b [(&'a EngineFile, T)],
    operation: Operation,
) -> Vec<&'b (&'a EngineFile, T)> {
    let is_default = |engine: &EngineFile| engine.default_for().contains(&operation);
    let bundled: Vec<_> = takers.iter().filter(|(it, _)| it.is_bundled()).collect();
    let defaults: Vec<_> = takers.iter().filter(|(it, _)| is_default(it)).collect();
    [bundled, defaults]
        .into_iter()
        .find(|some| !some.is_empty())
        .unwrap_or_else(|| takers.iter().collect())
}

fn engines<'b, 'a: 'b, T: 'b>(
    takers: impl Iterator<Item = &'b (&'a EngineFile, T)>,
) -> Vec<&'a EngineFile> {
    takers.map(|(engine, _)| *engine).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeSet;

    use broker_manifest::Manifest;
    use host_engine::{Catalogue, Grants, INTERFACE, Outline};

    use super::*;

    /// Returns an installed engine with this id. `more` is the rest of its manifest.
    pub(in super::super) fn installed(id: &str, more: &str) -> EngineFile {
        let text = format!(
            "id = \"{id}\"\nversion = \"1.0.0\"\nsummary = \"x\"\n[operations.detect]\n[operations.list]\n{more}"
        );
        let manifest = Manifest::from_toml(&text).expect("a valid manifest");
        let grants = Grants::all_of(&manifest);
        let outline = Outline {
            interface: INTERFACE.to_owned(),
            imports: BTreeSet::new(),
            manifest,
        };
        EngineFile::stored(outline, [0; 32], "nowhere".into(), grants).expect("an engine")
    }

    fn option(name: &str, more: &str) -> String {
        format!("[[options]]\nname = \"{name}\"\noperations = [\"list\"]\nhelp = \"x\"\n{more}\n")
    }

    fn port(name: &str) -> String {
        format!(
            "[endpoints.a]\nselect = \"pod\"\nport = {{ flag = \"{name}\", numbers = [1] }}\nallow = [\"GET /a\"]\n"
        )
    }

    fn verb(name: &str, more: &str) -> String {
        format!("[operations.act]\n[verbs.{name}]\nhelp = \"x\"\n{more}\n")
    }

    fn bundled() -> Vec<EngineFile> {
        let bundled = Catalogue::bundled(host_bundled::ENGINES).expect("the bundled engines");
        bundled.to_vec()
    }

    fn told(reading: Option<Reading<'_>>) -> String {
        let names = |engines: &[&EngineFile]| {
            let names: Vec<_> = engines.iter().map(|it| it.shown_name()).collect();
            names.join(" ")
        };
        match reading {
            None => "none".to_owned(),
            Some(Reading::Alike(engines)) => format!("alike: {}", names(&engines)),
            Some(Reading::Disputed(engines)) => format!("disputed: {}", names(&engines)),
        }
    }

    fn read(engines: &[EngineFile], name: &str) -> String {
        told(option_reading(engines, Operation::List, name))
    }

    #[test]
    fn strangers_who_agree_share_a_meaning_whatever_their_defaults_are() {
        let text = "type = \"text\"";
        let engines = [
            installed(
                "a/one",
                &option("depth", &format!("{text}\ndefault = \"x\"")),
            ),
            installed("b/two", &option("depth", text)),
        ];
        assert_eq!(read(&engines, "depth"), "alike: a/one b/two");
        assert_eq!(read(&engines, "width"), "none");
    }

    #[test]
    fn strangers_who_disagree_leave_the_name_disputed() {
        let choices = "type = \"text\"\nchoices = [\"x\", \"y\"]";
        for other in [
            option("depth", "type = \"integer\""),
            option("depth", "type = \"boolean\""),
            option("depth", "type = \"text\""),
            option("depth", "type = \"text\"\nchoices = [\"x\"]"),
            port("depth"),
        ] {
            let engines = [
                installed("a/one", &option("depth", choices)),
                installed("b/two", &other),
            ];
            assert_eq!(read(&engines, "depth"), "disputed: a/one b/two", "{other}");
        }
    }

    #[test]
    fn no_stranger_changes_what_a_bundled_engine_means() {
        let mut engines = bundled();
        engines.insert(
            0,
            installed("a/one", &option("scope", "type = \"integer\"")),
        );
        engines.insert(
            1,
            installed("b/two", &option("api-port", "type = \"text\"")),
        );
        assert_eq!(read(&engines, "scope"), "alike: sidecar");
        assert_eq!(read(&engines, "api-port"), "alike: hivemq");
        let list = [Operation::List].into();
        engines[0] = engines[0].clone().with_default_for(list);
        assert_eq!(read(&engines, "scope"), "alike: sidecar");
    }

    #[test]
    fn a_default_decides_among_strangers() {
        let text = option("depth", "type = \"text\"");
        let engines = [
            installed("a/one", &option("depth", "type = \"integer\"")),
            installed("b/two", &text).with_default_for([Operation::List].into()),
            installed("c/three", &text),
        ];
        assert_eq!(read(&engines, "depth"), "alike: b/two c/three");
    }

    #[test]
    fn bundled_engines_agree_with_each_other() {
        let engines = bundled();
        let mut names = BTreeSet::new();
        for engine in &engines {
            let manifest = engine.manifest();
            names.extend(manifest.options.iter().map(|option| option.name.clone()));
            let ports = manifest.endpoints.values().filter_map(|it| it.port_flag());
            names.extend(ports.map(str::to_owned));
            for verb in manifest.verbs.keys() {
                let reading = verb_reading(&engines, verb).expect("the verb");
                assert!(reading.reader().is_some(), "{verb}");
            }
        }
        for operation in Operation::ALL {
            for name in &names {
                let reading = option_reading(&engines, operation, name);
                assert!(
                    !told(reading).starts_with("disputed"),
                    "{operation}: {name}"
                );
            }
        }
    }

    #[test]
    fn verbs_are_alike_if_their_command_lines_are() {
        let positional = |name: &str| {
            format!(
                "[[verbs.plan.options]]\nname = \"{name}\"\ntype = \"text\"\nhelp = \"x\"\npositional = true"
            )
        };
        let flag = |more: &str| {
            format!("[[verbs.plan.options]]\nname = \"of\"\ntype = \"text\"\nhelp = \"y\"\n{more}")
        };
        let reading = |other: &str| {
            let of = |id, more: &str| installed(id, &verb("plan", more));
            let first = format!("{}\n{}", positional("name"), flag(""));
            told(verb_reading(
                &[of("a/one", &first), of("b/two", other)],
                "plan",
            ))
        };
        let alike = [
            format!("{}\n{}", flag(""), positional("name")),
            format!("{}\n{}", positional("name"), flag("default = \"x\"")),
        ];
        for other in alike {
            assert_eq!(reading(&other), "alike: a/one b/two", "{other}");
        }
        for other in [
            String::new(),
            positional("name"),
            format!("{}\n{}", positional("other"), flag("")),
            format!("{}\n{}", positional("name"), flag("required = true")),
            format!("{}\n{}", positional("name"), flag("choices = [\"x\"]")),
            format!("destructive = true\n{}\n{}", positional("name"), flag("")),
        ] {
            assert_eq!(reading(&other), "disputed: a/one b/two", "{other}");
        }
    }
}
