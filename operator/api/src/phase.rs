use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Condition;

/// The steps of a run.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum Phase {
    /// It waits for a free place.
    #[default]
    Queued,
    /// Its Job exists, and no pod works yet.
    Starting,
    /// A pod works on it.
    Running,
    /// It is complete.
    Succeeded,
    /// It failed for good.
    Failed,
    /// Its node or its pod was lost, and nothing says how it ended.
    Lost,
}

impl Phase {
    /// Returns whether the run has ended. Such a phase never changes.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Lost)
    }

    /// Returns the name, as it stands in objects.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queued => "Queued",
            Self::Starting => "Starting",
            Self::Running => "Running",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::Lost => "Lost",
        }
    }
}

/// Why a run or an attempt failed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Fault {
    /// The kind of failure: a code of the program, such as `unreachable`, or one of the operator, such as `OOMKilled`.
    #[schemars(length(max = 64))]
    pub code: String,
    /// The exit code of the program, if it ran to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// The failed step, and the reason.
    #[schemars(length(max = 2048))]
    pub message: String,
    /// The next step for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    pub hint: Option<String>,
}

/// How far a run has come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// The step that is under way, such as `create`, `copy` or `verify`.
    #[schemars(length(max = 64))]
    pub step: String,
    /// Bytes so far, in the steps that move bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<i64>,
    /// Bytes in all, if they are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_bytes: Option<i64>,
    /// When the pod last reported. A pod that does not report for long is lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heartbeat_time: Option<Timestamp>,
}

/// One attempt: one pod of the Job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// Name of the pod.
    #[schemars(length(max = 253))]
    pub pod: String,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Fault>,
}

/// The part of the status that all runs share.
///
/// The operator writes `phase`, `startedAt`, `finishedAt`, `job`, `failure` and
/// `observedGeneration`. The pod writes `attempts` and `progress`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunStatus {
    /// The step of the run. Only the operator writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// The generation of the object that was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Name of the Job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub job: Option<String>,
    /// When the Job was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When the run ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    /// How far it has come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
    /// The attempts, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub attempts: Vec<Attempt>,
    /// Why the run failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Fault>,
    /// The conditions of the run. An object has them in `status.conditions`, where kubectl looks for them.
    #[serde(skip)]
    pub conditions: Vec<Condition>,
}
