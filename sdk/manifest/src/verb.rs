use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::check::{Flags, check_name, printable};
use crate::names::{RESERVED_VERBS, SHARED_FLAGS};
use crate::place::{Findings, Place};
use crate::{Choice, EngineOption, Manifest, ManifestError, Operation, OptionKind};

/// An engine's own verb: an extra command of `backup` that the operation `act` runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Verb {
    /// The help text, in one line.
    pub help: String,
    /// Whether the verb destroys data. The host then asks for confirmation.
    #[serde(default, skip_serializing_if = "is_false")]
    pub destructive: bool,
    /// Whether the verb saves a file with `artifacts.save`. Its command then has the flags of `download` that say
    /// where the file goes: `--output-dir`, `--output-file`, `--force` and `--accept-unproven`.
    #[serde(default, skip_serializing_if = "is_false")]
    pub saves: bool,
    /// Whether a verb that saves may save several files, as with `many-files` of an operation.
    #[serde(default, skip_serializing_if = "is_false")]
    pub many_files: bool,
    /// The options of the command. Positional options are given in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<VerbOption>,
}

/// A flag or an argument of a verb.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct VerbOption {
    /// The name without leading dashes: 1–40 lower-case letters, digits and dashes. Some names are reserved for the
    /// host.
    pub name: String,
    /// The type of the value.
    #[serde(rename = "type")]
    pub kind: OptionKind,
    /// The only allowed values of a text. If the list is empty, any text is allowed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<Choice>,
    /// The default value, as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// The help text, in one line.
    pub help: String,
    /// Whether the option is a positional argument. Positional arguments are always required.
    #[serde(default, skip_serializing_if = "is_false")]
    pub positional: bool,
    /// Whether the option is required.
    #[serde(default, skip_serializing_if = "is_false")]
    pub required: bool,
}

/// The properties that options of operations and options of verbs have in common.
#[derive(Clone, Copy, Debug)]
pub struct OptionForm<'a> {
    /// The name without dashes.
    pub name: &'a str,
    /// The type of the value.
    pub kind: OptionKind,
    /// The only allowed values of a text; empty if any text is allowed.
    pub choices: &'a [Choice],
    /// The default value, as text.
    pub default: Option<&'a str>,
    /// The help text, in one line.
    pub help: &'a str,
}

impl EngineOption {
    /// Returns the properties that every option has.
    #[must_use]
    pub fn form(&self) -> OptionForm<'_> {
        OptionForm {
            name: &self.name,
            kind: self.kind,
            choices: &self.choices,
            default: self.default.as_deref(),
            help: &self.help,
        }
    }
}

impl VerbOption {
    /// Returns the properties that every option has.
    #[must_use]
    pub fn form(&self) -> OptionForm<'_> {
        OptionForm {
            name: &self.name,
            kind: self.kind,
            choices: &self.choices,
            default: self.default.as_deref(),
            help: &self.help,
        }
    }

    /// Returns whether the verb requires the option.
    #[must_use]
    pub fn is_required(&self) -> bool {
        self.positional || self.required
    }

    /// Returns whether the option is `--file`, which the host's commands have for `restore` only.
    fn is_file_flag(&self) -> bool {
        self.name == "file" && self.kind == OptionKind::File
    }
}

impl OptionForm<'_> {
    /// Returns whether a text is one of the choices, or the option has no choices.
    #[must_use]
    pub fn allows(&self, text: &str) -> bool {
        self.choices.is_empty() || self.choices.iter().any(|choice| choice.value == text)
    }

    /// Returns whether both options take the same values. Their defaults and help texts may differ.
    #[must_use]
    pub fn reads_like(&self, other: &OptionForm<'_>) -> bool {
        fn values<'a>(form: &OptionForm<'a>) -> BTreeSet<&'a str> {
            let choices = form.choices.iter();
            choices.map(|choice| choice.value.as_str()).collect()
        }
        self.kind == other.kind && values(self) == values(other)
    }

    /// Checks all but the name of the option at `place`.
    pub(crate) fn check(
        &self,
        is_required: bool,
        place: &Place,
        found: &mut Findings<ManifestError>,
    ) {
        let help = printable("options.help", self.help, 300);
        found.check(place.then("help"), help);
        for (at, choice) in self.choices.iter().enumerate() {
            if self.kind != OptionKind::Text || !choice.is_valid() {
                let error = ManifestError::BadChoice {
                    option: self.name.to_owned(),
                    choice: choice.value.clone(),
                };
                found.add(place.then("choices").then(at), error);
            }
        }
        if let Some(default) = self.default.filter(|default| !self.has_default(default)) {
            let error = ManifestError::BadDefault {
                option: self.name.to_owned(),
                default: default.to_owned(),
            };
            found.add(place.then("default"), error);
        }
        // A flag without a value is never missing: it is either present or absent.
        let never_missing = self.default.is_some() || self.kind == OptionKind::Boolean;
        if is_required && never_missing {
            let error = ManifestError::NeverMissing {
                option: self.name.to_owned(),
            };
            found.add(place.then("required"), error);
        }
    }

    /// Returns whether the option may have this default.
    fn has_default(&self, default: &str) -> bool {
        let fits = match self.kind {
            OptionKind::Text => printable("options.default", default, 300).is_ok(),
            OptionKind::Integer => default.parse::<i64>().is_ok(),
            OptionKind::Boolean => default.parse::<bool>().is_ok(),
            // A file has no default, because it belongs to the user.
            OptionKind::File => false,
        };
        fits && self.allows(default)
    }
}

impl Verb {
    /// Returns whether the command lines of both verbs are the same. Defaults and help texts may differ.
    #[must_use]
    pub fn reads_like(&self, other: &Self) -> bool {
        let positional = |verb: &Self| -> Vec<String> {
            let options = verb.options.iter().filter(|option| option.positional);
            options.map(|option| option.name.clone()).collect()
        };
        let has = |option: &VerbOption| {
            other.options.iter().any(|it| {
                it.name == option.name
                    && it.positional == option.positional
                    && it.is_required() == option.is_required()
                    && it.form().reads_like(&option.form())
            })
        };
        self.destructive == other.destructive
            && self.saves == other.saves
            && self.options.len() == other.options.len()
            && self.options.iter().all(has)
            && positional(self) == positional(other)
    }

    /// Checks the verb at `place`. `flags` are those of the engine's endpoints, which every command has.
    fn check(
        &self,
        name: &str,
        mut flags: Flags<'_>,
        place: &Place,
        found: &mut Findings<ManifestError>,
    ) {
        found.check(place.clone(), check_name("verb", name));
        if RESERVED_VERBS.contains(&name) {
            let name = name.to_owned();
            found.add(place.clone(), ManifestError::ReservedVerb { name });
        }
        let help = printable("verbs.help", &self.help, 200);
        found.check(place.then("help"), help);
        if self.many_files && !self.saves {
            let what = format!("verb `{name}`");
            found.add(
                place.then("many-files"),
                ManifestError::NoFilesToSave { what },
            );
        }
        for (at, option) in self.options.iter().enumerate() {
            let place = place.then("options").then(at);
            let is_shared = SHARED_FLAGS.contains(&option.name.as_str()) || option.is_file_flag();
            let name = if self.saves && option.name == "force" {
                let name = option.name.clone();
                Err(ManifestError::ReservedFlag { name })
            } else if is_shared {
                flags.add(&option.name)
            } else {
                flags.add_new(&option.name)
            };
            found.check(place.then("name"), name);
            option.form().check(option.is_required(), &place, found);
        }
    }
}

/// Checks the verbs of a manifest, and that the operation `act` matches them.
pub(crate) fn check(manifest: &Manifest, found: &mut Findings<ManifestError>) {
    let verbs = Place::of("verbs");
    match (manifest.verbs.keys().next(), manifest.can(Operation::Act)) {
        (Some(verb), false) => {
            let error = ManifestError::VerbWithoutAct { verb: verb.clone() };
            found.add(verbs.then(verb), error);
        }
        (None, true) => {
            let place = Place::of("operations").then(Operation::Act.name());
            found.add(place, ManifestError::ActWithoutVerb);
        }
        _ => {}
    }
    let flags = manifest.endpoint_flags().collect();
    for (name, verb) in &manifest.verbs {
        verb.check(name, Flags::with(&flags), &verbs.then(name), found);
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_false(value: &bool) -> bool {
    !value
}
