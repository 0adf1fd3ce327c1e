//! KafkaOffsetRollback.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kafka_spec::{OffsetRollbackSpec, rules};
use kube::ResourceExt as _;
use operator_api::{
    KafkaOffsetReset, KafkaOffsetRollback, KafkaOffsetRollbackStatus, KafkaPhase, KafkaRestore,
};

use super::input::Input;
use super::mirror::{self, End, Outcome, State as Ended};
use super::needs::{Access, Needs};
use super::numbers::{KafkaNumbers, Lasted};
use super::plan::{Command, Plan, WorkerSettings};
use super::step::{Act, Agendas, Frame, Kind, References, Related};
use super::{Next, Refusal, once};
use crate::wakes::Wakes;

fn refusal(spec: &OffsetRollbackSpec) -> Option<Refusal> {
    let mut problems = rules::offset_rollback(spec, rules::Names::Fields);
    problems.extend(needs(spec).problems());
    Refusal::invalid(&problems)
}

/// Decides about a return to a snapshot.
pub(super) fn next(object: &KafkaOffsetRollback) -> Next {
    let status = object.status.as_ref();
    let phase = status.and_then(|it| it.phase.as_deref());
    let observed = status.and_then(|it| it.observed_generation);
    once(object, phase, observed, || refusal(&object.spec))
}

/// Returns the claim in whose folder a path of another pod is.
pub(super) fn volume_of(path: &str) -> Option<&str> {
    let (claim, _) = path.strip_prefix("/volumes/")?.split_once('/')?;
    Some(claim)
}

fn needs(spec: &OffsetRollbackSpec) -> Needs {
    let mut needs = Needs::default();
    needs.cluster(&spec.kafka_cluster);
    let of = &spec.snapshot_ref;
    let claim = of.pvc_name.as_deref();
    if let Some(claim) = claim.or_else(|| volume_of(of.path.as_deref()?)) {
        needs.claim(claim, Access::Read);
    }
    needs
}

/// The objects that took the snapshot, as far as the spec names them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Source<'a> {
    pub(super) restore: Option<&'a KafkaRestore>,
    pub(super) reset: Option<&'a KafkaOffsetReset>,
}

/// Returns the spec with the path of the snapshot. Without a reference, the worker looks for the name in the operator's claim.
fn with_path(spec: &OffsetRollbackSpec, source: Source<'_>) -> Result<OffsetRollbackSpec, Refusal> {
    let mut spec = spec.clone();
    let of = &mut spec.snapshot_ref;
    if of.path.is_some() {
        return Ok(spec);
    }
    let missing = |kind: &str, name: &str| Refusal {
        reason: "SnapshotNotFound",
        message: format!("{kind} {name} has no snapshot of offsets"),
    };
    if let Some(name) = &of.restore_ref {
        let status = source.restore.and_then(|it| it.status.as_ref());
        let snapshot = status.and_then(|it| it.rollback.as_ref());
        let path = snapshot.map(|it| it.snapshot_path.clone());
        of.path = Some(path.ok_or_else(|| missing("KafkaRestore", name))?);
    } else if let Some(name) = &of.offset_reset_ref {
        let status = source.reset.and_then(|it| it.status.as_ref());
        let path = status.and_then(|it| it.snapshot_path.clone());
        of.path = Some(path.ok_or_else(|| missing("KafkaOffsetReset", name))?);
    }
    Ok(spec)
}

/// Returns the Job of a return to a snapshot.
pub(super) fn plan(
    object: &KafkaOffsetRollback,
    job: &str,
    source: Source<'_>,
    owner: OwnerReference,
    settings: &WorkerSettings,
) -> Result<Plan, Refusal> {
    let spec = with_path(&object.spec, source)?;
    Ok(Plan {
        name: job.to_owned(),
        namespace: object.namespace().unwrap_or_default(),
        owner,
        command: Command::OffsetRollback,
        input: Input::new(object, &spec, None)?,
        backup_id: None,
        needs: needs(&spec).checked()?,
        state: Some(settings.state()),
        is_endless: false,
        is_suspended: false,
    })
}

/// Notes the end of a return to a snapshot.
pub(super) fn end(
    spec: &OffsetRollbackSpec,
    outcome: &Outcome,
    status: &mut KafkaOffsetRollbackStatus,
) -> End {
    mirror::take(status, &outcome.status);
    let words = outcome.words();
    status.start_time = status.start_time.or(outcome.start_time);
    status.completion_time = outcome.completion_time;
    match outcome.state {
        Ended::Complete if spec.dry_run => End::new(KafkaPhase::Completed, "DryRunPassed", words),
        Ended::Complete => End::new(KafkaPhase::Completed, "RollbackSucceeded", words),
        Ended::Partial => End::new(KafkaPhase::PartiallyCompleted, "PartialFailure", words),
        Ended::Failed | Ended::Interrupted => End::new(KafkaPhase::Failed, "RollbackFailed", words),
    }
}

/// A look at a KafkaOffsetRollback, in the words of all kinds.
impl Kind for KafkaOffsetRollback {
    type Status = KafkaOffsetRollbackStatus;
    const FINALIZER: &'static str = "kafka.oso.sh/offset-rollback-finalizer";
    const FAILED: &'static str = "RollbackFailed";

    fn wakes(agendas: &Agendas) -> &Wakes {
        &agendas.rollbacks
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
        let of = &self.spec.snapshot_ref;
        References {
            restore: of.restore_ref.clone(),
            reset: of.offset_reset_ref.clone(),
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
        let source = Source {
            restore: related.restore.as_ref(),
            reset: related.reset.as_ref(),
        };
        plan(self, job, source, owner, settings)
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

    fn count(&self, _: &KafkaNumbers, _: KafkaPhase, _: Lasted, _: &Self::Status) {}
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::kafka::mirror::tests::outcome;
    use crate::kafka::plan::tests::settings;

    fn rollback(snapshot: &Value) -> KafkaOffsetRollback {
        serde_json::from_value(json!({
            "apiVersion": "kafka.oso.sh/v1alpha1", "kind": "KafkaOffsetRollback",
            "metadata": { "name": "r", "namespace": "kafka", "generation": 1 },
            "spec": {
                "kafkaCluster": { "bootstrapServers": ["kafka:9092"] }, "snapshotRef": snapshot,
            },
        }))
        .expect("a KafkaOffsetRollback")
    }

    fn path_of(object: &KafkaOffsetRollback, source: Source<'_>) -> Result<Value, Refusal> {
        let owner = OwnerReference::default();
        let plan = plan(object, "j", source, owner, &settings())?;
        let input: Value = serde_json::from_str(&plan.input.object).expect("JSON");
        Ok(input["spec"]["snapshotRef"]["path"].clone())
    }

    #[test]
    fn a_snapshot_is_found_by_the_object_that_took_it() {
        let restore: KafkaRestore = serde_json::from_value(json!({
            "apiVersion": "kafka.oso.sh/v1alpha1", "kind": "KafkaRestore", "metadata": { "name": "a" },
            "spec": { "backupRef": { "name": "b" }, "kafkaCluster": { "bootstrapServers": ["k:1"] } },
            "status": { "rollback": {
                "snapshotId": "s", "snapshotTime": "2025-09-06T12:00:00Z", "rollbackAvailable": true,
                "snapshotPath": "/state/offset-snapshots/s.json",
            }},
        }))
        .expect("a KafkaRestore");
        let of_restore = rollback(&json!({ "name": "s", "restoreRef": "a" }));
        let source = Source {
            restore: Some(&restore),
            reset: None,
        };
        let path = path_of(&of_restore, source).expect("a path");
        assert_eq!(path, "/state/offset-snapshots/s.json");
        let of_reset = rollback(&json!({ "name": "s", "offsetResetRef": "a" }));
        let refusal = path_of(&of_reset, source).expect_err("another object");
        assert_eq!(refusal.reason, "SnapshotNotFound");
        // The worker finds it by its name.
        let named = rollback(&json!({ "name": "s" }));
        assert_eq!(path_of(&named, Source::default()), Ok(Value::Null));
    }

    #[test]
    fn a_path_in_a_volume_names_its_claim() {
        assert_eq!(volume_of("/volumes/snapshots/a/b.json"), Some("snapshots"));
        assert_eq!(volume_of("/state/a.json"), None);
        assert_eq!(volume_of("a.json"), None);
        // It is no name, so the object is refused.
        let stray = rollback(&json!({ "name": "s", "path": "/volumes/../etc/passwd" }));
        assert!(matches!(next(&stray), Next::Refuse(_)));
    }

    #[test]
    fn the_end_has_the_verification() {
        let object = rollback(&json!({ "name": "s" }));
        let mut status = KafkaOffsetRollbackStatus::default();
        let fields = json!({ "groupsRolledBack": 2, "groupsFailed": 0, "verification": {
            "allMatched": true, "totalGroups": 2, "matchedGroups": 2, "mismatchedGroups": [],
        }});
        let end = end(&object.spec, &outcome("complete", &fields), &mut status);
        assert_eq!(end.reason, "RollbackSucceeded");
        assert!(status.verification.expect("it").all_matched);
    }
}
