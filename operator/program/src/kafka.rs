//! Kafka: a Job of `broker-kafka-worker` for each run of an object of `kafka.oso.sh`, and what has become of it.
//!
//! The status of an object names its run: the id of the set, or the generation and the time of the start. It is written before
//! the Job is made, and the name of the Job is made of it. So an operator that restarts finds the run, or makes its Job again
//! under the same name. A run that was killed goes on with the same set.

mod backup;
mod claims;
mod input;
mod mirror;
mod needs;
mod numbers;
mod offset_reset;
mod offset_rollback;
mod plan;
mod restore;
mod schedule;
mod standing;
mod step;
mod validation;

use jiff::Timestamp;
use kafka_spec::BackupRef;
use kube::{Resource, ResourceExt as _};
use operator_api::{KafkaBackup, KafkaPhase, job_name};

use step::Act;

pub(crate) use numbers::KafkaNumbers;
pub(crate) use plan::WorkerSettings;
pub(crate) use step::{Kafka, Kind, reconcile};

/// The reason of the condition of an object that breaks a rule.
const VALIDATION_FAILED: &str = "ValidationFailed";
/// The reason of the condition of a restore that another operator has begun.
const LEFT_RUNNING: &str = "LeftRunning";
/// The reason of the condition of an object whose run this operator has begun.
const RUNNING: &str = "Running";

/// Why no Job is made for an object, in one word and for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) reason: &'static str,
    pub(crate) message: String,
}

impl Refusal {
    /// Whether only a change of the object helps. Otherwise another object may come that it refers to.
    fn is_final(&self) -> bool {
        [VALIDATION_FAILED, LEFT_RUNNING].contains(&self.reason)
    }

    fn invalid(problems: &[String]) -> Option<Self> {
        (!problems.is_empty()).then(|| Self {
            reason: VALIDATION_FAILED,
            message: problems.join("; "),
        })
    }
}

/// Returns the name of the Job of a run. A run of an object is known by a word, such as its generation.
fn job_of(kind: &str, object: &str, run: &str) -> String {
    job_name(&kind.to_lowercase(), &format!("{object}-{run}"))
}

/// The next step with an object that works once for each spec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Refuse(Refusal),
    /// Note the start in the status, then make the Job of this name.
    Begin(String),
    /// Follow the Job of this name, or make it again.
    Follow(String),
    Wait(Timestamp),
    Rest,
}

impl From<Next> for Act {
    fn from(next: Next) -> Self {
        match next {
            Next::Refuse(refusal) => Self::Refuse(refusal),
            Next::Begin(job) => Self::Begin(job),
            Next::Follow(job) => Self::Follow(job),
            Next::Wait(tick) => Self::Wait(tick),
            Next::Rest => Self::Rest,
        }
    }
}

/// Decides about an object that works once for each spec. Its Job is named after the generation.
fn once<K: Resource<DynamicType = ()>>(
    object: &K,
    phase: Option<&str>,
    observed: Option<i64>,
    refusal: impl FnOnce() -> Option<Refusal>,
) -> Next {
    let phase = phase.and_then(KafkaPhase::named);
    let is_seen = observed.is_some() && observed == object.meta().generation;
    let generation = object.meta().generation.unwrap_or_default();
    let job = || job_of(&K::kind(&()), &object.name_any(), &generation.to_string());
    match phase {
        Some(KafkaPhase::Running) if is_seen => Next::Follow(job()),
        Some(phase) if is_seen && phase.has_ended() => Next::Rest,
        _ => refusal().map_or_else(|| Next::Begin(job()), Next::Refuse),
    }
}

/// Returns the set of a reference: that of its spec, else the last one of its KafkaBackup.
fn set_of(of: &BackupRef, backup: Option<&KafkaBackup>) -> Result<Option<String>, Refusal> {
    let missing = |message: String| Refusal {
        reason: "BackupNotFound",
        message,
    };
    if of.backup_id.is_some() {
        let is_known = of.storage.is_some() || backup.is_some();
        return if is_known {
            Ok(of.backup_id.clone())
        } else {
            Err(missing(no_backup(of)))
        };
    }
    let Some(backup) = backup else {
        let message = if of.storage.is_some() {
            "spec.backupRef.storage needs spec.backupRef.backupId".to_owned()
        } else {
            no_backup(of)
        };
        return Err(missing(message));
    };
    let id = backup.status.as_ref().and_then(|it| it.backup_id.clone());
    match id {
        Some(id) => Ok(Some(id)),
        None => Err(missing(format!(
            "KafkaBackup {} has no complete set yet; set spec.backupRef.backupId to use another one",
            of.name
        ))),
    }
}

fn no_backup(of: &BackupRef) -> String {
    format!(
        "there is no KafkaBackup {}; set spec.backupRef.storage and backupId to use its sets without it",
        of.name
    )
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn set(of: &Value, backup: Option<&Value>) -> Result<Option<String>, Refusal> {
        let of: BackupRef = serde_json::from_value(of.clone()).expect("a reference");
        let backup = backup.map(|status| -> KafkaBackup {
            serde_json::from_value(json!({
                "apiVersion": "kafka.oso.sh/v1alpha1", "kind": "KafkaBackup", "metadata": { "name": "nightly" },
                "spec": {
                    "kafkaCluster": { "bootstrapServers": ["k:1"] }, "topics": ["a"],
                    "storage": { "pvc": { "claimName": "backups" } },
                },
                "status": status,
            }))
            .expect("a KafkaBackup")
        });
        set_of(&of, backup.as_ref())
    }

    #[test]
    fn a_set_is_that_of_the_spec_or_the_last_one_of_the_backup() {
        let named = json!({ "name": "nightly", "backupId": "nightly-1" });
        let plain = json!({ "name": "nightly" });
        let stored =
            json!({ "name": "x", "backupId": "y", "storage": { "pvc": { "claimName": "b" } } });
        let known = json!({ "backupId": "nightly-2" });
        let id = |text: &str| Ok(Some(text.to_owned()));
        assert_eq!(set(&named, Some(&known)), id("nightly-1"));
        assert_eq!(set(&plain, Some(&known)), id("nightly-2"));
        assert_eq!(set(&stored, None), id("y"));
        for refused in [
            set(&named, None),
            set(&plain, None),
            set(&plain, Some(&json!({ "phase": "Running" }))),
        ] {
            assert_eq!(refused.expect_err("no set").reason, "BackupNotFound");
        }
    }
}
