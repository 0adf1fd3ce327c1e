use std::io;
use std::path::PathBuf;

use broker_manifest::{EngineId, Operation};

use super::{BadReference, KeyError, LockfileError, Reserved, SourceError};
use crate::engine::{EngineError, PrivateFolderError};
use crate::model::{Failure, Problem};
use crate::transfer::Sha256;
use crate::ui::bullet;

/// Why an engine could not be installed, found, or changed.
#[derive(Debug, thiserror::Error)]
pub enum PluginError {
    #[error(transparent)]
    Reference(#[from] BadReference),
    #[error("nothing can be got from {reference} by this version of kubectl-broker")]
    NoSource { reference: String },
    #[error("{} can't be read: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{what} is not what was expected: its SHA-256 is {is}, not {expected}")]
    OtherDigest {
        what: String,
        is: Sha256,
        expected: Sha256,
    },
    #[error("{what} is engine {is}, not {expected}")]
    OtherEngine {
        what: String,
        is: String,
        expected: String,
    },
    #[error("{what} is version {is}, not {expected}")]
    OtherVersion {
        what: String,
        is: String,
        expected: String,
    },
    #[error("{what} is one file, where no other version can be asked for")]
    OneVersion { what: String },
    #[error("{what} is version {is} of {id}, older than {installed}, which is installed")]
    Older {
        what: String,
        id: String,
        is: String,
        installed: String,
    },
    #[error(transparent)]
    Source(Box<SourceError>),
    #[error(transparent)]
    Engine(Box<EngineError>),
    #[error("{id} is bundled with kubectl-broker, and no other file can take its place")]
    BundledId { id: EngineId },
    #[error(
        "engine {id} can't be beside engine {other}: {what} of the one clashes with that of the other"
    )]
    Clash {
        id: String,
        other: String,
        what: String,
    },
    #[error(transparent)]
    Key(Box<KeyError>),
    /// The maker of an engine is not trusted, or it can't be told.
    #[error("{id} {version} is refused: {source}")]
    Untrusted {
        id: EngineId,
        version: semver::Version,
        source: Box<KeyError>,
    },
    #[error("{} is no bundle that can be used: {problem}", path.display())]
    Bundle {
        path: PathBuf,
        problem: &'static str,
    },
    #[error("{} is a bundle of {}, and which one is meant is not known", path.display(), engines.join(", "))]
    WholeBundle { path: PathBuf, engines: Vec<String> },
    #[error("{} is a bundle without {id}", path.display())]
    NotInBundle { path: PathBuf, id: EngineId },
    #[error("the signature of {id} is not kept here")]
    NoSignature { id: EngineId },
    #[error("all these engines together are more than the {limit} bytes that a bundle may have")]
    LargeBundle { limit: u64 },
    #[error("can't write {}: {source}", path.display())]
    Written { path: PathBuf, source: io::Error },
    #[error("{id} is installed, and the key that signed it could not be kept: {source}")]
    KeyNotKept { id: EngineId, source: Box<KeyError> },
    /// A name that only this program may use.
    #[error("{id} is refused: {reserved}")]
    Reserved { id: EngineId, reserved: Reserved },
    #[error("engine {id} can't `{operation}`")]
    NotItsOperation {
        id: EngineId,
        operation: Operation,
        /// What it can be the default for.
        able: Vec<Operation>,
    },
    #[error("{}, line {line}: the consent for {id} is of other capabilities or defaults", path.display())]
    Defaults {
        id: EngineId,
        path: PathBuf,
        line: usize,
    },
    #[error("{}", not_accepted(id, *is_more, wants, remarks, *is_other_given))]
    NotAccepted {
        id: String,
        /// Whether some of what it asks for was accepted before.
        is_more: bool,
        /// What it asks for that is not accepted, for people.
        wants: Vec<String>,
        /// What else is to be known, for people.
        remarks: Vec<String>,
        /// What accepts all that it asks for.
        digest: Sha256,
        /// Whether the command line accepts something else.
        is_other_given: bool,
    },
    #[error("nothing was changed: what {id} may do was not accepted")]
    Declined { id: EngineId },
    #[error("no engine `{name}` is installed")]
    NotInstalled {
        name: String,
        /// Those that are.
        known: Vec<String>,
    },
    #[error("several engines are called `{name}`: {}", ids.join(", "))]
    Ambiguous { name: String, ids: Vec<String> },
    #[error("{id} came with kubectl-broker, and is changed with it")]
    Bundled { id: EngineId },
    #[error("nothing of {id} is kept but the version that is installed")]
    NoPrevious { id: EngineId },
    #[error("another process has changed {id} at the same time")]
    Raced { id: EngineId },
    #[error(transparent)]
    Lockfile(#[from] LockfileError),
    #[error("{}, line {line}: what is accepted for {id} is not what the engine asks for", path.display())]
    Consent {
        id: EngineId,
        path: PathBuf,
        line: usize,
    },
    #[error("the stored file {} of {id} {problem}", path.display())]
    Damaged {
        id: EngineId,
        path: PathBuf,
        problem: &'static str,
    },
    #[error("{}", together(problems))]
    Several { problems: Vec<PluginError> },
    #[error("engines can't be stored: {0}")]
    Folder(#[from] PrivateFolderError),
    #[error("the lockfile can't be written: {0}")]
    Form(#[from] toml::ser::Error),
    #[error("the outline of an engine can't be written: {0}")]
    Outline(#[from] serde_json::Error),
    #[error("there is no home folder to keep engines in")]
    NoHome,
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
    /// Whether it keeps all engines that are installed from being used, and not only one.
    #[must_use]
    pub fn is_about_all(&self) -> bool {
        matches!(self, Self::Lockfile(_) | Self::Folder(_) | Self::NoHome)
    }

    /// About names, consent and defaults.
    fn hint_about_consent(&self) -> Option<String> {
        let hint = match self {
            Self::Reserved { id, .. } => {
                format!(
                    "Ask its author for a name of their own; if it is installed, take it away with `kubectl broker plugin remove {id}`"
                )
            }
            Self::NotItsOperation { able, .. } => {
                let able: Vec<_> = able.iter().map(|it| it.name()).collect();
                format!("It can be the default for: {}", able.join(", "))
            }
            Self::Defaults { id, .. } => {
                format!(
                    "Undo the change of that file, or make it the default for nothing with `kubectl broker plugin default {id} --remove`"
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
                    return problems.first().and_then(Problem::hint);
                }
                accepted_by(&digests)
            }
            _ => return None,
        };
        Some(hint)
    }

    /// One for all of these. There is at least one.
    #[must_use]
    pub fn several(mut problems: Vec<Self>) -> Self {
        match problems.len() {
            1 => problems.remove(0),
            _ => Self::Several { problems },
        }
    }
}

/// Those with lines of their own stand below each other.
fn together(problems: &[PluginError]) -> String {
    let have_lines = problems.iter().any(Problem::is_whole);
    let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
    problems.join(if have_lines { "\n" } else { "; " })
}

/// The flags for all of these sets.
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
        "If you want that, give `{}`; it accepts {sets} and no other. On a terminal you are asked",
        flags.join(" ")
    )
}

/// Nothing of it may be cut: what is not shown would be granted all the same.
fn not_accepted(
    id: &str,
    is_more: bool,
    wants: &[String],
    remarks: &[String],
    is_other_given: bool,
) -> String {
    let mut text = if wants.is_empty() {
        format!("{id} can reach nothing, and nobody has accepted it")
    } else {
        let more = if is_more { "also " } else { "" };
        format!("{id} {more}wants to do what nobody has accepted:")
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
        text.push_str("\nWhat the command line accepts is something else.");
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
            | Self::Clash { .. }
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

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Reference(_) => "An engine is a file, `https://…` or `oci://HOST/REPOSITORY:TAG`",
            Self::NoSource { .. } => "Get the file by other means, and install it from there",
            Self::Read { .. } => "Check the path, and whether you may read it",
            Self::OtherDigest { .. } => {
                "Nothing was changed. Get the file again, and compare the digest with the one that its publisher names"
            }
            Self::OtherEngine { .. } => {
                "Nothing was changed. Ask its publisher; `kubectl broker plugin install` installs it beside the other"
            }
            Self::OtherVersion { .. } => {
                "Nothing was changed. Its publisher has put another version behind that tag: ask there"
            }
            Self::Bundle { .. } => {
                "Nothing was changed. Copy the file again and compare its SHA-256, or write it anew with `kubectl broker plugin bundle`"
            }
            Self::WholeBundle { .. } => {
                "`kubectl broker plugin install` installs all of it, and with `--name PUBLISHER/NAME` one of them"
            }
            Self::NotInBundle { .. } => {
                "`kubectl broker plugin bundle` writes one with the engines that you name"
            }
            Self::NoSignature { id } => {
                return Some(format!(
                    "Install it again with `kubectl broker plugin install`, then bundle it; `kubectl broker plugin list` shows where {id} came from"
                ));
            }
            Self::LargeBundle { .. } => "Write several bundles",
            Self::Written { .. } => "Give another name, or a folder that you may write to",
            Self::OneVersion { .. } => {
                "Get the file of that version, and install it with `kubectl broker plugin install`; only registries keep several versions"
            }
            Self::Older { .. } => {
                "Nothing was changed. `kubectl broker plugin update NAME --version VERSION` takes an older one of a registry, `plugin install` any, and `plugin rollback` goes back to the last"
            }
            Self::Source(error) => return error.hint(),
            Self::Engine(error) => return error.hint(),
            Self::BundledId { .. } => "Ask its author for a name of their own",
            Self::Clash { other, .. } => {
                return Some(format!(
                    "Remove the other with `kubectl broker plugin remove {other}`, or ask the author for another name"
                ));
            }
            Self::Key(error) | Self::Untrusted { source: error, .. } => return error.hint(),
            Self::KeyNotKept { id, .. } => {
                return Some(format!(
                    "`kubectl broker plugin key add {} FILE` trusts it",
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
                return Some(format!("Engines that are: {}", known.join(", ")));
            }
            Self::NotInstalled { .. } => "`kubectl broker plugin install` installs one",
            Self::Ambiguous { .. } => "Give the whole name, `PUBLISHER/NAME`",
            Self::Bundled { .. } => "Update kubectl-broker",
            Self::NoPrevious { .. } => {
                "A version is kept when another is installed over it; `kubectl broker plugin install` takes any"
            }
            Self::Raced { .. } => "Look with `kubectl broker plugin list`, and try again",
            Self::Lockfile(_) => {
                "Undo the change, or move the file away and install the engines again with `kubectl broker plugin install`"
            }
            Self::Consent { id, .. } => {
                return Some(format!(
                    "Undo the change of that line. Else install it again with `kubectl broker plugin install`, or take it away with `kubectl broker plugin remove {id}`"
                ));
            }
            Self::Damaged { id, .. } => {
                return Some(format!(
                    "Get it again with `kubectl broker plugin install`, or take it away with `kubectl broker plugin remove {id}`"
                ));
            }
            Self::Folder(_) | Self::NoHome => {
                "Make room there, or set XDG_DATA_HOME to a folder of your own that can be written to"
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
