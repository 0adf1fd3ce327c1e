use std::io;
use std::path::PathBuf;

use broker_manifest::{EngineId, Operation};
use host_base::text::bullet;
use host_base::{Failure, PrivateFolderError, Problem, Sha256};
use host_engine::EngineError;

use super::{BadReference, KeyError, LockfileError, Reserved, SourceError};

/// The reason why an engine could not be installed, found, or changed.
#[derive(Debug, thiserror::Error)]
pub enum PluginError {
    /// The reference is invalid.
    #[error(transparent)]
    Reference(#[from] BadReference),
    /// This version of the program does not support the kind of reference.
    #[error("this version of kubectl-broker can't fetch {reference}")]
    NoSource { reference: String },
    /// A file can't be read.
    #[error("{} can't be read: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    /// The component has another digest than the expected one.
    #[error("{what} is not the expected file: its SHA-256 digest is {is}, not {expected}")]
    OtherDigest {
        what: String,
        is: Sha256,
        expected: Sha256,
    },
    /// The component is another engine than the expected one.
    #[error("{what} is engine {is}, not {expected}")]
    OtherEngine {
        what: String,
        is: String,
        expected: String,
    },
    /// The component has another version than the expected one.
    #[error("{what} is version {is}, not {expected}")]
    OtherVersion {
        what: String,
        is: String,
        expected: String,
    },
    /// The source has a single version.
    #[error("the source of the engine, {what}, has a single version")]
    OneVersion { what: String },
    /// The source has an older version than the installed one.
    #[error("{what} is version {is} of {id}, older than the installed {installed}")]
    Older {
        what: String,
        id: String,
        is: String,
        installed: String,
    },
    /// The component can't be fetched.
    #[error(transparent)]
    Source(Box<SourceError>),
    /// The component is not an engine for this host.
    #[error(transparent)]
    Engine(Box<EngineError>),
    /// The engine has the id of a bundled engine.
    #[error("{id} is bundled with kubectl-broker, and no other file can replace it")]
    BundledId { id: EngineId },
    /// The trusted keys can't be read or changed.
    #[error(transparent)]
    Key(Box<KeyError>),
    /// The publisher of an engine is not trusted or unknown.
    #[error("{id} {version} is refused: {source}")]
    Untrusted {
        id: EngineId,
        version: semver::Version,
        source: Box<KeyError>,
    },
    /// The bundle is invalid.
    #[error("{} is not a valid bundle: {problem}", path.display())]
    Bundle {
        path: PathBuf,
        problem: &'static str,
    },
    /// The bundle has several engines, and none was selected.
    #[error("{} is a bundle of several engines: {}", path.display(), engines.join(", "))]
    WholeBundle { path: PathBuf, engines: Vec<String> },
    /// The bundle does not contain the engine.
    #[error("the bundle {} does not contain {id}", path.display())]
    NotInBundle { path: PathBuf, id: EngineId },
    /// The signature of the engine is not stored.
    #[error("the signature of {id} is not stored on this machine")]
    NoSignature { id: EngineId },
    /// The bundle would be too large.
    #[error("these engines are too large for one bundle, which may have at most {limit} bytes")]
    LargeBundle { limit: u64 },
    /// A file can't be written.
    #[error("can't write {}: {source}", path.display())]
    Written { path: PathBuf, source: io::Error },
    /// The engine is installed, but its key could not be stored.
    #[error("{id} is installed, but the key that signed it could not be stored: {source}")]
    KeyNotKept { id: EngineId, source: Box<KeyError> },
    /// A name that only this program may use.
    #[error("{id} is refused: {reserved}")]
    Reserved { id: EngineId, reserved: Reserved },
    /// The engine does not support the operation.
    #[error("engine {id} can't `{operation}`")]
    NotItsOperation {
        id: EngineId,
        operation: Operation,
        /// The operations that it can be the default for.
        able: Vec<Operation>,
    },
    /// The lockfile's consent is for other capabilities or defaults.
    #[error("{}, line {line}: the consent for {id} is for other capabilities or defaults", path.display())]
    Defaults {
        id: EngineId,
        path: PathBuf,
        line: usize,
    },
    /// The capabilities are not accepted.
    #[error("{}", not_accepted(id, *is_more, wants, remarks, *is_other_given))]
    NotAccepted {
        id: String,
        /// True if some of its capabilities were accepted before.
        is_more: bool,
        /// The capabilities that are not accepted, as sentences for people.
        wants: Vec<String>,
        /// Further facts that the user must know, as sentences for people.
        remarks: Vec<String>,
        /// The digest that accepts all requested capabilities.
        digest: Sha256,
        /// True if the command line accepts a different digest.
        is_other_given: bool,
    },
    /// The user declined the capabilities.
    #[error("nothing was changed: the capabilities of {id} were not accepted")]
    Declined { id: EngineId },
    /// No engine of this name is installed.
    #[error("no engine `{name}` is installed")]
    NotInstalled {
        name: String,
        /// The names that exist.
        known: Vec<String>,
    },
    /// Several engines have this name.
    #[error("engine `{name}` is ambiguous: {}", ids.join(", "))]
    Ambiguous { name: String, ids: Vec<String> },
    /// The engine is bundled, so only an update of the program changes it.
    #[error("{id} is bundled with kubectl-broker, and changes only with it")]
    Bundled { id: EngineId },
    /// No previous version is stored.
    #[error("{id} has no earlier version to roll back to")]
    NoPrevious { id: EngineId },
    /// Another process changed the engine at the same time.
    #[error("another process has changed {id} at the same time")]
    Raced { id: EngineId },
    /// The lockfile is unusable.
    #[error(transparent)]
    Lockfile(#[from] LockfileError),
    /// The accepted capabilities differ from those that the engine asks for.
    #[error("{}, line {line}: the accepted capabilities of {id} are not those that the engine asks for", path.display())]
    Consent {
        id: EngineId,
        path: PathBuf,
        line: usize,
    },
    /// A stored file is damaged.
    #[error("the stored file {} of {id} {problem}", path.display())]
    Damaged {
        id: EngineId,
        path: PathBuf,
        problem: &'static str,
    },
    /// Several errors.
    #[error("{}", together(problems))]
    Several { problems: Vec<PluginError> },
    /// The folder of the store is unusable.
    #[error("engines can't be stored: {0}")]
    Folder(#[from] PrivateFolderError),
    /// The lockfile can't be serialized.
    #[error("the lockfile can't be written: {0}")]
    Form(#[from] toml::ser::Error),
    /// The declarations of an engine can't be serialized.
    #[error("the manifest of an engine can't be written: {0}")]
    Outline(#[from] serde_json::Error),
    /// The user has no home folder.
    #[error("there is no home folder to keep engines in")]
    NoHome,
    /// A thread of this program panicked.
    #[error("a worker of this process ended unexpectedly: {reason}")]
    Worker { reason: String },
}

impl From<SourceError> for PluginError {
    fn from(error: SourceError) -> Self {
        Self::Source(Box::new(error))
    }
}

impl From<KeyError> for PluginError {
    fn from(error: KeyError) -> Self {
        Self::Key(Box::new(error))
    }
}

impl From<EngineError> for PluginError {
    fn from(error: EngineError) -> Self {
        Self::Engine(Box::new(error))
    }
}

impl PluginError {
    /// Returns true if the error makes all installed engines unusable, and not only one.
    #[must_use]
    pub fn is_about_all(&self) -> bool {
        matches!(self, Self::Lockfile(_) | Self::Folder(_) | Self::NoHome)
    }

    /// Returns the hint of errors about names, consent and defaults.
    fn hint_about_consent(&self) -> Option<String> {
        let hint = match self {
            Self::Reserved { id, .. } => {
                format!(
                    "Ask the engine's author for another name; if the engine is installed, remove it with `kubectl broker plugin remove {id}`"
                )
            }
            Self::NotItsOperation { able, .. } => {
                let able: Vec<_> = able.iter().map(|it| it.name()).collect();
                format!("The engine can be the default for: {}", able.join(", "))
            }
            Self::Defaults { id, .. } => {
                format!(
                    "Undo the change of that file, or remove the engine's defaults with `kubectl broker plugin default {id} --remove`"
                )
            }
            Self::NotAccepted { digest, .. } => accepted_by(&[*digest]),
            Self::Several { problems } => {
                let digests = problems.iter().filter_map(|problem| match problem {
                    Self::NotAccepted { digest, .. } => Some(*digest),
                    _ => None,
                });
                let digests: Vec<_> = digests.collect();
                if digests.is_empty() {
                    return problems.first().and_then(Problem::advice);
                }
                accepted_by(&digests)
            }
            _ => return None,
        };
        Some(hint)
    }

    /// Combines errors, of which there must be at least one.
    #[must_use]
    pub fn several(mut problems: Vec<Self>) -> Self {
        match problems.len() {
            1 => problems.remove(0),
            _ => Self::Several { problems },
        }
    }
}

/// Joins messages. Messages of several lines are put below each other.
fn together(problems: &[PluginError]) -> String {
    let have_lines = problems.iter().any(Problem::is_whole);
    let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
    problems.join(if have_lines { "\n" } else { "; " })
}

/// Returns the flags that accept all of these sets.
fn accepted_by(digests: &[Sha256]) -> String {
    let flags = digests.iter();
    let flags: Vec<_> = flags
        .map(|digest| format!("--accept-capabilities sha256:{digest}"))
        .collect();
    let sets = if flags.len() == 1 {
        "this set"
    } else {
        "these sets"
    };
    format!(
        "To accept, pass `{}`; it accepts {sets} and no other. On a terminal you are asked",
        flags.join(" ")
    )
}

/// Returns the complete message: a capability that is not shown would be granted all the same.
fn not_accepted(
    id: &str,
    is_more: bool,
    wants: &[String],
    remarks: &[String],
    is_other_given: bool,
) -> String {
    let mut text = if wants.is_empty() {
        format!("{id} asks for no capabilities, but is not accepted yet")
    } else {
        let more = if is_more { "also " } else { "" };
        format!("{id} {more}asks for capabilities that are not accepted yet:")
    };
    for want in wants {
        text.push_str(&format!("\n{}", bullet(want)));
    }
    for remark in remarks {
        let is_marked = remark.starts_with('[');
        let line = if is_marked {
            bullet(remark)
        } else {
            remark.clone()
        };
        text.push_str(&format!("\n{line}"));
    }
    if is_other_given {
        text.push_str("\nThe command line accepts a different set.");
    }
    text
}

impl Problem for PluginError {
    fn failure(&self) -> Failure {
        match self {
            Self::Reference(_)
            | Self::NoSource { .. }
            | Self::OneVersion { .. }
            | Self::WholeBundle { .. }
            | Self::LargeBundle { .. }
            | Self::NotAccepted { .. }
            | Self::Declined { .. }
            | Self::Ambiguous { .. }
            | Self::Bundled { .. }
            | Self::NotItsOperation { .. }
            | Self::Lockfile(_) => Failure::Usage,
            Self::Written { source, .. } if source.kind() == io::ErrorKind::AlreadyExists => {
                Failure::Conflict
            }
            Self::NotInstalled { .. }
            | Self::NoPrevious { .. }
            | Self::NotInBundle { .. }
            | Self::NoSignature { .. } => Failure::NotFound,
            Self::Read { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                Failure::NotFound
            }
            Self::Bundle { .. }
            | Self::OtherDigest { .. }
            | Self::Consent { .. }
            | Self::Defaults { .. }
            | Self::Damaged { .. } => Failure::Integrity,
            Self::Source(error) => error.failure(),
            Self::Engine(error) => error.failure(),
            Self::Key(error)
            | Self::Untrusted { source: error, .. }
            | Self::KeyNotKept { source: error, .. } => error.failure(),
            Self::OtherEngine { .. } | Self::OtherVersion { .. } => Failure::PluginFault,
            Self::BundledId { .. }
            | Self::Reserved { .. }
            | Self::Older { .. }
            | Self::Raced { .. } => Failure::Conflict,
            Self::Several { problems } => problems
                .iter()
                .map(Problem::failure)
                .find(|failure| *failure == Failure::Integrity)
                .or_else(|| problems.first().map(Problem::failure))
                .unwrap_or(Failure::Failed),
            Self::Read { .. }
            | Self::Written { .. }
            | Self::Folder(_)
            | Self::Form(_)
            | Self::Outline(_)
            | Self::NoHome
            | Self::Worker { .. } => Failure::Failed,
        }
    }

    fn advice(&self) -> Option<String> {
        let hint = match self {
            Self::Reference(_) => "Give a file, `https://…` or `oci://HOST/REPOSITORY:TAG`",
            Self::NoSource { .. } => "Download the file by other means, then install the file",
            Self::Read { .. } => "Check the path, and whether you may read it",
            Self::OtherDigest { .. } => {
                "Nothing was changed. Download the file again, and compare its digest with the one that the publisher names"
            }
            Self::OtherEngine { .. } => {
                "Nothing was changed. Ask the publisher; `kubectl broker plugin install` installs it as a second engine"
            }
            Self::OtherVersion { .. } => {
                "Nothing was changed. The publisher has moved that tag to another version: ask the publisher"
            }
            Self::Bundle { .. } => {
                "Nothing was changed. Copy the file again and compare its SHA-256, or create it again with `kubectl broker plugin bundle`"
            }
            Self::WholeBundle { .. } => {
                "`kubectl broker plugin install` installs all of them, and with `--name PUBLISHER/NAME` only one"
            }
            Self::NotInBundle { .. } => {
                "`kubectl broker plugin bundle` creates a bundle of the engines that you name"
            }
            Self::NoSignature { id } => {
                return Some(format!(
                    "Install the engine again with `kubectl broker plugin install`, then bundle it; `kubectl broker plugin list` shows the source of {id}"
                ));
            }
            Self::LargeBundle { .. } => "Create several bundles",
            Self::Written { .. } => "Give another name, or a folder that you may write to",
            Self::OneVersion { .. } => {
                "Download the file of that version, and install it with `kubectl broker plugin install`; only registries keep several versions"
            }
            Self::Older { .. } => {
                "Nothing was changed. `kubectl broker plugin update NAME --version VERSION` installs an older version from a registry, `plugin install` any version, and `plugin rollback` the previous one"
            }
            Self::Source(error) => return error.advice(),
            Self::Engine(error) => return error.advice(),
            Self::BundledId { .. } => "Ask the engine's author for another name",
            Self::Key(error) | Self::Untrusted { source: error, .. } => return error.advice(),
            Self::KeyNotKept { id, .. } => {
                return Some(format!(
                    "Trust the key with `kubectl broker plugin key add {} FILE`",
                    id.publisher()
                ));
            }
            Self::Reserved { .. }
            | Self::NotItsOperation { .. }
            | Self::Defaults { .. }
            | Self::NotAccepted { .. }
            | Self::Several { .. } => return self.hint_about_consent(),
            Self::Declined { .. } => {
                "`kubectl broker plugin inspect` shows what an engine may do without installing it"
            }
            Self::NotInstalled { known, .. } if !known.is_empty() => {
                return Some(format!("Installed engines: {}", known.join(", ")));
            }
            Self::NotInstalled { .. } => "`kubectl broker plugin install` installs one",
            Self::Ambiguous { .. } => "Give the full name, `PUBLISHER/NAME`",
            Self::Bundled { .. } => "Update kubectl-broker",
            Self::NoPrevious { .. } => {
                "A version is stored when another replaces it; `kubectl broker plugin install` installs any version"
            }
            Self::Raced { .. } => "Check `kubectl broker plugin list`, and try again",
            Self::Lockfile(_) => {
                "Undo the change, or move the file away and install the engines again with `kubectl broker plugin install`"
            }
            Self::Consent { id, .. } => {
                return Some(format!(
                    "Undo the change of that line, install the engine again with `kubectl broker plugin install`, or remove it with `kubectl broker plugin remove {id}`"
                ));
            }
            Self::Damaged { id, .. } => {
                return Some(format!(
                    "Install the engine again with `kubectl broker plugin install`, or remove it with `kubectl broker plugin remove {id}`"
                ));
            }
            Self::Folder(_) | Self::NoHome => {
                "Correct that folder, or set XDG_DATA_HOME to a writable folder of your own"
            }
            Self::Form(_) | Self::Outline(_) | Self::Worker { .. } => return None,
        };
        Some(hint.to_owned())
    }

    fn is_whole(&self) -> bool {
        match self {
            Self::NotAccepted { .. } => true,
            Self::Several { problems } => problems.iter().any(Problem::is_whole),
            _ => false,
        }
    }
}

#[cfg(test)]
mod messages;
