use std::io;
use std::path::PathBuf;

use broker_manifest::{EngineId, ManifestError};
use host_base::{Failure, Problem, shell};
use host_engine::EngineError;
use host_installed::Reserved;

/// The reason why a tool for authors failed.
#[derive(Debug, thiserror::Error)]
pub enum AuthoringError {
    /// A file can't be read.
    #[error("{} can't be read: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    /// A file can't be written.
    #[error("{} can't be written: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    /// The manifest is invalid.
    #[error("{} can't be used: {source}", path.display())]
    Manifest {
        path: PathBuf,
        source: ManifestError,
    },
    /// The file is a core module and not a component.
    #[error("{} is a core module, but an engine must be a component", path.display())]
    CoreModule { path: PathBuf },
    /// The component has a different manifest.
    #[error("{} already has a different manifest", path.display())]
    HasManifest { path: PathBuf },
    /// A file of cases is invalid.
    #[error("{} is not a valid file of cases: {reason}", path.display())]
    CaseFile { path: PathBuf, reason: String },
    /// A case is invalid.
    #[error("{}, case {case:?}: {problem}", path.display())]
    Case {
        path: PathBuf,
        case: String,
        problem: String,
    },
    /// The folder has no file of cases.
    #[error("no file in {} ends with `.toml`", folder.display())]
    NoCaseFile { folder: PathBuf },
    /// No case has the given text in its name.
    #[error("none of the {known} cases has {} in its name", either(only))]
    NoCase { only: Vec<String>, known: usize },
    /// The name of the engine is invalid.
    #[error("{name:?} can't be the name of an engine")]
    BadName { name: String },
    /// The name and the flag contain different publishers.
    #[error("{name} and `--publisher {publisher}` name different publishers")]
    TwoPublishers { name: String, publisher: String },
    /// The name is reserved.
    #[error("{id} can't be used: {reserved}")]
    Reserved { id: EngineId, reserved: Reserved },
    /// The folder of the project is not empty.
    #[error("{} exists already and is not empty", folder.display())]
    NotEmpty { folder: PathBuf },
    /// A thread of this program panicked.
    #[error("a worker of this process ended unexpectedly: {reason}")]
    Worker { reason: String },
    /// The engine can't be loaded.
    #[error(transparent)]
    Engine(Box<EngineError>),
}

fn either(parts: &[String]) -> String {
    let parts: Vec<_> = parts.iter().map(|part| format!("{part:?}")).collect();
    parts.join(" or ")
}

impl From<EngineError> for AuthoringError {
    fn from(error: EngineError) -> Self {
        Self::Engine(Box::new(error))
    }
}

/// Returns whether a build of the component is wrong. For a user it would be a damaged file.
fn is_of_build(error: &EngineError) -> bool {
    matches!(
        error,
        EngineError::Compile { .. }
            | EngineError::Start { .. }
            | EngineError::Hung { .. }
            | EngineError::StartsTooLarge { .. }
    )
}

impl Problem for AuthoringError {
    fn failure(&self) -> Failure {
        match self {
            Self::Read { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                Failure::NotFound
            }
            Self::Read { .. } | Self::Write { .. } | Self::Worker { .. } => Failure::Failed,
            Self::Manifest { .. }
            | Self::CoreModule { .. }
            | Self::CaseFile { .. }
            | Self::BadName { .. }
            | Self::TwoPublishers { .. }
            | Self::Case { .. } => Failure::Usage,
            Self::NoCaseFile { .. } | Self::NoCase { .. } => Failure::NotFound,
            Self::HasManifest { .. } | Self::NotEmpty { .. } | Self::Reserved { .. } => {
                Failure::Conflict
            }
            Self::Engine(error) => error.failure(),
        }
    }

    fn advice(&self) -> Option<String> {
        let hint = match self {
            Self::Read { .. } => "Check the path, and whether you may read it",
            Self::Write { .. } => "Check that the folder exists, and that you may write to it",
            Self::Manifest { path, .. } => {
                return Some(format!(
                    "Nothing was written. Correct the manifest: `kubectl broker plugin check {}` shows each problem with its line",
                    shell::word(&path.to_string_lossy())
                ));
            }
            Self::CoreModule { .. } => {
                "Build it for `wasm32-wasip2`, or turn it into a component with `wasm-tools component embed wit --world engine core.wasm -o embedded.wasm` and `wasm-tools component new embedded.wasm -o engine.wasm`"
            }
            Self::HasManifest { .. } => "Nothing was written. `--replace` replaces the manifest",
            Self::CaseFile { .. } | Self::Case { .. } => {
                "Nothing was run. docs/cases.md describes the format"
            }
            Self::NoCaseFile { .. } => "Name files of cases, or a folder that contains some",
            Self::NoCase { .. } => "Without `--case`, all cases run; `-o name` lists their names",
            Self::BadName { .. } => {
                "Use `name` or `publisher/name`, each of at most 35 lower-case letters, digits and dashes. Each begins with a letter, and does not end with a dash"
            }
            Self::TwoPublishers { .. } => "Name only one publisher",
            Self::Reserved { .. } => {
                "Choose a publisher and a name of your own: an engine with a reserved name can't be installed"
            }
            Self::NotEmpty { .. } => {
                "Nothing was written. Choose another name, or move the folder away"
            }
            Self::Worker { .. } => return None,
            // The reader of this hint is the engine's author, unlike in other commands.
            Self::Engine(error) if matches!(**error, EngineError::NotAsked { .. }) => {
                "Let the manifest ask for this interface, or build the component without it"
            }
            Self::Engine(error) if is_of_build(error) => {
                "This host can't run the component. Compare its build with that of a new project: `kubectl broker plugin new NAME` writes one that runs"
            }
            Self::Engine(error) => return error.advice(),
        };
        Some(hint.to_owned())
    }
}

#[cfg(test)]
mod messages;
