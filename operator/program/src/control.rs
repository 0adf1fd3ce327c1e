//! The controllers, and the watches that they share.

mod kafka;
mod requests;

use std::collections::{HashMap, HashSet};
use std::future::ready;
use std::sync::Arc;

use futures_util::{Stream, StreamExt as _, stream};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::core::DeserializeGuard;
use kube::runtime::controller::{Action, Config, Controller};
use kube::runtime::events::Recorder;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, Client, Resource, ResourceExt as _};
use operator_api::{
    Backup, BackupSchedule, BackupStore, LABEL_MANAGED_BY, PROGRAM, Phase, Restore, RunKind as _,
};
use serde::de::DeserializeOwned;
use tokio::sync::Notify;
use tokio::task::{JoinError, JoinSet};

use crate::changes::{Changes, changes, is_gone};
use crate::clock::Clock;
use crate::context::{Context, Seen, SeenGroups};
use crate::error::OperatorError;
use crate::events::events;
use crate::groups::Grouped;
use crate::history::{History, Row};
use crate::job::Defaults;
use crate::kafka::WorkerSettings;
use crate::metrics::Metrics;
use crate::page::Page;
use crate::queue::Limits;
use crate::requests::RequestSettings;
use crate::runs;
use crate::shared::Shared;
use crate::wakes::Wakes;
use crate::{schedules, stores};

use kafka::WatchedKafka;
use requests::WatchedRequests;

/// Looks at objects of a kind that may happen at once.
const AT_ONCE: u16 = 16;
/// How many objects that are gone a filter may remember beyond those that exist.
const FORGOTTEN: usize = 1000;

/// The parts of the controllers.
pub(crate) struct Control {
    pub(crate) client: Client,
    pub(crate) clock: Clock,
    pub(crate) defaults: Defaults,
    pub(crate) limits: Limits,
    pub(crate) recorder: Recorder,
    pub(crate) metrics: Arc<Metrics>,
    /// The only namespace to work in.
    pub(crate) namespace: Option<String>,
    /// The history of runs, if there is one.
    pub(crate) history: Option<Arc<History>>,
    /// The page that shows what the watches keep.
    pub(crate) page: Arc<Page>,
    /// The settings that objects have alike.
    pub(crate) shared: Shared,
    /// How requests of projects are worked on, if they are.
    pub(crate) requests: Option<RequestSettings>,
    /// How objects of `kafka.oso.sh` are worked on, if they are.
    pub(crate) kafka: Option<WorkerSettings>,
}

/// A task that must never end has ended.
#[derive(Debug, thiserror::Error)]
#[error("the {what} has ended")]
pub(crate) struct Ended {
    what: String,
}

impl Control {
    /// Watches objects of a kind, without what no controller reads. `freed` is told which object is gone; none if the watch
    /// was interrupted, so that any of them may be.
    fn watch<K>(
        &self,
        config: watcher::Config,
        tasks: &mut JoinSet<String>,
        freed: impl Fn(Option<&ObjectRef<K>>, &Store<K>) + Send + 'static,
    ) -> Changes<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Grouped
            + std::fmt::Debug
            + DeserializeOwned
            + Send
            + Sync
            + 'static,
    {
        let stream = watcher(self.api(), config).default_backoff();
        self.keep(stream, tasks, freed)
    }

    /// Watches objects of a kind that other programs write, too. An object that can't be read is left out: it must not hide
    /// the others.
    fn watch_foreign<K>(&self, tasks: &mut JoinSet<String>) -> Changes<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Grouped
            + std::fmt::Debug
            + DeserializeOwned
            + Send
            + Sync
            + 'static,
    {
        let api: Api<DeserializeGuard<K>> = self.api();
        let stream = watcher(api, watcher::Config::default()).default_backoff();
        let stream = stream.filter_map(|event| ready(readable(event)));
        self.keep(stream, tasks, |_, _| {})
    }

    fn api<K>(&self) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        match &self.namespace {
            Some(namespace) => Api::namespaced(self.client.clone(), namespace),
            None => Api::all(self.client.clone()),
        }
    }

    /// Keeps the objects that a watch shows.
    fn keep<K>(
        &self,
        events: impl Stream<Item = watcher::Result<watcher::Event<K>>> + Send + 'static,
        tasks: &mut JoinSet<String>,
        freed: impl Fn(Option<&ObjectRef<K>>, &Store<K>) + Send + 'static,
    ) -> Changes<K>
    where
        K: Resource<DynamicType = ()> + Grouped + Send + Sync + 'static,
    {
        let (changes, mut teller) = changes();
        let kind = K::kind(&()).into_owned();
        let named = kind.clone();
        let objects = changes.objects().clone();
        let shared = self.shared.clone();
        let stream = events
            .modify(move |object| lighten(object, &shared))
            .for_each(move |event| {
                match event {
                    Ok(event) => {
                        let gone = match &event {
                            watcher::Event::Delete(object) => {
                                Some(Some(ObjectRef::from_obj(object)))
                            }
                            watcher::Event::InitDone => Some(None),
                            watcher::Event::Apply(_)
                            | watcher::Event::Init
                            | watcher::Event::InitApply(_) => None,
                        };
                        teller.take(event);
                        if let Some(gone) = gone {
                            freed(gone.as_ref(), &objects);
                        }
                    }
                    Err(error) => {
                        tracing::warn!(kind = named, reason = %error, "a watch is interrupted");
                    }
                }
                ready(())
            });
        tasks.spawn(async move {
            stream.await;
            format!("watch of {kind}")
        });
        changes
    }

    /// Runs the controllers. It ends only if one of them does.
    pub(crate) async fn run(self) -> Ended {
        let mut tasks = JoinSet::new();
        let all = watcher::Config::default();
        let ours = all.clone().labels(&format!("{LABEL_MANAGED_BY}={PROGRAM}"));
        // No controller looks at what is gone, such as a run that leaves its place.
        let left = Arc::new(Notify::new());
        let leave = || {
            let left = Arc::clone(&left);
            move || left.notify_one()
        };
        let (backup, restore) = (leave(), leave());
        let backups = self.watch::<Backup>(all.clone(), &mut tasks, move |_, _| backup());
        let restores = self.watch::<Restore>(all.clone(), &mut tasks, move |_, _| restore());
        let subjects = Arc::clone(&self.metrics.subjects);
        let schedules = self.watch::<BackupSchedule>(all.clone(), &mut tasks, move |gone, live| {
            match gone.map(named) {
                Some((namespace, name)) => subjects.forget_schedule(namespace, name),
                None => {
                    subjects.retain_schedules(|namespace, name| is_known(live, namespace, name));
                }
            }
        });
        let subjects = Arc::clone(&self.metrics.subjects);
        let stores =
            self.watch::<BackupStore>(all, &mut tasks, move |gone, live| match gone.map(named) {
                Some((namespace, name)) => subjects.forget_store(namespace, name),
                None => subjects.retain_stores(|namespace, name| is_known(live, namespace, name)),
            });
        let requests = WatchedRequests::watch(&self, &mut tasks);
        let kafka = WatchedKafka::watch(&self, &mut tasks);
        let jobs = self.watch::<Job>(ours.clone(), &mut tasks, |_, _| {});
        let pods = self.watch::<Pod>(ours, &mut tasks, |_, _| {});
        let seen = Seen {
            backups: backups.objects().clone(),
            restores: restores.objects().clone(),
            schedules: schedules.objects().clone(),
            stores: stores.objects().clone(),
            requests: requests.as_ref().map(WatchedRequests::seen),
            kafka: kafka.as_ref().map(WatchedKafka::seen),
            jobs: jobs.objects().clone(),
            pods: pods.objects().clone(),
            groups: SeenGroups {
                backups: backups.groups().clone(),
                restores: restores.groups().clone(),
                pods: pods.groups().clone(),
            },
        };
        self.page.begin();
        if let Some(history) = self.history.clone() {
            let seen = seen.clone();
            let rows = rows(&backups, &restores, requests.as_ref());
            tasks.spawn(async move {
                history.keep(rows, &seen).await;
                "history".to_owned()
            });
        }
        let (events, written) = events(self.recorder);
        tasks.spawn(async move {
            written.await;
            "writer of Events".to_owned()
        });
        let context = Arc::new(Context::new(
            self.client,
            self.clock,
            self.defaults,
            self.limits,
            events,
            self.metrics,
            seen.clone(),
        ));
        let freed = Arc::clone(&context);
        tasks.spawn(async move {
            loop {
                left.notified().await;
                freed.wake_queued();
            }
        });
        // A controller that began earlier would believe that objects of a slower watch are missing. Then a copy stays,
        // because its store seems to be gone.
        let ready = seen.ready();
        tokio::select! {
            biased;
            ended = tasks.join_next() => return ended_with(ended),
            () = ready => {}
        }
        self.page.show(seen);
        let wakes = &context.wakes;
        let controller = job_controller(&backups, &jobs, &pods, &wakes.backups);
        tasks.spawn(drive(controller, runs::reconcile::<Backup>, &context));
        let controller = job_controller(&restores, &jobs, &pods, &wakes.restores);
        tasks.spawn(drive(controller, runs::reconcile::<Restore>, &context));
        let controller = schedule_controller(&schedules, &backups, &jobs, &context);
        tasks.spawn(drive(controller, schedules::reconcile, &context));
        let controller = job_controller(&stores, &jobs, &pods, &wakes.stores);
        tasks.spawn(drive(controller, stores::reconcile, &context));
        if let Some(requests) = requests {
            requests.work(&backups, &restores, &context, self.history, &mut tasks);
        }
        if let Some(kafka) = kafka {
            kafka.work(&jobs, &pods, &context, &mut tasks);
        }
        ended_with(tasks.join_next().await)
    }
}

/// Returns what the history has of runs and requests.
fn rows(
    backups: &Changes<Backup>,
    restores: &Changes<Restore>,
    requests: Option<&WatchedRequests>,
) -> impl Stream<Item = Option<Row>> + Send + use<> {
    let runs = stream::select(
        backups.listen().map(|it| Row::of_backup(&it)),
        restores.listen().map(|it| Row::of_restore(&it)),
    );
    let requested = match requests {
        Some(requests) => requests.rows().boxed(),
        None => stream::pending().boxed(),
    };
    stream::select(runs, requested)
}

/// Returns an event without what can't be read. None if nothing is left of it.
fn readable<K: Resource<DynamicType = ()>>(
    event: watcher::Result<watcher::Event<DeserializeGuard<K>>>,
) -> Option<watcher::Result<watcher::Event<K>>> {
    let read = |object: DeserializeGuard<K>| {
        object
            .0
            .inspect_err(|error| {
                let kind = K::kind(&()).into_owned();
                let (namespace, name) = (&error.metadata.namespace, &error.metadata.name);
                let reason = &error.error;
                tracing::warn!(kind, namespace, name, reason, "an object can't be read");
            })
            .ok()
    };
    let event = match event {
        Err(error) => return Some(Err(error)),
        Ok(watcher::Event::Apply(object)) => watcher::Event::Apply(read(object)?),
        Ok(watcher::Event::Delete(object)) => watcher::Event::Delete(read(object)?),
        Ok(watcher::Event::InitApply(object)) => watcher::Event::InitApply(read(object)?),
        Ok(watcher::Event::Init) => watcher::Event::Init,
        Ok(watcher::Event::InitDone) => watcher::Event::InitDone,
    };
    Some(Ok(event))
}

/// Returns the namespace and the name of an object.
fn named<K: Resource<DynamicType = ()>>(object: &ObjectRef<K>) -> (&str, &str) {
    (
        object.namespace.as_deref().unwrap_or_default(),
        &object.name,
    )
}

fn is_known<K>(objects: &Store<K>, namespace: &str, name: &str) -> bool
where
    K: Resource<DynamicType = ()> + Clone + 'static,
{
    let key = ObjectRef::new(name).within(namespace);
    objects.get(&key).is_some()
}

/// Shares the settings that other objects have alike, and drops what no controller reads. Each map of labels or annotations
/// takes half a kilobyte, and there may be a hundred thousand runs.
fn lighten<K: Grouped>(object: &mut K, shared: &Shared) {
    if let Some(settings) = object.settings_mut() {
        shared.share(settings);
    }
    let meta = object.meta_mut();
    meta.managed_fields = None;
    meta.annotations = None;
    if !K::BY_LABELS {
        meta.labels = None;
    }
}

fn ended_with(ended: Option<Result<String, JoinError>>) -> Ended {
    let what = match ended {
        Some(Ok(what)) => what,
        Some(Err(error)) => format!("task ({error})"),
        None => "work".to_owned(),
    };
    Ended { what }
}

fn config() -> Config {
    Config::default().concurrency(AT_ONCE)
}

/// Maps the pod of a run's Job to the run.
fn run_of_pod<K: Resource<DynamicType = ()>>(jobs: &Store<Job>, pod: &Pod) -> Option<ObjectRef<K>> {
    let namespace = pod.namespace()?;
    let owner = pod.owner_references().iter().find(|it| it.kind == "Job")?;
    let job = jobs.get(&ObjectRef::new(&owner.name).within(&namespace))?;
    let owner = job
        .owner_references()
        .iter()
        .find(|it| it.kind == K::kind(&()))
        .cloned()?;
    Some(ObjectRef::new(&owner.name).within(&namespace))
}

/// Returns a controller of objects that own Jobs. A report of a pod changes only the status, and is no reason to look.
fn job_controller<K>(
    objects: &Changes<K>,
    jobs: &Changes<Job>,
    pods: &Changes<Pod>,
    wakes: &Wakes,
) -> Controller<K>
where
    K: Grouped + DeserializeOwned + std::fmt::Debug + Send + Sync,
{
    let known = jobs.objects().clone();
    Controller::for_shared_stream(changed(objects), objects.objects().clone())
        .with_config(config())
        .owns_shared_stream(jobs.listen())
        .watches_shared_stream(pods.listen(), move |pod| run_of_pod(&known, &pod))
        .reconcile_on(wakes.stream())
}

fn schedule_controller(
    schedules: &Changes<BackupSchedule>,
    backups: &Changes<Backup>,
    jobs: &Changes<Job>,
    context: &Context,
) -> Controller<BackupSchedule> {
    // Progress is no news for a schedule: it wants to know which runs there are, and which have ended.
    let ended = distinct(backups, |backup| {
        let phase = backup.run().and_then(|it| it.phase);
        phase.is_some_and(Phase::is_terminal)
    });
    Controller::for_shared_stream(changed(schedules), schedules.objects().clone())
        .with_config(config())
        .owns_shared_stream(jobs.listen())
        .watches_shared_stream(ended, |backup: Arc<Backup>| {
            let by = backup.spec.schedule.as_ref()?;
            let namespace = backup.namespace()?;
            Some(ObjectRef::new(&by.name).within(&namespace))
        })
        .reconcile_on(context.wakes.schedules.stream())
}

/// Leaves out changes of the status: the operator makes most of them itself.
fn changed<K>(changes: &Changes<K>) -> impl Stream<Item = Arc<K>> + Send + use<K>
where
    K: Grouped + Send + Sync,
{
    distinct(changes, |object| object.meta().generation)
}

/// Leaves out changes that don't change a part of the object. A deletion always counts, also while it waits for finalizers.
fn distinct<K, P, F>(
    changes: &Changes<K>,
    part: F,
) -> impl Stream<Item = Arc<K>> + Send + use<K, P, F>
where
    K: Grouped + Send + Sync,
    F: Fn(&K) -> P + Send + 'static,
    P: PartialEq + Send + 'static,
{
    let mut seen: HashMap<String, P> = HashMap::new();
    let objects = changes.objects().clone();
    changes.listen().filter(move |object| {
        if seen.len() > 2 * objects.len() + FORGOTTEN {
            let live: HashSet<_> = objects
                .state()
                .iter()
                .filter_map(|it| it.meta().uid.clone())
                .collect();
            seen.retain(|uid, _| live.contains(uid));
        }
        let is_gone = is_gone(&objects, &**object);
        let is_new = match object.meta().uid.clone() {
            // After a deletion nothing comes that could be compared.
            Some(uid) if is_gone || object.meta().deletion_timestamp.is_some() => {
                seen.remove(&uid);
                true
            }
            Some(uid) => {
                let now = part(object);
                let was = seen.get(&uid);
                let is_new = was != Some(&now);
                seen.insert(uid, now);
                is_new
            }
            None => true,
        };
        ready(is_new)
    })
}

/// Runs a controller until it ends.
fn drive<K, C, F, Fut>(
    controller: Controller<K>,
    reconcile: F,
    context: &Arc<C>,
) -> impl Future<Output = String> + Send + use<K, C, F, Fut>
where
    K: Resource<DynamicType = ()>
        + Clone
        + DeserializeOwned
        + std::fmt::Debug
        + Send
        + Sync
        + 'static,
    C: AsRef<Context> + Send + Sync + 'static,
    F: FnMut(Arc<K>, Arc<C>) -> Fut + Send + 'static,
    Fut: Future<Output = Result<Action, OperatorError>> + Send + 'static,
{
    let context = Arc::clone(context);
    async move {
        controller
            .run(reconcile, runs::after_error, context)
            .for_each(|_| ready(()))
            .await;
        format!("controller of {}", K::kind(&()))
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures_util::FutureExt as _;
    use kube::runtime::watcher::Event;

    use super::*;
    use crate::groups::Group;

    fn pod() -> Pod {
        let pod = serde_json::json!({"metadata": {
            "name": "a", "namespace": "prod",
            "labels": {operator_api::LABEL_OBJECT: "backup-a"},
            "annotations": {"example.com/owner": "people"},
            "managedFields": [{"manager": "kubectl"}],
        }});
        serde_json::from_value(pod).expect("a pod")
    }

    #[tokio::test]
    async fn a_deletion_counts_although_the_object_is_as_before() {
        let (changes, mut teller) = changes();
        let mut heard = pin!(distinct(&changes, |pod: &Pod| pod.metadata.generation));
        let mut of = |uid: &str, event: fn(Pod) -> Event<Pod>| {
            let mut pod = pod();
            pod.metadata.uid = Some(uid.to_owned());
            teller.take(event(pod));
            heard.next().now_or_never().flatten().is_some()
        };
        assert!(of("1", Event::Apply));
        assert!(!of("1", Event::Apply), "nothing is new");
        assert!(of("1", Event::Delete));
        assert!(of("2", Event::Apply));
        assert!(!of("2", Event::Apply), "nothing is new");
    }

    #[test]
    fn objects_keep_only_what_is_read() {
        let mut pod = pod();
        let mut job = Job {
            metadata: pod.metadata.clone(),
            ..Job::default()
        };
        lighten(&mut pod, &Shared::default());
        lighten(&mut job, &Shared::default());
        for meta in [&pod.metadata, &job.metadata] {
            assert_eq!(meta.annotations, None);
            assert_eq!(meta.managed_fields, None);
            assert_eq!(meta.name.as_deref(), Some("a"));
        }
        assert_eq!(job.metadata.labels, None);
        let of_job = Group::OfJob {
            namespace: "prod".to_owned(),
            job: "backup-a".to_owned(),
        };
        assert_eq!(pod.groups(), [of_job], "pods are found by a label");
    }
}
