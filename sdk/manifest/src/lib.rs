//! The manifest of an engine: what it is, what it can do, and the most it may ever ask of the host.
//!
//! An author writes it as TOML. It travels as JSON in one custom section of the component
//! ([`SECTION`]), so the host can read it without running a single instruction of the engine.
//! What this crate accepts is what the SDK accepts at compile time, what `plugin pack` accepts,
//! and what the host accepts when it loads a component: one parser, one set of rules.

#![forbid(unsafe_code)]

mod endpoint;
mod error;
mod exec;
mod header;
mod names;
mod port;
mod resources;
mod route;
mod verb;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

pub use endpoint::{Auth, Endpoint, EndpointError, Ready, Select};
pub use error::ManifestError;
pub use exec::{Command, CommandError, FillError, Word};
pub use header::{HeaderRule, overrides_method};
pub use names::{EngineId, RESERVED_FLAGS, RESERVED_VERBS, SHARED_FLAGS, is_flag_name};
pub use port::{Port, PortName};
pub use resources::{ObjectKind, ResourceError, ResourceRule, ResourceVerb, Resources};
pub use route::{Method, Route, RouteError};
pub use verb::{OptionForm, Verb, VerbOption};

/// Name of the WebAssembly custom section that holds the manifest as JSON.
pub const SECTION: &str = "kubectl-broker:manifest";

/// Largest manifest the host reads, in bytes. A real one is about 2 KiB.
pub const MAX_BYTES: usize = 256 * 1024;

/// Everything the host knows about an engine without running it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Manifest {
    /// `publisher/name`.
    pub id: EngineId,
    /// Version of the engine itself, not of the interface it is built for.
    pub version: semver::Version,
    /// One line for `engines` and for the consent that an installation asks for.
    pub summary: String,
    /// Where its documentation is, if anywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub homepage: Option<String>,
    /// What it can do. An operation that is not named here is never called.
    pub operations: BTreeMap<Operation, Ability>,
    /// Why it can't do an operation, where its author wants to say: one sentence.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub lacks: BTreeMap<Operation, String>,
    /// Options that it adds to the command line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<EngineOption>,
    /// Verbs of its own, by name. They are carried out by the operation `act`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub verbs: BTreeMap<String, Verb>,
    /// The columns of its tables, in this order; [`Column::defaults`] where it names none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<Column>,
    /// The only commands it can run in pods, by the name it uses for them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub exec: BTreeMap<String, Command>,
    /// The only places it can talk to, by the name it uses for them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub endpoints: BTreeMap<String, Endpoint>,
    /// The only Kubernetes objects it can work with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
}

/// The operations of the engine interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operation {
    Detect,
    List,
    Status,
    Prepare,
    Create,
    Finish,
    Download,
    Verify,
    Restore,
    Delete,
    Act,
}

impl Operation {
    /// In the order in which they are shown.
    pub const ALL: [Self; 11] = [
        Self::Detect,
        Self::List,
        Self::Status,
        Self::Prepare,
        Self::Create,
        Self::Finish,
        Self::Download,
        Self::Verify,
        Self::Restore,
        Self::Delete,
        Self::Act,
    ];

    /// The name used in manifests, in WIT and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Detect => "detect",
            Self::List => "list",
            Self::Status => "status",
            Self::Prepare => "prepare",
            Self::Create => "create",
            Self::Finish => "finish",
            Self::Download => "download",
            Self::Verify => "verify",
            Self::Restore => "restore",
            Self::Delete => "delete",
            Self::Act => "act",
        }
    }

    /// The operation whose command runs this one, where it has no command of its own.
    #[must_use]
    pub const fn command(self) -> Self {
        match self {
            Self::Prepare | Self::Finish => Self::Create,
            other => other,
        }
    }
}

impl std::fmt::Display for Operation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// How an engine stands to one operation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Ability {
    /// Among engines that can do the operation, `--engine auto` asks the highest first.
    #[serde(default)]
    pub preference: u8,
    /// Of `restore`: it takes a file of the user, too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub files: bool,
    /// Of `create`: the backend answers with the bytes of the backup, which the engine saves with
    /// `artifacts.save`. Where it returns a backup that still runs instead, the host waits for its end
    /// with `status`, and gets it with `download`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub saves: bool,
    /// Of `restore`: the backend tells nothing of a restore that it has accepted, so that `status` can't
    /// follow it. The host then doesn't wait for its end, and says so.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_status: bool,
    /// Options of `list`, by name, with which it shows what the operation can be done to: the menu that
    /// asks which backup is meant is made with them. Without any, the defaults show it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub menu: BTreeMap<String, String>,
}

/// A flag that an engine adds to the commands of some operations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct EngineOption {
    /// Without the dashes. A clash with a flag of the host is refused.
    pub name: String,
    #[serde(rename = "type")]
    pub kind: OptionKind,
    /// The operations whose command takes it.
    pub operations: BTreeSet<Operation>,
    /// The only values that a text may have, if it is not free.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    pub help: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OptionKind {
    Text,
    Integer,
    Boolean,
    /// The name of a text file on the command line, `-` for standard input. The host reads it, and the
    /// engine gets the text.
    File,
}

/// A column in the tables of an engine's backups.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Column {
    /// One of [`Column::BUILT_IN`], or a field that the engine adds to each backup.
    pub value: String,
    /// One upper-case word; the value's name in capitals where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// Shown only by `-o wide`.
    #[serde(default)]
    pub wide: bool,
}

impl Manifest {
    /// Reads the TOML that an author writes.
    ///
    /// # Errors
    /// When it is not TOML, has unknown keys, or breaks a rule of [`Manifest::check`].
    pub fn from_toml(text: &str) -> Result<Self, ManifestError> {
        let manifest: Self = toml::from_str(text).map_err(|e| ManifestError::Syntax {
            format: "TOML",
            reason: e.to_string(),
        })?;
        manifest.check()?;
        Ok(manifest)
    }

    /// Reads the JSON that stands in the custom section.
    ///
    /// # Errors
    /// When it is too long, not JSON, has unknown keys, or breaks a rule of [`Manifest::check`].
    pub fn from_json(bytes: &[u8]) -> Result<Self, ManifestError> {
        if bytes.len() > MAX_BYTES {
            return Err(ManifestError::TooLong { bytes: bytes.len() });
        }
        let manifest: Self = serde_json::from_slice(bytes).map_err(|e| ManifestError::Syntax {
            format: "JSON",
            reason: e.to_string(),
        })?;
        manifest.check()?;
        Ok(manifest)
    }

    /// The JSON for the custom section.
    ///
    /// # Errors
    /// Never in practice: every field has a JSON form.
    pub fn to_json(&self) -> Result<Vec<u8>, ManifestError> {
        serde_json::to_vec(self).map_err(|e| ManifestError::Syntax {
            format: "JSON",
            reason: e.to_string(),
        })
    }

    /// Whether the engine can do `operation`.
    #[must_use]
    pub fn can(&self, operation: Operation) -> bool {
        self.operations.contains_key(&operation)
    }

    /// Whether `create` yields the bytes of the backup.
    #[must_use]
    pub fn saves(&self) -> bool {
        let create = self.operations.get(&Operation::Create);
        create.is_some_and(|ability| ability.saves)
    }

    /// Whether `status` can follow a restore that was begun.
    #[must_use]
    pub fn follows_restores(&self) -> bool {
        let restore = self.operations.get(&Operation::Restore);
        self.can(Operation::Status) && restore.is_none_or(|ability| !ability.no_status)
    }

    /// Whether each pod of its target answers for itself alone. Behind a Service any of them answers for
    /// all.
    #[must_use]
    pub fn answers_by_pod(&self) -> bool {
        let mut endpoints = self.endpoints.values();
        endpoints.any(|endpoint| endpoint.select == Select::Pod)
    }

    /// Whether it works with pods, those of a StatefulSet that the user names.
    #[must_use]
    pub fn has_target(&self) -> bool {
        self.endpoints.values().any(Endpoint::is_in_pods) || !self.exec.is_empty()
    }

    /// The columns of its tables.
    #[must_use]
    pub fn table(&self) -> Vec<Column> {
        if self.columns.is_empty() {
            Column::defaults()
        } else {
            self.columns.clone()
        }
    }

    /// Whether the engine may add a field of this name to its backups.
    #[must_use]
    pub fn has_field(&self, name: &str) -> bool {
        !Column::BUILT_IN.contains(&name) && self.columns.iter().any(|c| c.value == name)
    }

    /// The options that belong to the command of `operation`.
    pub fn options_for(&self, operation: Operation) -> impl Iterator<Item = &EngineOption> {
        self.options
            .iter()
            .filter(move |option| option.operations.contains(&operation))
    }

    /// The options that the command of `operation` takes, for whichever operation it runs.
    pub fn options_of_command(&self, operation: Operation) -> impl Iterator<Item = &EngineOption> {
        self.options.iter().filter(move |option| {
            let mut commands = option.operations.iter().map(|it| it.command());
            commands.any(|command| command == operation)
        })
    }

    /// The rules that types alone can't state.
    ///
    /// # Errors
    /// Names the first rule that is broken, and where.
    pub fn check(&self) -> Result<(), ManifestError> {
        printable("summary", &self.summary, 200)?;
        if let Some(homepage) = &self.homepage {
            printable("homepage", homepage, 300)?;
        }
        if !self.can(Operation::Detect) {
            return Err(ManifestError::NoDetect);
        }
        for operation in self.operations.keys() {
            let command = operation.command();
            if !self.can(command) {
                return Err(ManifestError::PartOf {
                    operation: *operation,
                    command,
                });
            }
        }
        for (operation, reason) in &self.lacks {
            if self.can(*operation) {
                return Err(ManifestError::LacksWhatItHas {
                    operation: *operation,
                });
            }
            printable("lacks", reason, 300)?;
        }
        for (name, command) in &self.exec {
            if !is_flag_name(name) {
                return Err(ManifestError::BadName {
                    what: "command",
                    name: name.clone(),
                });
            }
            command
                .check()
                .map_err(|source| ManifestError::BadCommand {
                    command: name.clone(),
                    source,
                })?;
        }
        if let Some(resources) = &self.resources {
            resources.check()?;
        }
        let takes_files = self.operations.iter().find(|(_, ability)| ability.files);
        if let Some((operation, _)) = takes_files.filter(|(op, _)| **op != Operation::Restore) {
            return Err(ManifestError::NoFiles {
                operation: *operation,
            });
        }
        let saves = self.operations.iter().find(|(_, ability)| ability.saves);
        if let Some((operation, _)) = saves.filter(|(op, _)| **op != Operation::Create) {
            return Err(ManifestError::NothingToSave {
                operation: *operation,
            });
        }
        let unseen = self
            .operations
            .iter()
            .find(|(_, ability)| ability.no_status);
        if let Some((operation, _)) = unseen.filter(|(op, _)| **op != Operation::Restore) {
            return Err(ManifestError::NothingToFollow {
                operation: *operation,
            });
        }
        let mut flags = BTreeSet::new();
        for option in &self.options {
            if !option.is_file_flag() {
                flag(&option.name, &mut flags)?;
            }
            option.form().check()?;
        }
        self.check_menus()?;
        for column in &self.columns {
            column.check()?;
        }
        for (name, endpoint) in &self.endpoints {
            if !is_flag_name(name) {
                return Err(ManifestError::BadName {
                    what: "endpoint",
                    name: name.clone(),
                });
            }
            if let Some(name) = endpoint.port_flag() {
                flag(name, &mut flags)?;
            }
            endpoint
                .check()
                .map_err(|source| ManifestError::BadEndpoint {
                    endpoint: name.clone(),
                    source,
                })?;
        }
        let ports = self.port_flags().map(str::to_owned).collect();
        verb::check(&self.verbs, self.can(Operation::Act), &self.options, &ports)
    }

    /// A menu is made with choices that `list` has.
    fn check_menus(&self) -> Result<(), ManifestError> {
        for (operation, ability) in &self.operations {
            for (name, value) in &ability.menu {
                let mut options = self.options_for(Operation::List);
                if !options.any(|o| o.name == *name && o.choices.contains(value)) {
                    return Err(ManifestError::BadMenu {
                        operation: *operation,
                        option: name.clone(),
                        value: value.clone(),
                    });
                }
            }
        }
        Ok(())
    }

    /// The flags with which the user sets the ports of its endpoints.
    fn port_flags(&self) -> impl Iterator<Item = &str> {
        self.endpoints.values().filter_map(Endpoint::port_flag)
    }
}

impl EngineOption {
    /// Whether it is `--file`, which the host has of its own for `restore` alone.
    fn is_file_flag(&self) -> bool {
        let mut commands = self.operations.iter().map(|it| it.command());
        self.name == "file"
            && self.kind == OptionKind::File
            && !commands.any(|command| command == Operation::Restore)
    }
}

impl Column {
    /// What every backup has.
    pub const BUILT_IN: [&str; 6] = ["id", "state", "size", "age", "created", "failure"];

    /// The columns of an engine that names none.
    #[must_use]
    pub fn defaults() -> Vec<Self> {
        Self::BUILT_IN
            .iter()
            .map(|value| Self {
                value: (*value).to_owned(),
                header: None,
                wide: *value == "failure",
            })
            .collect()
    }

    /// The header as it is shown.
    #[must_use]
    pub fn header(&self) -> String {
        self.header
            .clone()
            .unwrap_or_else(|| self.value.to_ascii_uppercase())
    }

    fn check(&self) -> Result<(), ManifestError> {
        if !is_flag_name(&self.value) {
            return Err(ManifestError::BadName {
                what: "column value",
                name: self.value.clone(),
            });
        }
        let header = self.header();
        let single_token = !header.is_empty()
            && header.len() <= 24
            && header
                .bytes()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-');
        if single_token {
            Ok(())
        } else {
            Err(ManifestError::BadHeader { header })
        }
    }
}

/// A flag must have a form that every shell takes, be no flag of the host, and be named once.
fn flag(name: &str, seen: &mut BTreeSet<String>) -> Result<(), ManifestError> {
    if !is_flag_name(name) {
        return Err(ManifestError::BadName {
            what: "option",
            name: name.to_owned(),
        });
    }
    if RESERVED_FLAGS.contains(&name) {
        return Err(ManifestError::ReservedFlag {
            name: name.to_owned(),
        });
    }
    if !seen.insert(name.to_owned()) {
        return Err(ManifestError::TwiceTheSameFlag {
            name: name.to_owned(),
        });
    }
    Ok(())
}

/// Text that is shown to people: present, one line, no control characters.
fn printable(what: &'static str, text: &str, limit: usize) -> Result<(), ManifestError> {
    if text.trim().is_empty() || text.chars().count() > limit || text.chars().any(char::is_control)
    {
        return Err(ManifestError::BadText { what, limit });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
