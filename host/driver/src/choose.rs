use std::cmp::Reverse;

use broker_manifest::{EngineId, Operation};
use host_engine::EngineFile;

use super::OpsError;
use super::meaning::{Reading, verb_reading};

/// Which engine the user chose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum EngineChoice {
    /// The preferred engine for the operation, among those that answer. It is a bundled engine, or one that
    /// the user made the default.
    #[default]
    Auto,
    /// The engine with this `name` or `publisher/name`.
    Named(String),
}

impl From<&str> for EngineChoice {
    fn from(name: &str) -> Self {
        if name == "auto" {
            Self::Auto
        } else {
            Self::Named(name.to_owned())
        }
    }
}

impl EngineChoice {
    /// Narrows the choice to the only engine that has a verb, if the user named none. Errors are reported when
    /// the verb is run.
    #[must_use]
    pub fn for_verb(self, engines: &[EngineFile], verb: &str) -> Self {
        match with_verb(engines, &self, verb) {
            Ok(engine) => Self::Named(engine.manifest().id.to_string()),
            Err(_) => self,
        }
    }
}

/// Returns the engines that an operation would try, in order. The list is empty if the operation would fail.
#[must_use]
pub fn order<'a>(
    engines: &'a [EngineFile],
    choice: &EngineChoice,
    operation: Operation,
) -> Vec<&'a EngineFile> {
    candidates(engines, choice, operation).unwrap_or_default()
}

/// Returns the engines to try, in order. There is at least one.
pub(super) fn candidates<'a>(
    engines: &'a [EngineFile],
    choice: &EngineChoice,
    operation: Operation,
) -> Result<Vec<&'a EngineFile>, OpsError> {
    let able: Vec<_> = engines
        .iter()
        .filter(|engine| engine.manifest().can(operation))
        .collect();
    match choice {
        EngineChoice::Auto => {
            let (defaults, mut bundled) = for_auto(&able, operation);
            if engines
                .iter()
                .any(|it| it.is_bundled() && it.manifest().has_target())
            {
                // An engine without pods is never taken just because no other one is able.
                bundled.retain(|engine| engine.manifest().has_target());
            }
            if defaults.is_empty() && bundled.is_empty() {
                return Err(nobody(&able, operation, operation.name(), operation.name()));
            }
            let lists = |engine: &&EngineFile| engine.manifest().can(Operation::List);
            if names_a_backup(operation) && bundled.iter().any(lists) {
                // Users take the id of a backup from a list, so the engine must have one.
                bundled.retain(lists);
            }
            bundled
                .sort_by_key(|engine| Reverse(engine.manifest().operations[&operation].preference));
            // The user's default comes before the program's own preference.
            Ok(defaults.into_iter().chain(bundled).collect())
        }
        EngineChoice::Named(name) => {
            let engine = named(engines, name)?;
            if engine.manifest().can(operation) {
                return Ok(vec![engine]);
            }
            Err(OpsError::CannotDo {
                engine: engine.manifest().id.to_string(),
                operation,
                reason: lacks(engine, operation),
                able: names(engines, able),
            })
        }
    }
}

/// Splits off the engines that `auto` may choose: the user's defaults for the operation, and the bundled ones.
/// The preference in the manifest of an installed engine has no effect on `auto`.
fn for_auto<'a>(
    able: &[&'a EngineFile],
    operation: Operation,
) -> (Vec<&'a EngineFile>, Vec<&'a EngineFile>) {
    let (bundled, others): (Vec<_>, Vec<_>) =
        able.iter().copied().partition(|engine| engine.is_bundled());
    let defaults = others
        .into_iter()
        .filter(|engine| engine.default_for().contains(&operation));
    (defaults.collect(), bundled)
}

/// Returns the error for an operation that no engine can do, or only engines that the user must name.
fn nobody(able: &[&EngineFile], operation: Operation, what: &str, command: &str) -> OpsError {
    if able.is_empty() {
        return OpsError::NobodyCan { operation };
    }
    OpsError::OnlyNamed {
        what: format!("`{what}`"),
        command: command.to_owned(),
        operation,
        able: able
            .iter()
            .map(|engine| engine.manifest().id.to_string())
            .collect(),
    }
}

/// Returns the reason of the manifest for a missing operation, marked as the engine's own words.
pub(super) fn lacks(engine: &EngineFile, operation: Operation) -> Option<String> {
    let reason = engine.manifest().lacks.get(&operation)?;
    Some(if engine.is_bundled() {
        reason.clone()
    } else {
        format!("engine {} says: {reason}", engine.manifest().id)
    })
}

/// Returns whether the operation needs an existing backup.
const fn names_a_backup(operation: Operation) -> bool {
    matches!(
        operation,
        Operation::Status | Operation::Download | Operation::Restore | Operation::Delete
    )
}

/// Returns the engine that the user named, or all engines.
pub(super) fn chosen<'a>(
    engines: &'a [EngineFile],
    choice: &EngineChoice,
) -> Result<Vec<&'a EngineFile>, OpsError> {
    match choice {
        EngineChoice::Auto => Ok(of_pods(engines.iter().collect())),
        EngineChoice::Named(name) => Ok(vec![named(engines, name)?]),
    }
}

/// Keeps only the engines that work with pods, if there are any. `auto` decides by whether a pod answers, so
/// the user must name an engine without pods.
fn of_pods(engines: Vec<&EngineFile>) -> Vec<&EngineFile> {
    let has_pods = |engine: &&EngineFile| engine.manifest().has_target();
    if !engines.iter().any(has_pods) {
        return engines;
    }
    engines.into_iter().filter(has_pods).collect()
}

/// Returns whether one of the chosen engines works with the pods of a StatefulSet.
pub(super) fn has_target(engines: &[EngineFile], choice: &EngineChoice) -> bool {
    // An unknown name is reported when the engine is used.
    chosen(engines, choice).map_or(true, |chosen| {
        let mut chosen = chosen.into_iter();
        chosen.any(|engine| engine.manifest().has_target())
    })
}

/// Returns whether the choice needs a cluster. An engine that works only with services outside of clusters doesn't.
pub(super) fn needs_cluster(engines: &[EngineFile], choice: &EngineChoice) -> bool {
    let EngineChoice::Named(name) = choice else {
        return true;
    };
    // An unknown name is reported when the engine is used.
    named(engines, name).map_or(true, |engine| {
        let manifest = engine.manifest();
        !manifest.endpoints.is_empty() || !manifest.exec.is_empty() || manifest.resources.is_some()
    })
}

/// Returns the engine that runs a verb of its own: the one that the user named, the default for verbs, or the
/// only bundled one.
///
/// There is no fallback, because the same verb of another engine may do something else.
pub(super) fn with_verb<'a>(
    engines: &'a [EngineFile],
    choice: &EngineChoice,
    verb: &str,
) -> Result<&'a EngineFile, OpsError> {
    let has = |engine: &EngineFile| engine.manifest().verbs.contains_key(verb);
    let able: Vec<_> = engines.iter().filter(|engine| has(engine)).collect();
    let engine = match choice {
        EngineChoice::Named(name) => named(engines, name)?,
        EngineChoice::Auto => {
            let reading = verb_reading(engines, verb);
            if let Some(Reading::Disputed(having)) = &reading {
                return Err(OpsError::ManyHaveVerb {
                    verb: verb.to_owned(),
                    engines: names(engines, having.iter().copied()),
                    differ: true,
                });
            }
            let (defaults, bundled) = for_auto(&able, Operation::Act);
            let only = match (defaults.as_slice(), bundled.as_slice(), able.as_slice()) {
                ([only], ..) | ([], [only], _) => *only,
                ([], [], []) => {
                    return Err(OpsError::NoSuchVerb {
                        engine: None,
                        verb: verb.to_owned(),
                        able: Vec::new(),
                    });
                }
                ([], [], _) => return Err(nobody(&able, Operation::Act, verb, verb)),
                _ => {
                    return Err(OpsError::ManyHaveVerb {
                        verb: verb.to_owned(),
                        engines: names(engines, able),
                        differ: false,
                    });
                }
            };
            match reading.and_then(|reading| reading.reader()) {
                // The command line was read as another engine reads it.
                Some(reader) if !reads_like(reader, only, verb) => {
                    return Err(OpsError::OtherVerb {
                        verb: verb.to_owned(),
                        engine: call_name(engines, &only.manifest().id),
                        reader: call_name(engines, &reader.manifest().id),
                    });
                }
                _ => only,
            }
        }
    };
    if has(engine) {
        return Ok(engine);
    }
    Err(OpsError::NoSuchVerb {
        engine: Some(call_name(engines, &engine.manifest().id)),
        verb: verb.to_owned(),
        able: names(engines, able),
    })
}

/// Returns whether the command line of a verb is the same for both engines.
fn reads_like(one: &EngineFile, other: &EngineFile, verb: &str) -> bool {
    let of = |engine: &EngineFile| engine.manifest().verbs.get(verb).cloned();
    let (one, other) = (of(one), of(other));
    one.zip(other)
        .is_some_and(|(one, other)| one.reads_like(&other))
}

/// Returns the engine that restores from the user's files.
pub(super) fn for_files<'a>(
    engines: &'a [EngineFile],
    choice: &EngineChoice,
) -> Result<&'a EngineFile, OpsError> {
    let takes = |engine: &EngineFile| {
        let restore = engine.manifest().operations.get(&Operation::Restore);
        restore.is_some_and(|ability| ability.files)
    };
    let able: Vec<_> = engines.iter().filter(|engine| takes(engine)).collect();
    let found = match choice {
        EngineChoice::Auto => {
            let (defaults, bundled) = for_auto(&able, Operation::Restore);
            if defaults.is_empty() && bundled.is_empty() && !able.is_empty() {
                let what = "restore --file";
                return Err(nobody(
                    &able,
                    Operation::Restore,
                    what,
                    "restore --file FILE",
                ));
            }
            // `min_by_key` returns the first engine if several have the same preference.
            let preferred = bundled.into_iter().min_by_key(|engine| {
                Reverse(engine.manifest().operations[&Operation::Restore].preference)
            });
            defaults.into_iter().next().or(preferred)
        }
        EngineChoice::Named(name) => Some(named(engines, name)?).filter(|engine| takes(engine)),
    };
    found.ok_or_else(|| OpsError::NoFiles {
        engine: match choice {
            EngineChoice::Auto => None,
            EngineChoice::Named(name) => Some(name.clone()),
        },
        able: names(engines, able),
        get: None,
    })
}

/// Returns the engine with this id or short name. A bundled engine keeps its short name whatever is installed.
/// Other engines must have a unique short name.
pub(super) fn named<'a>(engines: &'a [EngineFile], name: &str) -> Result<&'a EngineFile, OpsError> {
    let sharing = called(engines, name);
    match sharing.as_slice() {
        [first, ..] if sharing.len() == 1 || first.is_bundled() => Ok(first),
        [] => {
            let known = names(engines, engines);
            Err(OpsError::UnknownEngine {
                near: nearest(name, &known),
                name: name.to_owned(),
                known,
            })
        }
        several => Err(OpsError::AmbiguousEngine {
            name: name.to_owned(),
            engines: several
                .iter()
                .map(|e| e.manifest().id.to_string())
                .collect(),
        }),
    }
}

/// Returns the bundled engine that a shared short name selects, and the ids of the others.
pub(super) fn shared_name<'a>(
    engines: &'a [EngineFile],
    choice: &EngineChoice,
) -> Option<(&'a EngineFile, Vec<String>)> {
    let EngineChoice::Named(name) = choice else {
        return None;
    };
    let sharing = called(engines, name);
    match sharing.as_slice() {
        [first, others @ ..] if first.is_bundled() && !others.is_empty() => {
            let others = others.iter().map(|e| e.manifest().id.to_string());
            Some((first, others.collect()))
        }
        _ => None,
    }
}

/// Returns the engine with this id, or all engines with this short name.
fn called<'a>(engines: &'a [EngineFile], name: &str) -> Vec<&'a EngineFile> {
    let is_called = |engine: &&EngineFile| {
        let id = &engine.manifest().id;
        id.name() == name || id.to_string() == name
    };
    engines.iter().filter(is_called).collect()
}

/// Returns the engine as `--engine` accepts it: the short name of a bundled engine, otherwise the id. People
/// see it too, and the id tells them the publisher.
pub(super) fn call_name(engines: &[EngineFile], id: &EngineId) -> String {
    match named(engines, id.name()) {
        Ok(engine) if engine.manifest().id == *id => engine.shown_name(),
        _ => id.to_string(),
    }
}

/// Returns some engines in the given order, each as `--engine` accepts it.
fn names<'a>(
    engines: &[EngineFile],
    some: impl IntoIterator<Item = &'a EngineFile>,
) -> Vec<String> {
    let mut names: Vec<_> = some
        .into_iter()
        .map(|engine| call_name(engines, &engine.manifest().id))
        .collect();
    let short = |name: &String| name.rsplit('/').next().map(str::to_owned);
    names.sort_by_key(|name| (short(name), name.clone()));
    names
}

/// Returns the most similar name, by the measure that clap uses for its suggestions.
fn nearest(name: &str, known: &[String]) -> Option<String> {
    known
        .iter()
        .map(|candidate| {
            let short = candidate.rsplit('/').next().unwrap_or(candidate);
            let likeness = strsim::jaro(name, candidate).max(strsim::jaro(name, short));
            (likeness, candidate)
        })
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate.clone())
}

#[cfg(test)]
mod tests {
    use host_engine::Catalogue;

    use super::*;

    fn able(choice: &str, operation: Operation) -> Result<Vec<String>, OpsError> {
        let engines = Catalogue::bundled(host_bundled::ENGINES).expect("the bundled engines");
        let found = candidates(&engines, &choice.into(), operation)?;
        let name = |engine: &EngineFile| engine.manifest().id.name().to_owned();
        Ok(found.into_iter().map(name).collect())
    }

    #[test]
    fn auto_prefers_the_sidecar_for_lists_and_hivemq_for_the_state_of_one() {
        assert_eq!(
            able("auto", Operation::List).unwrap(),
            ["sidecar", "hivemq"]
        );
        assert_eq!(
            able("auto", Operation::Status).unwrap(),
            ["hivemq", "sidecar"]
        );
    }

    #[test]
    fn auto_asks_the_strategy_sidecar_last_and_for_no_backup_that_it_could_not_list() {
        assert_eq!(
            able("auto", Operation::Create).unwrap(),
            ["hivemq", "strategy"]
        );
        for operation in [Operation::Status, Operation::Download] {
            let able = able("auto", operation).unwrap();
            assert!(!able.contains(&"strategy".to_owned()), "{operation}");
        }
        assert_eq!(able("strategy", Operation::Status).unwrap(), ["strategy"]);
    }

    #[test]
    fn an_engine_is_named_short_or_in_full() {
        for name in ["sidecar", "kubectl-broker/sidecar"] {
            assert_eq!(able(name, Operation::List).unwrap(), ["sidecar"]);
        }
    }

    /// Returns an installed engine with this publisher and name.
    fn installed(publisher: &str, name: &str) -> EngineFile {
        let text = format!(
            "id = \"{publisher}/{name}\"\nversion = \"1.0.0\"\nsummary = \"x\"\n[operations.detect]\n[operations.list]\npreference = 255\n"
        );
        let manifest = broker_manifest::Manifest::from_toml(&text).expect("a valid manifest");
        let grants = host_engine::Grants::all_of(&manifest);
        let outline = host_engine::Outline {
            interface: host_engine::INTERFACE.to_owned(),
            imports: std::collections::BTreeSet::new(),
            manifest,
        };
        EngineFile::stored(outline, [0; 32], "nowhere".into(), grants).expect("an engine")
    }

    fn auto(engines: &[EngineFile], operation: Operation) -> Result<Vec<String>, OpsError> {
        let found = candidates(engines, &EngineChoice::Auto, operation)?;
        Ok(found
            .iter()
            .map(|it| it.manifest().id.to_string())
            .collect())
    }

    #[test]
    fn what_an_installed_engine_prefers_decides_nothing() {
        let bundled = Catalogue::bundled(host_bundled::ENGINES).expect("the bundled engines");
        let mut engines = bundled.to_vec();
        engines.push(installed("evil", "grab"));
        let ours = ["kubectl-broker/sidecar", "kubectl-broker/hivemq"];
        assert_eq!(auto(&engines, Operation::List).unwrap(), ours);
        let alone = [installed("evil", "grab")];
        assert!(matches!(
            auto(&alone, Operation::List),
            Err(OpsError::OnlyNamed { able, .. }) if able == ["evil/grab"]
        ));
    }

    #[test]
    fn what_the_user_made_a_default_is_asked_first_and_for_that_operation_only() {
        let bundled = Catalogue::bundled(host_bundled::ENGINES).expect("the bundled engines");
        let mut engines = bundled.to_vec();
        let list = [Operation::List].into();
        engines.push(installed("acme", "grab").with_default_for(list));
        assert_eq!(auto(&engines, Operation::List).unwrap()[0], "acme/grab");
        let status = [Operation::Status].into();
        engines.pop();
        engines.push(installed("acme", "grab").with_default_for(status));
        let found = auto(&engines, Operation::List).unwrap();
        assert_eq!(found[0], "kubectl-broker/sidecar");
        // The engine lacks this operation, and the user's default does not change that.
        let found = auto(&engines, Operation::Status).unwrap();
        assert!(!found.contains(&"acme/grab".to_owned()));
    }

    #[test]
    fn an_installed_engine_does_not_take_the_short_name_of_a_bundled_one() {
        let bundled = Catalogue::bundled(host_bundled::ENGINES).expect("the bundled engines");
        let mut engines = bundled.to_vec();
        engines.push(installed("acme", "sidecar"));
        let chosen = |name: &str| {
            candidates(&engines, &name.into(), Operation::List)
                .map(|found| found[0].manifest().id.to_string())
        };
        assert_eq!(chosen("sidecar").unwrap(), "kubectl-broker/sidecar");
        assert_eq!(chosen("acme/sidecar").unwrap(), "acme/sidecar");
        let (used, others) = shared_name(&engines, &"sidecar".into()).expect("it is shared");
        assert!(used.is_bundled());
        assert_eq!(others, ["acme/sidecar"]);
        for name in ["hivemq", "acme/sidecar", "kubectl-broker/sidecar", "auto"] {
            assert!(shared_name(&engines, &name.into()).is_none(), "{name}");
        }
    }

    #[test]
    fn a_short_name_of_two_installed_engines_is_not_guessed() {
        let engines = [installed("acme", "vault"), installed("zeta", "vault")];
        let chosen = candidates(&engines, &"vault".into(), Operation::List);
        assert!(matches!(
            chosen,
            Err(OpsError::AmbiguousEngine { engines, .. }) if engines == ["acme/vault", "zeta/vault"]
        ));
        assert!(candidates(&engines, &"zeta/vault".into(), Operation::List).is_ok());
    }

    #[test]
    fn a_typing_error_gets_the_near_name() {
        let Err(OpsError::UnknownEngine { near, .. }) = able("sidcar", Operation::List) else {
            panic!("must be unknown")
        };
        assert_eq!(near.as_deref(), Some("sidecar"));
        let Err(OpsError::UnknownEngine { near, known, .. }) = able("zfs", Operation::List) else {
            panic!("must be unknown")
        };
        assert_eq!(near, None);
        assert_eq!(
            known,
            [
                "aws",
                "backuprequest",
                "hivemq",
                "kafka",
                "operator",
                "sidecar",
                "strategy"
            ]
        );
    }

    #[test]
    fn an_engine_that_cannot_names_those_that_can() {
        assert!(matches!(
            able("sidecar", Operation::Create),
            Err(OpsError::CannotDo { able, .. }) if able == ["aws", "backuprequest", "hivemq", "kafka", "operator", "strategy"]
        ));
        let Err(OpsError::CannotDo { reason, .. }) = able("sidecar", Operation::Download) else {
            panic!("the sidecar has no download")
        };
        assert!(reason.expect("a reason").contains("object storage"));
        assert!(matches!(
            able("auto", Operation::Verify),
            Err(OpsError::OnlyNamed { able, .. }) if able == ["kubectl-broker/aws"]
        ));
    }

    fn has(choice: &str, verb: &str) -> Result<String, OpsError> {
        let engines = Catalogue::bundled(host_bundled::ENGINES).expect("the bundled engines");
        with_verb(&engines, &choice.into(), verb).map(|engine| engine.manifest().id.to_string())
    }

    #[test]
    fn a_verb_finds_its_engine_or_is_asked_of_the_one_that_is_named() {
        for choice in ["auto", "sidecar", "kubectl-broker/sidecar"] {
            assert_eq!(has(choice, "purge").unwrap(), "kubectl-broker/sidecar");
        }
        assert!(matches!(
            has("hivemq", "purge"),
            Err(OpsError::NoSuchVerb { engine: Some(_), able, .. }) if able == ["sidecar"]
        ));
        assert!(matches!(
            has("auto", "defragment"),
            Err(OpsError::NoSuchVerb { engine: None, able, .. }) if able.is_empty()
        ));
    }

    #[test]
    fn a_verb_of_several_engines_is_not_guessed() {
        let engines = Catalogue::bundled(host_bundled::ENGINES).expect("the bundled engines");
        let twice: Vec<_> = engines.iter().chain(engines.iter()).cloned().collect();
        assert!(matches!(
            with_verb(&twice, &EngineChoice::Auto, "purge"),
            Err(OpsError::ManyHaveVerb { engines, .. }) if engines.len() == 2
        ));
    }
}
