//! Object storage and services outside the cluster that an engine may use.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::is_flag_name;
use crate::place::{Findings, Place};

/// Maximum length of a rule, in bytes.
const MAX_RULE: usize = 512;
/// Maximum number of rules of one store, and of actions of one service.
const MAX_RULES: usize = 100;
/// Parts of the names of actions that return credentials or keys, such as `GetSessionToken`, `AssumeRole`,
/// `GetClusterCredentials`, `GetPasswordData` and `CreateKeyPair`.
const SECRETS: [&str; 8] = [
    "AccessKey",
    "AssumeRole",
    "Credential",
    "Federation",
    "KeyPair",
    "Password",
    "Secret",
    "Token",
];

type Found = Findings<StoreError>;

/// An object store outside the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Store {
    /// The protocol of the store.
    pub kind: StoreKind,
    /// The credentials that the host adds to each request. Without it, they are those of the store's cloud.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<StoreAuth>,
    /// The accesses that the engine may have, and where.
    pub allow: Vec<StoreRule>,
}

/// The protocol of an object store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum StoreKind {
    /// Amazon S3, or the server that the user's AWS configuration names.
    S3,
    /// Google Cloud Storage.
    Gcs,
}

/// The credentials for an object store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum StoreAuth {
    /// A signature with the user's AWS credentials. Only for `kind = "s3"`.
    Aws,
    /// A token of the user's Google credentials. Only for `kind = "gcs"`.
    Google,
    /// None: the buckets are public. Such a store can only be read.
    None,
}

/// A rule about the objects that an engine may use: `VERB… in PLACE`, such as `get list in backups/daily/`.
///
/// The verbs are `get`, `list`, `put`, `copy` and `delete`. The place is `BUCKET` or `BUCKET/PREFIX`, for keys that
/// begin with the prefix. It is `{OPTION}` or `{OPTION}/PREFIX` for the bucket that the user names with an option
/// of the engine, whose value may have a folder: `backups/mine`. And it is `any` for all that the credentials
/// reach.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
pub struct StoreRule {
    verbs: BTreeSet<StoreVerb>,
    place: StorePlace,
}

/// An access to objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StoreVerb {
    /// Reading an object, also as the source of a copy.
    Get,
    /// Listing the keys of a bucket.
    List,
    /// Writing an object.
    Put,
    /// Writing an object as a copy of another one.
    Copy,
    /// Deleting an object.
    Delete,
}

/// The place of the objects that a rule is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StorePlace {
    /// Any bucket.
    Any,
    /// Keys of one bucket.
    Bucket {
        /// The name of the bucket.
        bucket: String,
        /// The beginning of the keys. An empty prefix fits all.
        prefix: String,
    },
    /// Keys of the bucket that the user names.
    Option {
        /// The name of the engine's option.
        option: String,
        /// The beginning of the keys, after the prefix in the option's value.
        prefix: String,
    },
}

/// A service of Amazon's with a query API, by the name of its endpoints: `[aws.rds]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AwsService {
    /// The version of the service's API, a date such as `2014-10-31`.
    pub version: String,
    /// The names of the only actions that the engine may call, such as `DescribeDBSnapshots`.
    pub allow: Vec<String>,
}

/// An error that makes a store or a service invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The rule is not of the form `VERB… in PLACE`.
    #[error(
        "`{rule}` is not a rule about objects in a store: write `VERB… in PLACE`, for example `get list in backups/daily`, with the verbs {}",
        StoreVerb::ALL.map(StoreVerb::name).join(", ")
    )]
    Form {
        /// The text of the rule.
        rule: String,
    },
    /// The list of rules is empty.
    #[error("`allow` is empty; name what the engine may do, or leave the table out")]
    Empty,
    /// There are too many rules.
    #[error("`allow` has more than {MAX_RULES} entries")]
    TooMany,
    /// The credentials are those of another cloud.
    #[error("a store of the kind `{}` does not take the credentials `{}`; leave `auth` out, or write `none` for public buckets", kind.name(), auth.name())]
    OtherCloud {
        /// The kind of the store.
        kind: StoreKind,
        /// The credentials.
        auth: StoreAuth,
    },
    /// A public store is written to.
    #[error("`{rule}` writes without credentials: `auth = \"none\"` is only for reading")]
    WritesInPublic {
        /// The rule.
        rule: Box<StoreRule>,
    },
    /// The option in a rule does not exist, or the user does not write its value.
    #[error(
        "`{rule}` needs an option `{option}`, of the engine or of a verb, whose text the user writes: without default and choices"
    )]
    NoOption {
        /// The rule.
        rule: Box<StoreRule>,
        /// The name of the option.
        option: String,
    },
    /// An action returns credentials.
    #[error("`{action}` returns credentials or keys, which no engine may see")]
    ReturnsSecrets {
        /// The name of the action.
        action: String,
    },
    /// A version is no date.
    #[error("`{version}` is not a version of a query API: write a date, such as `2014-10-31`")]
    BadVersion {
        /// The version.
        version: String,
    },
    /// The name of an action is invalid.
    #[error("`{action}` is not the name of an action, such as `DescribeDBSnapshots`")]
    BadAction {
        /// The name.
        action: String,
    },
}

impl StoreKind {
    /// Returns the name used in manifests.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Gcs => "gcs",
        }
    }

    /// Returns the beginning of the addresses of its buckets.
    #[must_use]
    pub const fn scheme(self) -> &'static str {
        match self {
            Self::S3 => "s3://",
            Self::Gcs => "gs://",
        }
    }

    /// Returns the name of the store, for people.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::S3 => "S3",
            Self::Gcs => "Google Cloud Storage",
        }
    }

    /// Returns the user's credentials for such a store.
    #[must_use]
    pub const fn own_auth(self) -> StoreAuth {
        match self {
            Self::S3 => StoreAuth::Aws,
            Self::Gcs => StoreAuth::Google,
        }
    }
}

impl StoreAuth {
    /// Returns the name used in manifests.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::Google => "google",
            Self::None => "none",
        }
    }
}

impl Store {
    /// Returns the credentials for the store.
    #[must_use]
    pub fn auth(&self) -> StoreAuth {
        self.auth.unwrap_or(self.kind.own_auth())
    }

    /// Returns whether the host adds the user's credentials to requests.
    #[must_use]
    pub fn is_signed(&self) -> bool {
        self.auth() != StoreAuth::None
    }

    /// Checks the rules. `is_users` says whether users write the value of the option of this name.
    pub(crate) fn check(&self, is_users: impl Fn(&str) -> bool) -> Found {
        let mut found = Findings::new();
        found.check(Place::of("allow"), check_number(self.allow.len()));
        let (kind, auth) = (self.kind, self.auth());
        if self.is_signed() && auth != kind.own_auth() {
            found.add(Place::of("auth"), StoreError::OtherCloud { kind, auth });
        }
        for (at, rule) in self.allow.iter().enumerate() {
            let place = Place::of("allow").then(at);
            if !self.is_signed() && rule.verbs.iter().any(|verb| verb.writes()) {
                let rule = Box::new(rule.clone());
                found.add(place.clone(), StoreError::WritesInPublic { rule });
            }
            if let StorePlace::Option { option, .. } = &rule.place
                && !is_users(option)
            {
                let (rule, option) = (Box::new(rule.clone()), option.clone());
                found.add(place, StoreError::NoOption { rule, option });
            }
        }
        found
    }

    /// Returns whether the engine may use a verb on an object or, for `list`, on the keys that begin with `key`.
    /// `option` returns the value of an option.
    pub fn allows<'a>(
        &self,
        verb: StoreVerb,
        bucket: &str,
        key: &str,
        option: impl Fn(&str) -> Option<&'a str>,
    ) -> bool {
        let mut rules = self.allow.iter();
        // A bucket becomes a part of addresses. With `any`, its name is the only part that no rule checks.
        is_bucket(bucket)
            && rules.any(|rule| {
                rule.verbs.contains(&verb) && rule.place.has(self.kind, bucket, key, &option)
            })
    }
}

impl AwsService {
    pub(crate) fn check(&self) -> Found {
        let mut found = Findings::new();
        found.check(Place::of("allow"), check_number(self.allow.len()));
        let is_date = self.version.len() == 10
            && self.version.bytes().enumerate().all(|(at, byte)| match at {
                4 | 7 => byte == b'-',
                _ => byte.is_ascii_digit(),
            });
        if !is_date {
            let version = self.version.clone();
            found.add(Place::of("version"), StoreError::BadVersion { version });
        }
        let is_action = |name: &str| {
            let starts = name.bytes().next().is_some_and(|b| b.is_ascii_uppercase());
            starts && name.len() <= 100 && name.bytes().all(|b| b.is_ascii_alphanumeric())
        };
        for (at, action) in self.allow.iter().enumerate() {
            if !is_action(action) {
                let action = action.clone();
                found.add(
                    Place::of("allow").then(at),
                    StoreError::BadAction { action },
                );
            } else if SECRETS.iter().any(|part| action.contains(part)) {
                let action = action.clone();
                let error = StoreError::ReturnsSecrets { action };
                found.add(Place::of("allow").then(at), error);
            }
        }
        found
    }

    /// Returns whether an action changes nothing, by its name.
    #[must_use]
    pub fn reads(action: &str) -> bool {
        ["Describe", "Get", "List"]
            .iter()
            .any(|verb| action.starts_with(verb))
    }
}

fn check_number(rules: usize) -> Result<(), StoreError> {
    match rules {
        0 => Err(StoreError::Empty),
        1..=MAX_RULES => Ok(()),
        _ => Err(StoreError::TooMany),
    }
}

impl StorePlace {
    fn has<'a>(
        &self,
        kind: StoreKind,
        bucket: &str,
        key: &str,
        option: impl Fn(&str) -> Option<&'a str>,
    ) -> bool {
        match self {
            Self::Any => true,
            Self::Bucket {
                bucket: granted,
                prefix,
            } => bucket == granted && key.starts_with(prefix.as_str()),
            Self::Option {
                option: name,
                prefix,
            } => {
                let Some(value) = option(name) else {
                    return false;
                };
                let (granted, own) = split(kind, value);
                // The user's prefix is a folder: `backups/daily` does not grant `backups/daily-of-others`.
                let folder = match own {
                    "" => String::new(),
                    own if own.ends_with('/') => own.to_owned(),
                    own => format!("{own}/"),
                };
                let inner = key.strip_prefix(folder.as_str());
                bucket == granted && inner.is_some_and(|inner| inner.starts_with(prefix.as_str()))
            }
        }
    }
}

/// Splits `BUCKET/PREFIX`, with or without the scheme of the store in front. With that of another store, the bucket is
/// none.
fn split(kind: StoreKind, place: &str) -> (&str, &str) {
    let place = place.strip_prefix(kind.scheme()).unwrap_or(place);
    place.split_once('/').unwrap_or((place, ""))
}

impl StoreRule {
    /// Returns the allowed verbs.
    #[must_use]
    pub fn verbs(&self) -> &BTreeSet<StoreVerb> {
        &self.verbs
    }

    /// Returns the place of the objects.
    #[must_use]
    pub fn place(&self) -> &StorePlace {
        &self.place
    }

    /// Returns the rule with only those verbs that `keep` accepts, or `None` if it accepts none.
    #[must_use]
    pub fn only(&self, keep: impl Fn(StoreVerb) -> bool) -> Option<Self> {
        let mut rule = self.clone();
        rule.verbs.retain(|verb| keep(*verb));
        (!rule.verbs.is_empty()).then_some(rule)
    }
}

impl StoreVerb {
    /// All verbs, in the order in which they are shown.
    pub const ALL: [Self; 5] = [Self::Get, Self::List, Self::Put, Self::Copy, Self::Delete];

    /// Returns the name used in manifests.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::List => "list",
            Self::Put => "put",
            Self::Copy => "copy",
            Self::Delete => "delete",
        }
    }

    /// Returns whether the verb changes objects.
    #[must_use]
    pub const fn writes(self) -> bool {
        matches!(self, Self::Put | Self::Copy | Self::Delete)
    }
}

impl fmt::Display for StoreVerb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for StoreRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.verbs
            .iter()
            .try_for_each(|verb| write!(f, "{verb} "))?;
        write!(f, "in {}", self.place)
    }
}

impl fmt::Display for StorePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = match self {
            Self::Any => return f.write_str("any"),
            Self::Bucket { bucket, prefix } => {
                f.write_str(bucket)?;
                prefix
            }
            Self::Option { option, prefix } => {
                write!(f, "{{{option}}}")?;
                prefix
            }
        };
        if prefix.is_empty() {
            return Ok(());
        }
        write!(f, "/{prefix}")
    }
}

impl FromStr for StoreRule {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        let form = || StoreError::Form {
            rule: text.chars().take(MAX_RULE).collect(),
        };
        if text.len() > MAX_RULE {
            return Err(form());
        }
        let (verbs, place) = text.split_once(" in ").ok_or_else(form)?;
        let verb = |word: &str| StoreVerb::ALL.into_iter().find(|verb| verb.name() == word);
        let words: Vec<_> = verbs.split(' ').map(verb).collect();
        let verbs: Option<BTreeSet<_>> = words.iter().copied().collect();
        let verbs = verbs.filter(|verbs| verbs.len() == words.len());
        Ok(Self {
            verbs: verbs.ok_or_else(form)?,
            place: place_of(place).ok_or_else(form)?,
        })
    }
}

fn place_of(text: &str) -> Option<StorePlace> {
    if text == "any" {
        return Some(StorePlace::Any);
    }
    let (bucket, prefix) = text.split_once('/').unwrap_or((text, ""));
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"{}*?\\`".contains(&byte);
    if !prefix.bytes().all(is_plain) || prefix.split('/').any(|part| matches!(part, "." | "..")) {
        return None;
    }
    let prefix = prefix.to_owned();
    if let Some(option) = bucket.strip_prefix('{').and_then(|it| it.strip_suffix('}')) {
        return is_flag_name(option).then(|| StorePlace::Option {
            option: option.to_owned(),
            prefix,
        });
    }
    is_bucket(bucket).then(|| StorePlace::Bucket {
        bucket: bucket.to_owned(),
        prefix,
    })
}

/// Returns true for names that a bucket can have. Source:
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>
#[must_use]
pub fn is_bucket(name: &str) -> bool {
    let is_end = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = name.as_bytes();
    (3..=63).contains(&bytes.len())
        && bytes.first().is_some_and(is_end)
        && bytes.last().is_some_and(is_end)
        && bytes
            .iter()
            .all(|byte| is_end(byte) || b"-._".contains(byte))
        && !name.contains("..")
}

impl TryFrom<String> for StoreRule {
    type Error = StoreError;

    fn try_from(text: String) -> Result<Self, StoreError> {
        text.parse()
    }
}

impl From<StoreRule> for String {
    fn from(rule: StoreRule) -> Self {
        rule.to_string()
    }
}

#[cfg(test)]
mod tests;
