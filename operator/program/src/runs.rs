//! Backups and restores: a Job for each, and what has become of it.

mod backup;
mod restore;

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, Patch, PatchParams, Preconditions};
use kube::runtime::controller::Action;
use kube::runtime::events::EventType;
use kube::runtime::reflector::ObjectRef;
use kube::{Api, Resource, ResourceExt as _};
use operator_api::{
    Attempt, BackupStore, Condition, Fault, PROGRAM, Phase, RunKind, RunStatus, ScheduledBy,
    Status, job_name, set_condition, status_patch,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::asked;
use crate::context::{Context, cut};
use crate::error::OperatorError;
use crate::finalizers;
use crate::groups::Grouped;
use crate::job::{KEPT, Plan, create_job};
use crate::metrics::OfKind;
use crate::owner::{check_owner, is_of, owner};
use crate::verdict::{ASK_AGAIN, Facts, Verdict, judge};
use crate::wakes::Wakes;

/// How long a run waits for a store that does not exist yet.
const STORE_MISSING: SignedDuration = SignedDuration::from_mins(10);
/// The longest message of a condition that the operator writes, in bytes.
const MESSAGE: usize = 2000;

/// The operator's part of a kind whose objects are runs.
pub(crate) trait Run: RunKind + Grouped {
    /// Name of the store that the run needs.
    fn store(&self, context: &Context) -> Option<String>;

    /// Whether the program gets the identities that decrypt copies.
    fn decrypts(&self) -> bool;

    /// The schedule that made the object.
    fn schedule(&self) -> Option<&ScheduledBy>;

    /// Bytes that were copied to a store.
    fn copied(&self) -> Option<i64>;

    fn wakes(context: &Context) -> &Wakes;

    /// The finalizer of work that must be done before the object may go. None if there is nothing.
    fn last_will(&self) -> Option<&'static str>;

    /// Does what must happen before the object may go. Returns whether it is done.
    fn cleanup(
        &self,
        context: &Context,
    ) -> impl Future<Output = Result<bool, OperatorError>> + Send;
}

/// Brings one run a step forward.
pub(crate) async fn reconcile<R: Run>(
    object: Arc<R>,
    context: Arc<Context>,
) -> Result<Action, OperatorError> {
    let kind = OfKind {
        kind: R::KIND.to_owned(),
    };
    context.metrics.reconciles.get_or_create(&kind).inc();
    let step = Step {
        namespace: object.namespace().unwrap_or_default(),
        name: object.name_any(),
        uid: object.uid().unwrap_or_default(),
        job: job_name(&R::KIND.to_lowercase(), &object.name_any()),
        object: &*object,
        context: &context,
    };
    step.take().await?;
    Ok(Action::await_change())
}

/// Tries again after an error.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the controller hands over values"
)]
pub(crate) fn after_error<K, C>(object: Arc<K>, error: &OperatorError, context: Arc<C>) -> Action
where
    K: Resource<DynamicType = ()>,
    C: AsRef<Context>,
{
    let kind = OfKind {
        kind: K::kind(&()).into_owned(),
    };
    let context: &Context = (*context).as_ref();
    context.metrics.errors.get_or_create(&kind).inc();
    let (name, namespace) = (object.name_any(), object.namespace());
    let reason = error.to_string();
    tracing::warn!(
        kind = kind.kind,
        namespace,
        name,
        reason,
        "can't look at an object"
    );
    Action::requeue(Duration::from_secs(10))
}

/// One look at one run.
struct Step<'a, R: Run> {
    object: &'a R,
    context: &'a Context,
    namespace: String,
    name: String,
    uid: String,
    job: String,
}

impl<R: Run> Step<'_, R> {
    async fn take(&self) -> Result<(), OperatorError> {
        if self.object.meta().deletion_timestamp.is_some() {
            self.wake(None);
            return self.let_go().await;
        }
        let known = self.object.known();
        let phase = known.phase.unwrap_or_default();
        if phase.is_terminal() {
            self.wake(None);
            if phase == Phase::Lost {
                return self.stop_job().await;
            }
            return Ok(());
        }
        self.hold().await?;
        if phase == Phase::Queued {
            return self.begin(&known).await;
        }
        self.follow(&known).await
    }

    fn wake(&self, time: Option<Timestamp>) {
        R::wakes(self.context).set(&self.namespace, &self.name, time);
    }

    fn objects(&self) -> Api<R> {
        Api::namespaced(self.context.client.clone(), &self.namespace)
    }

    /// Keeps the object until its last will is done.
    async fn hold(&self) -> Result<(), OperatorError> {
        let Some(finalizer) = self.object.last_will() else {
            return Ok(());
        };
        if !finalizers::has(self.object, finalizer) {
            finalizers::set(&self.objects(), self.object, finalizer, true).await?;
        }
        Ok(())
    }

    /// Does the last will of an object that is being deleted, and lets it go.
    async fn let_go(&self) -> Result<(), OperatorError> {
        let Some(finalizer) = self.object.last_will() else {
            return Ok(());
        };
        if !finalizers::has(self.object, finalizer) {
            return Ok(());
        }
        if !self.object.cleanup(self.context).await? {
            let later = self.context.clock.now() + SignedDuration::from_secs(30);
            self.wake(Some(later));
            return Ok(());
        }
        finalizers::set(&self.objects(), self.object, finalizer, false).await?;
        Ok(())
    }

    /// Makes the Job, as soon as there is a place for the run.
    async fn begin(&self, known: &RunStatus) -> Result<(), OperatorError> {
        let context = self.context;
        let store = match self.object.store(context) {
            None => None,
            Some(name) => match self.find_store(&name) {
                Some(store) => Some(store),
                None => return self.without_store(known, &name).await,
            },
        };
        if !context.admit(&self.uid) {
            let waiting = (
                "Queued".to_owned(),
                "other runs are under way; this one waits for a place".to_owned(),
            );
            return self.note_waiting(known, waiting).await;
        }
        // The status is there before the pod can write into it.
        let mut begun = known.clone();
        begun.phase = Some(Phase::Starting);
        begun.job = Some(self.job.clone());
        begun.started_at = Some(context.clock.now());
        self.describe(&mut begun, &Verdict::starting());
        self.write(&begun).await?;
        self.make_job(store.as_deref()).await?;
        let note = format!("Job {} was created", self.job);
        context.tell(self.object, EventType::Normal, "JobCreated", &note);
        Ok(())
    }

    fn find_store(&self, name: &str) -> Option<Arc<BackupStore>> {
        let key = ObjectRef::new(name).within(&self.namespace);
        self.context.seen.stores.get(&key)
    }

    async fn without_store(&self, known: &RunStatus, store: &str) -> Result<(), OperatorError> {
        let context = self.context;
        let created = self.object.creation_timestamp().map(|it| it.0);
        let end = created.unwrap_or_default() + STORE_MISSING;
        let message = format!("the BackupStore {store} does not exist");
        if context.clock.now() < end {
            self.wake(Some(
                context.clock.now().min(end) + SignedDuration::from_secs(5),
            ));
            return self
                .note_waiting(known, ("StoreNotFound".to_owned(), message))
                .await;
        }
        let failure = Fault {
            code: "StoreNotFound".to_owned(),
            exit_code: None,
            message,
            hint: Some(format!("kubectl get backupstores -n {}", self.namespace)),
        };
        self.end(known, &Verdict::failed(&failure)).await
    }

    async fn note_waiting(
        &self,
        known: &RunStatus,
        waiting: (String, String),
    ) -> Result<(), OperatorError> {
        let mut queued = known.clone();
        queued.phase = Some(Phase::Queued);
        let verdict = Verdict {
            waiting: Some(waiting),
            ..Verdict::queued()
        };
        self.describe(&mut queued, &verdict);
        self.write(&queued).await
    }

    async fn make_job(&self, store: Option<&BackupStore>) -> Result<(), OperatorError> {
        let context = self.context;
        let work = self.object.work();
        let plan = Plan {
            name: self.job.clone(),
            namespace: self.namespace.clone(),
            owner: owner(self.object)?,
            arguments: vec![
                "run".to_owned(),
                format!("{}/{}", R::KIND.to_lowercase(), self.name),
            ],
            settings: work.job.as_deref(),
            work: Some(work),
            store,
            decrypts: self.object.decrypts(),
            timeout: seconds_of(&work.timeout),
            retries: work.retries,
            kept: KEPT,
        };
        create_job(context, &plan, &self.uid).await
    }

    /// Looks at the Job and its pods.
    async fn follow(&self, known: &RunStatus) -> Result<(), OperatorError> {
        let context = self.context;
        let key = ObjectRef::<Job>::new(&self.job).within(&self.namespace);
        let mut found = context.seen.jobs.get(&key);
        if found.is_none() {
            // Only the API server knows whether it is gone or was never made.
            let jobs: Api<Job> = Api::namespaced(context.client.clone(), &self.namespace);
            found = jobs.get_opt(&self.job).await?.map(Arc::new);
            if found.is_none() && known.attempts.is_empty() {
                // The operator died between the two writes of `begin`.
                let store = self.object.store(context);
                let store = store.and_then(|name| self.find_store(&name));
                return self.make_job(store.as_deref()).await;
            }
        }
        if let Some(job) = &found {
            check_owner(job, &self.namespace, &self.uid)?;
        }
        let job = found.as_deref();
        let mut pods = context.seen.pods_of(&self.namespace, &self.job);
        pods.retain(|pod| is_of(pod, job));
        let pods: Vec<&Pod> = pods.iter().map(Arc::as_ref).collect();
        let facts = Facts {
            job,
            pods: &pods,
            known,
            now: context.clock.now(),
        };
        let mut verdict = judge(facts);
        if let Some(uid) = &verdict.ask_events_of {
            verdict.waiting = asked::warning_about(&context.client, &self.namespace, uid).await?;
        }
        if verdict.phase.is_terminal() {
            return self.end_afresh(facts, verdict.phase).await;
        }
        self.wake(verdict.look_again);
        let mut next = known.clone();
        next.phase = Some(verdict.phase);
        self.describe(&mut next, &verdict);
        let was = waiting_reason(known);
        let is_new = verdict
            .waiting
            .as_ref()
            .is_some_and(|(reason, _)| was != Some(reason.as_str()));
        self.write(&next).await?;
        if let Some((reason, message)) = verdict.waiting.as_ref().filter(|_| is_new) {
            context.tell(self.object, EventType::Warning, reason, message);
        }
        Ok(())
    }

    /// Judges once more with what the pod wrote last, and writes how the run has ended. The watches of Jobs, pods and runs
    /// are not in step with each other, and only a pod knows why it failed.
    async fn end_afresh(&self, facts: Facts<'_>, phase: Phase) -> Result<(), OperatorError> {
        let Some(object) = self.objects().get_opt(&self.name).await? else {
            return Ok(());
        };
        if object.uid().as_deref() != Some(&*self.uid) {
            return Ok(());
        }
        let known = object.known();
        let mut pods = Vec::new();
        if phase != Phase::Succeeded {
            let client = &self.context.client;
            pods = asked::pods_of(client, &self.namespace, &self.job, facts.job).await?;
        }
        let pods: Vec<&Pod> = pods.iter().collect();
        let verdict = judge(Facts {
            known: &known,
            pods: &pods,
            ..facts
        });
        if known.phase == Some(Phase::Lost) {
            return self.stop_job().await;
        }
        if known.phase.is_some_and(Phase::is_terminal) {
            return Ok(());
        }
        if !verdict.phase.is_terminal() {
            // A watch was behind. No change may come that leads to another look.
            let later = self.context.clock.now() + ASK_AGAIN;
            self.wake(Some(verdict.look_again.unwrap_or(later)));
            return Ok(());
        }
        let fresh = Step {
            object: &object,
            context: self.context,
            namespace: self.namespace.clone(),
            name: self.name.clone(),
            uid: self.uid.clone(),
            job: self.job.clone(),
        };
        fresh.end(&known, &verdict).await
    }

    /// Writes how the run has ended.
    async fn end(&self, known: &RunStatus, verdict: &Verdict) -> Result<(), OperatorError> {
        let context = self.context;
        let now = context.clock.now();
        let mut ended = known.clone();
        ended.phase = Some(verdict.phase);
        ended.finished_at = Some(now);
        ended.failure = verdict.failure.clone();
        close_attempts(&mut ended.attempts, verdict, now);
        self.describe(&mut ended, verdict);
        self.write(&ended).await?;
        self.wake(None);
        self.count(known, verdict, now);
        let note = match &verdict.failure {
            None => format!("{} is complete", R::KIND),
            Some(failure) => match &failure.hint {
                Some(hint) => format!("{}: {}. {hint}", failure.code, failure.message),
                None => format!("{}: {}", failure.code, failure.message),
            },
        };
        let type_ = if verdict.phase == Phase::Succeeded {
            EventType::Normal
        } else {
            EventType::Warning
        };
        context.tell(self.object, type_, verdict.phase.name(), &note);
        context.give_back(&self.uid);
        if let Some(schedule) = self.object.schedule() {
            let now = context.clock.now();
            context
                .wakes
                .schedules
                .set(&self.namespace, &schedule.name, Some(now));
        }
        if verdict.phase == Phase::Lost {
            return self.stop_job().await;
        }
        Ok(())
    }

    /// Deletes the Job of a lost run: its pod must not go on if its node comes back. The operator may have died before
    /// it did so.
    async fn stop_job(&self) -> Result<(), OperatorError> {
        let key = ObjectRef::<Job>::new(&self.job).within(&self.namespace);
        let job = self.context.seen.jobs.get(&key);
        let is_left = |job: &Arc<Job>| {
            let owners = job.owner_references();
            job.metadata.deletion_timestamp.is_none() && owners.iter().any(|it| it.uid == self.uid)
        };
        let Some(job) = job.filter(is_left) else {
            return Ok(());
        };
        let jobs: Api<Job> = Api::namespaced(self.context.client.clone(), &self.namespace);
        let only_it = DeleteParams {
            preconditions: Some(Preconditions {
                uid: job.uid(),
                resource_version: None,
            }),
            ..DeleteParams::background()
        };
        match jobs.delete(&self.job, &only_it).await {
            // It is gone, or another one has its name.
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(()),
            result => Ok(result.map(drop)?),
        }
    }

    fn count(&self, known: &RunStatus, verdict: &Verdict, now: Timestamp) {
        let metrics = &self.context.metrics;
        if let Some(started) = known.started_at {
            let kind = OfKind {
                kind: R::KIND.to_owned(),
            };
            let seconds = now.duration_since(started).as_secs_f64();
            metrics.duration.get_or_create(&kind).observe(seconds);
        }
        let copied = self
            .object
            .copied()
            .and_then(|bytes| u64::try_from(bytes).ok());
        let copied = copied.filter(|_| verdict.phase == Phase::Succeeded);
        let outcome = verdict.phase.name();
        // A run may outlive its schedule.
        let by = self.object.schedule().and_then(|by| {
            let key = ObjectRef::new(&by.name).within(&self.namespace);
            let found = self.context.seen.schedules.get(&key)?;
            (found.metadata.uid.as_ref() == Some(&by.uid)).then_some(found)
        });
        match by {
            Some(schedule) => self.context.number(&schedule, |it| {
                it.runs.add(R::KIND, outcome, copied);
            }),
            None => metrics.subjects.of_others(&self.namespace, |runs| {
                runs.add(R::KIND, outcome, copied);
            }),
        }
    }

    /// Sets the conditions that go with a verdict.
    fn describe(&self, run: &mut RunStatus, verdict: &Verdict) {
        let generation = self.object.meta().generation;
        run.observed_generation = generation;
        let now = self.context.clock.now();
        let mut set = |type_: &str, status: bool, reason: &str, message: &str| {
            let message = cut(message, MESSAGE);
            let condition = Condition::new(type_, status, reason, message, now, generation);
            set_condition(&mut run.conditions, condition);
        };
        let phase = verdict.phase;
        if !phase.is_terminal() {
            match &verdict.waiting {
                Some((reason, message)) => set("Progressing", false, reason, message),
                None => set("Progressing", true, phase.name(), ""),
            }
            return;
        }
        let (reason, message) = match &verdict.failure {
            Some(failure) => (failure.code.as_str(), failure.message.as_str()),
            None => (phase.name(), ""),
        };
        set("Progressing", false, phase.name(), "");
        set("Complete", phase == Phase::Succeeded, reason, message);
        set("Failed", phase != Phase::Succeeded, reason, message);
    }

    /// Writes the status, unless it is as it was.
    async fn write(&self, run: &RunStatus) -> Result<(), OperatorError> {
        let old = self.object.status();
        let mut new = old.cloned().unwrap_or_default();
        *R::run_of(&mut new) = run.clone();
        R::conditions_of(&mut new).clone_from(&run.conditions);
        write_status(&self.objects(), &self.name, &self.uid, old, &new).await
    }
}

/// Writes a status, unless it is as it was.
pub(crate) async fn write_status<K, S>(
    objects: &Api<K>,
    name: &str,
    uid: &str,
    old: Option<&S>,
    new: &S,
) -> Result<(), OperatorError>
where
    K: Clone + Debug + DeserializeOwned,
    S: Serialize,
{
    let Some(patch) = status_patch(uid, old, new)? else {
        return Ok(());
    };
    let params = PatchParams {
        field_manager: Some(PROGRAM.to_owned()),
        ..PatchParams::default()
    };
    let written = objects
        .patch_status(name, &params, &Patch::<()>::Json(patch))
        .await;
    match written {
        Ok(_) => Ok(()),
        // It is gone.
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn waiting_reason(run: &RunStatus) -> Option<&str> {
    let found = run.conditions.iter().find(|it| it.type_ == "Progressing");
    let found = found.filter(|it| it.status == Status::False)?;
    Some(&found.reason)
}

/// Ends the attempts that could not do it themselves.
fn close_attempts(attempts: &mut [Attempt], verdict: &Verdict, now: Timestamp) {
    for attempt in attempts.iter_mut().filter(|it| it.finished_at.is_none()) {
        attempt.finished_at = Some(now);
        attempt.failure = attempt.failure.take().or_else(|| verdict.failure.clone());
    }
}

/// Returns the seconds of a length of time such as `1h30m`. The schema has refused all else.
pub(crate) fn seconds_of(text: &str) -> i64 {
    let length = text.parse::<SignedDuration>();
    length.map_or(3600, |length| length.as_secs())
}
