//! Kubernetes objects that an engine may use.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::place::{Findings, Place};

/// Maximum length of a rule, in bytes.
const MAX_RULE: usize = 512;
/// The suffix of a rule about a kind that the engine does not require.
const IF_PRESENT: &str = " if present";

/// The kinds of Kubernetes objects that an engine may use, and the allowed verbs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Resources {
    /// The rules, one per kind: `GROUP/VERSION/KIND: VERB…`, or `VERSION/KIND` for the core group.
    ///
    /// A rule is about the command's namespace, or about the namespace at its end:
    /// `velero.io/v1/Backup: get list in velero`. `in any` is about all namespaces, and `in cluster` about kinds
    /// outside of namespaces. With `if present` at the very end, the engine also works in
    /// clusters without the kind: `acme.example/v1/Vault: get if present`.
    #[serde(default)]
    pub allow: Vec<ResourceRule>,
}

/// The verbs that an engine may use on the objects of one kind, such as `v1/ConfigMap: get list`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
pub struct ResourceRule {
    kind: ObjectKind,
    verbs: BTreeSet<ResourceVerb>,
    scope: Scope,
    optional: bool,
}

/// The place of the objects that a rule is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// The command's namespace.
    #[default]
    Command,
    /// A named namespace: `in NAMESPACE`.
    Namespace(String),
    /// Any namespace, which the engine names in each call: `in any`.
    Any,
    /// Outside of namespaces: `in cluster`.
    Cluster,
}

/// The word for objects in any namespace. Kubernetes allows a namespace of that name, but a rule can't name it.
const ANY: &str = "any";
/// The word for objects outside of namespaces, which is no namespace for a rule, either.
const CLUSTER: &str = "cluster";

/// A kind of Kubernetes objects.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKind {
    /// The API group; empty for the core group.
    pub group: String,
    /// The version of the API group, such as `v1`.
    pub version: String,
    /// The name of the kind, such as `Pod`.
    pub kind: String,
}

/// A verb of the Kubernetes API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResourceVerb {
    /// Reading one object by name.
    Get,
    /// Reading the objects of the kind.
    List,
    /// Following the changes of the objects.
    Watch,
    /// Creating an object.
    Create,
    /// Changing an object by a merge patch.
    Patch,
    /// Changing the `status` subresource by a merge patch.
    PatchStatus,
    /// Deleting an object.
    Delete,
}

/// An error that makes a rule about objects invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResourceError {
    /// The rule is not of the form `GROUP/VERSION/KIND: VERB…`.
    #[error(
        "`{rule}` is not a rule about objects: write `GROUP/VERSION/KIND: VERB…`, for example `kafka.oso.sh/v1alpha1/KafkaBackup: get list`"
    )]
    Form {
        /// The text of the rule.
        rule: String,
    },
    /// A part of the rule is not a valid Kubernetes name.
    #[error("`{part}` in `{rule}` is not a valid {what}")]
    Name {
        /// The text of the rule.
        rule: String,
        /// The invalid part.
        part: String,
        /// The kind of name.
        what: &'static str,
    },
    /// The rule has an unknown verb.
    #[error(
        "`{verb}` in `{rule}` is not a verb: use {}",
        ResourceVerb::ALL.map(ResourceVerb::name).join(", ")
    )]
    Verb {
        /// The text of the rule.
        rule: String,
        /// The verb.
        verb: String,
    },
    /// Two rules are about the same kind.
    #[error("two rules are about {kind}; put their verbs into one")]
    Twice {
        /// The kind.
        kind: ObjectKind,
    },
    /// The list of rules is empty.
    #[error("`[resources]` allows nothing; name a kind in `allow`, or leave it out")]
    Empty,
}

impl Resources {
    /// Checks the list of rules.
    pub(crate) fn check(&self) -> Findings<ResourceError> {
        let mut found = Findings::new();
        if self.allow.is_empty() {
            found.add(Place::default(), ResourceError::Empty);
        }
        let mut seen = BTreeSet::new();
        for (at, rule) in self.allow.iter().enumerate() {
            if !seen.insert(&rule.kind) {
                let kind = rule.kind.clone();
                found.add(Place::of(at), ResourceError::Twice { kind });
            }
        }
        found
    }
}

impl ResourceRule {
    /// Returns the kind of the objects.
    #[must_use]
    pub fn kind(&self) -> &ObjectKind {
        &self.kind
    }

    /// Returns the allowed verbs.
    #[must_use]
    pub fn verbs(&self) -> &BTreeSet<ResourceVerb> {
        &self.verbs
    }

    /// Returns the place of the objects.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Returns whether the engine also works in clusters that do not have the kind.
    #[must_use]
    pub fn is_optional(&self) -> bool {
        self.optional
    }

    /// Returns the rule with only those verbs that `keep` accepts, or `None` if it accepts none.
    #[must_use]
    pub fn only(&self, keep: impl Fn(ResourceVerb) -> bool) -> Option<Self> {
        let mut rule = self.clone();
        rule.verbs.retain(|verb| keep(*verb));
        (!rule.verbs.is_empty()).then_some(rule)
    }
}

impl ResourceVerb {
    /// All verbs, in the order in which they are shown.
    pub const ALL: [Self; 7] = [
        Self::Get,
        Self::List,
        Self::Watch,
        Self::Create,
        Self::Patch,
        Self::PatchStatus,
        Self::Delete,
    ];

    /// Returns the name used in manifests.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::List => "list",
            Self::Watch => "watch",
            Self::Create => "create",
            Self::Patch => "patch",
            Self::PatchStatus => "patch-status",
            Self::Delete => "delete",
        }
    }
}

impl fmt::Display for ResourceVerb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for ObjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.group.is_empty() {
            write!(f, "{}/", self.group)?;
        }
        write!(f, "{}/{}", self.version, self.kind)
    }
}

impl fmt::Display for ResourceRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.kind)?;
        self.verbs
            .iter()
            .try_for_each(|verb| write!(f, " {verb}"))?;
        write!(f, "{}", self.scope)?;
        f.write_str(if self.optional { IF_PRESENT } else { "" })
    }
}

/// The scope as it follows the verbs of a rule, with a space before it.
impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command => Ok(()),
            Self::Namespace(name) => write!(f, " in {name}"),
            Self::Any => write!(f, " in {ANY}"),
            Self::Cluster => write!(f, " in {CLUSTER}"),
        }
    }
}

impl FromStr for ResourceRule {
    type Err = ResourceError;

    fn from_str(text: &str) -> Result<Self, ResourceError> {
        let form = || ResourceError::Form {
            rule: text.chars().take(MAX_RULE).collect(),
        };
        if text.len() > MAX_RULE {
            return Err(form());
        }
        let (kind, rest) = text.split_once(':').ok_or_else(form)?;
        let (rest, optional) = match rest.strip_suffix(IF_PRESENT) {
            Some(rest) => (rest, true),
            None => (rest, false),
        };
        let parts: Vec<_> = kind.split('/').collect();
        let (group, version, kind) = match parts[..] {
            [version, kind] => ("", version, kind),
            [group, version, kind] if !group.is_empty() => (group, version, kind),
            _ => return Err(form()),
        };
        let check = |what, part: &str, fits: bool| {
            if fits {
                return Ok(part.to_owned());
            }
            Err(ResourceError::Name {
                rule: text.to_owned(),
                part: part.to_owned(),
                what,
            })
        };
        let mut words = rest.split_whitespace();
        let mut verbs = BTreeSet::new();
        let mut scope = Scope::Command;
        while let Some(word) = words.next() {
            if word == "in" {
                let name = words.next().ok_or_else(form)?;
                scope = match name {
                    ANY => Scope::Any,
                    CLUSTER => Scope::Cluster,
                    name => Scope::Namespace(check("namespace", name, is_label(name))?),
                };
                if words.next().is_some() {
                    return Err(form());
                }
                break;
            }
            let verb = ResourceVerb::ALL.into_iter().find(|it| it.name() == word);
            verbs.insert(verb.ok_or_else(|| ResourceError::Verb {
                rule: text.to_owned(),
                verb: word.to_owned(),
            })?);
        }
        if verbs.is_empty() {
            return Err(form());
        }
        Ok(Self {
            kind: ObjectKind {
                group: check("group", group, group.is_empty() || is_group(group))?,
                version: check("version", version, is_label(version))?,
                kind: check("kind", kind, is_kind(kind))?,
            },
            verbs,
            scope,
            optional,
        })
    }
}

impl TryFrom<String> for ResourceRule {
    type Error = ResourceError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ResourceRule> for String {
    fn from(rule: ResourceRule) -> Self {
        rule.to_string()
    }
}

/// Returns whether the text is a DNS-1123 label.
#[must_use]
pub fn is_label(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    (1..=63).contains(&text.len())
        && text.bytes().all(|b| inner(b) || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// Returns whether the text is a DNS-1123 subdomain.
fn is_group(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_label)
}

fn is_kind(text: &str) -> bool {
    text.len() <= 63
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_survives_its_text() {
        for rule in [
            "kafka.oso.sh/v1alpha1/KafkaBackup: get list watch create patch patch-status delete",
            "v1/ConfigMap: get",
            "velero.io/v1/Backup: get list in velero",
            "velero.io/v1/Restore: get if present",
            "velero.io/v1/Backup: get list in velero if present",
            "v1/Secret: get in any",
            "snapshot.storage.k8s.io/v1/VolumeSnapshotContent: get in cluster if present",
        ] {
            assert_eq!(rule.parse::<ResourceRule>().unwrap().to_string(), rule);
        }
        // A rule shows its verbs in a fixed order.
        let rule: ResourceRule = "v1/ConfigMap:delete  get get".parse().unwrap();
        assert_eq!(rule.to_string(), "v1/ConfigMap: get delete");
    }

    #[test]
    fn a_kind_that_the_engine_can_do_without_is_optional() {
        let optional = |rule: &str| rule.parse::<ResourceRule>().unwrap().is_optional();
        assert!(!optional("v1/ConfigMap: get"));
        assert!(optional("v1/ConfigMap: get if present"));
        assert!(optional("v1/ConfigMap: get in x if present"));
    }

    #[test]
    fn what_is_no_rule_is_refused() {
        for text in [
            "",
            "v1/ConfigMap",
            "v1/ConfigMap:",
            "ConfigMap: get",
            "/v1/ConfigMap: get",
            "a/b/c/d: get",
            "v1/ConfigMap: get in",
            "v1/ConfigMap: in x",
            "v1/ConfigMap: get in x y",
            "v1/ConfigMap: if present",
            "v1/ConfigMap: get in x if present y",
        ] {
            let refused = text.parse::<ResourceRule>();
            assert!(
                matches!(refused, Err(ResourceError::Form { .. })),
                "{text}: {refused:?}"
            );
        }
        for text in [
            "../v1/ConfigMap: get",
            "v1/Config Map: get",
            "v1%2f/ConfigMap: get",
            "v1/ConfigMap: get in ..",
        ] {
            assert!(text.parse::<ResourceRule>().is_err(), "{text}");
        }
        for verb in ["*", "update", "impersonate"] {
            let refused = format!("v1/Secret: {verb}").parse::<ResourceRule>();
            assert!(matches!(refused, Err(ResourceError::Verb { .. })), "{verb}");
        }
    }

    #[test]
    fn each_kind_has_one_rule_and_there_is_one() {
        let resources = |rules: &[&str]| Resources {
            allow: rules.iter().map(|rule| rule.parse().unwrap()).collect(),
        };
        assert_eq!(resources(&[]).check().only(), Err(ResourceError::Empty));
        assert!(
            resources(&["v1/A: get", "v1/B: get", "x/v1/A: get"])
                .check()
                .only()
                .is_ok()
        );
        assert!(matches!(
            resources(&["v1/A: get", "v1/A: list in x"]).check().only(),
            Err(ResourceError::Twice { .. })
        ));
    }
}
