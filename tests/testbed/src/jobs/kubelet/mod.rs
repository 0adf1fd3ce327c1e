//! The kubelets and the scheduler, for the pods of Jobs. A container is a process of this machine.
//!
//! One step looks at one pod, and does one thing: it binds the pod, starts or ends its process, or writes its
//! status. Each status is a revision of its own, so that watches see what they see of a real kubelet.

mod environment;
mod guard;
mod local;
mod message;
pub mod output;
mod paths;
mod process;
mod signals;
mod start;
mod status;
mod volumes;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedSender;

pub use self::local::Pods;
use self::local::{Local, State};
use self::paths::PodFolder;
pub use self::process::Exit;
use self::signals::Signal;
use self::status::{End, Place};
use super::cluster::Cluster;
use super::controller::delay;
use super::deletion;
use super::events::Reporter;
use super::fields::{
    Condition, at, is_deleted, is_of_job, is_over, name, namespace, text, time, uid,
};
use crate::api::store::Key;

/// The first delay before another attempt to pull an image or to start a container, and the longest one.
const BACK_OFF: (i64, i64) = (10, 300);

#[derive(Debug)]
pub struct Kubelet {
    cluster: Cluster,
    pods: Pods,
    exits: UnboundedSender<Exit>,
    /// The number of pods so far, for their addresses.
    count: u16,
}

impl Kubelet {
    pub fn new(cluster: Cluster, pods: Pods, exits: UnboundedSender<Exit>) -> Self {
        Self {
            cluster,
            pods,
            exits,
            count: 0,
        }
    }

    /// Takes in the end of a process. Returns its pod.
    pub fn exited(&mut self, exit: &Exit) -> Option<Key> {
        let now = self.cluster.clock.now();
        let mut pods = self.pods.lock();
        let local = pods.get_mut(&exit.pod)?;
        local.state = State::Exited(exit.code, now);
        Some(local.key.clone())
    }

    /// Kills the process of a pod whose object is gone.
    pub fn forget(&mut self, pod: &Value) {
        let mut pods = self.pods.lock();
        let Some(local) = pods.get_mut(uid(pod)) else {
            return;
        };
        if self.pods.is_away(&local.node) {
            local.orphaned = true;
            return;
        }
        local.signal(Signal::Kill);
        local.folder.remove();
        pods.remove(uid(pod));
    }

    /// Kills the processes of all pods whose objects are gone.
    pub fn forget_the_missing(&mut self) {
        let known: Vec<(String, Key)> = {
            let pods = self.pods.lock();
            pods.iter()
                .map(|(uid, local)| (uid.clone(), local.key.clone()))
                .collect()
        };
        for (pod, key) in known {
            let present = self.cluster.objects.store.get(&key);
            if present.is_none_or(|present| uid(&present) != pod) {
                self.forget(&json!({"metadata": {"uid": pod}}));
            }
        }
    }

    /// Takes the next step with a pod. Returns the time of the next one, if it depends on the time.
    pub fn step(&mut self, key: &Key) -> Option<Timestamp> {
        let pod = self.cluster.objects.store.get(key)?;
        if !is_of_job(&pod) {
            return None;
        }
        let node = text(&pod, "/spec/nodeName");
        if node.is_empty() {
            self.schedule(key, &pod);
            return None;
        }
        if self.cluster.is_away(node) {
            return None;
        }
        if is_over(&pod) {
            self.clean_up(key, &pod);
            return None;
        }
        if let Some(code) = status::exit_code(&pod) {
            let phase = if code == 0 { "Succeeded" } else { "Failed" };
            self.write(key, |pod, now| status::over(pod, phase, None, now));
            return None;
        }
        match self.state(&pod) {
            Some(State::Exited(code, at)) => {
                self.record(key, &pod, code, at);
                None
            }
            Some(State::Running(_)) if is_deleted(&pod) => self.terminate(&pod),
            Some(State::Running(_)) => self.supervise(key, &pod),
            _ if is_deleted(&pod) => {
                self.write(key, |pod, now| status::over(pod, "Failed", None, now));
                None
            }
            None => {
                self.receive(key, &pod);
                None
            }
            Some(State::Waiting) => self.start(key, &pod),
        }
    }

    fn state(&self, pod: &Value) -> Option<State> {
        self.pods.lock().get(uid(pod)).map(|local| local.state)
    }

    fn write(&self, key: &Key, change: impl Fn(&mut Value, Timestamp)) {
        let now = self.cluster.clock.now();
        deletion::settle(&self.cluster.objects, key, |pod| change(pod, now));
    }

    fn schedule(&self, key: &Key, pod: &Value) {
        if is_deleted(pod) {
            self.let_go(key);
            return;
        }
        let nodes = self.cluster.objects.list("nodes", None);
        let ready = |node: &&Value| {
            !self.cluster.is_away(name(node)) && node["spec"]["unschedulable"] != true
        };
        let free = if self.cluster.faults.snapshot().job.pending {
            None
        } else if nodes.is_empty() {
            // A cluster without Node objects still has room.
            Some("node-0".to_owned())
        } else {
            nodes.iter().find(ready).map(|node| name(node).to_owned())
        };
        let Some(node) = free else {
            let count = nodes.len();
            let message = format!("0/{count} nodes are available: {count} Insufficient cpu.");
            self.write(key, |pod, now| {
                Condition::new("PodScheduled", "False", "Unschedulable", &message).set(pod, now);
            });
            if at(pod, "/status/conditions").is_null() {
                self.cluster
                    .events
                    .warning(pod, Reporter::Scheduler, "FailedScheduling", &message);
            }
            return;
        };
        self.write(key, |pod, now| {
            pod["spec"]["nodeName"] = json!(node);
            Condition::new("PodScheduled", "True", "", "").set(pod, now);
        });
        let message = format!(
            "Successfully assigned {}/{} to {node}",
            namespace(pod),
            name(pod)
        );
        self.cluster
            .events
            .normal(pod, Reporter::Scheduler, "Scheduled", &message);
    }

    /// Takes in a pod that was bound to a node.
    fn receive(&mut self, key: &Key, pod: &Value) {
        self.count = self.count.wrapping_add(1);
        let [high, low] = self.count.to_be_bytes();
        let node = text(pod, "/spec/nodeName");
        let place = Place {
            host_ip: self.cluster.address_of(node),
            // A process can listen on any address of loopback, where the system has them.
            pod_ip: format!("127.77.{high}.{low}"),
        };
        let local = Local {
            key: key.clone(),
            node: node.to_owned(),
            place: place.clone(),
            folder: PodFolder::new(self.cluster.folder.join("pods").join(uid(pod))),
            state: State::Waiting,
            output: Arc::default(),
            previous: None,
            started: self.cluster.clock.now(),
            out_of_memory: false,
            out_of_space: false,
            kill_at: None,
            failures: 0,
            again: None,
            restarts: 0,
            orphaned: false,
        };
        self.pods.lock().insert(uid(pod).to_owned(), local);
        self.write(key, |pod, now| {
            status::arrived(pod, &place, now);
            status::waiting(pod, "ContainerCreating", "", now);
        });
    }

    /// Looks after a pod whose phase is final.
    fn clean_up(&self, key: &Key, pod: &Value) {
        let running = at(pod, "/status/containerStatuses/0/state/running");
        match self.state(pod) {
            // The phase of a pod that has run for too long is final before its process ends.
            Some(State::Exited(code, at)) if !running.is_null() => {
                self.record(key, pod, code, at);
            }
            Some(State::Running(_)) => {}
            _ if is_deleted(pod) => self.let_go(key),
            _ => {}
        }
    }

    /// Removes a pod that has ended from the API.
    fn let_go(&self, key: &Key) {
        self.write(key, |pod, _| {
            pod["metadata"]["deletionGracePeriodSeconds"] = json!(0);
        });
    }

    /// Ends a process: first by asking, then by force.
    fn terminate(&self, pod: &Value) -> Option<Timestamp> {
        let now = self.cluster.clock.now();
        let until = time(&pod["metadata"]["deletionTimestamp"]).unwrap_or(now);
        let mut pods = self.pods.lock();
        let local = pods.get_mut(uid(pod))?;
        if local.kill_at.is_none() {
            local.signal(Signal::Terminate);
            let container = text(pod, "/spec/containers/0/name");
            let message = format!("Stopping container {container}");
            self.cluster
                .events
                .normal(pod, Reporter::Kubelet, "Killing", &message);
        }
        let kill_at = local.kill_at.map_or(until, |present| present.min(until));
        local.kill_at = Some(kill_at);
        if kill_at <= now {
            local.signal(Signal::Kill);
            return None;
        }
        Some(kill_at)
    }

    /// Ends a pod that has run for too long, or that uses too much disk.
    fn supervise(&self, key: &Key, pod: &Value) -> Option<Timestamp> {
        let full = self
            .pods
            .lock()
            .get(uid(pod))
            .is_some_and(|it| it.out_of_space);
        let (reason, message) = if full {
            let message =
                "Pod ephemeral local storage usage exceeds the total limit of containers. ";
            ("Evicted", message)
        } else {
            let seconds = at(pod, "/spec/activeDeadlineSeconds").as_i64()?;
            let deadline = time(&pod["status"]["startTime"])? + SignedDuration::from_secs(seconds);
            if deadline > self.cluster.clock.now() {
                return Some(deadline);
            }
            let message = "Pod was active on the node longer than the specified deadline";
            ("DeadlineExceeded", message)
        };
        if let Some(local) = self.pods.lock().get(uid(pod)) {
            local.signal(Signal::Kill);
        }
        self.write(key, |pod, now| {
            status::over(pod, "Failed", Some((reason, message)), now);
        });
        self.cluster
            .events
            .warning(pod, Reporter::Kubelet, reason, message);
        None
    }

    /// Writes the end of a container.
    fn record(&self, key: &Key, pod: &Value, code: i32, at: Timestamp) {
        let container = &pod["spec"]["containers"][0];
        let mut pods = self.pods.lock();
        let Some(local) = pods.get_mut(uid(pod)) else {
            return;
        };
        let reason = match code {
            0 => "Completed",
            _ if local.out_of_memory => "OOMKilled",
            _ => "Error",
        };
        let end = End {
            code,
            reason: reason.to_owned(),
            message: message::read(container, &local.folder, &local.output, code),
            started: local.started,
            finished: at,
        };
        let restarts = code != 0
            && !is_deleted(pod)
            && !is_over(pod)
            && pod["spec"]["restartPolicy"] == "OnFailure";
        if !restarts {
            // The lock must be free for the write, which may look at the pod again.
            drop(pods);
            self.write(key, |pod, now| status::ended(pod, &end, now));
            return;
        }
        local.failures += 1;
        local.restarts += 1;
        local.out_of_memory = false;
        local.state = State::Waiting;
        let wait = delay(BACK_OFF, local.failures);
        local.again = Some(at + wait);
        drop(pods);
        self.write(key, |pod, now| {
            status::crashed(pod, &end, wait.as_secs(), now);
        });
        let message = format!(
            "Back-off restarting failed container {} in pod {}",
            text(container, "/name"),
            name(pod)
        );
        self.cluster
            .events
            .warning(pod, Reporter::Kubelet, "BackOff", &message);
    }
}
