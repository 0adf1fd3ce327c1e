//! The input of every command, and the outcome that it returns.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use host_base::Failure;
use serde::Serialize;
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use crate::error::{Result, WorkError};
use crate::object::Object;
use crate::output::Output;
use crate::places::Places;

/// The input of every command.
pub struct Work {
    pub object: Object,
    /// The KafkaBackup that the object refers to.
    pub backup: Option<Object>,
    pub places: Places,
    /// A folder that outlives the process, if there is one.
    pub state: Option<PathBuf>,
    pub backup_id: Option<String>,
    pub stop: CancellationToken,
    pub output: Output,
}

/// How the work ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Complete,
    Partial,
    Failed,
    Interrupted,
}

/// The outcome of a command. `status` has the fields of the object's status that the worker knows.
#[derive(Debug)]
pub struct Outcome {
    pub state: State,
    pub failure: Option<Failure>,
    pub message: String,
    pub hint: Option<String>,
    pub warnings: Vec<String>,
    pub status: Map<String, Value>,
}

impl Outcome {
    pub fn complete(message: impl Into<String>, status: Value) -> Self {
        Self {
            state: State::Complete,
            failure: None,
            message: message.into(),
            hint: None,
            warnings: Vec::new(),
            status: fields(status),
        }
    }

    pub fn failed(error: WorkError, status: Value) -> Self {
        let state = match error.failure {
            Failure::Interrupted => State::Interrupted,
            Failure::Partial => State::Partial,
            _ => State::Failed,
        };
        Self {
            state,
            failure: Some(error.failure),
            message: error.message,
            hint: error.hint,
            warnings: Vec::new(),
            status: fields(status),
        }
    }

    #[must_use]
    pub fn with_warnings(mut self, warnings: Vec<String>) -> Self {
        self.warnings.extend(warnings);
        self
    }
}

impl From<WorkError> for Outcome {
    fn from(error: WorkError) -> Self {
        Self::failed(error, Value::Null)
    }
}

fn fields(status: Value) -> Map<String, Value> {
    match status {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

impl Work {
    /// Does something that a signal may stop at any time.
    ///
    /// # Errors
    /// The error of `doing`, or [`Failure::Interrupted`].
    pub async fn stoppable<T>(&self, doing: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(WorkError::interrupted()),
            result = doing => result,
        }
    }

    /// Returns the folder that outlives the process.
    ///
    /// # Errors
    /// When the line names none. `why` says what needs it.
    pub fn state_folder(&self, why: &str) -> Result<&Path> {
        let missing = || {
            WorkError::usage(format!("{why} needs a folder that outlives the process"))
                .with_hint("Pass --state DIR")
        };
        self.state.as_deref().ok_or_else(missing)
    }
}

/// How long work is tried again without getting any further.
const LIMIT: Duration = Duration::from_mins(1);
/// The first pause, and the longest one.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(8));

/// Decides whether work that failed is tried again: a broker may be away for a while.
pub struct Patience {
    since: Instant,
    progress: u64,
    pause: Duration,
}

impl Patience {
    pub fn new() -> Self {
        Self {
            since: Instant::now(),
            progress: 0,
            pause: PAUSES.0,
        }
    }

    /// Waits before the next attempt.
    ///
    /// # Errors
    /// When there should be none: `error`, or [`Failure::Interrupted`].
    pub async fn again(&mut self, work: &Work, error: WorkError, progress: u64) -> Result<()> {
        if progress > self.progress {
            *self = Self {
                progress,
                ..Self::new()
            };
        }
        let may_pass = matches!(error.failure, Failure::Failed | Failure::TimedOut);
        if !may_pass || self.since.elapsed() >= LIMIT {
            return Err(error);
        }
        let pause = self.pause;
        tracing::warn!("{error}; trying again in {} ms", pause.as_millis());
        self.pause = (pause * 2).min(PAUSES.1);
        let waiting = async {
            tokio::time::sleep(pause).await;
            Ok(())
        };
        work.stoppable(waiting).await
    }
}
