//! Jobs: their controller, the garbage collector, and kubelets that run their pods as processes.
//!
//! The controllers and the kubelets are one task. It looks at an object again when it changes, when the clock
//! reaches the time of its next step, and when a fault is switched.
//!
//! Only pods that a Job controls are run. All other pods are objects without a kubelet.
//!
//! # The environment of a container
//!
//! A container is a process group on this machine. It has the variables of its image and of its spec, and these:
//!
//! - `PATH` of the testbed, `HOME` in the pod's folder, and `HOSTNAME`
//! - `KUBECONFIG` with the token of the pod's service account, unless the token isn't mounted
//! - `KUBERNETES_SERVICE_HOST` and `KUBERNETES_SERVICE_PORT`
//! - `TESTBED_ROOT`: the folder below which the paths of mounts are
//! - `TESTBED_SERVICE_ACCOUNT`: the folder with `token`, `ca.crt` and `namespace`
//! - `TESTBED_TERMINATION_LOG`: the file of the termination message
//!
//! In arguments and values, paths of mounts and of the termination message are replaced by their folders. A path is
//! only found where it begins the text, or where it follows the first `=`.
//!
//! # Differences from a real cluster
//!
//! - A pod has exactly one container, which is ready as soon as it runs. Probes and resources have no effect.
//! - The files of Secrets and ConfigMaps don't change while a container runs, and tokens don't expire.
//! - A pod that waits for a Secret, a ConfigMap or a claim starts with the change; a real kubelet looks later.
//! - Nodes have no limit of pods, and new pods go to the first node that is ready.
//! - Indexed Jobs, success policies and limits per index are refused. There are no disruption budgets.
//! - The Job controller takes each change at once. A real one gathers changes of pods for a second.
//! - A process that leaves its process group outlives its container.

mod bed;
mod cluster;
mod collector;
mod controller;
mod creation;
pub mod defaults;
pub mod deletion;
mod events;
pub mod fields;
mod images;
pub mod kubelet;
mod nodes;
mod policy;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::{mpsc, watch};

pub use bed::ServiceAccountError;
pub use cluster::Cluster;
pub use events::Recorder;
pub use images::{Image, Images};
pub use nodes::NodeDeath;

use self::collector::Collector;
use self::controller::JobController;
use self::deletion::Options;
use self::fields::{TRACKING, controller, has_finalizer, is_of_job, name, namespace, text, uid};
use self::kubelet::{Exit, Kubelet};
use self::nodes::Deaths;
use crate::api::objects::key;
use crate::api::store::{Change, Event, Key};

/// The plural and the group of Jobs.
pub const JOBS: &str = "jobs.batch";

/// The access of tests and of the API server to Jobs and their pods. Clones share it.
#[derive(Debug, Clone)]
pub struct Workloads {
    pub cluster: Cluster,
    deaths: Deaths,
    changed: std::sync::Arc<watch::Sender<()>>,
}

impl Workloads {
    pub fn new(cluster: Cluster) -> Self {
        Self {
            cluster,
            deaths: Deaths::default(),
            changed: std::sync::Arc::default(),
        }
    }

    /// Starts the controllers and the kubelets, which end with the testbed.
    pub fn start(&self) {
        let controllers = Controllers::new(self.clone());
        self.cluster.tasks.spawn(controllers.run());
    }

    /// Deletes a pod of a Job, and says why in its condition `DisruptionTarget`. Returns whether it exists.
    pub fn disrupt(&self, namespace: &str, pod: &str, reason: &str, message: &str) -> bool {
        let key = key("pods", namespace, pod);
        let exists = self.cluster.objects.store.get(&key).is_some();
        nodes::disrupt(&self.cluster, &key, reason, message);
        let now = self.cluster.clock.now();
        deletion::delete(&self.cluster.objects, now, &key, Options::default());
        exists
    }

    /// Makes the controllers and the kubelets look at everything again.
    pub fn wake(&self) {
        self.changed.send_replace(());
    }

    pub fn node_dies(&self, node: &str, how: NodeDeath) {
        self.deaths.add(node, self.cluster.clock.now());
        self.cluster.pods.leave(node, how == NodeDeath::Frozen);
        self.wake();
    }

    pub fn node_comes_back(&self, node: &str) {
        self.deaths.remove(node);
        nodes::welcome(&self.cluster, node);
        self.cluster.pods.come_back(node);
        self.wake();
    }
}

/// The task of the controllers and the kubelets.
#[derive(Debug)]
struct Controllers {
    cluster: Cluster,
    deaths: Deaths,
    changed: watch::Receiver<()>,
    collector: Collector,
    jobs: JobController,
    kubelet: Kubelet,
    exits: mpsc::UnboundedReceiver<Exit>,
    /// The revision up to which the events are known; 0 before the first list.
    at: u64,
    dirty: BTreeSet<Key>,
    /// The times at which objects are looked at again.
    timers: BTreeMap<Key, Timestamp>,
    nodes_at: Option<Timestamp>,
}

impl Controllers {
    fn new(workloads: Workloads) -> Self {
        let cluster = workloads.cluster;
        let (sender, exits) = mpsc::unbounded_channel();
        let (objects, clock) = (cluster.objects.clone(), cluster.clock.clone());
        Self {
            collector: Collector::new(objects.clone(), clock.clone()),
            jobs: JobController::new(
                objects,
                clock,
                cluster.faults.clone(),
                cluster.events.clone(),
            ),
            kubelet: Kubelet::new(cluster.clone(), cluster.pods.clone(), sender),
            deaths: workloads.deaths,
            changed: workloads.changed.subscribe(),
            cluster,
            exits,
            at: 0,
            dirty: BTreeSet::new(),
            timers: BTreeMap::new(),
            nodes_at: None,
        }
    }

    async fn run(mut self) {
        let clock = self.cluster.clock.clone();
        let mut revisions = self.cluster.objects.store.subscribe();
        let mut switched = self.cluster.faults.subscribe();
        self.relist();
        loop {
            revisions.mark_unchanged();
            self.take_events();
            self.take_exits();
            self.step();
            let next = self.timers.values().copied().chain(self.nodes_at).min();
            tokio::select! {
                changed = revisions.changed() => if changed.is_err() { return },
                exit = self.exits.recv() => {
                    let pod = exit.and_then(|exit| self.kubelet.exited(&exit));
                    self.dirty.extend(pod);
                }
                _ = switched.changed() => self.look_at_all(),
                _ = self.changed.changed() => self.look_at_all(),
                () = reached(&clock, next) => {}
            }
        }
    }

    /// Takes in every object, at the start and when the history of changes is not long enough.
    fn relist(&mut self) {
        let objects = self.cluster.objects.clone();
        self.collector = Collector::new(objects.clone(), self.cluster.clock.clone());
        for ty in objects.types() {
            let (revision, list) = objects.store.list(&ty.qualified(), None);
            // An object that changes during the lists is told again as an event.
            self.at = if self.at == 0 {
                revision
            } else {
                self.at.min(revision)
            };
            for (key, object) in list {
                self.collector.add(&key, &object);
            }
        }
        // The end of an object may be among the changes that are lost.
        self.kubelet.forget_the_missing();
        self.look_at_all();
    }

    fn look_at_all(&mut self) {
        let (_, jobs) = self.cluster.objects.store.list(JOBS, None);
        self.dirty.extend(jobs.into_iter().map(|(key, _)| key));
        let (_, pods) = self.cluster.objects.store.list("pods", None);
        for (key, pod) in pods.into_iter().filter(|(_, pod)| is_of_job(pod)) {
            self.pod_changed(&pod);
            self.dirty.insert(key);
        }
        self.nodes_at = Some(self.cluster.clock.now());
    }

    fn take_events(&mut self) {
        let Ok(events) = self.cluster.objects.store.events_after(self.at) else {
            self.at = 0;
            self.relist();
            return;
        };
        for event in events {
            self.at = event.revision;
            self.collector.see(&event);
            self.see(&event);
        }
    }

    fn see(&mut self, event: &Event) {
        let gone = event.change == Change::Deleted;
        match event.key.resource.as_str() {
            JOBS => {
                self.dirty.insert(event.key.clone());
                if gone {
                    self.jobs.forget(uid(&event.object));
                }
            }
            "pods" => {
                if gone {
                    self.kubelet.forget(&event.object);
                    self.timers.remove(&event.key);
                }
                self.dirty.insert(event.key.clone());
                if is_of_job(&event.object) {
                    self.pod_changed(&event.object);
                }
            }
            "nodes" if gone => nodes::gone(&self.cluster, &event.key.name),
            // Pods that wait for one of these look again.
            "secrets" | "configmaps" | "persistentvolumeclaims" | "nodes" => {
                let (_, pods) = self.cluster.objects.store.list("pods", None);
                let waiting = pods
                    .into_iter()
                    .filter(|(_, pod)| is_of_job(pod) && text(pod, "/status/phase") == "Pending");
                self.dirty.extend(waiting.map(|(key, _)| key));
            }
            _ => {}
        }
    }

    fn pod_changed(&mut self, pod: &Value) {
        let Some(owner) = controller(pod) else {
            return;
        };
        let this = key("pods", namespace(pod), name(pod));
        self.jobs.add(text(owner, "/uid"), this);
        let job = key(JOBS, namespace(pod), text(owner, "/name"));
        let found = self.cluster.objects.store.get(&job);
        if found.is_some_and(|job| owner["uid"] == uid(&job)) {
            self.dirty.insert(job);
        } else if has_finalizer(pod, TRACKING) {
            self.jobs.forget(text(owner, "/uid"));
        }
    }

    fn take_exits(&mut self) {
        while let Ok(exit) = self.exits.try_recv() {
            self.dirty.extend(self.kubelet.exited(&exit));
        }
    }

    fn step(&mut self) {
        let now = self.cluster.clock.now();
        let due = |at: &Timestamp| *at <= now;
        self.dirty.extend(
            self.timers
                .extract_if(.., |_, at| due(at))
                .map(|(key, _)| key),
        );
        for key in std::mem::take(&mut self.dirty) {
            let next = match key.resource.as_str() {
                JOBS => self.jobs.step(&key),
                _ => self.kubelet.step(&key),
            };
            match next {
                Some(next) => self.timers.insert(key, next),
                None => self.timers.remove(&key),
            };
        }
        if self.nodes_at.as_ref().is_some_and(due) {
            self.nodes_at = nodes::step(&self.cluster, &self.deaths);
        }
        self.collector.collect();
    }
}

/// Waits until the clock reaches a time, or forever without one.
async fn reached(clock: &crate::clock::Clock, moment: Option<Timestamp>) {
    match moment {
        Some(moment) => clock.reach(moment).await,
        None => std::future::pending().await,
    }
}
