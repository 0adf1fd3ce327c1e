//! Nodes that die and come back, and what the controllers of nodes and pods do about it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::cluster::Cluster;
use super::deletion::{self, Options};
use super::fields::{Condition, at, is_deleted, is_of_job, is_over, items, text};
use crate::api::objects::key;
use crate::api::store::Key;

/// The time after which the node controller gives up a kubelet that doesn't report.
const GRACE: SignedDuration = SignedDuration::from_secs(54);
const UNREACHABLE: &str = "node.kubernetes.io/unreachable";

/// The fate of the processes of a node that dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeDeath {
    /// They stand still, and go on when the node comes back: a partition or a frozen machine.
    Frozen,
    /// They are gone without a word: a power failure.
    Off,
}

/// The nodes that died, and the times of their deaths. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Deaths {
    since: Arc<Mutex<BTreeMap<String, Timestamp>>>,
}

impl Deaths {
    pub fn add(&self, node: &str, now: Timestamp) {
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        since.entry(node.to_owned()).or_insert(now);
    }

    pub fn remove(&self, node: &str) {
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        since.remove(node);
    }

    pub fn all(&self) -> Vec<(String, Timestamp)> {
        let since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        since.iter().map(|(node, at)| (node.clone(), *at)).collect()
    }
}

/// Takes the next step with every dead node. Returns the time of the next one.
pub fn step(cluster: &Cluster, deaths: &Deaths) -> Option<Timestamp> {
    let now = cluster.clock.now();
    let mut next = Vec::new();
    for (node, since) in deaths.all() {
        let noticed = since + GRACE;
        if noticed > now {
            next.push(noticed);
            continue;
        }
        give_up(cluster, &node, now);
        for (key, pod) in pods_on(cluster, &node) {
            let tolerated = toleration(&pod).map(SignedDuration::from_secs);
            let Some(end) = tolerated.map(|tolerated| noticed + tolerated) else {
                continue;
            };
            if end > now {
                next.push(end);
            } else if !is_deleted(&pod) {
                let message = "Taint manager: deleting due to NoExecute taint";
                disrupt(cluster, &key, "DeletionByTaintManager", message);
                deletion::delete(&cluster.objects, now, &key, Options::default());
            }
        }
    }
    next.into_iter().min()
}

/// Writes that a node doesn't report.
fn give_up(cluster: &Cluster, node: &str, now: Timestamp) {
    let unknown = "Kubelet stopped posting node status.";
    deletion::settle(&cluster.objects, &key("nodes", "", node), |node| {
        Condition::new("Ready", "Unknown", "NodeStatusUnknown", unknown).set(node, now);
        if !node["spec"]["taints"].is_array() {
            node["spec"]["taints"] = json!([]);
        }
        if let Some(taints) = node["spec"]["taints"].as_array_mut() {
            for effect in ["NoSchedule", "NoExecute"] {
                let taint = json!({"key": UNREACHABLE, "effect": effect});
                if !taints.contains(&taint) {
                    taints.push(taint);
                }
            }
        }
    });
    for (key, pod) in pods_on(cluster, node) {
        if !is_over(&pod) && !at(&pod, "/status/containerStatuses").is_null() {
            deletion::settle(&cluster.objects, &key, |pod| {
                Condition::new("Ready", "False", "", "").set(pod, now);
            });
        }
    }
}

/// Writes that a node reports again.
pub fn welcome(cluster: &Cluster, node: &str) {
    let now = cluster.clock.now();
    deletion::settle(&cluster.objects, &key("nodes", "", node), |node| {
        let message = "kubelet is posting ready status";
        Condition::new("Ready", "True", "KubeletReady", message).set(node, now);
        if let Some(taints) = node["spec"]["taints"].as_array_mut() {
            taints.retain(|taint| taint["key"] != UNREACHABLE);
        }
    });
}

/// Removes the pods of a node whose object is gone, as the collector of pods does.
pub fn gone(cluster: &Cluster, node: &str) {
    let now = cluster.clock.now();
    for (key, pod) in pods_on(cluster, node) {
        let message = "PodGC: node no longer exists";
        disrupt(cluster, &key, "DeletionByPodGC", message);
        if !is_over(&pod) {
            deletion::settle(&cluster.objects, &key, |pod| {
                pod["status"]["phase"] = json!("Failed");
            });
        }
        let options = Options {
            grace: Some(0),
            ..Options::default()
        };
        deletion::delete(&cluster.objects, now, &key, options);
        deletion::settle(&cluster.objects, &key, |pod| {
            pod["metadata"]["deletionGracePeriodSeconds"] = json!(0);
        });
    }
}

/// Says in a pod why it is deleted.
pub fn disrupt(cluster: &Cluster, key: &Key, reason: &str, message: &str) {
    let now = cluster.clock.now();
    deletion::settle(&cluster.objects, key, |pod| {
        Condition::new("DisruptionTarget", "True", reason, message).set(pod, now);
    });
}

fn pods_on(cluster: &Cluster, node: &str) -> Vec<(Key, Arc<Value>)> {
    let (_, pods) = cluster.objects.store.list("pods", None);
    let on = |pod: &Value| is_of_job(pod) && text(pod, "/spec/nodeName") == node;
    pods.into_iter().filter(|(_, pod)| on(pod)).collect()
}

/// Returns how long a pod stays on an unreachable node; nothing means forever.
fn toleration(pod: &Value) -> Option<i64> {
    let tolerates = |toleration: &&Value| {
        let key = text(toleration, "/key");
        let effect = text(toleration, "/effect");
        (key.is_empty() || key == UNREACHABLE) && (effect.is_empty() || effect == "NoExecute")
    };
    let mut tolerations = items(pod, "/spec/tolerations").iter().filter(tolerates);
    match tolerations.next() {
        Some(toleration) => toleration["tolerationSeconds"].as_i64(),
        None => Some(0),
    }
}
