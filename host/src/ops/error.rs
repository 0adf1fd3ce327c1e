use std::io;
use std::path::PathBuf;

use broker_manifest::Operation;

use crate::cluster::ClusterError;
use crate::engine::EngineError;
use crate::model::{Activity, Failure, Problem, text};

/// Why an operation could not be done.
#[derive(Debug, thiserror::Error)]
pub enum OpsError {
    #[error(transparent)]
    Cluster(Box<ClusterError>),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error("there is no engine `{name}`")]
    UnknownEngine {
        name: String,
        /// The name that was perhaps meant.
        near: Option<String>,
        known: Vec<String>,
    },
    #[error("engine {engine} can't `{operation}`{}", in_its_words(reason.as_deref()))]
    CannotDo {
        engine: String,
        operation: Operation,
        /// What its manifest says about that.
        reason: Option<String>,
        /// The engines that can.
        able: Vec<String>,
    },
    #[error("no engine can `{operation}`")]
    NobodyCan { operation: Operation },
    #[error("the {} {id} ended {}: {state}{}", match activity { Activity::Backup => "backup", Activity::Restore => "restore of" }, if *partly { "with a part missing" } else { "badly" }, because(reason.as_deref()))]
    EndedBadly {
        activity: Activity,
        id: String,
        state: String,
        reason: Option<String>,
        engine: String,
        partly: bool,
    },
    #[error("`--{flag}` takes effect when the backup has ended, and nobody waits for that")]
    NeedsWaiting { flag: String },
    #[error("engine {engine} has no `--{flag}`")]
    NotItsOption { engine: String, flag: String },
    #[error("backup {id} is complete, but what was to be done with it was not: {source}")]
    Unfinished { id: String, source: Box<OpsError> },
    #[error("{id} has not ended within {seconds} s; it goes on in the backend")]
    StillRunning {
        id: String,
        engine: String,
        seconds: u64,
    },
    #[error(
        "the answer was lost ({reason}), and no new backup is to be seen: nothing says whether one was begun"
    )]
    OutcomeUnknown { reason: String, engine: String },
    #[error("nothing was done: {what} needs a confirmation")]
    NotConfirmed { what: String },
    #[error("the credentials of the backend have no {missing}")]
    HalfCredentials { missing: &'static str },
    #[error("the credentials of the backend can't be used: {what}")]
    BadCredentials { what: &'static str },
    #[error("another process of this machine does the same to this target")]
    LockedHere { path: PathBuf },
    #[error("the lock {} can't be used: {source}", path.display())]
    LocalLock { path: PathBuf, source: io::Error },
    #[error("there is no home folder to keep a lock in")]
    NoHome,
    #[error("the system gives no random numbers")]
    NoRandomness,
    #[error("there is no backup that ended well")]
    NothingWhole,
    #[error("a worker of this process ended unexpectedly: {reason}")]
    Worker { reason: String },
}

impl From<ClusterError> for OpsError {
    fn from(error: ClusterError) -> Self {
        Self::Cluster(Box::new(error))
    }
}

/// The reason of a manifest.
fn in_its_words(reason: Option<&str>) -> String {
    reason
        .map(|reason| format!(": {}", text::printable(reason, 300)))
        .unwrap_or_default()
}

fn because(reason: Option<&str>) -> String {
    reason
        .map(|reason| format!(" ({reason})"))
        .unwrap_or_default()
}

impl Problem for OpsError {
    fn failure(&self) -> Failure {
        match self {
            Self::Cluster(error) => error.failure(),
            Self::Engine(error) => error.failure(),
            Self::UnknownEngine { .. } | Self::CannotDo { .. } | Self::NobodyCan { .. } => {
                Failure::Usage
            }
            Self::NothingWhole => Failure::NotFound,
            Self::EndedBadly { partly: true, .. } => Failure::Partial,
            Self::StillRunning { .. } => Failure::TimedOut,
            Self::Unfinished { source, .. } => source.failure(),
            Self::NotConfirmed { .. }
            | Self::NeedsWaiting { .. }
            | Self::NotItsOption { .. }
            | Self::HalfCredentials { .. }
            | Self::BadCredentials { .. } => Failure::Usage,
            Self::LockedHere { .. } => Failure::Conflict,
            Self::EndedBadly { .. }
            | Self::OutcomeUnknown { .. }
            | Self::LocalLock { .. }
            | Self::NoHome
            | Self::NoRandomness
            | Self::Worker { .. } => Failure::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Cluster(error) => error.hint(),
            Self::Engine(error) => error.hint(),
            Self::UnknownEngine {
                near: Some(near), ..
            } => Some(format!("Did you mean `--engine {near}`?")),
            Self::UnknownEngine { known, .. } => {
                Some(format!("Engines that are there: {}", known.join(", ")))
            }
            Self::CannotDo { able, .. } if able.is_empty() => {
                Some("No engine that is installed can".to_owned())
            }
            Self::CannotDo { able, .. } => Some(format!("Engines that can: {}", able.join(", "))),
            Self::NobodyCan { .. } => {
                Some("`kubectl broker engines` shows what each can do".to_owned())
            }
            Self::NothingWhole => Some(
                "`kubectl broker backup list` shows what is there and why it failed".to_owned(),
            ),
            Self::EndedBadly { engine, .. } => Some(format!(
                "`kubectl broker backup list --engine {engine}` shows what is there"
            )),
            Self::NeedsWaiting { .. } => {
                Some("Leave `--wait=false` out; `--timeout` says how long to wait".to_owned())
            }
            Self::NotItsOption { .. } => Some("Leave it out, or choose another engine".to_owned()),
            Self::Unfinished { source, .. } => source.hint(),
            Self::StillRunning { id, engine, .. } => Some(format!(
                "Follow it with `kubectl broker backup status --engine {engine} --id {id}`, or give a longer `--timeout`"
            )),
            Self::OutcomeUnknown { engine, .. } => Some(format!(
                "Look with `kubectl broker backup list --engine {engine}` before you try again"
            )),
            Self::NotConfirmed { .. } => Some(
                "Give `--yes` if you mean it; on a terminal the name of the target is asked for"
                    .to_owned(),
            ),
            Self::HalfCredentials { .. } | Self::BadCredentials { .. } => Some(
                "Give `--username` with `--password-stdin`, `--password-file` or $BROKER_PASSWORD, or name a Secret with `--credentials-secret`"
                    .to_owned(),
            ),
            Self::LockedHere { path } => Some(format!(
                "Wait until it has ended; it holds {}",
                path.display()
            )),
            Self::LocalLock { .. } | Self::NoHome => {
                Some("Set HOME or XDG_STATE_HOME to a folder that can be written to".to_owned())
            }
            Self::NoRandomness => Some("Check that /dev/urandom can be read".to_owned()),
            Self::Worker { .. } => None,
        }
    }
}
