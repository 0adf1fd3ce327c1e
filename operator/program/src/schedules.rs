//! Schedules: a Backup for each tick, Jobs for the copies, and the limits of the history.

mod history;
mod upkeep;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use kube::api::PostParams;
use kube::runtime::controller::Action;
use kube::runtime::events::EventType;
use kube::{Api, ResourceExt as _};
use operator_api::{
    Backup, BackupSchedule, BackupScheduleStatus, BackupSpec, Concurrency, Condition,
    LABEL_MANAGED_BY, LABEL_SCHEDULE, PROGRAM, Phase, RunKind as _, ScheduledBy, set_condition,
};
use operator_schedule::{Due, Handled, Schedule, Tick, due, run_name};

use crate::context::Context;
use crate::error::OperatorError;
use crate::groups::Group;
use crate::metrics::OfKind;
use crate::runs::write_status;

/// The reason of the condition `Scheduled` while a schedule is suspended.
const SUSPENDED: &str = "Suspended";

/// Brings one schedule up to the present.
pub(crate) async fn reconcile(
    object: Arc<BackupSchedule>,
    context: Arc<Context>,
) -> Result<Action, OperatorError> {
    let kind = OfKind {
        kind: "BackupSchedule".to_owned(),
    };
    context.metrics.reconciles.get_or_create(&kind).inc();
    let object = if was_suspended(object.status.as_ref()) && !object.spec.suspend {
        // An older status from the watch must not suspend the schedule once more.
        let namespace = object.namespace().unwrap_or_default();
        let objects: Api<BackupSchedule> = Api::namespaced(context.client.clone(), &namespace);
        match objects.get_opt(&object.name_any()).await? {
            Some(fresh) => Arc::new(fresh),
            None => return Ok(Action::await_change()),
        }
    } else {
        object
    };
    let namespace = object.namespace().unwrap_or_default();
    let uid = object.uid().unwrap_or_default();
    let own = Group::OfSchedule {
        namespace: namespace.clone(),
        uid: uid.clone(),
    };
    let mut step = Step {
        namespace,
        name: object.name_any(),
        uid,
        runs: context.seen.groups.backups.of(&own),
        object: &object,
        context: &context,
        now: context.clock.now(),
    };
    step.take().await?;
    Ok(Action::await_change())
}

/// One look at one schedule.
struct Step<'a> {
    object: &'a BackupSchedule,
    context: &'a Context,
    namespace: String,
    name: String,
    uid: String,
    /// The runs of the schedule.
    runs: Vec<Arc<Backup>>,
    now: Timestamp,
}

impl Step<'_> {
    async fn take(&mut self) -> Result<(), OperatorError> {
        if self.object.metadata.deletion_timestamp.is_some() {
            self.wake(None);
            return Ok(());
        }
        let old = self.object.status.as_ref();
        let mut status = old.cloned().unwrap_or_default();
        status.observed_generation = self.object.metadata.generation;
        let spec = &self.object.spec;
        let seed = format!("{}/{}", self.namespace, self.name);
        let parsed = Schedule::parse(&spec.schedule, spec.time_zone.as_deref(), &seed);
        let is_valid = Some(parsed.is_ok());
        self.context
            .number(self.object, |it| it.is_valid = is_valid);
        let next = match parsed {
            Ok(schedule) => self.fire(&schedule, &mut status).await?,
            Err(error) => {
                let message = error.to_string();
                if self.set(&mut status, "Scheduled", false, "InvalidSchedule", &message) {
                    self.warn("InvalidSchedule", &message);
                }
                status.next_run_time = None;
                None
            }
        };
        self.sum_up(&mut status);
        let looks = [next, self.upkeep(&mut status).await?];
        self.wake(looks.into_iter().flatten().min());
        let objects: Api<BackupSchedule> =
            Api::namespaced(self.context.client.clone(), &self.namespace);
        write_status(&objects, &self.name, &self.uid, old, &status).await?;
        self.trim().await
    }

    fn wake(&self, time: Option<Timestamp>) {
        let wakes = &self.context.wakes.schedules;
        wakes.set(&self.namespace, &self.name, time);
    }

    fn warn(&self, reason: &str, note: &str) {
        let warning = EventType::Warning;
        self.context.tell(self.object, warning, reason, note);
    }

    /// Sets a condition, and returns whether its reason is new.
    fn set(
        &self,
        status: &mut BackupScheduleStatus,
        type_: &str,
        holds: bool,
        reason: &str,
        message: &str,
    ) -> bool {
        let generation = self.object.metadata.generation;
        let old = status.conditions.iter().find(|it| it.type_ == type_);
        let is_new = old.is_none_or(|old| old.reason != reason);
        let condition = Condition::new(type_, holds, reason, message, self.now, generation);
        set_condition(&mut status.conditions, condition);
        is_new
    }

    /// Makes the run that is due. Returns the time of the next.
    async fn fire(
        &mut self,
        schedule: &Schedule,
        status: &mut BackupScheduleStatus,
    ) -> Result<Option<Timestamp>, OperatorError> {
        let object = self.object;
        let spec = &object.spec;
        let interval = schedule.interval(self.now).map_or(0, |it| it.as_secs());
        self.context.number(self.object, |it| {
            it.interval = Some(interval);
            it.suspended = Some(spec.suspend);
        });
        let was_suspended = was_suspended(Some(status));
        if spec.suspend {
            self.set(status, "Scheduled", false, SUSPENDED, "spec.suspend is set");
            status.next_run_time = None;
            return Ok(None);
        }
        // Without a run yet, only times after the creation count; after a suspension, only those after its end.
        let created = self.object.creation_timestamp().map(|it| it.0);
        let since = status.last_tick_time.max(created).unwrap_or(self.now);
        let since = if was_suspended {
            since.max(self.now)
        } else {
            since
        };
        let deadline = spec
            .starting_deadline_seconds
            .map(SignedDuration::from_secs);
        let Due {
            run,
            mut missed,
            next,
            ahead,
            ..
        } = due(schedule, Handled::since(since), self.now, deadline);
        if let Some(tick) = run
            && !self.run(tick).await?
        {
            missed.count += 1;
        }
        let newest = schedule.latest(self.now).map(Tick::instant);
        status.last_tick_time = newest
            .filter(|newest| *newest > since)
            .or(status.last_tick_time);
        if was_suspended {
            status.last_tick_time = status.last_tick_time.max(newest);
        }
        if missed.count > 0 {
            let count = u64::try_from(missed.count).unwrap_or(u64::MAX);
            self.context.number(self.object, |it| {
                *it.skipped.get_or_insert(0) += count;
            });
        }
        let left_out = missed.count - usize::from(run.is_some() && missed.count > 0);
        if left_out > 0 {
            let more = if missed.has_more { " or more" } else { "" };
            let note = format!("{left_out}{more} runs could not begin in time and are left out");
            self.warn("RunsMissed", &note);
        }
        status.next_run_time = next.map(Tick::instant);
        if ahead > SignedDuration::from_mins(5) {
            let message = format!(
                "the clock was set back by {} minutes; no run begins before it has caught up",
                ahead.as_mins()
            );
            if self.set(status, "Scheduled", true, "ClockSetBack", &message) {
                self.warn("ClockSetBack", &message);
            }
        } else {
            let message = format!("runs at {}", schedule.effective());
            self.set(status, "Scheduled", true, "Scheduled", &message);
        }
        Ok(status.next_run_time)
    }

    /// Makes the Backup of a tick. Returns whether there is one.
    async fn run(&mut self, tick: Tick) -> Result<bool, OperatorError> {
        let object = self.object;
        let spec = &object.spec;
        if spec.concurrency_policy == Concurrency::Forbid && self.has_other_run(tick).await? {
            let note = format!(
                "the run of {} is left out: the one before is under way",
                tick.instant()
            );
            self.warn("RunSkipped", &note);
            return Ok(false);
        }
        let name = run_name(&self.name, tick);
        let mut backup = Backup::new(
            &name,
            BackupSpec {
                work: spec.work.clone(),
                store: spec.store.clone(),
                verify: spec.verify,
                deletion_policy: spec.deletion_policy,
                schedule: Some(ScheduledBy {
                    name: self.name.clone(),
                    uid: self.uid.clone(),
                    time: tick.instant(),
                }),
            },
        );
        backup.labels_mut().extend([
            (LABEL_MANAGED_BY.to_owned(), PROGRAM.to_owned()),
            (LABEL_SCHEDULE.to_owned(), self.name.clone()),
        ]);
        let backups: Api<Backup> = Api::namespaced(self.context.client.clone(), &self.namespace);
        match backups.create(&PostParams::default(), &backup).await {
            Ok(created) => {
                // The status counts it at once, so that the look after its creation has nothing to write.
                self.runs.push(Arc::new(created));
                let note = format!("Backup {name} was created");
                self.context
                    .tell(self.object, EventType::Normal, "RunCreated", &note);
                Ok(true)
            }
            Err(kube::Error::Api(answer)) if answer.reason == "AlreadyExists" => {
                let found = backups.get_opt(&name).await?;
                let by = found.and_then(|found| found.spec.schedule);
                // An earlier try of this tick, or of another operator.
                let is_ours = by.is_some_and(|by| by.uid == self.uid);
                if !is_ours {
                    let note = format!(
                        "the run of {} is left out: another Backup is named {name}",
                        tick.instant()
                    );
                    self.warn("NameTaken", &note);
                }
                Ok(is_ours)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Returns whether a run of another tick is under way. The watch may be behind, and a run that is left out never
    /// comes back: so the API server has the last word.
    async fn has_other_run(&self, tick: Tick) -> Result<bool, OperatorError> {
        let of_tick = run_name(&self.name, tick);
        let backups: Api<Backup> = Api::namespaced(self.context.client.clone(), &self.namespace);
        for run in &self.runs {
            let name = run.name_any();
            if name == of_tick || phase(run).is_terminal() {
                continue;
            }
            let fresh = backups.get_opt(&name).await?;
            if fresh.is_some_and(|fresh| !phase(&fresh).is_terminal()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Notes how the runs went.
    fn sum_up(&self, status: &mut BackupScheduleStatus) {
        let ended = |wanted: fn(Phase) -> bool| {
            let runs = self.runs.iter().filter(|run| wanted(phase(run)));
            runs.filter_map(|run| Some((run.run()?.finished_at?, run)))
                .max_by_key(|it| it.0)
        };
        let success = ended(|phase| phase == Phase::Succeeded);
        let failure = ended(|phase| phase.is_terminal() && phase != Phase::Succeeded);
        // Objects of old runs are deleted, so what is known already stays.
        status.last_success_time = status.last_success_time.max(success.map(|it| it.0));
        status.last_failure_time = status.last_failure_time.max(failure.map(|it| it.0));
        let active = self
            .runs
            .iter()
            .filter(|run| !phase(run).is_terminal())
            .count();
        status.active = i64::try_from(active).ok();
        let second = |time: Option<Timestamp>| time.map(Timestamp::as_second);
        self.context.number(self.object, |it| {
            it.last_success = second(status.last_success_time).or(it.last_success);
            it.last_failure = second(status.last_failure_time).or(it.last_failure);
        });
        match (status.last_success_time, status.last_failure_time) {
            (None, None) => {}
            (success, Some(failed)) if success.is_none_or(|success| success < failed) => {
                let failure = failure.and_then(|(_, run)| run.run()?.failure.clone());
                let failure = failure.unwrap_or_default();
                let reason = if failure.code.is_empty() {
                    "Failed"
                } else {
                    &failure.code
                };
                self.set(status, "Healthy", false, reason, &failure.message);
            }
            _ => {
                self.set(
                    status,
                    "Healthy",
                    true,
                    "Succeeded",
                    "the last run succeeded",
                );
            }
        }
    }
}

/// Returns whether the last look found the schedule suspended.
fn was_suspended(status: Option<&BackupScheduleStatus>) -> bool {
    let conditions = status.map_or(&[][..], |it| &it.conditions);
    conditions
        .iter()
        .any(|it| it.type_ == "Scheduled" && it.reason == SUSPENDED)
}

fn phase(run: &Backup) -> Phase {
    run.run().and_then(|it| it.phase).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use kube::runtime::events::{Recorder, Reporter};
    use kube::runtime::reflector::store::Writer;
    use kube::runtime::watcher::Event;
    use kube::{Client, Config};
    use serde_json::json;

    use super::*;
    use crate::clock::Clock;
    use crate::context::{Seen, SeenGroups};
    use crate::events::events;
    use crate::job::Defaults;
    use crate::metrics::Metrics;
    use crate::queue::Limits;

    fn schedule(uid: &str) -> BackupSchedule {
        let schedule = json!({
            "apiVersion": "kubectl-broker.io/v1alpha1",
            "kind": "BackupSchedule",
            "metadata": {
                "name": "nightly", "namespace": "prod", "uid": uid,
                "creationTimestamp": "2026-01-01T00:00:00Z",
            },
            "spec": {"engine": {"name": "hivemq"}, "schedule": "0 3 * * *", "suspend": true},
        });
        serde_json::from_value(schedule).expect("a schedule")
    }

    /// Looks at a schedule, while the watch shows others. Returns the metrics of schedules.
    async fn metrics_after_a_look_at(
        object: BackupSchedule,
        seen: &[BackupSchedule],
    ) -> Vec<String> {
        // Nothing listens there, so each write fails.
        let config = Config::new("http://127.0.0.1:1".parse().expect("an address"));
        let client = Client::try_from(config).expect("a client");
        let mut schedules = Writer::default();
        for object in seen {
            schedules.apply_watcher_event(&Event::Apply(object.clone()));
        }
        let reporter = Reporter {
            controller: PROGRAM.to_owned(),
            instance: None,
        };
        let (events, _) = events(Recorder::new(client.clone(), reporter));
        let context = Arc::new(Context::new(
            client,
            Clock::system(),
            Defaults {
                image: String::new(),
                service_account: String::new(),
                queue: None,
            },
            Limits {
                in_all: 0,
                per_namespace: 0,
            },
            events,
            Arc::new(Metrics::new()),
            Seen {
                backups: Writer::default().as_reader(),
                restores: Writer::default().as_reader(),
                schedules: schedules.as_reader(),
                stores: Writer::default().as_reader(),
                requests: None,
                kafka: None,
                jobs: Writer::default().as_reader(),
                pods: Writer::default().as_reader(),
                groups: SeenGroups::default(),
            },
        ));
        let failed = reconcile(Arc::new(object), Arc::clone(&context)).await;
        assert!(failed.is_err(), "the status can't be written");
        let text = context.metrics.text().expect("metrics");
        let lines = text.lines().filter(|it| it.starts_with("broker_schedule_"));
        lines.map(str::to_owned).collect()
    }

    #[tokio::test]
    async fn a_look_at_a_schedule_that_is_gone_leaves_no_metrics() {
        let of = |uid: &str| schedule(uid);
        let shown = metrics_after_a_look_at(of("1"), &[of("1")]).await;
        let suspended =
            r#"broker_schedule_suspended{namespace="prod",schedule="nightly"} 1"#.to_owned();
        assert!(shown.contains(&suspended), "{shown:#?}");
        assert_eq!(metrics_after_a_look_at(of("1"), &[]).await, [""; 0]);
        assert_eq!(metrics_after_a_look_at(of("1"), &[of("2")]).await, [""; 0]);
    }
}
