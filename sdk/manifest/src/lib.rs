//! The manifest of an engine: its operations, and every capability that it may ever ask of the host.
//!
//! An author writes the manifest as TOML. The component carries it as JSON in one custom section
//! ([`SECTION`]), so the host can read it without running the engine.
//!
//! The SDK at compile time, `plugin pack`, and the host when it loads a component all use this crate. They
//! therefore accept the same manifests.
#![deny(missing_docs)]
#![forbid(unsafe_code)]

mod auth;
mod check;
mod choice;
mod endpoint;
mod error;
mod exec;
mod header;
mod names;
mod place;
mod port;
mod problem;
mod read;
mod resources;
mod route;
mod saves;
#[cfg(feature = "schema")]
mod schema;
mod storage;
mod tls;
mod verb;

use std::collections::{BTreeMap, BTreeSet};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

pub use auth::{Auth, AuthError, Credential, CredentialKind, CustomAuth, Login, LoginForm};
pub use choice::Choice;
pub use endpoint::{Endpoint, EndpointError, Ready, Select};
pub use error::ManifestError;
pub use exec::{Command, CommandError, FillError, Word};
pub use header::{HeaderRule, overrides_method};
pub use names::{EngineId, RESERVED_FLAGS, RESERVED_VERBS, SHARED_FLAGS, is_flag_name};
pub use port::{Port, PortName};
pub use problem::{More, Position, Problem, Problems};
pub use resources::{
    ObjectKind, ResourceError, ResourceRule, ResourceVerb, Resources, Scope, is_label,
};
pub use route::{Method, Route, RouteError};
pub use saves::Saves;
pub use storage::{
    AwsService, Store, StoreAuth, StoreError, StoreKind, StorePlace, StoreRule, StoreVerb,
    is_bucket,
};
pub use tls::{NameError, NameFacts, NamePattern, SecretKey, Tls, TlsFlags};
pub use verb::{OptionForm, Verb, VerbOption};

/// Name of the WebAssembly custom section that holds the manifest as JSON.
pub const SECTION: &str = "kubectl-broker:manifest";

/// Maximum length of a manifest, in bytes. A typical manifest has about 2 KiB.
pub const MAX_BYTES: usize = 256 * 1024;

/// Everything that the host knows about an engine without running it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Manifest {
    /// The engine's id, `publisher/name`.
    pub id: EngineId,
    /// Version of the engine itself, not of the interface that it implements.
    #[serde(deserialize_with = "version")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub version: semver::Version,
    /// A summary in one line. The list of engines and the consent prompt of an installation show it.
    pub summary: String,
    /// The address of the engine's documentation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub homepage: Option<String>,
    /// The operations that the engine supports. The host never calls any other.
    #[cfg_attr(feature = "schema", schemars(extend("propertyNames" = {"$ref": "#/$defs/Operation"})))]
    pub operations: BTreeMap<Operation, Ability>,
    /// Reasons why the engine does not support an operation, one sentence each.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[cfg_attr(feature = "schema", schemars(extend("propertyNames" = {"$ref": "#/$defs/Operation"})))]
    pub lacks: BTreeMap<Operation, String>,
    /// Options that the engine adds to the command line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<EngineOption>,
    /// The engine's own verbs, by name. The operation `act` runs them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub verbs: BTreeMap<String, Verb>,
    /// The columns of the engine's tables, in order. By default those that every backup has, and `failure` only
    /// with `-o wide`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<Column>,
    /// The only commands that the engine may run in pods, by the name that it uses for them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub exec: BTreeMap<String, Command>,
    /// The only endpoints that the engine may send requests to, by the name that it uses for them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub endpoints: BTreeMap<String, Endpoint>,
    /// Credentials with names of their own, besides those that all engines share.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub credentials: BTreeMap<String, Credential>,
    /// The only object stores outside the cluster that the engine may use, by the name that it uses for them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub storage: BTreeMap<String, Store>,
    /// The only services of Amazon's that the engine may call, by the names of their endpoints, such as `rds`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub aws: BTreeMap<String, AwsService>,
    /// The only Kubernetes objects that the engine may use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
}

/// The operations of the engine interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Operation {
    /// Checks whether the backend responds.
    Detect,
    /// Checks the health of the backend.
    Health,
    /// Lists the backups.
    List,
    /// Reads the state of one backup.
    Status,
    /// Checks, before `create`, whether a backup can start.
    Prepare,
    /// Starts a backup.
    Create,
    /// Completes the work on a backup that succeeded.
    Finish,
    /// Downloads a backup.
    Download,
    /// Asks the backend to check a backup.
    Verify,
    /// Starts a restore.
    Restore,
    /// Deletes a backup.
    Delete,
    /// Runs a verb of the engine's own.
    Act,
}

impl Operation {
    /// All operations, in the order in which they are shown.
    pub const ALL: [Self; 12] = [
        Self::Detect,
        Self::Health,
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

    /// Returns the name used in manifests, in WIT and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Detect => "detect",
            Self::Health => "health",
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

    /// Returns the operation whose command runs this one. Most operations have a command of their own.
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

/// The settings of an engine for one operation.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a key of the manifest, and they don't depend on each other"
)]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Ability {
    /// The rank of the engine: `--engine auto` asks engines with a higher preference first.
    #[serde(default)]
    pub preference: u8,
    /// Whether `restore` also accepts a file of the user.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub files: bool,
    /// Whether the backend answers `create` with the bytes of the backup.
    ///
    /// The engine saves the bytes with `artifacts.save`. It may also return a running backup: the host then
    /// waits with `status` and calls `download`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub saves: bool,
    /// Whether `download`, or a `create` that saves, may save several files.
    ///
    /// All of them go into one folder, which the user may choose (`--output-dir`). The user can't choose their
    /// names, and they can't go to stdout: `--output-file` is refused.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub many_files: bool,
    /// Whether the backend reports nothing about a restore after accepting it, so that `status` can't follow
    /// it. The host then does not wait for the restore, and tells the user so.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_status: bool,
    /// Whether the pages of `list` together have the newest backup first. The host then prints each page when
    /// it arrives, and needs no memory for the others.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub newest_first: bool,
    /// States in the backend's own words in which the host calls `finish` again and again while it waits. The engine
    /// does a part of the work in each call. Only for `finish`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repeat_in: Vec<String>,
    /// Options of `list`, by name, that make it return the backups that the operation accepts. The host uses
    /// them for the menu in which the user chooses a backup. The default is an empty set.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub menu: BTreeMap<String, String>,
}

/// A flag that an engine adds to the commands of some operations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct EngineOption {
    /// The name without leading dashes: 1–40 lower-case letters, digits and dashes. Some names are reserved for the
    /// host.
    pub name: String,
    /// The type of the value.
    #[serde(rename = "type")]
    pub kind: OptionKind,
    /// The operations whose command takes the option.
    pub operations: BTreeSet<Operation>,
    /// The only allowed values of a text. If the list is empty, any text is allowed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<Choice>,
    /// The default value, as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// The help text, in one line.
    pub help: String,
    /// Whether the user must give the option to the command of each of its operations.
    ///
    /// If the host calls one of these operations within another command, the engine gets the option only if
    /// that command takes it too. An example is `list` within `restore --latest`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
}

/// The type of an option's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum OptionKind {
    /// Text in one line.
    Text,
    /// A signed 64-bit integer.
    Integer,
    /// A flag without a value.
    Boolean,
    /// The name of a text file, or `-` for standard input. The host reads the file and passes its text to the
    /// engine.
    File,
}

/// A column in the tables of an engine's backups.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Column {
    /// One of `id`, `state`, `size`, `age`, `created` and `failure`, or a field that the engine adds to each backup.
    pub value: String,
    /// The header, one upper-case word. The default is `value` in capitals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// Whether only `-o wide` shows the column.
    #[serde(default)]
    pub wide: bool,
}

impl Manifest {
    /// Parses the TOML that an author writes.
    ///
    /// # Errors
    /// Fails if the text is too long, is not TOML, has unknown keys, or breaks a rule of [`Manifest::check`].
    pub fn from_toml(text: &str) -> Result<Self, ManifestError> {
        Self::diagnose(text).map_err(|problems| read::error(text, problems))
    }

    /// Parses the TOML that an author writes, and tells about each problem where it is.
    ///
    /// # Errors
    /// Fails as [`Manifest::from_toml`] does. Rules are checked only if all keys are known and all values are
    /// valid.
    pub fn diagnose(text: &str) -> Result<Self, Problems> {
        read::toml(text)
    }

    /// Returns the engine's id and its position in a text, even if the rest of the text is no manifest.
    #[must_use]
    pub fn id_in(text: &str) -> Option<(EngineId, Position)> {
        read::id(text)
    }

    /// Parses the JSON of the custom section.
    ///
    /// # Errors
    /// Fails if the text is too long, is not JSON, has unknown keys, or breaks a rule of [`Manifest::check`].
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

    /// Returns the JSON for the custom section.
    ///
    /// # Errors
    /// Never fails in practice: every field has a JSON form.
    pub fn to_json(&self) -> Result<Vec<u8>, ManifestError> {
        serde_json::to_vec(self).map_err(|e| ManifestError::Syntax {
            format: "JSON",
            reason: e.to_string(),
        })
    }

    /// Returns whether the engine supports `operation`.
    #[must_use]
    pub fn can(&self, operation: Operation) -> bool {
        self.operations.contains_key(&operation)
    }

    /// Returns whether the backend answers `create` with the bytes of the backup.
    #[must_use]
    pub fn saves(&self) -> bool {
        let create = self.operations.get(&Operation::Create);
        create.is_some_and(|ability| ability.saves)
    }

    /// Returns whether `status` can follow a restore.
    #[must_use]
    pub fn follows_restores(&self) -> bool {
        let restore = self.operations.get(&Operation::Restore);
        self.can(Operation::Status) && restore.is_none_or(|ability| !ability.no_status)
    }

    /// Returns whether the engine does a part of the work itself, in calls of `finish` that are repeated.
    #[must_use]
    pub fn works_itself(&self) -> bool {
        let finish = self.operations.get(&Operation::Finish);
        finish.is_some_and(|ability| !ability.repeat_in.is_empty())
    }

    /// Returns whether the engine does a part of the work itself while the backend reports this state.
    #[must_use]
    pub fn works_in(&self, reported: &str) -> bool {
        let finish = self.operations.get(&Operation::Finish);
        finish.is_some_and(|ability| ability.repeat_in.iter().any(|state| state == reported))
    }

    /// Returns whether each pod of the target has its own answers. Behind a Service, any pod answers for all.
    #[must_use]
    pub fn answers_by_pod(&self) -> bool {
        let mut endpoints = self.endpoints.values();
        endpoints.any(|endpoint| endpoint.select == Select::Pod)
    }

    /// Returns whether the engine works with the pods of a StatefulSet that the user names.
    #[must_use]
    pub fn has_target(&self) -> bool {
        self.endpoints.values().any(Endpoint::is_in_pods) || !self.exec.is_empty()
    }

    /// Returns the first part of the manifest that needs interface 0.2, if there is one.
    #[must_use]
    pub fn since_0_2(&self) -> Option<String> {
        if self.can(Operation::Health) {
            return Some("the operation `health`".to_owned());
        }
        let list = self.operations.get(&Operation::List);
        if list.is_some_and(|ability| ability.newest_first) {
            return Some("`newest-first`".to_owned());
        }
        if self.works_itself() {
            return Some("`repeat-in`".to_owned());
        }
        if let Some(what) = self.files_since_0_2() {
            return Some(what);
        }
        let mut endpoints = self.endpoints.iter();
        if let Some((name, _)) = endpoints.find(|(_, endpoint)| endpoint.replicas) {
            return Some(format!("`replicas` of endpoint `{name}`"));
        }
        let mut endpoints = self.endpoints.iter();
        if let Some((name, _)) = endpoints.find(|(_, endpoint)| endpoint.optional) {
            return Some(format!("`optional` of endpoint `{name}`"));
        }
        for (table, is_used) in [
            ("storage", !self.storage.is_empty()),
            ("aws", !self.aws.is_empty()),
        ] {
            if is_used {
                return Some(format!("the table `[{table}]`"));
            }
        }
        let mut rules = self.resources.iter().flat_map(|it| &it.allow);
        let rule = rules.find(|rule| matches!(rule.scope(), Scope::Any | Scope::Cluster))?;
        Some(format!("the rule `{rule}`"))
    }

    /// Returns the first part of the manifest that only interface 0.1 has, if there is one.
    #[must_use]
    pub fn until_0_1(&self) -> Option<String> {
        let mut endpoints = self.endpoints.iter();
        let (name, _) = endpoints.find(|(_, endpoint)| endpoint.select == Select::S3)?;
        Some(format!(
            "`select = \"s3\"` of endpoint `{name}`: use a table `[storage.{name}]`"
        ))
    }

    /// Returns whether the pages of `list` have the newest backup first.
    #[must_use]
    pub fn lists_newest_first(&self) -> bool {
        let list = self.operations.get(&Operation::List);
        list.is_some_and(|ability| ability.newest_first)
    }

    /// Returns the columns of the engine's tables.
    #[must_use]
    pub fn table(&self) -> Vec<Column> {
        if self.columns.is_empty() {
            Column::defaults()
        } else {
            self.columns.clone()
        }
    }

    /// Returns whether the engine may add a field of this name to its backups.
    #[must_use]
    pub fn has_field(&self, name: &str) -> bool {
        !Column::BUILT_IN.contains(&name) && self.columns.iter().any(|c| c.value == name)
    }

    /// Returns the options that name `operation`.
    pub fn options_for(&self, operation: Operation) -> impl Iterator<Item = &EngineOption> {
        self.options
            .iter()
            .filter(move |option| option.operations.contains(&operation))
    }

    /// Returns the options that the command of `operation` takes, including those of other operations it
    /// runs.
    pub fn options_of_command(&self, operation: Operation) -> impl Iterator<Item = &EngineOption> {
        self.options.iter().filter(move |option| {
            let mut commands = option.operations.iter().map(|it| it.command());
            commands.any(|command| command == operation)
        })
    }

    /// Checks the rules that the types alone can't express.
    ///
    /// # Errors
    /// Returns all rules that the manifest breaks.
    pub fn check(&self) -> Result<(), ManifestError> {
        let found = self.findings().into_inner();
        let problems = found.into_iter().map(|(_, error)| Problem::of(error));
        match Problems::of(problems.collect(), More::Counted(0)) {
            Some(problems) => Err(problems.into_error()),
            None => Ok(()),
        }
    }

    /// Returns the flags of the endpoints: those of their ports, and those of TLS.
    pub(crate) fn endpoint_flags(&self) -> impl Iterator<Item = String> {
        self.endpoints.values().flat_map(|endpoint| {
            let of_port = endpoint.port_flag().map(str::to_owned);
            let of_tls = endpoint.tls_flags();
            let of_tls = of_tls.map(|flags| flags.all()).unwrap_or_default();
            of_port.into_iter().chain(of_tls)
        })
    }
}

/// Reads a version. The errors of its own parser don't say what they are about.
fn version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<semver::Version, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|error| {
        D::Error::custom(format_args!(
            "`{text}` is not a version; write `MAJOR.MINOR.PATCH`, such as `1.0.0`: {error}"
        ))
    })
}

impl EngineOption {
    /// Returns whether the option is a flag that the host has for some commands only, and the engine for others.
    fn is_shared_flag(&self) -> bool {
        let taken: &[Operation] = match &*self.name {
            "file" if self.kind == OptionKind::File => &[Operation::Restore],
            "from" | "identity" | "source" => &[Operation::Restore],
            "to" | "source-cluster" => &[Operation::Create, Operation::Download],
            "created" => &[],
            _ => return false,
        };
        let mut commands = self.operations.iter().map(|it| it.command());
        !commands.any(|command| taken.contains(&command))
    }
}

impl Column {
    /// The values that every backup has.
    pub const BUILT_IN: [&str; 6] = ["id", "state", "size", "age", "created", "failure"];

    /// Returns the columns of an engine whose manifest names none.
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

    /// Returns the header as it is shown.
    #[must_use]
    pub fn header(&self) -> String {
        self.header
            .clone()
            .unwrap_or_else(|| self.value.to_ascii_uppercase())
    }
}

#[cfg(test)]
mod tests;
