//! KafkaOffsetReset.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kafka_spec::{OffsetResetSpec, rules};
use kube::ResourceExt as _;
use operator_api::{KafkaOffsetReset, KafkaOffsetResetStatus, KafkaPhase, KafkaRestore};

use super::input::Input;
use super::mirror::{self, End, Outcome, State as Ended};
use super::needs::{Access, Needs};
use super::numbers::{KafkaNumbers, Lasted};
use super::offset_rollback::volume_of;
use super::plan::{Command, Plan, WorkerSettings};
use super::step::{Act, Agendas, Frame, Kind, References, Related};
use super::{Next, Refusal, once};
use crate::wakes::Wakes;

fn refusal(spec: &OffsetResetSpec) -> Option<Refusal> {
    let mut problems = rules::offset_reset(spec, rules::Names::Fields);
    problems.extend(needs(spec).problems());
    Refusal::invalid(&problems)
}

/// Decides about a change of offsets.
pub(super) fn next(object: &KafkaOffsetReset) -> Next {
    let status = object.status.as_ref();
    let phase = status.and_then(|it| it.phase.as_deref());
    let observed = status.and_then(|it| it.observed_generation);
    once(object, phase, observed, || refusal(&object.spec))
}

fn needs(spec: &OffsetResetSpec) -> Needs {
    let mut needs = Needs::default();
    needs.cluster(&spec.kafka_cluster);
    if let Some(of) = &spec.offset_mapping_ref {
        let claim = of.pvc_name.as_deref();
        if let Some(claim) = claim.or_else(|| volume_of(of.path.as_deref()?)) {
            needs.claim(claim, Access::Read);
        }
    }
    needs
}

/// Returns the name of the KafkaRestore whose mapping is wanted, if the spec has no path.
pub(super) fn restore_name(spec: &OffsetResetSpec) -> Option<&str> {
    let of = spec.offset_mapping_ref.as_ref()?;
    of.restore_name.as_deref().filter(|_| of.path.is_none())
}

/// Returns the spec with the path of the mapping.
fn with_mapping(
    spec: &OffsetResetSpec,
    restore: Option<&KafkaRestore>,
) -> Result<OffsetResetSpec, Refusal> {
    let mut spec = spec.clone();
    if let Some(name) = restore_name(&spec).map(str::to_owned)
        && let Some(of) = &mut spec.offset_mapping_ref
    {
        let status = restore.and_then(|it| it.status.as_ref());
        let path = status.and_then(|it| it.offset_mapping_path.clone());
        of.path = Some(path.ok_or_else(|| Refusal {
            reason: "MappingNotFound",
            message: format!("KafkaRestore {name} has no mapping of offsets"),
        })?);
    }
    Ok(spec)
}

/// Returns the Job of a change of offsets.
pub(super) fn plan(
    object: &KafkaOffsetReset,
    job: &str,
    restore: Option<&KafkaRestore>,
    owner: OwnerReference,
    settings: &WorkerSettings,
) -> Result<Plan, Refusal> {
    let spec = with_mapping(&object.spec, restore)?;
    Ok(Plan {
        name: job.to_owned(),
        namespace: object.namespace().unwrap_or_default(),
        owner,
        command: Command::OffsetReset,
        input: Input::new(object, &spec, None)?,
        backup_id: None,
        needs: needs(&spec).checked()?,
        // A KafkaOffsetRollback finds the snapshot there.
        state: Some(settings.state()),
        is_endless: false,
        is_suspended: false,
    })
}

/// Notes the end of a change of offsets.
pub(super) fn end(
    spec: &OffsetResetSpec,
    outcome: &Outcome,
    status: &mut KafkaOffsetResetStatus,
) -> End {
    mirror::take(status, &outcome.status);
    let words = outcome.words();
    status.start_time = status.start_time.or(outcome.start_time);
    status.completion_time = outcome.completion_time;
    match outcome.state {
        Ended::Complete if spec.dry_run => End::new(KafkaPhase::Completed, "DryRunPassed", words),
        Ended::Complete => End::new(KafkaPhase::Completed, "ResetSucceeded", words),
        Ended::Partial => End::new(KafkaPhase::PartiallyCompleted, "PartialFailure", words),
        Ended::Failed | Ended::Interrupted => End::new(KafkaPhase::Failed, "ResetFailed", words),
    }
}

/// A look at a KafkaOffsetReset, in the words of all kinds.
impl Kind for KafkaOffsetReset {
    type Status = KafkaOffsetResetStatus;
    const FINALIZER: &'static str = "kafka.oso.sh/offset-reset-finalizer";
    const FAILED: &'static str = "ResetFailed";

    fn wakes(agendas: &Agendas) -> &Wakes {
        &agendas.resets
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
        References {
            restore: restore_name(&self.spec).map(str::to_owned),
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
        plan(self, job, related.restore.as_ref(), owner, settings)
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
        let namespace = self.namespace().unwrap_or_default();
        numbers.end_reset(&namespace, phase, lasted);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::kafka::mirror::tests::outcome;
    use crate::kafka::plan::tests::settings;

    fn reset(mapping: &Value) -> KafkaOffsetReset {
        serde_json::from_value(json!({
            "apiVersion": "kafka.oso.sh/v1alpha1", "kind": "KafkaOffsetReset",
            "metadata": { "name": "r", "namespace": "kafka", "generation": 1 },
            "spec": {
                "kafkaCluster": { "bootstrapServers": ["kafka:9092"] }, "consumerGroups": ["billing"],
                "resetStrategy": "from-mapping", "offsetMappingRef": mapping,
            },
        }))
        .expect("a KafkaOffsetReset")
    }

    fn restore(path: &str) -> KafkaRestore {
        serde_json::from_value(json!({
            "apiVersion": "kafka.oso.sh/v1alpha1", "kind": "KafkaRestore", "metadata": { "name": "restored" },
            "spec": { "backupRef": { "name": "b" }, "kafkaCluster": { "bootstrapServers": ["k:1"] } },
            "status": { "offsetMappingPath": path },
        }))
        .expect("a KafkaRestore")
    }

    #[test]
    fn the_mapping_of_a_restore_is_found_by_its_name_with_its_volume() {
        let object = reset(&json!({ "restoreName": "restored" }));
        let made = |restore: Option<&KafkaRestore>| {
            plan(
                &object,
                "j",
                restore,
                OwnerReference::default(),
                &settings(),
            )
        };
        let refusal = made(None).expect_err("no restore");
        assert_eq!(refusal.reason, "MappingNotFound");
        let restore = restore("/volumes/snapshots/a/mapping.json");
        let plan = made(Some(&restore)).expect("a plan");
        let input: Value = serde_json::from_str(&plan.input.object).expect("JSON");
        assert_eq!(
            input["spec"]["offsetMappingRef"]["path"],
            "/volumes/snapshots/a/mapping.json"
        );
        assert_eq!(plan.needs.claims["snapshots"], Access::Read);
    }

    #[test]
    fn a_part_of_the_groups_is_no_success() {
        let object = reset(&json!({ "path": "mapping.json" }));
        let results = json!({
            "groupsTotal": 2, "groupsReset": 1, "groupsFailed": 1, "duration": "1.23s",
            "groupResults": [
                { "groupId": "billing", "success": true, "partitionsReset": 3 },
                { "groupId": "mail", "success": false, "error": "it has active members" },
            ],
        });
        let mut status = KafkaOffsetResetStatus::default();
        let end = end(&object.spec, &outcome("partial", &results), &mut status);
        assert_eq!(end.phase, KafkaPhase::PartiallyCompleted);
        assert_eq!(status.group_results.len(), 2);
        assert_eq!(status.groups_failed, Some(1));
    }
}
