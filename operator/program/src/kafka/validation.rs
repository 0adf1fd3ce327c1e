//! KafkaBackupValidation.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kafka_spec::{ValidationSpec, rules};
use kube::ResourceExt as _;
use operator_api::{KafkaBackup, KafkaBackupValidation, KafkaBackupValidationStatus, KafkaPhase};

use super::backup::stamp;
use super::input::Input;
use super::mirror::{self, End, Outcome};
use super::needs::{Access, Needs};
use super::numbers::{KafkaNumbers, Lasted, OfObject};
use super::plan::{Command, Plan, WorkerSettings};
use super::schedule::{Due, Ticks};
use super::step::{Act, Agendas, Frame, Kind, References, Related};
use super::{Next, Refusal, job_of, once, set_of};
use crate::wakes::Wakes;

const KIND: &str = "KafkaBackupValidation";

fn refusal(spec: &ValidationSpec) -> Option<Refusal> {
    let mut problems = rules::validation(spec, rules::Names::Fields);
    problems.extend(needs(spec, None).problems());
    if let Some(schedule) = &spec.schedule {
        problems.extend(Ticks::read(schedule).err());
    }
    Refusal::invalid(&problems)
}

/// Decides about a check. With a schedule, its Job is named after the start in `status.startTime`.
pub(super) fn next(object: &KafkaBackupValidation, now: Timestamp) -> Next {
    let status = object.status.clone().unwrap_or_default();
    let phase = status.phase.as_deref().and_then(KafkaPhase::named);
    let Some(schedule) = &object.spec.schedule else {
        let is_waiting = object.spec.suspend && phase != Some(KafkaPhase::Running);
        if is_waiting {
            return Next::Rest;
        }
        let (phase, observed) = (status.phase.as_deref(), status.observed_generation);
        return once(object, phase, observed, || refusal(&object.spec));
    };
    let job = |began| job_of(KIND, &object.name_any(), &stamp(began));
    if phase == Some(KafkaPhase::Running)
        && let Some(began) = status.start_time
    {
        return Next::Follow(job(began));
    }
    let ticks = match (refusal(&object.spec), Ticks::read(schedule)) {
        (None, Ok(ticks)) => ticks,
        (Some(refusal), _) => return Next::Refuse(refusal),
        (None, Err(problem)) => {
            return Refusal::invalid(&[problem]).map_or(Next::Rest, Next::Refuse);
        }
    };
    if object.spec.suspend {
        return Next::Rest;
    }
    let created = object.metadata.creation_timestamp.as_ref();
    let last = status.start_time.or(created.map(|it| it.0));
    match ticks.due(last.unwrap_or(now), now) {
        Due::Now => Next::Begin(job(now)),
        Due::At(tick) => Next::Wait(tick),
        Due::Never => Next::Rest,
    }
}

fn needs(spec: &ValidationSpec, backup: Option<&KafkaBackup>) -> Needs {
    let mut needs = Needs::default();
    // A report without a storage of its own is written beside the sets.
    let is_written = spec
        .evidence
        .as_ref()
        .is_some_and(|it| it.storage.is_none());
    let access = if is_written {
        Access::Write
    } else {
        Access::Read
    };
    needs.set(&spec.backup_ref, backup.map(|it| &it.spec.storage), access);
    needs.validation(spec);
    needs
}

/// Returns the Job of a check.
pub(super) fn plan(
    object: &KafkaBackupValidation,
    job: &str,
    backup: Option<&KafkaBackup>,
    owner: OwnerReference,
) -> Result<Plan, Refusal> {
    let spec = &object.spec;
    let backup_id = set_of(&spec.backup_ref, backup)?;
    let needs = needs(spec, backup).checked()?;
    Ok(Plan {
        name: job.to_owned(),
        namespace: object.namespace().unwrap_or_default(),
        owner,
        command: Command::Validate,
        input: Input::new(object, spec, backup)?,
        backup_id,
        needs,
        state: None,
        is_endless: false,
        is_suspended: false,
    })
}

/// Notes the end of a check. A check that found damage is complete, and its result is `Fail`.
pub(super) fn end(outcome: &Outcome, status: &mut KafkaBackupValidationStatus) -> End {
    status.validation_result = None;
    mirror::take(status, &outcome.status);
    let words = outcome.words();
    status.completion_time = outcome.completion_time;
    if status.validation_result.is_none() {
        return End::new(KafkaPhase::Failed, "ValidationFailed", words);
    }
    status.last_validation_time = outcome.completion_time;
    End::new(KafkaPhase::Completed, "ValidationCompleted", words)
}

/// A look at a KafkaBackupValidation, in the words of all kinds.
impl Kind for KafkaBackupValidation {
    type Status = KafkaBackupValidationStatus;
    const FINALIZER: &'static str = "kafka.oso.sh/validation-finalizer";
    const FAILED: &'static str = "ValidationFailed";

    fn wakes(agendas: &Agendas) -> &Wakes {
        &agendas.validations
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

    fn act(&self, now: Timestamp) -> Act {
        next(self, now).into()
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
        _: &WorkerSettings,
    ) -> Result<Plan, Refusal> {
        plan(self, job, related.backup.as_ref(), owner)
    }

    fn began(status: &Self::Status) -> Option<Timestamp> {
        status.start_time
    }

    fn begin(&self, status: &mut Self::Status, now: Timestamp) {
        // The numbers of an earlier run are no longer true.
        *status = Self::Status {
            start_time: Some(now),
            conditions: std::mem::take(&mut status.conditions),
            last_validation_time: status.last_validation_time,
            ..Self::Status::default()
        };
    }

    fn end(&self, outcome: &Outcome, status: &mut Self::Status) -> End {
        end(outcome, status)
    }

    fn count(&self, numbers: &KafkaNumbers, phase: KafkaPhase, lasted: Lasted, _: &Self::Status) {
        let of = OfObject {
            resource_namespace: self.namespace().unwrap_or_default(),
            name: self.name_any(),
        };
        numbers.end_validation(&of, phase, lasted);
    }

    fn is_suspended(&self) -> bool {
        self.spec.suspend
    }

    fn note_tick(status: &mut Self::Status, tick: Timestamp) {
        status.next_scheduled_validation = Some(tick);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::kafka::mirror::tests::outcome;

    fn validation(spec: &Value, status: &Value) -> KafkaBackupValidation {
        let mut all = json!({
            "backupRef": { "name": "nightly", "backupId": "nightly-1", "storage": { "pvc": { "claimName": "backups" } } },
            "kafkaCluster": { "bootstrapServers": ["kafka:9092"] }, "checks": { "offsetRange": {} },
        });
        for (name, value) in spec.as_object().expect("fields") {
            all[name] = value.clone();
        }
        serde_json::from_value(json!({
            "apiVersion": "kafka.oso.sh/v1alpha1", "kind": "KafkaBackupValidation",
            "metadata": { "name": "v", "namespace": "kafka", "generation": 1,
                "creationTimestamp": "2025-09-06T10:00:00Z" },
            "spec": all, "status": status,
        }))
        .expect("a KafkaBackupValidation")
    }

    fn time(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[test]
    fn a_schedule_begins_a_check_again_and_again() {
        let hourly = json!({ "schedule": "0 0 * * * *" });
        let now = time("2025-09-06T12:00:00Z");
        let job = "kafkabackupvalidation-v-20250906-120000".to_owned();
        let new = validation(&hourly, &json!({}));
        assert_eq!(next(&new, now), Next::Begin(job.clone()));
        let started = |phase| json!({ "phase": phase, "startTime": "2025-09-06T12:00:00Z", "observedGeneration": 1 });
        let running = validation(&hourly, &started("Running"));
        assert_eq!(next(&running, now), Next::Follow(job));
        let ended = validation(&hourly, &started("Completed"));
        assert_eq!(next(&ended, now), Next::Wait(time("2025-09-06T13:00:00Z")));
        let later = next(&ended, time("2025-09-06T13:00:00Z"));
        assert!(matches!(later, Next::Begin(_)));
    }

    #[test]
    fn a_check_that_is_suspended_does_not_begin() {
        let now = time("2025-09-06T12:00:00Z");
        for spec in [
            json!({ "suspend": true }),
            json!({ "suspend": true, "schedule": "@hourly" }),
        ] {
            assert_eq!(next(&validation(&spec, &json!({})), now), Next::Rest);
        }
        let once = next(&validation(&json!({}), &json!({})), now);
        assert_eq!(once, Next::Begin("kafkabackupvalidation-v-1".to_owned()));
    }

    #[test]
    fn damage_is_a_result_and_a_check_without_one_failed() {
        let mut status = KafkaBackupValidationStatus::default();
        let damaged = json!({
            "validationResult": "Fail", "checksTotal": 2, "checksFailed": 1,
            "checkResults": [{ "checkName": "segments", "outcome": "Failed", "durationMs": 12 }],
        });
        let found = end(&outcome("failed", &damaged), &mut status);
        assert_eq!(
            (found.phase, found.reason),
            (KafkaPhase::Completed, "ValidationCompleted")
        );
        assert_eq!(status.check_results.len(), 1);
        let none = end(&outcome("failed", &json!({})), &mut status);
        assert_eq!(
            (none.phase, none.reason),
            (KafkaPhase::Failed, "ValidationFailed")
        );
        assert_eq!(
            status.validation_result, None,
            "the older result is no longer shown"
        );
    }

    #[test]
    fn a_report_beside_the_sets_needs_a_volume_to_write_to() {
        let claims = |spec: &Value| {
            let object = validation(spec, &json!({}));
            let plan = plan(&object, "j", None, OwnerReference::default());
            plan.expect("a plan").needs.claims
        };
        assert_eq!(claims(&json!({}))["backups"], Access::Read);
        let report = json!({ "evidence": {} });
        assert_eq!(claims(&report)["backups"], Access::Write);
        let elsewhere = json!({ "evidence": { "storage": { "pvc": { "claimName": "reports" } } } });
        let claims = claims(&elsewhere);
        assert_eq!(claims["backups"], Access::Read);
        assert_eq!(claims["reports"], Access::Write);
    }
}
