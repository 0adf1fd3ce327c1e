//! Which commands save files, and how many.

use crate::place::{Findings, Place};
use crate::{Manifest, ManifestError, Operation, Verb};

/// The number of files that a command may save.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saves {
    /// No file.
    Nothing,
    /// At most one file.
    One,
    /// Several files, in one folder.
    Many,
}

impl Saves {
    const fn of(saves: bool, many: bool) -> Self {
        match (saves, many) {
            (false, _) => Self::Nothing,
            (true, false) => Self::One,
            (true, true) => Self::Many,
        }
    }
}

impl Manifest {
    /// Returns how many files the command of an operation may save.
    ///
    /// A backup that `create` does not save itself is saved by `download`, within the same command.
    #[must_use]
    pub fn saves_in(&self, operation: Operation) -> Saves {
        let many = |operation: Operation| {
            let ability = self.operations.get(&operation);
            ability.is_some_and(|ability| ability.many_files)
        };
        match operation {
            Operation::Download => Saves::of(self.can(operation), many(operation)),
            Operation::Create => {
                let is_many = many(operation) || many(Operation::Download);
                Saves::of(self.saves(), is_many)
            }
            _ => Saves::Nothing,
        }
    }

    /// Returns whether any command of the engine saves files.
    #[must_use]
    pub fn saves_files(&self) -> bool {
        self.can(Operation::Download)
            || self.saves()
            || self
                .verbs
                .values()
                .any(|verb| verb.saves() != Saves::Nothing)
    }

    /// Returns the first key about saved files that needs interface 0.2, if there is one.
    pub(crate) fn files_since_0_2(&self) -> Option<String> {
        let mut operations = self.operations.iter();
        if let Some((operation, _)) = operations.find(|(_, ability)| ability.many_files) {
            return Some(format!("`many-files` of operation `{operation}`"));
        }
        let mut verbs = self.verbs.iter();
        let (name, _) = verbs.find(|(_, verb)| verb.saves() != Saves::Nothing)?;
        Some(format!("`saves` of verb `{name}`"))
    }

    /// Checks that only operations that save files may save several.
    pub(crate) fn check_many_files(&self, found: &mut Findings<ManifestError>) {
        for (operation, ability) in &self.operations {
            if ability.many_files && self.saves_in(*operation) == Saves::Nothing {
                let place = Place::of("operations").then(operation.name());
                let what = format!("operation `{operation}`");
                found.add(
                    place.then("many-files"),
                    ManifestError::NoFilesToSave { what },
                );
            }
        }
    }
}

impl Verb {
    /// Returns how many files the verb may save.
    #[must_use]
    pub const fn saves(&self) -> Saves {
        Saves::of(self.saves, self.many_files)
    }
}

#[cfg(test)]
mod tests {
    use super::Saves::{Many, Nothing, One};
    use super::*;

    fn read(operations: &str) -> Result<Manifest, ManifestError> {
        let head =
            "id = \"acme/vault\"\nversion = \"1.0.0\"\nsummary = \"x\"\n[operations.detect]\n";
        Manifest::from_toml(&format!("{head}{operations}"))
    }

    fn verb(keys: &str) -> String {
        format!("[operations.act]\n[verbs.logs]\nhelp = \"x\"\n{keys}\n")
    }

    #[test]
    fn a_manifest_says_which_commands_save_how_many_files() {
        let saves = |operations: &str| {
            let manifest = read(operations).unwrap();
            let of = |operation| manifest.saves_in(operation);
            (of(Operation::Create), of(Operation::Download))
        };
        assert_eq!(saves(""), (Nothing, Nothing));
        assert_eq!(saves("[operations.create]\n"), (Nothing, Nothing));
        assert_eq!(saves("[operations.download]\n"), (Nothing, One));
        let many = "[operations.download]\nmany-files = true\n";
        assert_eq!(saves(many), (Nothing, Many));
        let create = "[operations.create]\nsaves = true\n";
        assert_eq!(saves(create), (One, Nothing));
        assert_eq!(saves(&format!("{create}{many}")), (Many, Many));
        let both = format!("{create}many-files = true\n[operations.download]\n");
        assert_eq!(saves(&both), (Many, One));
        let manifest = read(&verb("saves = true\nmany-files = true")).unwrap();
        assert_eq!(manifest.verbs["logs"].saves(), Many);
        assert!(manifest.saves_files());
        assert!(!read(&verb("")).unwrap().saves_files());
    }

    #[test]
    fn several_files_need_a_command_that_saves() {
        for keys in [
            "[operations.list]\nmany-files = true\n".to_owned(),
            "[operations.create]\nmany-files = true\n".to_owned(),
            verb("many-files = true"),
        ] {
            let read = read(&keys);
            assert!(
                matches!(read, Err(ManifestError::NoFilesToSave { .. })),
                "{keys}"
            );
        }
    }

    #[test]
    fn the_flags_of_a_verb_that_saves_are_its_own() {
        let option = |name: &str| {
            format!("[[verbs.logs.options]]\nname = \"{name}\"\ntype = \"boolean\"\nhelp = \"x\"\n")
        };
        assert!(read(&verb(&option("force"))).is_ok());
        for name in ["force", "output-dir", "output-file", "accept-unproven"] {
            let read = read(&verb(&format!("saves = true\n{}", option(name))));
            assert!(
                matches!(read, Err(ManifestError::ReservedFlag { .. })),
                "{name}"
            );
        }
    }

    #[test]
    fn these_keys_are_newer_than_interface_0_1() {
        let since = |operations: &str| read(operations).unwrap().since_0_2();
        assert_eq!(since("[operations.create]\nsaves = true\n"), None);
        assert_eq!(
            since("[operations.download]\nmany-files = true\n").as_deref(),
            Some("`many-files` of operation `download`")
        );
        assert_eq!(
            since(&verb("saves = true")).as_deref(),
            Some("`saves` of verb `logs`")
        );
    }
}
