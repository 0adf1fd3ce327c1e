use std::cmp::Reverse;

use broker_manifest::Operation;

use super::OpsError;
use crate::engine::EngineFile;

/// Which engine does an operation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum EngineChoice {
    /// The one that the operation prefers, of those that answer.
    #[default]
    Auto,
    /// `name` or `publisher/name`.
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

/// The engines to try, in order. There is at least one.
pub(super) fn candidates<'a>(
    engines: &'a [EngineFile],
    choice: &EngineChoice,
    operation: Operation,
) -> Result<Vec<&'a EngineFile>, OpsError> {
    let mut able: Vec<_> = engines
        .iter()
        .filter(|engine| engine.manifest().can(operation))
        .collect();
    match choice {
        EngineChoice::Auto if able.is_empty() => Err(OpsError::NobodyCan { operation }),
        EngineChoice::Auto => {
            able.sort_by_key(|engine| Reverse(engine.manifest().operations[&operation].preference));
            Ok(able)
        }
        EngineChoice::Named(name) => {
            let engine = named(engines, name)?;
            if engine.manifest().can(operation) {
                return Ok(vec![engine]);
            }
            Err(OpsError::CannotDo {
                engine: engine.manifest().id.to_string(),
                operation,
                reason: engine.manifest().lacks.get(&operation).cloned(),
                able: names(able),
            })
        }
    }
}

/// The engine that is named, or all that there are.
pub(super) fn chosen<'a>(
    engines: &'a [EngineFile],
    choice: &EngineChoice,
) -> Result<Vec<&'a EngineFile>, OpsError> {
    match choice {
        EngineChoice::Auto => Ok(engines.iter().collect()),
        EngineChoice::Named(name) => Ok(vec![named(engines, name)?]),
    }
}

/// The engine that has a verb of its own: the one that is named, else the only one. There is no falling
/// back: the verb of another engine may do another thing.
pub(super) fn with_verb<'a>(
    engines: &'a [EngineFile],
    choice: &EngineChoice,
    verb: &str,
) -> Result<&'a EngineFile, OpsError> {
    let has = |engine: &EngineFile| engine.manifest().verbs.contains_key(verb);
    let able: Vec<_> = engines.iter().filter(|engine| has(engine)).collect();
    let engine = match (choice, able.as_slice()) {
        (EngineChoice::Named(name), _) => Some(named(engines, name)?),
        (EngineChoice::Auto, [only]) => Some(*only),
        (EngineChoice::Auto, []) => None,
        (EngineChoice::Auto, _) => {
            return Err(OpsError::ManyHaveVerb {
                verb: verb.to_owned(),
                // Short names need not differ.
                engines: able.iter().map(|e| e.manifest().id.to_string()).collect(),
            });
        }
    };
    match engine {
        Some(engine) if has(engine) => Ok(engine),
        other => Err(OpsError::NoSuchVerb {
            engine: other.map(|engine| engine.manifest().id.to_string()),
            verb: verb.to_owned(),
            able: names(able),
        }),
    }
}

/// The engine that restores from files of the user.
pub(super) fn for_files<'a>(
    engines: &'a [EngineFile],
    choice: &EngineChoice,
) -> Result<&'a EngineFile, OpsError> {
    let takes = |engine: &EngineFile| {
        let restore = engine.manifest().operations.get(&Operation::Restore);
        restore.is_some_and(|ability| ability.files)
    };
    let found = match choice {
        EngineChoice::Auto => engines
            .iter()
            .filter(|engine| takes(engine))
            .max_by_key(|engine| engine.manifest().operations[&Operation::Restore].preference),
        EngineChoice::Named(name) => Some(named(engines, name)?).filter(|engine| takes(engine)),
    };
    found.ok_or_else(|| OpsError::NoFiles {
        engine: match choice {
            EngineChoice::Auto => None,
            EngineChoice::Named(name) => Some(name.clone()),
        },
        able: names(engines.iter().filter(|engine| takes(engine))),
    })
}

fn named<'a>(engines: &'a [EngineFile], name: &str) -> Result<&'a EngineFile, OpsError> {
    let found = engines.iter().find(|engine| {
        let id = &engine.manifest().id;
        id.name() == name || id.to_string() == name
    });
    found.ok_or_else(|| {
        let known = names(engines);
        OpsError::UnknownEngine {
            near: nearest(name, &known),
            name: name.to_owned(),
            known,
        }
    })
}

fn names<'a>(engines: impl IntoIterator<Item = &'a EngineFile>) -> Vec<String> {
    engines
        .into_iter()
        .map(|engine| engine.manifest().id.name().to_owned())
        .collect()
}

/// A typing error away, by the measure that clap uses for its own suggestions.
fn nearest(name: &str, known: &[String]) -> Option<String> {
    known
        .iter()
        .map(|candidate| (strsim::jaro(name, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Catalogue;

    fn able(choice: &str, operation: Operation) -> Result<Vec<String>, OpsError> {
        let engines = Catalogue::bundled().expect("the bundled engines");
        candidates(&engines, &choice.into(), operation).map(names)
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
    fn an_engine_is_named_short_or_in_full() {
        for name in ["sidecar", "kubectl-broker/sidecar"] {
            assert_eq!(able(name, Operation::List).unwrap(), ["sidecar"]);
        }
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
        assert_eq!((near, known.len()), (None, 2));
    }

    #[test]
    fn an_engine_that_cannot_names_those_that_can() {
        assert!(matches!(
            able("sidecar", Operation::Create),
            Err(OpsError::CannotDo { able, .. }) if able == ["hivemq"]
        ));
        let Err(OpsError::CannotDo { reason, .. }) = able("sidecar", Operation::Download) else {
            panic!("the sidecar has no download")
        };
        assert!(reason.expect("a reason").contains("object storage"));
        assert!(matches!(
            able("auto", Operation::Verify),
            Err(OpsError::NobodyCan { .. })
        ));
    }

    fn has(choice: &str, verb: &str) -> Result<String, OpsError> {
        let engines = Catalogue::bundled().expect("the bundled engines");
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
        let engines = Catalogue::bundled().expect("the bundled engines");
        let twice: Vec<_> = engines.iter().chain(engines.iter()).cloned().collect();
        assert!(matches!(
            with_verb(&twice, &EngineChoice::Auto, "purge"),
            Err(OpsError::ManyHaveVerb { engines, .. }) if engines.len() == 2
        ));
    }
}
