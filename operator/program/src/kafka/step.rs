//! One look at one object of any of the kinds.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Instant;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::{DeleteParams, ListParams, PostParams};
use kube::runtime::controller::Action;
use kube::runtime::events::EventType;
use kube::runtime::reflector::ObjectRef;
use kube::{Api, Resource, ResourceExt as _};
use operator_api::{
    Fault, KafkaBackup, KafkaCondition, KafkaOffsetReset, KafkaPhase, KafkaRestore, LABEL_KIND,
    LABEL_MANAGED_BY, PROGRAM,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::mirror::{End, Outcome};
use super::numbers::{KafkaNumbers, Lasted, OfObject};
use super::plan::{Plan, WorkerSettings, job};
use super::standing::{Going, Standing, standing};
use super::{RUNNING, Refusal, claims, mirror};
use crate::asked;
use crate::context::Context;
use crate::error::OperatorError;
use crate::finalizers;
use crate::owner::{check_owner, is_of, owner};
use crate::runs::write_status;
use crate::wakes::Wakes;

/// How long an object whose reference is missing waits before it looks again. Several objects may be created at once.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_secs(30);
/// How often a worker is asked how far it is.
const PROGRESS: SignedDuration = SignedDuration::from_secs(15);
/// How long an older Job may take to end before the object looks again.
const SOON: SignedDuration = SignedDuration::from_secs(5);

/// The parts that looks at objects share.
pub(crate) struct Kafka {
    pub(super) context: Arc<Context>,
    pub(super) settings: WorkerSettings,
    pub(crate) wakes: Agendas,
}

/// The agendas of the kinds.
pub(crate) struct Agendas {
    pub(super) backups: Wakes,
    pub(super) restores: Wakes,
    pub(super) resets: Wakes,
    pub(super) rollbacks: Wakes,
    pub(super) validations: Wakes,
}

impl Kafka {
    pub(crate) fn new(context: Arc<Context>, settings: WorkerSettings) -> Self {
        let wakes = || Wakes::new(context.clock.clone());
        Self {
            wakes: Agendas {
                backups: wakes(),
                restores: wakes(),
                resets: wakes(),
                rollbacks: wakes(),
                validations: wakes(),
            },
            context,
            settings,
        }
    }

    fn numbers(&self) -> &KafkaNumbers {
        &self.context.metrics.kafka
    }
}

impl AsRef<Context> for Kafka {
    fn as_ref(&self) -> &Context {
        &self.context
    }
}

/// The fields that every status has.
pub(crate) struct Frame<'a> {
    pub(super) phase: &'a mut Option<String>,
    pub(super) message: &'a mut Option<String>,
    pub(super) observed_generation: &'a mut Option<i64>,
    pub(super) conditions: &'a mut Vec<KafkaCondition>,
}

/// The next step with an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Refuse(Refusal),
    /// Note the start in the status, then make the Job of this name.
    Begin(String),
    /// Follow the Job of this name, or make it again.
    Follow(String),
    /// Follow the Job that cleans up after a run, or make it.
    Tidy,
    Wait(Timestamp),
    Rest,
}

/// The names of the objects that an object refers to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct References {
    /// Namespace and name of a KafkaBackup.
    pub(super) backup: Option<(Option<String>, String)>,
    pub(super) restore: Option<String>,
    pub(super) reset: Option<String>,
}

/// The objects that an object refers to, as far as they exist.
#[derive(Clone, Debug, Default)]
pub(crate) struct Related {
    pub(super) backup: Option<KafkaBackup>,
    pub(super) restore: Option<KafkaRestore>,
    pub(super) reset: Option<KafkaOffsetReset>,
}

/// A kind of `kafka.oso.sh`.
pub(crate) trait Kind:
    Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned
{
    type Status: Clone + Default + Serialize + DeserializeOwned;
    const FINALIZER: &'static str;
    /// The reason of a run that ended without a result.
    const FAILED: &'static str;

    fn wakes(agendas: &Agendas) -> &Wakes;
    fn known(&self) -> Option<&Self::Status>;
    fn frame(status: &mut Self::Status) -> Frame<'_>;
    fn act(&self, now: Timestamp) -> Act;
    fn references(&self) -> References;

    /// Returns the Job of a run that began at this time.
    fn plan(
        &self,
        job: &str,
        began: Timestamp,
        related: &Related,
        owner: OwnerReference,
        settings: &WorkerSettings,
    ) -> Result<Plan, Refusal>;

    /// Returns the time at which the run under way began.
    fn began(status: &Self::Status) -> Option<Timestamp>;
    /// Notes the beginning of a run, and forgets the one before.
    fn begin(&self, status: &mut Self::Status, now: Timestamp);
    fn end(&self, outcome: &Outcome, status: &mut Self::Status) -> End;
    fn count(
        &self,
        numbers: &KafkaNumbers,
        phase: KafkaPhase,
        lasted: Lasted,
        status: &Self::Status,
    );

    /// Whether no run may begin.
    fn is_suspended(&self) -> bool {
        false
    }

    /// Notes the next tick of a schedule.
    fn note_tick(_: &mut Self::Status, _: Timestamp) {}

    /// Returns the claims that the Job needs and that may have to be made.
    fn claims(&self, _: &str) -> Vec<PersistentVolumeClaim> {
        Vec::new()
    }

    /// Returns the Job that cleans up after a run, if the kind has one.
    fn tidy(&self, _: OwnerReference) -> Option<Result<Plan, Refusal>> {
        None
    }

    /// Notes the end of that Job.
    fn end_tidy(&self, _: Result<&Outcome, &str>, _: &mut Self::Status, _: Timestamp) {}
}

/// Brings one object a step forward.
pub(crate) async fn reconcile<K: Kind>(
    object: Arc<K>,
    kafka: Arc<Kafka>,
) -> Result<Action, OperatorError> {
    let started = Instant::now();
    let taken = look(object, &kafka).await;
    let seconds = started.elapsed().as_secs_f64();
    kafka.numbers().look(&K::kind(&()), seconds, taken.is_err());
    taken.map(|()| Action::await_change())
}

async fn look<K: Kind>(object: Arc<K>, kafka: &Kafka) -> Result<(), OperatorError> {
    let namespace = object.namespace().unwrap_or_default();
    let name = object.name_any();
    let is_idle = matches!(
        object.act(kafka.context.clock.now()),
        Act::Rest | Act::Wait(_)
    );
    let object = if is_idle {
        object
    } else {
        // The watch may be behind what this process has written. A run must not begin twice, and must not end twice.
        let objects: Api<K> = Api::namespaced(kafka.context.client.clone(), &namespace);
        match objects.get_opt(&name).await? {
            Some(fresh) => Arc::new(fresh),
            None => return Ok(()),
        }
    };
    let step = Step {
        namespace,
        name,
        object: &*object,
        kafka,
    };
    step.take().await
}

/// One look at one object.
struct Step<'a, K> {
    object: &'a K,
    kafka: &'a Kafka,
    namespace: String,
    name: String,
}

impl<K: Kind> Step<'_, K> {
    async fn take(&self) -> Result<(), OperatorError> {
        self.wake(None);
        if self.object.meta().deletion_timestamp.is_some() {
            return self.let_go().await;
        }
        if !finalizers::has(self.object, K::FINALIZER) {
            let is_held = finalizers::set(&self.api(), self.object, K::FINALIZER, true).await?;
            if !is_held {
                return Ok(());
            }
        }
        let now = self.now();
        match self.object.act(now) {
            Act::Refuse(refusal) => self.refuse(&refusal).await,
            Act::Begin(job) => self.begin(&job, now).await,
            Act::Follow(job) => self.follow(&job, now).await,
            Act::Tidy => self.tidy(now).await,
            Act::Wait(tick) => {
                let mut status = self.status();
                K::note_tick(&mut status, tick);
                self.wake(Some(tick));
                self.rest(status).await
            }
            Act::Rest => self.rest(self.status()).await,
        }
    }

    fn now(&self) -> Timestamp {
        self.kafka.context.clock.now()
    }

    fn api(&self) -> Api<K> {
        self.of_namespace()
    }

    fn of_namespace<T>(&self) -> Api<T>
    where
        T: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        Api::namespaced(self.kafka.context.client.clone(), &self.namespace)
    }

    fn status(&self) -> K::Status {
        self.object.known().cloned().unwrap_or_default()
    }

    fn uid(&self) -> Result<&str, OperatorError> {
        let uid = self.object.meta().uid.as_deref();
        uid.ok_or(OperatorError::NoUid)
    }

    fn wake(&self, time: Option<Timestamp>) {
        K::wakes(&self.kafka.wakes).set(&self.namespace, &self.name, time);
    }

    async fn write(&self, status: &K::Status) -> Result<(), OperatorError> {
        let known = self.object.known();
        write_status(&self.api(), &self.name, self.uid()?, known, status).await
    }

    /// Shows that an object is valid, and that nothing is under way for it.
    async fn rest(&self, mut status: K::Status) -> Result<(), OperatorError> {
        let now = self.now();
        let generation = self.object.meta().generation;
        let frame = K::frame(&mut status);
        let phase = frame.phase.as_deref().and_then(KafkaPhase::named);
        let is_seen = *frame.observed_generation == generation;
        if phase.is_none() || !is_seen {
            *frame.phase = Some(KafkaPhase::Ready.name().to_owned());
            *frame.message = None;
            *frame.observed_generation = generation;
            let reason = if self.object.is_suspended() {
                "Suspended"
            } else {
                "ScheduleActive"
            };
            KafkaCondition::ready(true, reason, "", now).set(frame.conditions);
        }
        self.write(&status).await
    }

    /// Shows why no run begins. An object that refers to another one looks for it again.
    async fn refuse(&self, refusal: &Refusal) -> Result<(), OperatorError> {
        let mut status = self.status();
        let now = self.now();
        let frame = K::frame(&mut status);
        let is_new = frame.message.as_deref() != Some(&refusal.message);
        *frame.phase = Some(KafkaPhase::Failed.name().to_owned());
        *frame.message = Some(refusal.message.clone());
        // A run begins when the generation was not seen yet. So an object whose reference comes later still gets its run.
        let is_final = refusal.is_final();
        *frame.observed_generation = self.object.meta().generation.filter(|_| is_final);
        let condition = KafkaCondition::ready(false, refusal.reason, &refusal.message, now);
        condition.set(frame.conditions);
        self.write(&status).await?;
        if !is_final {
            self.wake(Some(now + LOOK_AGAIN));
        }
        if is_new {
            let context = &self.kafka.context;
            let (reason, message) = (refusal.reason, &refusal.message);
            context.tell(self.object, EventType::Warning, reason, message);
        }
        Ok(())
    }

    /// Notes the beginning. The next look makes the Job.
    async fn begin(&self, job: &str, now: Timestamp) -> Result<(), OperatorError> {
        if let Err(refusal) = self.plan(job, now).await? {
            return self.refuse(&refusal).await;
        }
        // The Job of an older spec must not work at the same time.
        if self.stop_jobs(Some(job)).await? {
            self.wake(Some(now + SOON));
            return Ok(());
        }
        let mut status = self.status();
        self.object.begin(&mut status, now);
        let frame = K::frame(&mut status);
        *frame.phase = Some(KafkaPhase::Running.name().to_owned());
        *frame.message = None;
        *frame.observed_generation = self.object.meta().generation;
        KafkaCondition::ready(false, RUNNING, "", now).set(frame.conditions);
        self.write(&status).await?;
        self.wake(Some(now));
        Ok(())
    }

    async fn plan(
        &self,
        job: &str,
        began: Timestamp,
    ) -> Result<Result<Plan, Refusal>, OperatorError> {
        let references = self.object.references();
        let mut related = Related::default();
        if let Some((namespace, name)) = &references.backup {
            let client = self.kafka.context.client.clone();
            let namespace = namespace.as_ref().unwrap_or(&self.namespace);
            let backups: Api<KafkaBackup> = Api::namespaced(client, namespace);
            related.backup = backups.get_opt(name).await?;
        }
        if let Some(name) = &references.restore {
            related.restore = self.of_namespace().get_opt(name).await?;
        }
        if let Some(name) = &references.reset {
            related.reset = self.of_namespace().get_opt(name).await?;
        }
        let owner = owner(self.object)?;
        let settings = &self.kafka.settings;
        Ok(self.object.plan(job, began, &related, owner, settings))
    }

    async fn standing(&self, name: &str) -> Result<Standing, OperatorError> {
        let context = &self.kafka.context;
        let seen = &context.seen;
        let job = seen.jobs.get(&ObjectRef::new(name).within(&self.namespace));
        if let Some(job) = &job {
            check_owner(job, &self.namespace, self.uid()?)?;
        }
        if job.as_ref().is_some_and(|it| has_ended(it)) {
            let client = &context.client;
            let pods = asked::pods_of(client, &self.namespace, name, job.as_deref()).await?;
            let pods: Vec<_> = pods.iter().collect();
            Ok(standing(job.as_deref(), &pods, self.now()))
        } else {
            let mut pods = seen.pods_of(&self.namespace, name);
            pods.retain(|pod| is_of(pod, job.as_deref()));
            let pods: Vec<_> = pods.iter().map(Arc::as_ref).collect();
            Ok(standing(job.as_deref(), &pods, self.now()))
        }
    }

    /// Shows what the Job says, or makes it.
    async fn follow(&self, name: &str, now: Timestamp) -> Result<(), OperatorError> {
        let mut status = self.status();
        let began = K::began(&status).unwrap_or(now);
        match self.standing(name).await? {
            Standing::Missing => self.make(name, began, now).await,
            Standing::UnderWay(going) => self.show(status, *going, now).await,
            Standing::Ended(outcome) => {
                let end = self.object.end(&outcome, &mut status);
                self.end(status, began, &end).await
            }
            Standing::Broken(fault) => {
                let end = End::new(KafkaPhase::Failed, K::FAILED, words(&fault));
                self.end(status, began, &end).await
            }
        }
    }

    /// Shows how far a run is, and what it waits for.
    async fn show(
        &self,
        mut status: K::Status,
        going: Going,
        now: Timestamp,
    ) -> Result<(), OperatorError> {
        let client = &self.kafka.context.client;
        let verdict = going.verdict;
        let mut waiting = verdict.waiting;
        if let Some(uid) = &verdict.ask_events_of {
            waiting = asked::warning_about(client, &self.namespace, uid).await?;
        }
        let mut next = verdict.look_again;
        if let Some(pod) = going.running {
            let line = asked::last_line(client, &self.namespace, &pod).await;
            if let Some(fields) = line.as_deref().and_then(mirror::progress) {
                mirror::take(&mut status, &fields);
            }
            let soon = now + PROGRESS;
            next = Some(next.map_or(soon, |next| next.min(soon)));
        }
        let stumbled = going.stumbled.map(|why| (K::FAILED.to_owned(), why));
        let message = stumbled.or(waiting);
        let message = message.map(|(reason, why)| format!("{reason}: {why}"));
        let was = K::frame(&mut status).message;
        let is_new = message.is_some() && *was != message;
        was.clone_from(&message);
        self.wake(next);
        self.write(&status).await?;
        if let Some((reason, why)) = message.as_deref().filter(|_| is_new).and_then(reason_of) {
            let context = &self.kafka.context;
            context.tell(self.object, EventType::Warning, reason, why);
        }
        Ok(())
    }

    /// Makes the Job of the run under way.
    async fn make(
        &self,
        name: &str,
        began: Timestamp,
        now: Timestamp,
    ) -> Result<(), OperatorError> {
        // A continuous backup goes on with a new spec, and two Jobs must not write one set.
        if self.stop_jobs(Some(name)).await? {
            self.wake(Some(now + SOON));
            return Ok(());
        }
        match self.plan(name, began).await? {
            Ok(plan) => self.create(&plan).await,
            Err(refusal) => self.refuse(&refusal).await,
        }
    }

    async fn end(
        &self,
        mut status: K::Status,
        began: Timestamp,
        end: &End,
    ) -> Result<(), OperatorError> {
        let now = self.now();
        let frame = K::frame(&mut status);
        *frame.phase = Some(end.phase.name().to_owned());
        *frame.message = Some(end.message.clone());
        end.condition(now).set(frame.conditions);
        self.write(&status).await?;
        let (type_, reason, note) = end.event();
        self.kafka.context.tell(self.object, type_, reason, note);
        let lasted = Some((began, now));
        self.object
            .count(self.kafka.numbers(), end.phase, lasted, &status);
        self.wake(Some(now));
        Ok(())
    }

    /// Follows the Job that cleans up.
    async fn tidy(&self, now: Timestamp) -> Result<(), OperatorError> {
        let plan = match self.object.tidy(owner(self.object)?) {
            None => return Ok(()),
            Some(Ok(plan)) => plan,
            Some(Err(refusal)) => {
                let mut status = self.status();
                let message = Err(&*refusal.message);
                self.object.end_tidy(message, &mut status, now);
                return self.write(&status).await;
            }
        };
        let mut status = self.status();
        match self.standing(&plan.name).await? {
            Standing::Missing => return self.create(&plan).await,
            Standing::UnderWay(going) => {
                self.wake(going.verdict.look_again);
                return Ok(());
            }
            Standing::Ended(outcome) => self.object.end_tidy(Ok(&outcome), &mut status, now),
            Standing::Broken(fault) => {
                let message = words(&fault);
                self.object.end_tidy(Err(&message), &mut status, now);
            }
        }
        self.write(&status).await?;
        self.wake(Some(now));
        Ok(())
    }

    /// Makes the claims and the Job of a plan, unless they are there.
    async fn create(&self, plan: &Plan) -> Result<(), OperatorError> {
        let mut wanted = self.object.claims(&self.namespace);
        let settings = &self.kafka.settings;
        let of_state = &settings.state_claim;
        if plan.state.as_ref().is_some_and(|it| it.claim == *of_state) {
            wanted.push(claims::of_state(of_state, &self.namespace));
        }
        let made: Api<PersistentVolumeClaim> = self.of_namespace();
        for claim in wanted {
            is_created(made.create(&PostParams::default(), &claim).await)?;
        }
        let jobs: Api<Job> = self.of_namespace();
        let created = jobs
            .create(&PostParams::default(), &job(plan, settings))
            .await;
        if !is_created(created)? {
            let found = jobs.get(&plan.name).await?;
            check_owner(&found, &self.namespace, self.uid()?)?;
        }
        Ok(())
    }

    /// Deletes the Jobs of the object, besides one. Returns whether any is still there. A Job goes after its pods, so the
    /// worker can note how far it came.
    async fn stop_jobs(&self, besides: Option<&str>) -> Result<bool, OperatorError> {
        let uid = self.uid()?;
        let jobs: Api<Job> = self.of_namespace();
        // The watch may not have shown the newest Job yet, and two Jobs must not work for one object.
        let kind = K::kind(&()).to_lowercase();
        let ours = format!("{LABEL_MANAGED_BY}={PROGRAM},{LABEL_KIND}={kind}");
        let found = jobs.list(&ListParams::default().labels(&ours)).await?;
        let of_object = found.items.iter().filter(|job| {
            job.metadata.name.as_deref() != besides
                && !has_ended(job)
                && job.owner_references().iter().any(|it| it.uid == uid)
        });
        let mut is_any = false;
        for job in of_object {
            is_any = true;
            if job.metadata.deletion_timestamp.is_none() {
                match jobs
                    .delete(&job.name_any(), &DeleteParams::foreground())
                    .await
                {
                    Ok(_) => {}
                    Err(kube::Error::Api(status)) if status.code == 404 => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(is_any)
    }

    /// Lets an object go that is being deleted, when its workers have stopped. Its sets stay.
    async fn let_go(&self) -> Result<(), OperatorError> {
        if !finalizers::has(self.object, K::FINALIZER) {
            return Ok(());
        }
        if self.stop_jobs(None).await? {
            self.wake(Some(self.now() + SOON));
            return Ok(());
        }
        let is_let_go = finalizers::set(&self.api(), self.object, K::FINALIZER, false).await?;
        if is_let_go {
            let of = OfObject {
                resource_namespace: self.namespace.clone(),
                name: self.name.clone(),
            };
            self.kafka.numbers().clean_up(&K::kind(&()), &of);
        }
        Ok(())
    }
}

/// Returns the reason and the words of a message about what a run waits for.
fn reason_of(message: &str) -> Option<(&str, &str)> {
    message.split_once(": ")
}

/// Returns whether a Job has ended. Its log is kept for a while.
fn has_ended(job: &Job) -> bool {
    let conditions = job.status.as_ref().and_then(|it| it.conditions.as_ref());
    let mut conditions = conditions.into_iter().flatten();
    conditions.any(|it| ["Complete", "Failed"].contains(&&*it.type_) && it.status == "True")
}

/// Returns the words for people of a failure without a result.
fn words(fault: &Fault) -> String {
    match &fault.hint {
        Some(hint) => format!("{}. {hint}", fault.message),
        None => fault.message.clone(),
    }
}

/// Returns whether an object was created. One that is there already is no error.
fn is_created<T>(created: Result<T, kube::Error>) -> Result<bool, OperatorError> {
    match created {
        Ok(_) => Ok(true),
        Err(kube::Error::Api(status)) if status.reason == "AlreadyExists" => Ok(false),
        Err(error) => Err(error.into()),
    }
}
