use std::fmt;
use std::num::NonZeroU16;

use serde::{Deserialize, Serialize};

use crate::ManifestError;

/// The ways to find the port of an endpoint: the flag, then each name, then each number, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Port {
    /// A flag, without its dashes, with which the user sets the port number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flag: Option<String>,
    /// Names of ports.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<PortName>,
    /// Port numbers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub numbers: Vec<NonZeroU16>,
}

/// A port's name, exact (`api`) or as a prefix (`rest-*`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
pub struct PortName(String);

impl PortName {
    /// Returns whether a port of this name matches.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some(beginning) => name.starts_with(beginning),
            None => self.0 == name,
        }
    }
}

impl fmt::Display for PortName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for PortName {
    type Error = ManifestError;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        let stem = name.strip_suffix('*').unwrap_or(&name);
        // Service port names are DNS labels of up to 63 characters; container port names are shorter.
        let fits = (1..=63).contains(&stem.len())
            && stem
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if fits {
            Ok(Self(name))
        } else {
            Err(ManifestError::BadPortName { name })
        }
    }
}

impl From<PortName> for String {
    fn from(name: PortName) -> Self {
        name.0
    }
}
