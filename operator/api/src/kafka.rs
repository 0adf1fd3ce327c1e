//! The kinds of `kafka.oso.sh/v1alpha1`: backups of Kafka, restores, and offsets of consumer groups.
//!
//! Names, defaults, columns and fields of the status are those of kafka-backup-operator, so its objects are taken over as
//! they are. The specs are those of the worker (`kafka_spec`), and so are the rules for them. A status has no field that
//! kafka-backup-operator's definitions lack: the API server would drop it where those are installed.

mod backup;
mod offsets;
mod restore;
mod validation;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use backup::{KafkaBackup, KafkaBackupSpec, KafkaBackupStatus};
pub use offsets::{
    GroupResult, KafkaOffsetReset, KafkaOffsetResetSpec, KafkaOffsetResetStatus,
    KafkaOffsetRollback, KafkaOffsetRollbackSpec, KafkaOffsetRollbackStatus, Verification,
};
pub use restore::{KafkaRestore, KafkaRestoreSpec, KafkaRestoreStatus, RollbackRecord};
pub use validation::{
    CheckResult, KafkaBackupValidation, KafkaBackupValidationSpec, KafkaBackupValidationStatus,
};

/// The phases of the objects. A status keeps them as text, because kafka-backup-operator may have written another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KafkaPhase {
    /// The object is valid, and nothing is under way.
    Ready,
    /// A Job works for the object.
    Running,
    /// The work is complete.
    Completed,
    /// Only a part of the work was done.
    PartiallyCompleted,
    /// The work failed, or the object is not valid.
    Failed,
    /// A restore failed, and its consumer groups have their offsets again.
    RolledBack,
}

impl KafkaPhase {
    const ALL: [Self; 6] = [
        Self::Ready,
        Self::Running,
        Self::Completed,
        Self::PartiallyCompleted,
        Self::Failed,
        Self::RolledBack,
    ];

    /// Returns the name, as it stands in objects.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ready => "Ready",
            Self::Running => "Running",
            Self::Completed => "Completed",
            Self::PartiallyCompleted => "PartiallyCompleted",
            Self::Failed => "Failed",
            Self::RolledBack => "RolledBack",
        }
    }

    /// Returns the phase of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|phase| phase.name() == name)
    }

    /// Returns whether the work has ended.
    #[must_use]
    pub const fn has_ended(self) -> bool {
        !matches!(self, Self::Ready | Self::Running)
    }
}

/// A condition of an object. Unlike other conditions, it may lack a reason and a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KafkaCondition {
    /// The subject of the condition.
    #[serde(rename = "type")]
    pub type_: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// When the status changed.
    pub last_transition_time: Timestamp,
    /// The reason in one word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The reason for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl KafkaCondition {
    /// The only type of conditions.
    pub const READY: &'static str = "Ready";

    /// Returns the condition `Ready`.
    #[must_use]
    pub fn ready(holds: bool, reason: &str, message: &str, now: Timestamp) -> Self {
        Self {
            type_: Self::READY.to_owned(),
            status: if holds { "True" } else { "False" }.to_owned(),
            last_transition_time: now,
            reason: Some(reason.to_owned()),
            message: Some(message.to_owned()).filter(|it| !it.is_empty()),
        }
    }

    /// Replaces the condition of the same type, and keeps the time of its last change if its status is the same.
    pub fn set(self, conditions: &mut Vec<Self>) {
        match conditions.iter_mut().find(|it| it.type_ == self.type_) {
            Some(old) => {
                let since = if old.status == self.status {
                    old.last_transition_time
                } else {
                    self.last_transition_time
                };
                *old = Self {
                    last_transition_time: since,
                    ..self
                };
            }
            None => conditions.push(self),
        }
    }
}

/// Makes the spec of a kind one with the worker's.
macro_rules! is_spec {
    ($spec:ty, $worker:ty) => {
        impl std::ops::Deref for $spec {
            type Target = $worker;

            fn deref(&self) -> &Self::Target {
                &self.0
            }
        }
    };
}
pub(crate) use is_spec;

#[cfg(test)]
mod tests;
