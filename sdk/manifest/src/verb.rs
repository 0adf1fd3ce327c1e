use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::names::{RESERVED_VERBS, SHARED_FLAGS};
use crate::{EngineOption, ManifestError, Operation, OptionKind, flag, is_flag_name, printable};

/// A verb of the engine's own: a command beside the host's, that the operation `act` carries out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Verb {
    /// What it does, in one line.
    pub help: String,
    /// Whether something is lost by it, so that the host asks first.
    #[serde(default, skip_serializing_if = "is_false")]
    pub destructive: bool,
    /// What its command takes. Those that are positional are given in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<VerbOption>,
}

/// A flag or an argument of a verb.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct VerbOption {
    /// Without the dashes.
    pub name: String,
    #[serde(rename = "type")]
    pub kind: OptionKind,
    /// The only values that a text may have, if it is not free.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    pub help: String,
    /// Given by its place and not by a flag. It is always required.
    #[serde(default, skip_serializing_if = "is_false")]
    pub positional: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    pub required: bool,
}

/// What values an option can have, whomever it belongs to.
#[derive(Clone, Copy, Debug)]
pub struct OptionForm<'a> {
    pub name: &'a str,
    pub kind: OptionKind,
    pub choices: &'a [String],
    pub default: Option<&'a str>,
    pub help: &'a str,
}

impl EngineOption {
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

    /// Whether the verb can't be carried out without it.
    #[must_use]
    pub fn is_required(&self) -> bool {
        self.positional || self.required
    }

    /// Whether it is `--file`, which the host has of its own for `restore` alone.
    fn is_file_flag(&self) -> bool {
        self.name == "file" && self.kind == OptionKind::File
    }

    fn check(&self) -> Result<(), ManifestError> {
        self.form().check()?;
        // A flag without a value is there or not: it can't be asked for.
        let never_missing = self.default.is_some() || self.kind == OptionKind::Boolean;
        if self.is_required() && never_missing {
            return Err(ManifestError::NeverMissing {
                option: self.name.clone(),
            });
        }
        Ok(())
    }
}

impl OptionForm<'_> {
    pub(crate) fn check(&self) -> Result<(), ManifestError> {
        printable("options.help", self.help, 300)?;
        for choice in self.choices {
            if self.kind != OptionKind::Text || !is_flag_name(choice) {
                return Err(ManifestError::BadChoice {
                    option: self.name.to_owned(),
                    choice: choice.clone(),
                });
            }
        }
        let Some(default) = self.default else {
            return Ok(());
        };
        let chosen = self.choices.is_empty() || self.choices.iter().any(|c| c == default);
        let fits = match self.kind {
            OptionKind::Text => printable("options.default", default, 300).is_ok(),
            OptionKind::Integer => default.parse::<i64>().is_ok(),
            OptionKind::Boolean => default.parse::<bool>().is_ok(),
            // A file that everybody has is none of the user's.
            OptionKind::File => false,
        };
        if chosen && fits {
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
    /// `ports` are the engine's flags that every command has.
    fn check(&self, name: &str, ports: &BTreeSet<String>) -> Result<(), ManifestError> {
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
        let mut seen = ports.clone();
        for option in &self.options {
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

/// The rules for the verbs of one manifest, and for the operation that stands for them.
pub(crate) fn check(
    verbs: &BTreeMap<String, Verb>,
    can_act: bool,
    options: &[EngineOption],
    ports: &BTreeSet<String>,
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
        verb.check(name, ports)?;
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
