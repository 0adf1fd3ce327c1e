use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::names::{RESERVED_VERBS, SHARED_FLAGS};
use crate::{
    Choice, EngineOption, ManifestError, Operation, OptionKind, flag, is_flag_name, printable,
};

/// An engine's own verb: an extra command of `backup` that the operation `act` runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct VerbOption {
    /// The name without dashes.
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

    fn check(&self) -> Result<(), ManifestError> {
        self.form().check()?;
        self.form().check_required(self.is_required())
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

    /// Checks that the option can be required. A flag without a value can't: it is either present or absent.
    pub(crate) fn check_required(&self, is_required: bool) -> Result<(), ManifestError> {
        let never_missing = self.default.is_some() || self.kind == OptionKind::Boolean;
        if is_required && never_missing {
            return Err(ManifestError::NeverMissing {
                option: self.name.to_owned(),
            });
        }
        Ok(())
    }

    pub(crate) fn check(&self) -> Result<(), ManifestError> {
        printable("options.help", self.help, 300)?;
        for choice in self.choices {
            if self.kind != OptionKind::Text || !choice.is_valid() {
                return Err(ManifestError::BadChoice {
                    option: self.name.to_owned(),
                    choice: choice.value.clone(),
                });
            }
        }
        let Some(default) = self.default else {
            return Ok(());
        };
        let fits = match self.kind {
            OptionKind::Text => printable("options.default", default, 300).is_ok(),
            OptionKind::Integer => default.parse::<i64>().is_ok(),
            OptionKind::Boolean => default.parse::<bool>().is_ok(),
            // A file has no default, because it belongs to the user.
            OptionKind::File => false,
        };
        if self.allows(default) && fits {
            Ok(())
        } else {
            Err(ManifestError::BadDefault {
                option: self.name.to_owned(),
                default: default.to_owned(),
            })
        }
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

    /// Checks the verb. `flags` are those of the engine's endpoints, which every command has.
    fn check(&self, name: &str, flags: &BTreeSet<String>) -> Result<(), ManifestError> {
        if !is_flag_name(name) {
            return Err(ManifestError::BadName {
                what: "verb",
                name: name.to_owned(),
            });
        }
        if RESERVED_VERBS.contains(&name) {
            return Err(ManifestError::ReservedVerb {
                name: name.to_owned(),
            });
        }
        printable("verbs.help", &self.help, 200)?;
        if self.many_files && !self.saves {
            return Err(ManifestError::NoFilesToSave {
                what: format!("verb `{name}`"),
            });
        }
        let mut seen = flags.clone();
        for option in &self.options {
            if self.saves && option.name == "force" {
                return Err(ManifestError::ReservedFlag {
                    name: option.name.clone(),
                });
            }
            if !SHARED_FLAGS.contains(&option.name.as_str()) && !option.is_file_flag() {
                flag(&option.name, &mut seen)?;
            } else if !seen.insert(option.name.clone()) {
                return Err(ManifestError::TwiceTheSameFlag {
                    name: option.name.clone(),
                });
            }
            option.check()?;
        }
        Ok(())
    }
}

/// Checks the verbs of one manifest, and that the operation `act` matches them.
pub(crate) fn check(
    verbs: &BTreeMap<String, Verb>,
    can_act: bool,
    options: &[EngineOption],
    flags: &BTreeSet<String>,
) -> Result<(), ManifestError> {
    match (verbs.keys().next(), can_act) {
        (Some(verb), false) => {
            return Err(ManifestError::VerbWithoutAct { verb: verb.clone() });
        }
        (None, true) => return Err(ManifestError::ActWithoutVerb),
        _ => {}
    }
    if let Some(option) = options
        .iter()
        .find(|option| option.operations.contains(&Operation::Act))
    {
        return Err(ManifestError::OptionOfAct {
            option: option.name.clone(),
        });
    }
    for (name, verb) in verbs {
        verb.check(name, flags)?;
    }
    Ok(())
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_false(value: &bool) -> bool {
    !value
}
