//! KafkaBackup.
//!
//! `status.lastScheduleTime` is the start of the last run, and the id of its set is made of it. `status.backupId` is the set of
//! the last run that succeeded, because restores without an id use that one.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kafka_spec::rules;
use kube::ResourceExt as _;
use operator_api::{KafkaBackup, KafkaBackupStatus, KafkaPhase};

use super::input::Input;
use super::mirror::{self, End, Outcome, State as Ended};
use super::needs::{Access, Needs};
use super::numbers::{KafkaNumbers, Lasted, OfObject};
use super::plan::{Command, Plan, State, WorkerSettings};
use super::schedule::{Due, Ticks};
use super::step::{Act, Agendas, Frame, Kind, References, Related};
use super::{Refusal, claims, job_of};
use crate::wakes::Wakes;

const KIND: &str = "KafkaBackup";

/// A run of a KafkaBackup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// When it began. An endless run has none: every one continues the same set.
    pub(super) began: Option<Timestamp>,
    pub(super) backup_id: String,
    pub(super) job: String,
}

/// The next step with a KafkaBackup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Refuse(Refusal),
    /// Note the start in the status, then make the Job.
    Begin(Run),
    /// Follow the Job, or make it again.
    Follow(Run),
    /// Delete old sets, then note that.
    Prune,
    Wait(Timestamp),
    Rest,
}

/// Returns the run that begins at a time.
fn run(object: &KafkaBackup, began: Timestamp) -> Run {
    let name = object.name_any();
    if object.spec.continuous {
        let generation = object.metadata.generation.unwrap_or_default();
        return Run {
            began: None,
            job: job_of(KIND, &name, &format!("continuous-{generation}")),
            backup_id: name,
        };
    }
    let stamp = stamp(began);
    Run {
        began: Some(began),
        job: job_of(KIND, &name, &stamp),
        backup_id: format!("{name}-{stamp}"),
    }
}

/// Returns `20250906-120000`, in UTC: what the upstream operator and retention expect at the end of an id.
pub(super) fn stamp(time: Timestamp) -> String {
    let time = time.to_zoned(TimeZone::UTC);
    time.strftime("%Y%m%d-%H%M%S").to_string()
}

/// Returns why no run of the object may begin.
pub(super) fn refusal(object: &KafkaBackup) -> Option<Refusal> {
    let spec = &object.spec;
    let mut problems = rules::backup(spec, rules::Names::Fields);
    problems.extend(needs(object, Access::Write).problems());
    if let Some(schedule) = &spec.schedule {
        problems.extend(Ticks::read(schedule).err());
        if spec.continuous {
            problems.push("spec.continuous and spec.schedule exclude each other".to_owned());
        }
    }
    let longest = run(object, Timestamp::UNIX_EPOCH).backup_id;
    problems.extend(rules::set_id(&longest).map(|it| format!("metadata.name is too long: {it}")));
    Refusal::invalid(&problems)
}

/// Decides about an object.
pub(super) fn next(object: &KafkaBackup, now: Timestamp) -> Next {
    let status = object.status.clone().unwrap_or_default();
    let phase = status.phase.as_deref().and_then(KafkaPhase::named);
    let is_running = phase == Some(KafkaPhase::Running);
    // A run that has begun ends by the spec with which it began.
    if is_running
        && !object.spec.continuous
        && let Some(began) = status.last_schedule_time
    {
        return Next::Follow(run(object, began));
    }
    if let Some(refusal) = refusal(object) {
        return Next::Refuse(refusal);
    }
    let is_seen = status.observed_generation == object.metadata.generation;
    let has_ended = is_seen && phase.is_some_and(KafkaPhase::has_ended);
    if object.spec.continuous {
        let run = run(object, now);
        return match (is_running, object.spec.suspend || has_ended) {
            // Its Job is suspended with the object, and begins again with it.
            (true, _) => Next::Follow(run),
            (false, true) => Next::Rest,
            (false, false) => Next::Begin(run),
        };
    }
    if must_prune(object, &status) {
        return Next::Prune;
    }
    if object.spec.suspend {
        return Next::Rest;
    }
    let ticks = object.spec.schedule.as_deref().map(Ticks::read);
    if let Some(Ok(ticks)) = ticks {
        let created = object.metadata.creation_timestamp.as_ref();
        let last = status.last_schedule_time.or(created.map(|it| it.0));
        return match ticks.due(last.unwrap_or(now), now) {
            Due::Now => Next::Begin(run(object, now)),
            Due::At(tick) => Next::Wait(tick),
            Due::Never => Next::Rest,
        };
    }
    if has_ended {
        return Next::Rest;
    }
    Next::Begin(run(object, now))
}

/// Returns whether the last backup was followed by no look for old sets.
fn must_prune(object: &KafkaBackup, status: &KafkaBackupStatus) -> bool {
    let is_complete = status.phase.as_deref() == Some(KafkaPhase::Completed.name());
    object.spec.retention.enabled
        && is_complete
        && status.last_backup_time.is_some()
        && status.last_retention_time < status.last_backup_time
}

fn needs(object: &KafkaBackup, access: Access) -> Needs {
    let spec = &object.spec;
    let mut needs = Needs::default();
    needs.cluster(&spec.kafka_cluster);
    needs.storage(&spec.storage, access);
    needs
}

/// Returns the Job of a run.
pub(super) fn plan(
    object: &KafkaBackup,
    run: &Run,
    owner: OwnerReference,
    settings: &WorkerSettings,
) -> Result<Plan, Refusal> {
    let spec = &object.spec;
    let place = spec.checkpoint.storage.as_ref();
    let place = place.filter(|_| spec.checkpoint.enabled).map(|it| State {
        claim: it.pvc_name.clone(),
        sub_path: it.sub_path.clone(),
    });
    // A run with an end is resumed by the id of its set.
    let state = place.or_else(|| spec.continuous.then(|| settings.state()));
    Ok(Plan {
        name: run.job.clone(),
        namespace: object.namespace().unwrap_or_default(),
        owner,
        command: Command::Backup,
        input: Input::new(object, spec, None)?,
        backup_id: Some(run.backup_id.clone()),
        needs: needs(object, Access::Write),
        state,
        is_endless: spec.continuous,
        is_suspended: spec.continuous && spec.suspend,
    })
}

/// Returns the Job that deletes old sets after the last backup.
pub(super) fn prune(object: &KafkaBackup, owner: OwnerReference) -> Result<Plan, Refusal> {
    let status = object.status.as_ref();
    let last = status.and_then(|it| it.last_backup_time);
    let word = format!("{}-prune", stamp(last.unwrap_or_default()));
    let mut needs = Needs::default();
    needs.storage(&object.spec.storage, Access::Write);
    Ok(Plan {
        name: job_of(KIND, &object.name_any(), &word),
        namespace: object.namespace().unwrap_or_default(),
        owner,
        command: Command::Prune,
        input: Input::new(object, &object.spec, None)?,
        backup_id: None,
        needs,
        state: None,
        is_endless: false,
        is_suspended: false,
    })
}

/// Notes the end of a run.
pub(super) fn end(run: &Run, outcome: &Outcome, status: &mut KafkaBackupStatus) -> End {
    mirror::take(status, &outcome.status);
    let words = outcome.words();
    let end = match outcome.state {
        Ended::Complete => End::new(KafkaPhase::Completed, "BackupSucceeded", words),
        // The set has all that Kafka still had. Such a run is no success, and its set can be restored.
        Ended::Partial => End::new(KafkaPhase::Failed, "BackupPartial", words),
        Ended::Failed | Ended::Interrupted => End::new(KafkaPhase::Failed, "BackupFailed", words),
    };
    if matches!(outcome.state, Ended::Complete | Ended::Partial) {
        status.backup_id = Some(run.backup_id.clone());
        status.resumable = Some(false);
    }
    if outcome.state == Ended::Complete {
        status.last_backup_time = outcome.completion_time;
    }
    end
}

/// Notes the end of a look for old sets. A failure is no failure of the backup.
pub(super) fn end_of_prune(outcome: &Outcome, status: &mut KafkaBackupStatus, now: Timestamp) {
    mirror::take(status, &outcome.status);
    status.last_retention_time = Some(now);
    let is_complete = outcome.state == Ended::Complete;
    status.retention_error = (!is_complete).then(|| outcome.words());
}

/// A look at a KafkaBackup, in the words of all kinds.
impl Kind for KafkaBackup {
    type Status = KafkaBackupStatus;
    const FINALIZER: &'static str = "kafka.oso.sh/backup-finalizer";
    const FAILED: &'static str = "BackupFailed";

    fn wakes(agendas: &Agendas) -> &Wakes {
        &agendas.backups
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
        match next(self, now) {
            Next::Refuse(refusal) => Act::Refuse(refusal),
            Next::Begin(run) => Act::Begin(run.job),
            Next::Follow(run) => Act::Follow(run.job),
            Next::Prune => Act::Tidy,
            Next::Wait(tick) => Act::Wait(tick),
            Next::Rest => Act::Rest,
        }
    }

    fn references(&self) -> References {
        References::default()
    }

    fn plan(
        &self,
        _: &str,
        began: Timestamp,
        _: &Related,
        owner: OwnerReference,
        settings: &WorkerSettings,
    ) -> Result<Plan, Refusal> {
        plan(self, &run(self, began), owner, settings)
    }

    fn began(status: &Self::Status) -> Option<Timestamp> {
        status.last_schedule_time
    }

    fn begin(&self, status: &mut Self::Status, now: Timestamp) {
        status.last_schedule_time = Some(now);
        status.checkpoint_enabled = Some(self.spec.checkpoint.enabled);
        status.resumable = Some(true);
        status.records_processed = None;
        status.bytes_processed = None;
        status.segments_completed = None;
        status.last_checkpoint_time = None;
        status.throughput_records_per_sec = None;
        status.throughput_bytes_per_sec = None;
        if self.spec.continuous {
            // Its set has no end, and can be restored at any time.
            status.backup_id = Some(run(self, now).backup_id);
        }
    }

    fn end(&self, outcome: &Outcome, status: &mut Self::Status) -> End {
        let began = status.last_schedule_time.unwrap_or_default();
        end(&run(self, began), outcome, status)
    }

    fn count(
        &self,
        numbers: &KafkaNumbers,
        phase: KafkaPhase,
        lasted: Lasted,
        status: &Self::Status,
    ) {
        let of = OfObject {
            resource_namespace: self.namespace().unwrap_or_default(),
            name: self.name_any(),
        };
        numbers.end_backup(&of, phase, lasted, status);
    }

    fn is_suspended(&self) -> bool {
        self.spec.suspend
    }

    fn note_tick(status: &mut Self::Status, tick: Timestamp) {
        status.next_scheduled_backup = Some(tick);
    }

    fn claims(&self, namespace: &str) -> Vec<PersistentVolumeClaim> {
        let claim = claims::of_storage(&self.spec.storage, namespace);
        claim.into_iter().collect()
    }

    fn tidy(&self, owner: OwnerReference) -> Option<Result<Plan, Refusal>> {
        Some(prune(self, owner))
    }

    fn end_tidy(&self, outcome: Result<&Outcome, &str>, status: &mut Self::Status, now: Timestamp) {
        match outcome {
            Ok(outcome) => end_of_prune(outcome, status, now),
            Err(problem) => {
                status.last_retention_time = Some(now);
                status.retention_error = Some(problem.to_owned());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::kafka::mirror::tests::outcome;
    use crate::kafka::plan::tests::{settings, shown};

    const NOON: &str = "2025-09-06T12:00:00Z";

    fn time(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn backup(spec: &Value, status: &Value) -> KafkaBackup {
        let mut all = json!({
            "kafkaCluster": { "bootstrapServers": ["kafka:9092"] }, "topics": ["orders"],
            "storage": { "pvc": { "claimName": "backups" } },
        });
        for (name, value) in spec.as_object().expect("fields") {
            all[name] = value.clone();
        }
        serde_json::from_value(json!({
            "apiVersion": "kafka.oso.sh/v1alpha1", "kind": "KafkaBackup",
            "metadata": { "name": "nightly", "namespace": "kafka", "generation": 2, "uid": "u",
                "creationTimestamp": "2025-09-06T10:00:00Z" },
            "spec": all, "status": status,
        }))
        .expect("a KafkaBackup")
    }

    fn next_of(spec: &Value, status: &Value) -> Next {
        next(&backup(spec, status), time(NOON))
    }

    fn begins(next: &Next) -> bool {
        matches!(next, Next::Begin(run) if run.backup_id == "nightly-20250906-120000")
    }

    #[test]
    fn a_backup_without_a_schedule_runs_once_for_each_spec() {
        assert!(begins(&next_of(&json!({}), &json!({}))));
        for phase in ["Completed", "Failed"] {
            let seen = json!({ "phase": phase, "observedGeneration": 2 });
            assert_eq!(next_of(&json!({}), &seen), Next::Rest, "{phase}");
            let changed = json!({ "phase": phase, "observedGeneration": 1 });
            assert!(begins(&next_of(&json!({}), &changed)), "{phase}");
        }
        let ready = json!({ "phase": "Ready", "observedGeneration": 2 });
        assert!(begins(&next_of(&json!({}), &ready)));
        assert_eq!(next_of(&json!({ "suspend": true }), &json!({})), Next::Rest);
    }

    #[test]
    fn a_run_that_has_begun_goes_on_with_its_set_whatever_the_spec_says_now() {
        let status = json!({
            "phase": "Running", "lastScheduleTime": "2025-09-06T11:30:00.7Z", "backupId": "nightly-20250905-113000",
        });
        for spec in [
            json!({}),
            json!({ "suspend": true }),
            json!({ "topics": [] }),
        ] {
            let Next::Follow(run) = next_of(&spec, &status) else {
                panic!("it is not followed: {spec}");
            };
            assert_eq!(run.backup_id, "nightly-20250906-113000");
            assert_eq!(run.job, "kafkabackup-nightly-20250906-113000");
        }
    }

    #[test]
    fn a_schedule_decides_from_the_last_run_or_the_creation() {
        let hourly = json!({ "schedule": "0 0 * * * *" });
        assert!(begins(&next_of(&hourly, &json!({}))), "created at 10:00");
        let last =
            json!({ "phase": "Completed", "lastScheduleTime": NOON, "observedGeneration": 2 });
        assert_eq!(
            next_of(&hourly, &last),
            Next::Wait(time("2025-09-06T13:00:00Z"))
        );
        let suspended = json!({ "schedule": "0 0 * * * *", "suspend": true });
        assert_eq!(next_of(&suspended, &json!({})), Next::Rest);
        let Next::Refuse(refusal) = next_of(&json!({ "schedule": "0 2 * * *" }), &json!({})) else {
            panic!("5 fields are no schedule");
        };
        assert_eq!(refusal.reason, "ValidationFailed");
    }

    #[test]
    fn a_continuous_backup_has_one_set_and_a_job_that_is_suspended_with_it() {
        let spec = json!({ "continuous": true });
        let Next::Begin(run) = next_of(&spec, &json!({})) else {
            panic!("it does not begin");
        };
        assert_eq!(run.backup_id, "nightly");
        let failed = json!({ "phase": "Failed", "observedGeneration": 2 });
        assert_eq!(next_of(&spec, &failed), Next::Rest, "its Job gave up");
        let suspended = backup(
            &json!({ "continuous": true, "suspend": true }),
            &json!({ "phase": "Running" }),
        );
        let Next::Follow(run) = next(&suspended, time(NOON)) else {
            panic!("it is not followed");
        };
        let plan = plan(&suspended, &run, OwnerReference::default(), &settings()).expect("a plan");
        let job = shown(&plan);
        assert_eq!(job["spec"]["suspend"], true);
        assert_eq!(plan.state.expect("notes").claim, "kafka-state");
    }

    #[test]
    fn old_sets_are_looked_for_once_after_each_complete_backup() {
        let spec = json!({ "retention": { "enabled": true, "keepLast": 3 } });
        let mut status =
            json!({ "phase": "Completed", "observedGeneration": 2, "lastBackupTime": NOON });
        assert_eq!(next_of(&spec, &status), Next::Prune);
        let object = backup(&spec, &status);
        let job = prune(&object, OwnerReference::default()).expect("a plan");
        assert_eq!(job.name, "kafkabackup-nightly-20250906-120000-prune");
        let mut known = object.status.expect("a status");
        let failed = outcome("failed", &json!({ "retentionDeletedBackups": 1 }));
        end_of_prune(&failed, &mut known, time("2025-09-06T12:01:00Z"));
        assert_eq!(known.retention_error.as_deref(), Some("words"));
        assert_eq!(known.retention_deleted_backups, Some(1));
        assert_eq!(known.phase.as_deref(), Some("Completed"));
        status = serde_json::to_value(known).expect("JSON");
        assert_eq!(next_of(&spec, &status), Next::Rest);
    }

    #[test]
    fn only_a_run_that_ended_well_changes_the_set_that_restores_use() {
        let object = backup(&json!({}), &json!({}));
        let run = run(&object, time(NOON));
        for (state, phase, reason, is_new) in [
            ("complete", KafkaPhase::Completed, "BackupSucceeded", true),
            ("partial", KafkaPhase::Failed, "BackupPartial", true),
            ("failed", KafkaPhase::Failed, "BackupFailed", false),
            ("interrupted", KafkaPhase::Failed, "BackupFailed", false),
        ] {
            let mut status = KafkaBackupStatus {
                backup_id: Some("older".to_owned()),
                ..KafkaBackupStatus::default()
            };
            let fields =
                json!({ "backupId": run.backup_id, "recordsProcessed": 7, "resumable": true });
            let end = end(&run, &outcome(state, &fields), &mut status);
            assert_eq!((end.phase, end.reason), (phase, reason));
            let id = if is_new { &*run.backup_id } else { "older" };
            assert_eq!(status.backup_id.as_deref(), Some(id), "{state}");
            assert_eq!(status.records_processed, Some(7));
            assert_eq!(status.resumable, Some(!is_new));
            assert_eq!(status.last_backup_time.is_some(), state == "complete");
        }
    }

    #[test]
    fn a_run_with_an_end_needs_no_notes_and_its_checkpoint_may_have_a_claim() {
        let owner = OwnerReference::default;
        let made = |spec: &Value| {
            let object = backup(spec, &json!({}));
            plan(&object, &run(&object, time(NOON)), owner(), &settings()).expect("a plan")
        };
        assert_eq!(made(&json!({})).state, None);
        let place = json!({ "checkpoint": { "storage": { "pvcName": "notes", "subPath": "a" } } });
        let state = made(&place).state.expect("notes");
        assert_eq!(
            (&*state.claim, state.sub_path.as_deref()),
            ("notes", Some("a"))
        );
    }
}
