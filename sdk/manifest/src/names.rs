use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ManifestError;

/// Flags that an engine must not use, because the host's commands have them or reserve them.
pub const RESERVED_FLAGS: &[&str] = &[
    "accept-capabilities",
    "accept-unproven",
    "all-namespaces",
    "as",
    "as-group",
    "audit",
    "cluster",
    "color",
    "context",
    "created",
    "credentials",
    "credentials-secret",
    "dry-run",
    "engine",
    "engine-memory",
    "engine-timeout",
    "file",
    "force",
    "from",
    "help",
    "id",
    "identity",
    "insecure-skip-tls-verify",
    "kubeconfig",
    "latest",
    "limit",
    "namespace",
    "no-color",
    "offline",
    "output",
    "output-dir",
    "output-file",
    "password",
    "password-file",
    "password-stdin",
    "pod",
    "quiet",
    "request-timeout",
    "retries",
    "source",
    "source-cluster",
    "statefulset",
    "timeout",
    "tls-server-name",
    "to",
    "user",
    "username",
    "verbose",
    "version",
    "wait",
    "watch",
    "yes",
];

/// Reserved flags that a verb of an engine may use. Only a few of the host's commands have these flags, and a
/// verb is a command of its own.
pub const SHARED_FLAGS: &[&str] = &[
    "created",
    "dry-run",
    "force",
    "from",
    "id",
    "identity",
    "latest",
    "limit",
    "source",
    "source-cluster",
    "to",
];

/// Verbs that an engine must not use, because `backup` has them or reserves them.
pub const RESERVED_VERBS: &[&str] = &[
    "act", "browse", "cancel", "copy", "create", "delete", "detect", "diff", "discover",
    "download", "health", "help", "history", "inspect", "list", "prune", "restore", "status",
    "test", "verify", "wait", "watch",
];

/// An engine's id, `publisher/name`, for example `kubectl-broker/sidecar`.
///
/// Both parts have 1–40 lower-case letters, digits and dashes, and begin with a letter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
pub struct EngineId {
    publisher: String,
    name: String,
}

impl EngineId {
    /// Returns the publisher.
    #[must_use]
    pub fn publisher(&self) -> &str {
        &self.publisher
    }

    /// Returns the name without the publisher. `--engine` accepts it if it is unambiguous.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for EngineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.publisher, self.name)
    }
}

impl FromStr for EngineId {
    type Err = ManifestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('/') {
            Some((publisher, name)) if is_flag_name(publisher) && is_flag_name(name) => Ok(Self {
                publisher: publisher.to_owned(),
                name: name.to_owned(),
            }),
            _ => Err(ManifestError::BadId {
                name: text.to_owned(),
            }),
        }
    }
}

impl TryFrom<String> for EngineId {
    type Error = ManifestError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<EngineId> for String {
    fn from(id: EngineId) -> Self {
        id.to_string()
    }
}

/// Returns whether the name has 1 to 40 lower-case letters, digits and dashes, begins with a letter, and does
/// not end with a dash.
#[must_use]
pub fn is_flag_name(text: &str) -> bool {
    (1..=40).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && !text.ends_with('-')
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}
