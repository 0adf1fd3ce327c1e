use jiff::Timestamp;
use k8s_openapi::api::batch::v1::Job;
use kube::runtime::events::EventType;
use kube::runtime::reflector::ObjectRef;
use kube::{Api, ResourceExt as _};
use operator_api::{Backup, BackupScheduleStatus, BackupStore, Phase, Upkeep, job_name};
use operator_schedule::{Handled, Schedule, Tick, due, run_name};

use super::{Step, phase};
use crate::error::OperatorError;
use crate::job::{KEPT, Plan, create_job};
use crate::owner::owner;
use crate::runs::seconds_of;

/// Longest time of one attempt to apply the retention, in seconds.
const RETENTION: i64 = 3600;
/// Longest time of one deep check, in seconds: every byte of every copy is read.
const DEEP_CHECK: i64 = 24 * 3600;

impl Step<'_> {
    /// Makes the Jobs for the copies of the schedule, and notes how they ended. Returns the time of the next deep check.
    pub(super) async fn upkeep(
        &self,
        status: &mut BackupScheduleStatus,
    ) -> Result<Option<Timestamp>, OperatorError> {
        let spec = &self.object.spec;
        self.note_end(status.retention.as_mut(), "Retention").await;
        self.note_end(status.deep_check.as_mut(), "DeepCheck").await;
        let store = spec.store.as_ref().and_then(|store| {
            let key = ObjectRef::<BackupStore>::new(&store.name).within(&self.namespace);
            self.context.seen.stores.get(&key)
        });
        let Some(store) = store else {
            return Ok(None);
        };
        if spec.retention.is_some()
            && let Some((run, ended)) = self.newest_copy(status)
        {
            let job = self.make("retention", &run, &store, RETENTION).await?;
            status.retention = Some(Upkeep {
                job,
                tick_time: Some(ended),
                ..Upkeep::default()
            });
        }
        let Some(deep) = &spec.deep_check else {
            return Ok(None);
        };
        let seed = format!("{}/{}/deep-check", self.namespace, self.name);
        let schedule = match Schedule::parse(&deep.schedule, spec.time_zone.as_deref(), &seed) {
            Ok(schedule) => schedule,
            Err(error) => {
                let message = format!("spec.deepCheck.schedule: {error}");
                self.set(
                    status,
                    "DeepCheckScheduled",
                    false,
                    "InvalidSchedule",
                    &message,
                );
                return Ok(None);
            }
        };
        self.set(
            status,
            "DeepCheckScheduled",
            true,
            "Scheduled",
            schedule.effective(),
        );
        if spec.suspend {
            return Ok(None);
        }
        let last = status.deep_check.as_ref().and_then(|it| it.tick_time);
        let created = self
            .object
            .metadata
            .creation_timestamp
            .as_ref()
            .map(|it| it.0);
        let since = last.max(created).unwrap_or(self.now);
        let is_under_way = status
            .deep_check
            .as_ref()
            .is_some_and(|it| it.finished_at.is_none());
        let found = due(&schedule, Handled::since(since), self.now, None);
        if let Some(tick) = found.run.filter(|_| !is_under_way) {
            let time = tick.instant();
            let round = run_name(&self.name, tick);
            let job = self.make("deepcheck", &round, &store, DEEP_CHECK).await?;
            status.deep_check = Some(Upkeep {
                job,
                tick_time: Some(time),
                ..Upkeep::default()
            });
        }
        Ok(found.next.map(Tick::instant))
    }

    /// Returns the run that made the newest copy, and its end, if the retention was not applied since.
    ///
    /// The end is the operator's own. The time of a run by hand is whatever its author wrote.
    fn newest_copy(&self, status: &BackupScheduleStatus) -> Option<(String, Timestamp)> {
        let done = status.retention.as_ref();
        if done.is_some_and(|it| it.finished_at.is_none()) {
            return None;
        }
        let runs = self.runs.iter().filter(|run| {
            phase(run) == Phase::Succeeded
                && run.status.as_ref().is_some_and(|it| it.copy.is_some())
        });
        let ended = |run: &Backup| run.status.as_ref()?.run.finished_at;
        let newest = runs.filter_map(|run| Some((ended(run)?, run.name_any())));
        let (ended, run) = newest.max()?;
        let is_new = done
            .and_then(|it| it.tick_time)
            .is_none_or(|done| done < ended);
        is_new.then_some((run, ended))
    }

    /// Makes the Job of a round. Two operators make the same.
    async fn make(
        &self,
        what: &str,
        round: &str,
        store: &BackupStore,
        timeout: i64,
    ) -> Result<String, OperatorError> {
        let name = job_name(what, round);
        let work = &self.object.spec.work;
        let plan = Plan {
            name: name.clone(),
            namespace: self.namespace.clone(),
            owner: owner(self.object)?,
            arguments: vec!["run".to_owned(), format!("{what}/{}", self.name)],
            settings: work.job.as_deref(),
            work: None,
            store: Some(store),
            decrypts: what == "deepcheck",
            timeout: timeout.max(seconds_of(&work.timeout)),
            retries: work.retries,
            kept: KEPT,
        };
        create_job(self.context, &plan, &self.uid).await?;
        Ok(name)
    }

    /// Notes how a Job ended.
    async fn note_end(&self, upkeep: Option<&mut Upkeep>, what: &str) {
        let Some(upkeep) = upkeep.filter(|it| it.finished_at.is_none()) else {
            return;
        };
        let key = ObjectRef::<Job>::new(&upkeep.job).within(&self.namespace);
        let mut found = self.context.seen.jobs.get(&key);
        if found.is_none() {
            let jobs: Api<Job> = Api::namespaced(self.context.client.clone(), &self.namespace);
            match jobs.get_opt(&upkeep.job).await {
                Ok(job) => found = job.map(std::sync::Arc::new),
                Err(_) => return,
            }
        }
        let conditions = found
            .as_ref()
            .and_then(|it| it.status.as_ref()?.conditions.as_deref());
        let conditions = conditions.unwrap_or(&[]);
        let holds = |type_: &str| {
            conditions
                .iter()
                .find(|it| it.type_ == type_ && it.status == "True")
        };
        let (succeeded, message) = match (&found, holds("Complete"), holds("Failed")) {
            (None, ..) => (
                false,
                "the Job is gone, and did not say how it ended".to_owned(),
            ),
            (_, Some(_), _) => (true, self.said(&upkeep.job)),
            (_, _, Some(failed)) => {
                let said = self.said(&upkeep.job);
                let reason = failed.message.clone().unwrap_or_default();
                (false, if said.is_empty() { reason } else { said })
            }
            _ => return,
        };
        upkeep.finished_at = Some(self.now);
        upkeep.succeeded = Some(succeeded);
        upkeep.message =
            Some(crate::context::cut(&message, 4000).to_owned()).filter(|it| !it.is_empty());
        let (type_, reason) = if succeeded {
            (EventType::Normal, format!("{what}Done"))
        } else {
            (EventType::Warning, format!("{what}Failed"))
        };
        self.context.tell(self.object, type_, &reason, &message);
    }

    /// Returns what the last pod of a Job said at its end.
    fn said(&self, job: &str) -> String {
        let pods = self.context.seen.pods_of(&self.namespace, job);
        let pods: Vec<_> = pods.iter().map(AsRef::as_ref).collect();
        crate::verdict::said(&pods)
    }
}
