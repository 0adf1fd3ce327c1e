//! KafkaRestore.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kafka_spec::{RestoreSpec, rules};
use kube::ResourceExt as _;
use operator_api::{KafkaBackup, KafkaPhase, KafkaRestore, KafkaRestoreStatus};

use super::input::Input;
use super::mirror::{self, End, Outcome, State as Ended};
use super::needs::{Access, Needs};
use super::numbers::{KafkaNumbers, Lasted, OfObject};
use super::plan::{Command, Plan, WorkerSettings};
use super::step::{Act, Agendas, Frame, Kind, References, Related};
use super::{LEFT_RUNNING, Next, RUNNING, Refusal, once, set_of};
use crate::wakes::Wakes;

/// Returns why a restore can't begin, as far as its spec says.
fn refusal(spec: &RestoreSpec) -> Option<Refusal> {
    let mut problems = rules::restore(spec, rules::Names::Fields);
    problems.extend(needs(spec, None).problems());
    Refusal::invalid(&problems)
}

/// Returns why a restore that another operator has begun is not taken up. It left no notes, so a second one would write its
/// records twice.
fn left_running(status: &KafkaRestoreStatus) -> Option<Refusal> {
    let is_running = status.phase.as_deref() == Some(KafkaPhase::Running.name());
    let is_own = status
        .conditions
        .iter()
        .any(|it| it.reason.as_deref() == Some(RUNNING));
    (is_running && !is_own).then(|| Refusal {
        reason: LEFT_RUNNING,
        message: "another operator began this restore and did not end it, so its topics may have a part of the records; \
                  empty them and create a KafkaRestore with another name"
            .to_owned(),
    })
}

/// Decides about a restore.
pub(super) fn next(object: &KafkaRestore) -> Next {
    let status = object.status.as_ref();
    if let Some(refusal) = status.and_then(left_running) {
        return Next::Refuse(refusal);
    }
    let phase = status.and_then(|it| it.phase.as_deref());
    let observed = status.and_then(|it| it.observed_generation);
    once(object, phase, observed, || refusal(&object.spec))
}

fn needs(spec: &RestoreSpec, backup: Option<&KafkaBackup>) -> Needs {
    let mut needs = Needs::default();
    needs.cluster(&spec.kafka_cluster);
    // A restore without a folder for notes would keep them beside the set.
    needs.set(
        &spec.backup_ref,
        backup.map(|it| &it.spec.storage),
        Access::Read,
    );
    let rollback = spec.rollback.as_ref();
    needs.place(rollback.and_then(|it| it.snapshot_storage.as_ref()));
    needs
}

/// Returns the Job of a restore.
pub(super) fn plan(
    object: &KafkaRestore,
    job: &str,
    backup: Option<&KafkaBackup>,
    owner: OwnerReference,
    settings: &WorkerSettings,
) -> Result<Plan, Refusal> {
    let spec = &object.spec;
    let backup_id = set_of(&spec.backup_ref, backup)?;
    let needs = needs(spec, backup).checked()?;
    Ok(Plan {
        name: job.to_owned(),
        namespace: object.namespace().unwrap_or_default(),
        owner,
        command: Command::Restore,
        input: Input::new(object, spec, backup)?,
        backup_id,
        needs,
        // The next attempt goes on at the record where this one stopped, and must find the snapshot of the offsets.
        state: Some(settings.state()),
        is_endless: false,
        is_suspended: false,
    })
}

/// Notes the end of a restore.
pub(super) fn end(spec: &RestoreSpec, outcome: &Outcome, status: &mut KafkaRestoreStatus) -> End {
    mirror::take(status, &outcome.status);
    let words = outcome.words();
    status.current_topic = None;
    status.eta_ms = None;
    if !spec.dry_run {
        status.start_time = status.start_time.or(outcome.start_time);
        status.completion_time = outcome.completion_time;
    }
    match outcome.state {
        Ended::Complete if spec.dry_run => End::new(KafkaPhase::Completed, "DryRunPassed", words),
        Ended::Complete => End::new(KafkaPhase::Completed, "RestoreSucceeded", words),
        _ if outcome.says("rolledBack") => End::new(KafkaPhase::RolledBack, "RestoreFailed", words),
        Ended::Partial | Ended::Failed | Ended::Interrupted => {
            End::new(KafkaPhase::Failed, "RestoreFailed", words)
        }
    }
}

/// A look at a KafkaRestore, in the words of all kinds.
impl Kind for KafkaRestore {
    type Status = KafkaRestoreStatus;
    const FINALIZER: &'static str = "kafka.oso.sh/restore-finalizer";
    const FAILED: &'static str = "RestoreFailed";

    fn wakes(agendas: &Agendas) -> &Wakes {
        &agendas.restores
    }

    fn known(&self) -> Option<&Self::Status> {
        self.status.as_ref()
    }

    fn frame(status: &mut Self::Status) -> Frame<'_> {
        Frame {
            phase: &mut status.phase,
            message: &mut status.message,
            observed_generation: &mut status.observed_generation,
            conditions: &mut status.conditions,
        }
    }

    fn act(&self, _: Timestamp) -> Act {
        next(self).into()
    }

    fn references(&self) -> References {
        let of = &self.spec.backup_ref;
        References {
            backup: of
                .storage
                .is_none()
                .then(|| (of.namespace.clone(), of.name.clone())),
            ..References::default()
        }
    }

    fn plan(
        &self,
        job: &str,
        _: Timestamp,
        related: &Related,
        owner: OwnerReference,
        settings: &WorkerSettings,
    ) -> Result<Plan, Refusal> {
        plan(self, job, related.backup.as_ref(), owner, settings)
    }

    fn began(status: &Self::Status) -> Option<Timestamp> {
        status.start_time
    }

    fn begin(&self, status: &mut Self::Status, now: Timestamp) {
        // The numbers of an earlier run are no longer true.
        *status = Self::Status {
            start_time: Some(now),
            conditions: std::mem::take(&mut status.conditions),
            ..Self::Status::default()
        };
    }

    fn end(&self, outcome: &Outcome, status: &mut Self::Status) -> End {
        end(&self.spec, outcome, status)
    }

    fn count(&self, numbers: &KafkaNumbers, phase: KafkaPhase, lasted: Lasted, _: &Self::Status) {
        let of = OfObject {
            resource_namespace: self.namespace().unwrap_or_default(),
            name: self.name_any(),
        };
        numbers.end_restore(&of, phase, lasted);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::kafka::mirror::tests::outcome;
    use crate::kafka::plan::tests::{settings, shown};

    fn restore(spec: &Value, status: &Value) -> KafkaRestore {
        let mut all = json!({
            "backupRef": { "name": "nightly", "backupId": "nightly-1", "storage": {
                "storageType": "s3", "s3": { "bucket": "b", "credentialsSecret": { "name": "keys" } },
            }},
            "kafkaCluster": { "bootstrapServers": ["kafka:9092"] },
            "topics": ["orders"], "topicMapping": { "orders": "orders-restored" },
        });
        for (name, value) in spec.as_object().expect("fields") {
            all[name] = value.clone();
        }
        serde_json::from_value(json!({
            "apiVersion": "kafka.oso.sh/v1alpha1", "kind": "KafkaRestore",
            "metadata": { "name": "r", "namespace": "kafka", "generation": 2 },
            "spec": all, "status": status,
        }))
        .expect("a KafkaRestore")
    }

    #[test]
    fn a_restore_runs_once_for_each_spec() {
        let job = "kafkarestore-r-2".to_owned();
        let next_of = |status| next(&restore(&json!({}), &status));
        assert_eq!(next_of(json!({})), Next::Begin(job.clone()));
        let running = |seen| {
            json!({
                "phase": "Running", "observedGeneration": seen,
                "conditions": [{
                    "type": "Ready", "status": "False", "reason": "Running", "lastTransitionTime": "2025-09-06T12:00:00Z",
                }],
            })
        };
        assert_eq!(next_of(running(2)), Next::Follow(job.clone()));
        assert_eq!(next_of(running(1)), Next::Begin(job.clone()));
        for phase in ["Completed", "Failed", "RolledBack"] {
            let ended = |seen| json!({ "phase": phase, "observedGeneration": seen });
            assert_eq!(next_of(ended(2)), Next::Rest, "{phase}");
            assert_eq!(next_of(ended(1)), Next::Begin(job.clone()), "{phase}");
        }
        let foreign = json!({ "phase": "Running", "observedGeneration": 2 });
        let Next::Refuse(refusal) = next_of(foreign) else {
            panic!("it would write its records twice");
        };
        assert!(refusal.is_final());
        let itself = restore(&json!({ "topicMapping": {} }), &json!({}));
        assert!(matches!(next(&itself), Next::Refuse(_)));
    }

    #[test]
    fn the_job_has_the_set_and_the_notes_of_earlier_attempts() {
        let object = restore(
            &json!({ "rollback": { "snapshotStorage": { "pvcName": "snapshots" } } }),
            &json!({}),
        );
        let plan = plan(&object, "j", None, OwnerReference::default(), &settings());
        let job = shown(&plan.expect("a plan"));
        let arguments = job.pointer("/spec/template/spec/containers/0/args");
        assert_eq!(
            arguments.expect("arguments"),
            &json!([
                "restore",
                "--object=/run/kafka/object.json",
                "--backup-id=nightly-1",
                "--secrets=/secrets",
                "--volumes=/volumes",
                "--state=/state",
                "--termination-message=/dev/termination-log",
            ])
        );
    }

    #[test]
    fn the_end_says_whether_groups_have_their_offsets_again() {
        for (state, fields, phase, reason) in [
            (
                "complete",
                json!({}),
                KafkaPhase::Completed,
                "RestoreSucceeded",
            ),
            ("failed", json!({}), KafkaPhase::Failed, "RestoreFailed"),
            ("partial", json!({}), KafkaPhase::Failed, "RestoreFailed"),
            (
                "failed",
                json!({ "rolledBack": true }),
                KafkaPhase::RolledBack,
                "RestoreFailed",
            ),
        ] {
            let mut status = KafkaRestoreStatus {
                current_topic: Some("orders".to_owned()),
                ..KafkaRestoreStatus::default()
            };
            let object = restore(&json!({}), &json!({}));
            let end = end(&object.spec, &outcome(state, &fields), &mut status);
            assert_eq!((end.phase, end.reason), (phase, reason));
            assert_eq!(status.current_topic, None);
            assert!(status.completion_time.is_some());
        }
        let dry = restore(&json!({ "dryRun": true }), &json!({}));
        let mut status = KafkaRestoreStatus::default();
        let end = end(&dry.spec, &outcome("complete", &json!({})), &mut status);
        assert_eq!(end.reason, "DryRunPassed");
        assert_eq!(status.completion_time, None);
    }
}
