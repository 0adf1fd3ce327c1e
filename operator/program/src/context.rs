//! The parts that all controllers share.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::runtime::events::{Event, EventType, Recorder};
use kube::runtime::reflector::{ObjectRef, Store};
use kube::{Client, Resource, ResourceExt as _};
use operator_api::{Backup, BackupSchedule, BackupStore, Phase, Restore, RunKind as _, Target};

use crate::clock::Clock;
use crate::groups::{Group, Groups};
use crate::job::Defaults;
use crate::metrics::{Metrics, OfKind, OfSchedule, OfStore, Subjects};
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

/// The objects that the operator sees, as its watches keep them.
#[derive(Clone)]
pub(crate) struct Seen {
    pub(crate) backups: Store<Backup>,
    pub(crate) restores: Store<Restore>,
    pub(crate) schedules: Store<BackupSchedule>,
    pub(crate) stores: Store<BackupStore>,
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
        let ready = tokio::try_join!(
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
    pub(crate) recorder: Recorder,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) seen: Seen,
    pub(crate) wakes: Agendas,
    /// The newest changes of this process, which the watch may not have shown yet.
    done: Mutex<Done>,
}

impl Context {
    pub(crate) fn new(
        client: Client,
        clock: Clock,
        defaults: Defaults,
        limits: Limits,
        recorder: Recorder,
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
            recorder,
            metrics,
            seen,
            done: Mutex::default(),
        }
    }

    /// Reports what happened to an object. An Event that can't be written is no reason to stop.
    pub(crate) async fn tell<K>(&self, object: &K, type_: EventType, reason: &str, note: &str)
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
        if let Err(error) = self.recorder.publish(&event, &object.object_ref(&())).await {
            let problem = crate::reason(&error);
            tracing::debug!(object = object.name_any(), reason, problem, "no Event");
        }
    }

    /// Takes a place for a run, if there is one for it now. It is kept until the run has ended.
    pub(crate) fn admit(&self, uid: &str) -> bool {
        let mut done = self.done();
        let (active, waiting) = self.places(&mut done);
        let may = admitted(self.limits, &active, &waiting);
        let is_admitted = done.admitted.contains(uid) || may.iter().any(|run| run.uid == uid);
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
        let (active, waiting) = self.places(&mut self.done());
        let may = admitted(self.limits, &active, &waiting);
        let now = self.clock.now();
        let uids: HashSet<_> = may.iter().map(|run| run.uid.as_str()).collect();
        let is_one = |uid: Option<&str>| uid.is_some_and(|uid| uids.contains(uid));
        let groups = &self.seen.groups;
        let backups = groups.backups.of(&Group::Open).into_iter();
        for run in backups.filter(|it| is_one(it.metadata.uid.as_deref())) {
            self.wakes.backups.set(
                &run.namespace().unwrap_or_default(),
                &run.name_any(),
                Some(now),
            );
        }
        let restores = groups.restores.of(&Group::Open).into_iter();
        for run in restores.filter(|it| is_one(it.metadata.uid.as_deref())) {
            self.wakes.restores.set(
                &run.namespace().unwrap_or_default(),
                &run.name_any(),
                Some(now),
            );
        }
    }

    /// Forgets the metrics of schedules and stores that are gone.
    pub(crate) fn forget_gone(&self) {
        let schedules = self.seen.schedules.state();
        let stores = self.seen.stores.state();
        self.metrics.forget_all_but(&Subjects {
            schedules: schedules.iter().map(|it| OfSchedule::of(it)).collect(),
            stores: stores.iter().map(|it| OfStore::of(it)).collect(),
        });
    }

    /// Forgets the metrics of an object that was deleted while it was looked at. The look may have written them after they
    /// were forgotten.
    pub(crate) fn forget_if_gone<K>(&self, seen: &Store<K>, object: &K)
    where
        K: Resource<DynamicType = ()> + Clone + 'static,
    {
        if seen.get(&ObjectRef::from_obj(object)).is_none() {
            self.forget_gone();
        }
    }

    /// Counts the runs under way, and lists those that wait.
    fn places(&self, done: &mut Done) -> (BTreeMap<String, usize>, Vec<Waiting>) {
        let mut facts = Facts::default();
        let groups = &self.seen.groups;
        facts.add(groups.backups.of(&Group::Open), done);
        let backups = (facts.waiting.len(), facts.under_way);
        facts.add(groups.restores.of(&Group::Open), done);
        done.admitted.retain(|uid| facts.open.contains(uid));
        done.ended.retain(|uid| facts.open.contains(uid));
        self.count(Backup::KIND, backups.0, backups.1);
        let restores = facts.waiting.len() - backups.0;
        self.count(Restore::KIND, restores, facts.under_way - backups.1);
        (facts.active, facts.waiting)
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
#[derive(Default)]
struct Facts {
    open: HashSet<String>,
    active: BTreeMap<String, usize>,
    under_way: usize,
    waiting: Vec<Waiting>,
}

impl Facts {
    fn add<R: Run>(&mut self, open: Vec<Arc<R>>, done: &Done) {
        for run in open {
            let phase = run.run().and_then(|it| it.phase).unwrap_or_default();
            let Some(uid) = run.uid() else {
                continue;
            };
            let namespace = run.namespace().unwrap_or_default();
            let is_deleted = run.meta().deletion_timestamp.is_some();
            if done.ended.contains(&uid) {
                // The watch is behind.
            } else if phase != Phase::Queued || done.admitted.contains(&uid) {
                *self.active.entry(namespace).or_default() += 1;
                self.under_way += 1;
            } else if !is_deleted {
                self.waiting.push(Waiting {
                    created: run.creation_timestamp().map(|it| it.0).unwrap_or_default(),
                    namespace,
                    uid: uid.clone(),
                });
            }
            self.open.insert(uid);
        }
    }
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
