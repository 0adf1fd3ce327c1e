//! Reads and writes `broker-plugins.lock`: the installed engines, their sources, and what the user accepted.
//!
//! It is TOML with one `[[plugin]]` for each engine, in the order of their ids. It is meant to be committed
//! and reviewed: `plugin sync` makes another machine match it.
//!
//! | field | meaning |
//! |---|---|
//! | `id` | `publisher/name` |
//! | `version` | the engine's own version |
//! | `source` | where it was installed from, and where `plugin update` looks |
//! | `pinned` | where these exact bytes are, if that is another place |
//! | `digest` | SHA-256 digest of the component |
//! | `size` | its length in bytes |
//! | `signature` | `unsigned`, or `signed:` and the fingerprint of the key |
//! | `capabilities` | the accepted capabilities: exactly those that the engine asks for |
//! | `installed` | time of installation |
//! | `defaults` | the operations for which `auto` chooses this installed engine, if there are any |
//! | `consent` | the digest of what was accepted: [`super::consent::digest`] |
//! | `previous` | the same fields of the previous version, for `plugin rollback` |

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use broker_manifest::{EngineId, Operation};
use host_base::Sha256;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::{Reference, SignatureState, consent};

/// The version of the format.
const VERSION: i64 = 2;
/// The previous version, which is still readable. It has no `defaults` and no `consent`.
const WITHOUT_DEFAULTS: i64 = 1;
const DIGEST: &str = "sha256:";
const HEAD: &str = "\
# The engines that are installed, and what each may do. Written by `kubectl broker plugin`.
";

/// The installed engines.
#[derive(Clone, Debug, Default)]
pub struct Lockfile {
    /// The engines by their ids.
    pub plugins: BTreeMap<EngineId, Plugin>,
}

/// One engine.
#[derive(Clone, Debug)]
pub struct Plugin {
    /// The version in use.
    pub current: Installed,
    /// The version that a rollback returns to.
    pub previous: Option<Installed>,
    /// The operations for which the user made it the default.
    pub defaults: BTreeSet<Operation>,
    /// The recorded digest of what was accepted for the current version.
    pub consent: Sha256,
    /// Line of the consent in the file that it was read from; 0 if there is no file.
    pub line: usize,
}

impl Plugin {
    /// Creates an entry with the matching consent.
    #[must_use]
    pub fn new(
        id: &EngineId,
        current: Installed,
        previous: Option<Installed>,
        defaults: BTreeSet<Operation>,
    ) -> Self {
        Self {
            consent: consent::digest(id, &current.capabilities, &defaults),
            current,
            previous,
            defaults,
            line: 0,
        }
    }

    /// Returns true if the entry equals what was accepted.
    #[must_use]
    pub fn is_accepted(&self, id: &EngineId) -> bool {
        self.consent == consent::digest(id, &self.current.capabilities, &self.defaults)
    }

    /// Makes the engine the default for exactly these operations. If somebody changed the entry by hand, that
    /// change does not become accepted by removing defaults.
    pub(super) fn set_defaults(&mut self, id: &EngineId, defaults: BTreeSet<Operation>) {
        let was_accepted = self.is_accepted(id);
        let is_less = defaults.is_subset(&self.defaults);
        self.defaults = defaults;
        if was_accepted || !is_less || self.defaults.is_empty() {
            self.consent = consent::digest(id, &self.current.capabilities, &self.defaults);
        }
    }
}

/// One version of an engine.
#[derive(Clone, Debug)]
pub struct Installed {
    /// The engine's own version.
    pub version: semver::Version,
    /// The reference that the user named.
    pub source: Reference,
    /// The reference that gives the same bytes again.
    pub pinned: Reference,
    /// Digest of the component.
    pub digest: Sha256,
    /// Size of the component in bytes.
    pub size: u64,
    /// The knowledge about who signed it.
    pub signature: SignatureState,
    /// The capabilities that the user consented to.
    pub capabilities: BTreeSet<String>,
    /// Time of the installation.
    pub installed: Timestamp,
    /// Line of the consent in the file that it was read from; 0 if there is no file.
    pub line: usize,
}

/// An error: the lockfile is unusable.
#[derive(Debug, thiserror::Error)]
#[error("{}, line {line}: {problem}", path.display())]
pub struct LockfileError {
    /// Path of the lockfile.
    pub path: PathBuf,
    /// Line number, counted from 1.
    pub line: usize,
    /// The fault, as a phrase for people.
    pub problem: String,
}

impl Installed {
    /// Returns true if both have the same bytes and the same consent.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.digest == other.digest && self.capabilities == other.capabilities
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    version: Spanned<i64>,
    #[serde(default)]
    plugin: Vec<RawPlugin>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPlugin {
    id: Spanned<String>,
    version: Spanned<String>,
    source: Spanned<String>,
    pinned: Option<Spanned<String>>,
    digest: Spanned<String>,
    size: Spanned<u64>,
    signature: Spanned<String>,
    capabilities: Spanned<Vec<Spanned<String>>>,
    installed: Spanned<String>,
    defaults: Option<Spanned<Vec<Spanned<String>>>>,
    consent: Option<Spanned<String>>,
    previous: Option<RawVersion>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawVersion {
    version: Spanned<String>,
    source: Spanned<String>,
    pinned: Option<Spanned<String>>,
    digest: Spanned<String>,
    size: Spanned<u64>,
    signature: Spanned<String>,
    capabilities: Spanned<Vec<Spanned<String>>>,
    installed: Spanned<String>,
}

#[derive(Serialize)]
struct FileOut {
    version: i64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    plugin: Vec<PluginOut>,
}

#[derive(Serialize)]
struct PluginOut {
    id: String,
    #[serde(flatten)]
    current: VersionOut,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    defaults: BTreeSet<Operation>,
    consent: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous: Option<VersionOut>,
}

#[derive(Serialize)]
struct VersionOut {
    version: String,
    source: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pinned: Option<String>,
    digest: String,
    size: u64,
    signature: String,
    capabilities: BTreeSet<String>,
    installed: String,
}

impl Lockfile {
    /// Parses a lockfile. `path` is for errors.
    ///
    /// # Errors
    /// When a line is invalid; the error names the first one.
    pub fn parse(text: &str, path: &Path) -> Result<Self, LockfileError> {
        let reader = Reader::new(text, path);
        let raw: RawFile = toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            reader.refuse(at, error.message())
        })?;
        let version = *raw.version.get_ref();
        if version != VERSION && version != WITHOUT_DEFAULTS {
            let problem = format!(
                "version {version} is unknown; this kubectl-broker writes version {VERSION}"
            );
            return Err(reader.refuse(raw.version.span().start, &problem));
        }
        let mut plugins: BTreeMap<EngineId, Plugin> = BTreeMap::new();
        for plugin in raw.plugin {
            let at = plugin.id.span().start;
            let id: EngineId = reader.parsed(&plugin.id, "is not `publisher/name`")?;
            let previous = plugin.previous.map(|raw| reader.version(raw)).transpose()?;
            let current = reader.version(RawVersion {
                version: plugin.version,
                source: plugin.source,
                pinned: plugin.pinned,
                digest: plugin.digest,
                size: plugin.size,
                signature: plugin.signature,
                capabilities: plugin.capabilities,
                installed: plugin.installed,
            })?;
            let plugin = if version == WITHOUT_DEFAULTS {
                if let Some(field) = &plugin.defaults {
                    let at = field.span().start;
                    return Err(reader.refuse(at, "version 1 has no `defaults`"));
                }
                Plugin::new(&id, current, previous, BTreeSet::new())
            } else {
                let defaults = reader.defaults(plugin.defaults, &id, &plugins)?;
                let lacking = || reader.refuse(at, &format!("{id} has no `consent`"));
                let consent = plugin.consent.ok_or_else(lacking)?;
                Plugin {
                    current,
                    previous,
                    defaults,
                    line: reader.line(consent.span().start),
                    consent: reader.digest(&consent)?,
                }
            };
            let problem = format!("{id} is listed twice");
            if plugins.insert(id, plugin).is_some() {
                return Err(reader.refuse(at, &problem));
            }
        }
        Ok(Self { plugins })
    }

    /// Returns the text of the lockfile, which parses to the same value.
    ///
    /// # Errors
    /// Never in practice: every field has a TOML form.
    pub fn text(&self) -> Result<String, toml::ser::Error> {
        let plugin = self.plugins.iter().map(|(id, plugin)| PluginOut {
            id: id.to_string(),
            current: out(&plugin.current),
            defaults: plugin.defaults.clone(),
            consent: format!("{DIGEST}{}", plugin.consent),
            previous: plugin.previous.as_ref().map(out),
        });
        let file = FileOut {
            version: VERSION,
            plugin: plugin.collect(),
        };
        Ok(format!("{HEAD}{}", toml::to_string_pretty(&file)?))
    }

    /// Returns the digests of all components in the lockfile.
    #[must_use]
    pub fn digests(&self) -> BTreeSet<Sha256> {
        let plugins = self.plugins.values();
        plugins
            .flat_map(|plugin| std::iter::once(&plugin.current).chain(&plugin.previous))
            .map(|version| version.digest)
            .collect()
    }
}

fn out(version: &Installed) -> VersionOut {
    let pinned = (version.pinned != version.source).then(|| version.pinned.to_string());
    VersionOut {
        version: version.version.to_string(),
        source: version.source.to_string(),
        pinned,
        digest: format!("{DIGEST}{}", version.digest),
        size: version.size,
        signature: version.signature.to_string(),
        capabilities: version.capabilities.clone(),
        installed: version.installed.to_string(),
    }
}

struct Reader<'a> {
    /// The positions of the line ends, in bytes.
    ends: Vec<usize>,
    path: &'a Path,
}

impl<'a> Reader<'a> {
    fn new(text: &str, path: &'a Path) -> Self {
        Self {
            ends: memchr::memchr_iter(b'\n', text.as_bytes()).collect(),
            path,
        }
    }

    fn refuse(&self, at: usize, problem: &str) -> LockfileError {
        LockfileError {
            path: self.path.to_owned(),
            line: self.line(at),
            problem: problem.to_owned(),
        }
    }

    fn line(&self, at: usize) -> usize {
        self.ends.partition_point(|end| *end < at) + 1
    }

    fn parsed<T: std::str::FromStr>(
        &self,
        field: &Spanned<String>,
        problem: &str,
    ) -> Result<T, LockfileError> {
        let text = field.get_ref();
        let refuse = |_| self.refuse(field.span().start, &format!("`{text}` {problem}"));
        text.parse().map_err(refuse)
    }

    fn digest(&self, field: &Spanned<String>) -> Result<Sha256, LockfileError> {
        let text = field.get_ref();
        let problem = "is not a digest: write `sha256:` and 64 hexadecimal digits";
        let hex = text.strip_prefix(DIGEST);
        hex.and_then(|hex| hex.parse().ok())
            .ok_or_else(|| self.refuse(field.span().start, &format!("`{text}` {problem}")))
    }

    /// Checks that each operation has one default engine; `others` are the preceding entries.
    fn defaults(
        &self,
        raw: Option<Spanned<Vec<Spanned<String>>>>,
        id: &EngineId,
        others: &BTreeMap<EngineId, Plugin>,
    ) -> Result<BTreeSet<Operation>, LockfileError> {
        let mut defaults = BTreeSet::new();
        for name in raw.map(Spanned::into_inner).into_iter().flatten() {
            let refuse = |problem: &str| {
                let problem = format!("`{}` {problem}", name.get_ref());
                self.refuse(name.span().start, &problem)
            };
            let operation = Operation::ALL
                .into_iter()
                .find(|it| it.name() == name.get_ref() && consent::can_have_default(*it))
                .ok_or_else(|| refuse("is not an operation with a default"))?;
            if let Some((other, _)) = others
                .iter()
                .find(|(other, it)| *other != id && it.defaults.contains(&operation))
            {
                return Err(refuse(&format!(
                    "has two defaults, {other} and {id}: only one is allowed"
                )));
            }
            if !defaults.insert(operation) {
                return Err(refuse("is listed twice"));
            }
        }
        Ok(defaults)
    }

    fn version(&self, raw: RawVersion) -> Result<Installed, LockfileError> {
        let refuse = |field: &Spanned<String>, problem: &str| {
            let problem = format!("`{}` {problem}", field.get_ref());
            self.refuse(field.span().start, &problem)
        };
        let source: Reference = self.parsed(&raw.source, "is not a source of engines")?;
        let pinned = raw
            .pinned
            .map(|pinned| self.parsed(&pinned, "is not a source of engines"));
        let line = self.line(raw.capabilities.span().start);
        let mut capabilities = BTreeSet::new();
        for capability in raw.capabilities.into_inner() {
            if !capabilities.insert(capability.get_ref().clone()) {
                return Err(refuse(&capability, "is listed twice"));
            }
        }
        Ok(Installed {
            version: self.parsed(&raw.version, "is not a version")?,
            pinned: pinned.transpose()?.unwrap_or_else(|| source.clone()),
            source,
            digest: self.digest(&raw.digest)?,
            size: raw.size.into_inner(),
            signature: self.parsed(
                &raw.signature,
                "is not a signature state: write `unsigned`, or `signed:` and a fingerprint",
            )?,
            capabilities,
            installed: self.parsed(&raw.installed, "is not a time")?,
            line,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn installed(version: &str, byte: &str) -> Installed {
        Installed {
            version: version.parse().expect("a version"),
            source: "oci://registry.example/acme/vault:1"
                .parse()
                .expect("a reference"),
            pinned: format!(
                "oci://registry.example/acme/vault@sha256:{}",
                byte.repeat(32)
            )
            .parse()
            .expect("a reference"),
            digest: byte.repeat(32).parse().expect("a digest"),
            size: 7,
            signature: SignatureState::Signed {
                key: "sha256:ab".to_owned(),
            },
            capabilities: ["save files", "exec -: ls \"a b\""]
                .map(str::to_owned)
                .into(),
            installed: "2026-01-02T03:04:05Z".parse().expect("a time"),
            line: 0,
        }
    }

    fn text() -> String {
        let id: EngineId = "acme/vault".parse().expect("an id");
        let plugin = Plugin::new(
            &id,
            installed("1.1.0", "ab"),
            Some(installed("1.0.0", "cd")),
            [Operation::List, Operation::Create].into(),
        );
        let file = Lockfile {
            plugins: [(id, plugin)].into(),
        };
        file.text().expect("a text")
    }

    fn parse(text: &str) -> Result<Lockfile, LockfileError> {
        Lockfile::parse(text, Path::new("broker-plugins.lock"))
    }

    fn refused(text: &str) -> String {
        parse(text).expect_err("refused").to_string()
    }

    #[test]
    fn it_reads_back_as_it_was_written() {
        let read = parse(&text()).expect("a lockfile");
        assert_eq!(read.text().expect("a text"), text());
        let plugin = read.plugins.values().next().expect("a plugin");
        assert!(plugin.current.is_same(&installed("1.1.0", "ab")));
        assert_eq!(read.digests().len(), 2);
        let (id, plugin) = read.plugins.first_key_value().expect("a plugin");
        assert_eq!(plugin.defaults, [Operation::List, Operation::Create].into());
        assert!(plugin.is_accepted(id));
        assert!(parse("version = 1\n").expect("empty").plugins.is_empty());
    }

    #[test]
    fn a_lockfile_of_the_version_before_is_read_and_written_anew() {
        let is_new = |line: &&str| line.starts_with("defaults") || line.starts_with("consent");
        let text = text().replace("defaults = [\n    \"list\",\n    \"create\",\n]\n", "");
        let old: Vec<_> = text.lines().filter(|line| !is_new(line)).collect();
        let old = old.join("\n").replace("version = 2\n", "version = 1\n");
        let read = parse(&old).expect("a lockfile");
        let (id, plugin) = read.plugins.first_key_value().expect("a plugin");
        assert!(plugin.defaults.is_empty() && plugin.is_accepted(id));
        assert!(read.text().expect("a text").contains("version = 2\n"));
        let mixed = old.replacen("installed =", "defaults = [\"list\"]\ninstalled =", 1);
        assert!(
            refused(&mixed).contains("version 1 has no `defaults`"),
            "{}",
            refused(&mixed)
        );
    }

    #[test]
    fn what_somebody_made_a_default_by_hand_is_not_accepted() {
        let text = text().replace("    \"create\",\n", "    \"create\",\n    \"restore\",\n");
        let read = parse(&text).expect("a lockfile");
        let (id, plugin) = read.plugins.first_key_value().expect("a plugin");
        assert!(!plugin.is_accepted(id));
        // Writing the lockfile for another reason does not accept the entry.
        assert_eq!(read.text().expect("a text"), text);
        let mut plugin = plugin.clone();
        plugin.set_defaults(id, [Operation::Restore].into());
        assert!(!plugin.is_accepted(id));
        plugin.set_defaults(id, BTreeSet::new());
        assert!(plugin.is_accepted(id));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        let text = text();
        assert_eq!(
            refused(&text.replacen("size = 7", "siez = 7", 1)),
            "broker-plugins.lock, line 10: unknown field `siez`, expected one of `id`, `version`, `source`, `pinned`, `digest`, `size`, `signature`, `capabilities`, `installed`, `defaults`, `consent`, `previous`"
        );
        let twice = format!("{text}\n{}", &text[text.find("[[").expect("a plugin")..]);
        assert!(refused(&twice).ends_with("acme/vault is listed twice"));
        for (from, to, why) in [
            ("version = 2\n", "version = 3\n", "version 3 is unknown"),
            (
                "    \"create\",\n",
                "    \"prepare\",\n",
                "is not an operation with a default",
            ),
            (
                "\"signed:sha256:ab\"",
                "\"trust me\"",
                "is not a signature state",
            ),
            ("\"1.1.0\"", "\"one\"", "is not a version"),
            (
                "\"sha256:abab",
                "\"sha256:xbab",
                "and 64 hexadecimal digits",
            ),
            ("acme/vault\"", "../vault\"", "is not `publisher/name`"),
            ("2026-01-02T", "yesterday ", "is not a time"),
            (
                "\"save files\",",
                "\"save files\",\"save files\",",
                "is listed twice",
            ),
            ("[[plugin]]", "[[plugin]", "line 4"),
        ] {
            let text = text.replacen(from, to, 1);
            assert!(refused(&text).contains(why), "{}", refused(&text));
        }
    }
}
