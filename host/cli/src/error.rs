use std::io;
use std::path::PathBuf;

use host_authoring::AuthoringError;
use host_base::shell::word;
use host_base::{Author, Failure, Hint, Problem, text};
use host_driver::OpsError;
use host_installed::PluginError;
use host_store::StoreError;

/// Where bugs are reported.
const REPORTS: &str = match env!("CARGO_PKG_REPOSITORY") {
    url if !url.is_empty() => url,
    _ => "in the issues of kubectl-broker",
};

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum CliError {
    #[error(transparent)]
    Ops(Box<OpsError>),
    #[error(transparent)]
    Plugin(Box<PluginError>),
    #[error(transparent)]
    Authoring(Box<AuthoringError>),
    #[error(transparent)]
    Store(Box<StoreError>),
    #[error("which store? {}", stores_of(known))]
    WhichStore { known: Vec<String> },
    #[error("nothing was done: {doing} needs a confirmation")]
    Unconfirmed { doing: String },
    #[error("this user has no home folder, so there is no place for the configuration")]
    NoHome,
    #[error("the result can't be written: {0}")]
    Output(#[from] io::Error),
    #[error("the process can't start its workers: {0}")]
    Runtime(io::Error),
    #[error("{problem}. Please either:\n{}", choices.iter().map(|choice| format!("- {choice}")).collect::<Vec<_>>().join("\n"))]
    Conflict {
        problem: String,
        choices: Vec<String>,
    },
    #[error("{problem}")]
    Line { problem: String, usage: String },
    #[error("which backup? Give {flags}")]
    Which { flags: &'static str },
    #[error("no password can be read from {from}: {source}")]
    Password { from: String, source: io::Error },
    #[error("--{flag}: {} can't be read: {source}", path.display())]
    TextFile {
        flag: String,
        path: PathBuf,
        source: io::Error,
    },
    #[error("{} can't be written: {source}", text::printable(&path.to_string_lossy(), 1000))]
    Audit { path: PathBuf, source: io::Error },
    /// The result on stdout already says it, in every format: no error is shown.
    #[error("the result was shown")]
    Said(Failure),
    #[error(
        "{} is no object that this version understands: {reason}",
        text::printable(object, 300)
    )]
    BadObject { object: String, reason: String },
    #[error("the attempt took longer than spec.timeout ({timeout})")]
    RunTimedOut { timeout: String },
    #[error(
        "an earlier attempt sent the restore, and did not learn whether it began; it is never sent twice"
    )]
    RestoreUnknown,
    #[error(
        "copy {} in store {store} is not good: {problem}",
        text::printable(reference, 300)
    )]
    BadCopy {
        reference: String,
        store: String,
        problem: String,
    },
    #[error("{count} copies in store {store} are not good. The first: {first}")]
    BadCopies {
        store: String,
        count: usize,
        first: String,
    },
    #[error("the test of store {store} failed at step {step}: {problem}")]
    BadStore {
        store: String,
        step: String,
        problem: String,
        failure: Failure,
        hint: Option<String>,
    },
    #[error("stopped")]
    Interrupted {
        /// The work that goes on, or the way to go on.
        next: Option<String>,
    },
    #[error("this is a bug of kubectl-broker {}: `{during}` crashed at {place}: {message}", env!("CARGO_PKG_VERSION"))]
    Bug {
        message: String,
        place: String,
        /// The command, without its arguments.
        during: String,
        has_backtrace: bool,
    },
}

impl From<OpsError> for CliError {
    fn from(error: OpsError) -> Self {
        Self::Ops(Box::new(error))
    }
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        Self::Store(Box::new(error))
    }
}

impl CliError {
    /// Returns true if work on another item will fail in the same way, because the store can't be used.
    pub(super) fn concerns_all(&self) -> bool {
        match self {
            Self::Ops(error) => error.concerns_all(),
            Self::Store(error) => error.concerns_all(),
            _ => false,
        }
    }
}

fn stores_of(known: &[String]) -> String {
    match known {
        [] => "There is none".to_owned(),
        known => format!("The stores are {}", known.join(", ")),
    }
}

impl From<PluginError> for CliError {
    fn from(error: PluginError) -> Self {
        Self::Plugin(Box::new(error))
    }
}

impl From<AuthoringError> for CliError {
    fn from(error: AuthoringError) -> Self {
        Self::Authoring(Box::new(error))
    }
}

impl Problem for CliError {
    fn failure(&self) -> Failure {
        match self {
            Self::Ops(error) => error.failure(),
            Self::Plugin(error) => error.failure(),
            Self::Authoring(error) => error.failure(),
            Self::Store(error) => error.failure(),
            Self::Output(_) | Self::Runtime(_) | Self::Audit { .. } | Self::Bug { .. } => {
                Failure::Failed
            }
            Self::WhichStore { .. }
            | Self::Unconfirmed { .. }
            | Self::NoHome
            | Self::Conflict { .. }
            | Self::Line { .. }
            | Self::Which { .. }
            | Self::Password { .. }
            | Self::TextFile { .. }
            | Self::BadObject { .. } => Failure::Usage,
            Self::RunTimedOut { .. } => Failure::TimedOut,
            Self::RestoreUnknown => Failure::Conflict,
            Self::BadCopy { .. } | Self::BadCopies { .. } => Failure::Integrity,
            Self::BadStore { failure, .. } | Self::Said(failure) => *failure,
            Self::Interrupted { .. } => Failure::Interrupted,
        }
    }

    fn advice(&self) -> Option<String> {
        match self {
            Self::Ops(error) => error.advice(),
            Self::Plugin(error) => error.advice(),
            Self::Authoring(error) => error.advice(),
            Self::Store(error) => error.advice(),
            Self::WhichStore { known } if known.is_empty() => Some(
                "Add one with `kubectl broker store add NAME ADDRESS`, or give its address".to_owned(),
            ),
            Self::WhichStore { .. } => Some("Give the name of one of them".to_owned()),
            Self::Unconfirmed { .. } => Some("Confirm with `--yes`".to_owned()),
            Self::NoHome => Some("Set HOME".to_owned()),
            Self::Output(_) => {
                Some("Check where stdout goes: is its disk full, or is it closed?".to_owned())
            }
            Self::Runtime(_) => Some("Check the limits of the system (`ulimit -a`)".to_owned()),
            Self::Which { .. } => Some("On a terminal there is a menu of backups".to_owned()),
            Self::Password { .. } => Some("Check the file, or the input of the pipe".to_owned()),
            Self::TextFile { .. } => {
                Some("Give a text file of at most 1 MiB, or `-` for standard input".to_owned())
            }
            Self::Audit { .. } => Some("Give `--audit` a writable file".to_owned()),
            Self::BadObject { .. } => Some(
                "Install the definitions of this version: kubectl apply -f deploy/operator/crds.yaml".to_owned(),
            ),
            Self::RunTimedOut { .. } => Some(
                "Raise spec.timeout; the next attempt goes on with what the backend does".to_owned(),
            ),
            Self::RestoreUnknown => Some(
                "Look at the target; if nothing was restored, create another Restore".to_owned(),
            ),
            Self::BadCopy { reference, store, .. } => Some(format!(
                "Keep the copy for a look, and make another backup; see it with `kubectl broker store verify backupstore/{store} {}`",
                word(reference)
            )),
            Self::BadCopies { store, .. } => Some(format!(
                "See all with `kubectl broker store ls backupstore/{store} --all`"
            )),
            Self::BadStore { hint, .. } => hint.clone(),
            Self::Interrupted { next } => next.clone(),
            Self::Bug { has_backtrace, .. } => Some(format!(
                "Report it with this text and the command ({REPORTS}){}",
                if *has_backtrace {
                    ""
                } else {
                    ". Run the same command with `RUST_BACKTRACE=1` before it, and add the backtrace"
                }
            )),
            Self::Line { usage, .. } => Some(usage.clone()),
            Self::Conflict { .. } | Self::Said(_) => None,
        }
    }

    fn written_by(&self) -> Option<&str> {
        match self {
            Self::Ops(error) => error.written_by(),
            Self::Plugin(error) => error.written_by(),
            Self::Authoring(error) => error.written_by(),
            _ => None,
        }
    }

    fn advisor(&self) -> Author {
        match self {
            Self::Ops(error) => error.advisor(),
            Self::Plugin(error) => error.advisor(),
            Self::Authoring(error) => error.advisor(),
            _ => Author::Host,
        }
    }

    /// Returns the hint of the error below, which may have several authors.
    fn hint(&self) -> Option<Hint> {
        match self {
            Self::Ops(error) => error.hint(),
            Self::Plugin(error) => error.hint(),
            Self::Authoring(error) => error.hint(),
            _ => Some(Hint::new(self.advice()?, self.advisor())),
        }
    }

    fn is_whole(&self) -> bool {
        match self {
            Self::Plugin(error) => error.is_whole(),
            _ => false,
        }
    }
}

#[cfg(test)]
mod messages;
