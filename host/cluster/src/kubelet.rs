//! What stands between the API server and a pod: the pod's node, its kubelet, and the way there.
//!
//! The API server passes a port-forward and a command on to the kubelet. When that fails it answers with a status of
//! its own (500 `error dialing backend: …`), or passes on what the kubelet, its container runtime or a proxy on the
//! way (konnectivity, an agent's tunnel) said, as plain text. None of that is trouble of the API server.

use std::fmt;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Node, Pod};

use super::error::show;
use super::request::{Access, NODES, PODS, PORT_FORWARD};
use super::{Cluster, ClusterError, pods, refusal};

/// Longest that an error waits for what is known of a node.
const LOOK: Duration = Duration::from_secs(3);

/// What a node did to a request for one of its pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KubeletTrouble {
    /// The API server can't reach the kubelet.
    Away,
    /// The kubelet, just started, does not know the pod yet.
    UnknownPod,
    /// The API server and the kubelet don't accept each other's credentials.
    Distrust,
    /// Nothing came back in time, and the node is known not to be well.
    Silent,
}

/// A request for a pod that its node did not take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KubeletFailure {
    pub pod: String,
    pub namespace: String,
    /// `None` where the pod's record can't be read.
    pub node: Option<String>,
    /// What is wrong with the node, where that may be seen. Safe to be shown.
    pub state: Option<String>,
    pub trouble: KubeletTrouble,
    /// In the words of whoever answered.
    pub reason: String,
    /// How often it was asked.
    pub tries: usize,
    /// Whether the same may be asked again: it can go better, and nothing is done twice.
    pub repeatable: bool,
}

impl fmt::Display for KubeletFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pod = show(&self.pod);
        let node = match &self.node {
            Some(node) => format!("node {} of pod {pod}", show(node)),
            None => format!("the node of pod {pod}"),
        };
        match self.trouble {
            KubeletTrouble::Away => write!(f, "{node} can't be reached: {}", show(&self.reason))?,
            KubeletTrouble::UnknownPod => {
                write!(
                    f,
                    "{node} does not know the pod: its kubelet may be starting"
                )?;
            }
            KubeletTrouble::Distrust => {
                let reason = show(&self.reason);
                write!(
                    f,
                    "{node} and the API server don't trust each other: {reason}"
                )?;
            }
            KubeletTrouble::Silent => write!(f, "{node} does not answer: {}", show(&self.reason))?,
        }
        if self.tries > 1 {
            write!(f, " (asked {} times)", self.tries)?;
        }
        match &self.state {
            Some(state) => write!(f, "; {state}"),
            None => Ok(()),
        }
    }
}

/// What a refusal of a port-forward or a command says about the pod's node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Symptom {
    pub trouble: KubeletTrouble,
    /// Whether the request can't have got as far as the container.
    pub nothing_was_done: bool,
}

impl Symptom {
    /// Whether the request may be sent again. A port-forward that nobody has used did nothing.
    pub fn is_repeatable(self, is_port_forward: bool) -> bool {
        self.trouble != KubeletTrouble::Distrust && (self.nothing_was_done || is_port_forward)
    }
}

/// Reads an answer of `status`. `is_status` says that it was an object of Kubernetes, and no plain text.
pub(super) fn symptom(status: u16, is_status: bool, message: &str) -> Option<Symptom> {
    let text = message.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    // Trouble of the API server itself, and of a container runtime that was reached and tried.
    let of_others = [
        "webhook",
        "etcd",
        "error executing command in container",
        "oci runtime",
        "container not found",
    ];
    if says(&of_others) || refusal::looks_like_html(message) {
        return None;
    }
    let symptom = |trouble, nothing_was_done| {
        Some(Symptom {
            trouble,
            nothing_was_done,
        })
    };
    // The kubelet's own access control knows requests for pods as requests for its node.
    let of_access = [
        "resource=nodes",
        "unable to upgrade connection: unauthorized",
    ];
    if matches!(status, 401 | 403 | 500..) && says(&of_access) {
        return symptom(KubeletTrouble::Distrust, true);
    }
    let is_unknown = says(&["pod does not exist", "pod not found"])
        || (!is_status && says(&["sandbox"]) && says(&["not found", "notfound"]));
    if matches!(status, 404 | 500..) && is_unknown {
        return symptom(KubeletTrouble::UnknownPod, true);
    }
    if status < 500 {
        return None;
    }
    if says(&["x509:", "certificate"]) {
        return symptom(KubeletTrouble::Distrust, true);
    }
    let not_reached = [
        "error dialing backend",
        "dial tcp",
        "dial unix",
        "dial timeout",
        "while dialing",
        "no agent available",
        "no such host",
        "no route to host",
        "network is unreachable",
        "host is down",
        "connection refused",
        "tls handshake",
        "remote error: tls",
        "ssh: ",
        // The kubelet answered, and did not open it.
        "unable to upgrade connection",
    ];
    if says(&not_reached) {
        return symptom(KubeletTrouble::Away, true);
    }
    let broken_off = [
        "error trying to reach service",
        "error sending request",
        "i/o timeout",
        "connection timed out",
        "deadline exceeded",
        "connection reset",
        "broken pipe",
        "use of closed network connection",
        "konnectivity",
    ];
    // The API server writes its own refusals as objects; plain text comes from behind it.
    let is_of_a_proxy = matches!(status, 502..=504) && !is_status;
    if says(&broken_off) || text.trim_end().ends_with(": eof") || is_of_a_proxy {
        return symptom(KubeletTrouble::Away, false);
    }
    None
}

impl Cluster {
    /// The error for a request that the node of `pod` did not take, with what is known of the node.
    pub(super) async fn kubelet_failed(
        &self,
        access: &Access,
        symptom: Symptom,
        reason: &str,
        tries: usize,
    ) -> ClusterError {
        let pod = access.name.as_deref().unwrap_or_default();
        let (node, state) = self.node_of(pod).await;
        ClusterError::KubeletFailed(Box::new(KubeletFailure {
            pod: pod.to_owned(),
            namespace: self.namespace().to_owned(),
            node,
            state,
            trouble: symptom.trouble,
            reason: reason.trim().to_owned(),
            tries,
            repeatable: symptom.is_repeatable(*access.resource == PORT_FORWARD),
        }))
    }

    /// The error for a port-forward that did not stand within `after`, where the pod's node is the reason.
    pub(super) async fn silent_node(&self, pod: &str, after: Duration) -> Option<ClusterError> {
        let (node, state) = self.node_of(pod).await;
        let (pod, namespace) = (pod.to_owned(), self.namespace().to_owned());
        state.is_some().then(|| {
            ClusterError::KubeletFailed(Box::new(KubeletFailure {
                pod,
                namespace,
                node,
                state,
                trouble: KubeletTrouble::Silent,
                reason: format!("nothing came within {after:?}"),
                tries: 1,
                repeatable: true,
            }))
        })
    }

    /// The node of a pod and what is wrong with it, as far as that may be seen.
    async fn node_of(&self, pod: &str) -> (Option<String>, Option<String>) {
        let look = async {
            let pod: Pod = self.get(&PODS, pod).await.ok()??;
            let node = pods::node(&pod)?.to_owned();
            let state = self.node_trouble(&node).await;
            let forsaken =
                || pods::is_forsaken(&pod).then(|| show(&pods::why_not_ready(&pod)).into_owned());
            Some((node, state.or_else(forsaken)))
        };
        match tokio::time::timeout(LOOK, Box::pin(look)).await {
            Ok(Some((node, state))) => (Some(node), state),
            _ => (None, None),
        }
    }

    /// What is wrong with a node; safe to be shown. `None` where it is well, or this user may not read nodes: few may.
    pub(super) async fn node_trouble(&self, name: &str) -> Option<String> {
        let look = tokio::time::timeout(LOOK, Box::pin(self.get::<Node>(&NODES, name)));
        let shown = show(name);
        match look.await.ok()?.ok()? {
            None => Some(format!("node {shown} does not exist any more")),
            Some(node) => {
                not_ready(&node).map(|why| format!("node {shown} is not ready: {}", show(&why)))
            }
        }
    }
}

/// Why a node is not ready, in the words of its kubelet or of the node controller.
fn not_ready(node: &Node) -> Option<String> {
    let conditions = node
        .status
        .iter()
        .flat_map(|s| s.conditions.iter().flatten());
    let mut ready = conditions.filter(|condition| condition.type_ == "Ready");
    let ready = ready.find(|condition| condition.status != "True")?;
    let why = pods::in_words(ready.reason.as_deref(), ready.message.as_deref());
    Some(why.unwrap_or_else(|| format!("condition Ready is {}", ready.status)))
}

#[cfg(test)]
mod tests;
