use std::io;
use std::path::PathBuf;

use broker_manifest::{ManifestError, Operation};

use crate::model::{Failure, Problem, Report, ReportKind};

/// Why an engine can't be loaded, or why a call of it did not end well.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error("{engine} is not a WebAssembly component: {reason}")]
    NotAComponent { engine: String, reason: String },
    #[error("{engine} has no manifest, so nothing says what it may do")]
    NoManifest { engine: String },
    #[error("{engine} has {count} manifests; it must have one")]
    ManyManifests { engine: String, count: usize },
    #[error("the manifest of {engine} can't be used: {source}")]
    Manifest {
        engine: String,
        source: ManifestError,
    },
    #[error(
        "{engine} is built for version {built_for} of the engine interface; this kubectl-broker has {}",
        super::INTERFACE
    )]
    OtherInterface { engine: String, built_for: String },
    #[error("{engine} does not export the engine interface `kubectl-broker:engine/operations`")]
    NoInterface { engine: String },
    #[error("{engine} imports `{import}`, which no version of kubectl-broker provides")]
    UnknownImport { engine: String, import: String },
    #[error("{engine} imports `{import}`, but its manifest does not ask for it: {missing}")]
    NotAsked {
        engine: String,
        import: String,
        missing: &'static str,
    },
    #[error(
        "the manifest of {engine} says that `create` saves the backup, and it does not import `artifacts`, which saves"
    )]
    CantSave { engine: String },
    #[error("{engine} can't be read from {}: {source}", path.display())]
    Unreadable {
        engine: String,
        path: PathBuf,
        source: io::Error,
    },
    #[error("the file of {engine} is not what was installed: {}", path.display())]
    Changed { engine: String, path: PathBuf },
    #[error("{engine} can't be compiled: {reason}")]
    Compile { engine: String, reason: String },
    #[error("{engine} can't be started: {reason}")]
    Start { engine: String, reason: String },
    #[error("{engine} hangs while it starts: {what} {seconds} s")]
    Hung {
        engine: String,
        what: &'static str,
        seconds: u64,
    },
    #[error("the sandbox can't be set up: {reason}")]
    Sandbox { reason: String },

    #[error("{engine} broke down in `{operation}`: {cause}{}", quoted(.output))]
    Trapped {
        engine: String,
        operation: Operation,
        cause: String,
        /// The last that it wrote to its standard error.
        output: String,
    },
    #[error("{engine} was stopped in `{operation}`: it computed for more than {seconds} s")]
    OverTime {
        engine: String,
        operation: Operation,
        seconds: u64,
    },
    #[error("{engine} was stopped in `{operation}`: it wanted more than {mebibytes} MiB of memory")]
    OverMemory {
        engine: String,
        operation: Operation,
        mebibytes: usize,
    },
    #[error("{engine} did not finish `{operation}` within {seconds} s")]
    Deadline {
        engine: String,
        operation: Operation,
        seconds: u64,
    },
    #[error("{engine} returned something unusable from `{operation}`: {what}")]
    BadResult {
        engine: String,
        operation: Operation,
        what: String,
    },
    /// The engine worked, and says that the operation did not.
    #[error("{}{report}", attributed(engine, report))]
    Reported {
        engine: String,
        report: Report,
        /// Whether the engine is part of this program, and its words are ours.
        bundled: bool,
    },
}

/// Whose fault it is, where it is the engine's.
fn attributed(engine: &str, report: &Report) -> String {
    if report.kind == ReportKind::Denied {
        format!("{engine} asked for what it was not granted: ")
    } else {
        String::new()
    }
}

fn quoted(output: &str) -> String {
    if output.is_empty() {
        String::new()
    } else {
        format!(" (it wrote: {output})")
    }
}

impl Problem for EngineError {
    fn failure(&self) -> Failure {
        match self {
            Self::Reported { report, .. } => report.kind.failure(),
            Self::Deadline { .. } => Failure::TimedOut,
            Self::Sandbox { .. } | Self::Unreadable { .. } => Failure::Failed,
            Self::Changed { .. } => Failure::Integrity,
            _ => Failure::PluginFault,
        }
    }

    fn is_hint_of_others(&self) -> bool {
        matches!(
            self,
            Self::Reported { report, bundled: false, .. } if report.kind != ReportKind::Denied
        )
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NotAComponent { .. } => {
                "Build it for `wasm32-wasip2`, or turn a core module into a component with `wasm-tools component new`"
            }
            Self::NoManifest { .. } | Self::ManyManifests { .. } => {
                "The engine's author adds one with the SDK's `engine!` macro"
            }
            Self::Manifest { .. } | Self::NotAsked { .. } | Self::CantSave { .. } => {
                "This is for the engine's author to mend; another version of the engine may be right"
            }
            Self::OtherInterface { built_for, .. } => {
                return Some(if newer(built_for) {
                    "Update kubectl-broker, or use an older version of the engine".to_owned()
                } else {
                    "Use a newer version of the engine, built with the current SDK".to_owned()
                });
            }
            Self::NoInterface { .. } => "It is some other component, not an engine",
            Self::UnknownImport { .. } => {
                "An engine may import WASI 0.2 without `wasi:http`, and `kubectl-broker:engine`; it can't be run"
            }
            Self::Unreadable { .. } | Self::Changed { .. } => {
                "Install it again with `kubectl broker plugin install`, or take it away with `kubectl broker plugin remove`"
            }
            Self::Compile { .. } | Self::Start { .. } => {
                "The file may be damaged; get it again, and check its digest"
            }
            Self::Sandbox { .. } => {
                "Check that the system lets the process reserve memory (`ulimit -v`)"
            }
            Self::Hung { .. }
            | Self::Trapped { .. }
            | Self::OverTime { .. }
            | Self::OverMemory { .. }
            | Self::BadResult { .. }
            | Self::Reported {
                report:
                    Report {
                        kind: ReportKind::Denied,
                        ..
                    },
                ..
            } => {
                "This is a fault of the engine, not of your cluster; report it to the engine's author. `kubectl broker engines` shows the others"
            }
            Self::Deadline { .. } => "The backend or the cluster may be slow; try again",
            Self::Reported { report, .. } => return report.hint.clone(),
        };
        Some(hint.to_owned())
    }
}

/// Whether a version of the interface is newer than ours. What can't be read counts as newer.
fn newer(version: &str) -> bool {
    match (
        version.parse::<semver::Version>(),
        super::INTERFACE.parse::<semver::Version>(),
    ) {
        (Ok(theirs), Ok(ours)) => theirs > ours,
        _ => true,
    }
}
