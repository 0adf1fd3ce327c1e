//! The parts that all controllers share.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::runtime::events::{Event, EventType};
use kube::runtime::reflector::Store;
use kube::{Client, Resource, ResourceExt as _};
use operator_api::{
    Backup, BackupRequest, BackupSchedule, BackupStore, KafkaBackup, KafkaBackupValidation,
    KafkaOffsetReset, KafkaOffsetRollback, KafkaRestore, Phase, Restore, RestoreRequest,
    RunKind as _, Target,
};

use crate::changes::is_gone;
use crate::clock::Clock;
use crate::events::Events;
use crate::groups::{Group, Groups};
use crate::job::Defaults;
use crate::metrics::{Metrics, OfKind, ScheduleNumbers};
use crate::queue::{Limits, Waiting, admitted};
use crate::runs::Run;
use crate::wakes::Wakes;

/// The longest note of an Event in bytes, by the API.
const NOTE: usize = 1024;

/// The objects that controllers look for by group.
#[derive(Clone, Default)]
pub(crate) struct SeenGroups {
    pub(crate) backups: Groups<Backup>,
    pub(crate) restores: Groups<Restore>,
    pub(crate) pods: Groups<Pod>,
}

/// The requests of projects.
#[derive(Clone)]
pub(crate) struct SeenRequests {
    pub(crate) backups: Store<BackupRequest>,
    pub(crate) restores: Store<RestoreRequest>,
}

/// The objects of `kafka.oso.sh`.
#[derive(Clone)]
pub(crate) struct SeenKafka {
    pub(crate) backups: Store<KafkaBackup>,
    pub(crate) restores: Store<KafkaRestore>,
    pub(crate) resets: Store<KafkaOffsetReset>,
    pub(crate) rollbacks: Store<KafkaOffsetRollback>,
    pub(crate) validations: Store<KafkaBackupValidation>,
}

/// The objects that the operator sees, as its watches keep them.
#[derive(Clone)]
pub(crate) struct Seen {
    pub(crate) backups: Store<Backup>,
    pub(crate) restores: Store<Restore>,
    pub(crate) schedules: Store<BackupSchedule>,
    pub(crate) stores: Store<BackupStore>,
    /// None if requests are not worked on.
    pub(crate) requests: Option<SeenRequests>,
    /// None if objects of Kafka are not worked on.
    pub(crate) kafka: Option<SeenKafka>,
    pub(crate) jobs: Store<Job>,
    pub(crate) pods: Store<Pod>,
    pub(crate) groups: SeenGroups,
}

impl Seen {
    /// Returns the pods of a Job.
    pub(crate) fn pods_of(&self, namespace: &str, job: &str) -> Vec<Arc<Pod>> {
        self.groups.pods.of(&Group::OfJob {
            namespace: namespace.to_owned(),
            job: job.to_owned(),
        })
    }

    /// Waits until each watch has shown what there is. A watch that has ended never does.
    ///
    /// A store keeps one waker. So nothing else may ask it whether it is ready, until it is.
    pub(crate) async fn ready(&self) {
        let requests = async {
            match &self.requests {
                Some(requests) => {
                    requests.backups.wait_until_ready().await?;
                    requests.restores.wait_until_ready().await
                }
                None => Ok(()),
            }
        };
        let kafka = async {
            match &self.kafka {
                Some(kafka) => {
                    kafka.backups.wait_until_ready().await?;
                    kafka.restores.wait_until_ready().await?;
                    kafka.resets.wait_until_ready().await?;
                    kafka.rollbacks.wait_until_ready().await?;
                    kafka.validations.wait_until_ready().await
                }
                None => Ok(()),
            }
        };
        let ready = tokio::try_join!(
            requests,
            kafka,
            self.backups.wait_until_ready(),
            self.restores.wait_until_ready(),
            self.schedules.wait_until_ready(),
            self.stores.wait_until_ready(),
            self.jobs.wait_until_ready(),
            self.pods.wait_until_ready(),
        );
        if ready.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// The agendas of the kinds.
#[derive(Clone)]
pub(crate) struct Agendas {
    pub(crate) backups: Wakes,
    pub(crate) restores: Wakes,
    pub(crate) schedules: Wakes,
    pub(crate) stores: Wakes,
}

/// The runs that this process admitted or ended, by their uids.
#[derive(Default)]
struct Done {
    admitted: HashSet<String>,
    ended: HashSet<String>,
}

/// The parts that all controllers share.
pub(crate) struct Context {
    pub(crate) client: Client,
    pub(crate) clock: Clock,
    pub(crate) defaults: Defaults,
    pub(crate) limits: Limits,
    events: Events,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) seen: Seen,
    pub(crate) wakes: Agendas,
    /// The newest changes of this process, which the watch may not have shown yet.
    done: Mutex<Done>,
}

impl AsRef<Self> for Context {
    fn as_ref(&self) -> &Self {
        self
    }
}

impl Context {
    pub(crate) fn new(
        client: Client,
        clock: Clock,
        defaults: Defaults,
        limits: Limits,
        events: Events,
        metrics: Arc<Metrics>,
        seen: Seen,
    ) -> Self {
        let wakes = || Wakes::new(clock.clone());
        Self {
            wakes: Agendas {
                backups: wakes(),
                restores: wakes(),
                schedules: wakes(),
                stores: wakes(),
            },
            client,
            clock,
            defaults,
            limits,
            events,
            metrics,
            seen,
            done: Mutex::default(),
        }
    }

    /// Reports what happened to an object. The Event is written soon, and nothing waits for it.
    pub(crate) fn tell<K>(&self, object: &K, type_: EventType, reason: &str, note: &str)
    where
        K: Resource<DynamicType = ()>,
    {
        let event = Event {
            type_,
            reason: reason.to_owned(),
            note: Some(cut(note, NOTE).to_owned()),
            action: reason.to_owned(),
            secondary: None,
        };
        self.events.send(event, object.object_ref(&()));
    }

    /// Takes a place for a run, if there is one for it now. It is kept until the run has ended.
    pub(crate) fn admit(&self, uid: &str) -> bool {
        let open = Open::of(&self.seen.groups);
        let mut done = self.done();
        let facts = self.places(&open, &mut done);
        let is_admitted = done.admitted.contains(uid)
            || admitted(self.limits, &facts.active, &facts.waiting)
                .iter()
                .any(|run| run.uid == uid);
        if is_admitted {
            done.admitted.insert(uid.to_owned());
        }
        is_admitted
    }

    /// Gives the place of a run back, and looks at those that may begin now.
    pub(crate) fn give_back(&self, uid: &str) {
        self.done().ended.insert(uid.to_owned());
        self.wake_queued();
    }

    fn done(&self) -> MutexGuard<'_, Done> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the runs that may begin now, because another has ended.
    pub(crate) fn wake_queued(&self) {
        let open = Open::of(&self.seen.groups);
        let facts = self.places(&open, &mut self.done());
        let may = admitted(self.limits, &facts.active, &facts.waiting);
        let uids: HashSet<_> = may.iter().map(|run| run.uid).collect();
        self.wake_each(&self.wakes.backups, &open.backups, &uids);
        self.wake_each(&self.wakes.restores, &open.restores, &uids);
    }

    fn wake_each<R: Run>(&self, wakes: &Wakes, runs: &[Arc<R>], uids: &HashSet<&str>) {
        let now = Some(self.clock.now());
        for run in runs {
            if uids.contains(text(run.meta().uid.as_ref())) {
                wakes.set(&run.namespace().unwrap_or_default(), &run.name_any(), now);
            }
        }
    }

    /// Changes the numbers of a schedule. If it was deleted meanwhile, they go: nothing else would remove them.
    pub(crate) fn number(
        &self,
        schedule: &BackupSchedule,
        change: impl FnOnce(&mut ScheduleNumbers),
    ) {
        let namespace = text(schedule.metadata.namespace.as_ref());
        let name = text(schedule.metadata.name.as_ref());
        let created = schedule.metadata.creation_timestamp.as_ref();
        let created = created.map_or(0, |it| it.0.as_second());
        let subjects = &self.metrics.subjects;
        subjects.of_schedule(namespace, name, created, change);
        if is_gone(&self.seen.schedules, schedule) {
            subjects.forget_schedule(namespace, name);
        }
    }

    /// Notes whether the last test of a store passed, unless the store was deleted meanwhile.
    pub(crate) fn set_store(&self, store: &BackupStore, is_ready: bool) {
        let namespace = text(store.metadata.namespace.as_ref());
        let name = text(store.metadata.name.as_ref());
        let subjects = &self.metrics.subjects;
        subjects.set_store(namespace, name, is_ready);
        if is_gone(&self.seen.stores, store) {
            subjects.forget_store(namespace, name);
        }
    }

    /// Counts the runs under way, and lists those that wait. Each run that begins comes here, so nothing is copied.
    fn places<'a>(&self, open: &'a Open, done: &mut Done) -> Facts<'a> {
        let mut facts = Facts::default();
        facts.add(&open.backups, done);
        let backups = (facts.waiting.len(), facts.under_way);
        facts.add(&open.restores, done);
        done.admitted.retain(|uid| facts.open.contains(&**uid));
        done.ended.retain(|uid| facts.open.contains(&**uid));
        self.count(Backup::KIND, backups.0, backups.1);
        let restores = facts.waiting.len() - backups.0;
        self.count(Restore::KIND, restores, facts.under_way - backups.1);
        facts
    }

    fn count(&self, kind: &str, queued: usize, active: usize) {
        let kind = OfKind {
            kind: kind.to_owned(),
        };
        let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.metrics.queued.get_or_create(&kind).set(number(queued));
        self.metrics.active.get_or_create(&kind).set(number(active));
    }
}

/// The runs that have not ended, as far as the watch shows.
struct Open {
    backups: Vec<Arc<Backup>>,
    restores: Vec<Arc<Restore>>,
}

impl Open {
    fn of(groups: &SeenGroups) -> Self {
        Self {
            backups: groups.backups.of(&Group::Open),
            restores: groups.restores.of(&Group::Open),
        }
    }
}

/// The places that these runs have, or wait for.
#[derive(Default)]
struct Facts<'a> {
    open: HashSet<&'a str>,
    active: BTreeMap<&'a str, usize>,
    under_way: usize,
    waiting: Vec<Waiting<'a>>,
}

impl<'a> Facts<'a> {
    fn add<R: Run>(&mut self, open: &'a [Arc<R>], done: &Done) {
        for run in open {
            let phase = run.run().and_then(|it| it.phase).unwrap_or_default();
            let meta = run.meta();
            let Some(uid) = meta.uid.as_deref() else {
                continue;
            };
            let namespace = text(meta.namespace.as_ref());
            if done.ended.contains(uid) {
                // The watch is behind.
            } else if phase != Phase::Queued || done.admitted.contains(uid) {
                *self.active.entry(namespace).or_default() += 1;
                self.under_way += 1;
            } else if meta.deletion_timestamp.is_none() {
                let created = meta.creation_timestamp.as_ref();
                self.waiting.push(Waiting {
                    created: created.map(|it| it.0).unwrap_or_default(),
                    namespace,
                    uid,
                });
            }
            self.open.insert(uid);
        }
    }
}

fn text(part: Option<&String>) -> &str {
    part.map_or("", String::as_str)
}

/// Returns the name of a target.
pub(crate) fn target(target: &Target) -> String {
    let set = target.stateful_set.as_deref();
    let name = target.pod.as_deref().or(set).unwrap_or("broker");
    match &target.namespace {
        Some(namespace) => format!("{namespace}/{name}"),
        None => name.to_owned(),
    }
}

/// Cuts a text to a number of bytes, between two characters.
pub(crate) fn cut(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}
