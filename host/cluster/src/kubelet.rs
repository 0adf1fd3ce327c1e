//! Interprets failures between the API server and a pod: of the pod's node, its kubelet, and the network
//! path.
//!
//! The API server passes a port-forward or a command to the kubelet. If that fails, it responds with a status
//! of its own (500 `error dialing backend: …`). Or it passes on plain text from the kubelet, its container
//! runtime, or a proxy on the way (konnectivity, an agent's tunnel). None of that is a fault of the API
//! server.

use std::fmt;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Node, Pod};

use super::error::show;
use super::request::{Access, NODES, PODS, PORT_FORWARD};
use super::{Cluster, ClusterError, pods, refusal};

/// How long an error waits for information about a node.
const LOOK: Duration = Duration::from_secs(3);

/// The failure of a node to handle a request for one of its pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KubeletTrouble {
    /// The API server can't reach the kubelet.
    Away,
    /// The kubelet has just started and does not know the pod yet.
    UnknownPod,
    /// The API server and the kubelet don't accept each other's credentials.
    Distrust,
    /// No response arrived in time, and the node is known to be unhealthy.
    Silent,
}

/// A request for a pod that its node did not accept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KubeletFailure {
    /// Name of the pod.
    pub pod: String,
    /// Namespace of the pod.
    pub namespace: String,
    /// Name of the node; `None` if the pod's record is unreadable.
    pub node: Option<String>,
    /// The problem of the node, if the user may read it. It is safe to show.
    pub state: Option<String>,
    /// The kind of failure.
    pub trouble: KubeletTrouble,
    /// The reason, in the words of the component that responded.
    pub reason: String,
    /// The number of attempts.
    pub tries: usize,
    /// True if the request may be repeated: it may succeed, and nothing is done twice.
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
            write!(f, " (tried {} times)", self.tries)?;
        }
        match &self.state {
            Some(state) => write!(f, "; {state}"),
            None => Ok(()),
        }
    }
}

/// The facts that a refused port-forward or command reveals about the pod's node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Symptom {
    /// The kind of failure.
    pub trouble: KubeletTrouble,
    /// True if the request can't have reached the container.
    pub nothing_was_done: bool,
}

impl Symptom {
    /// Returns true if the request may be repeated. An unused port-forward did nothing.
    pub fn is_repeatable(self, is_port_forward: bool) -> bool {
        self.trouble != KubeletTrouble::Distrust && (self.nothing_was_done || is_port_forward)
    }
}

/// Interprets a response of `status`. `is_status` says that it was a Kubernetes object and not plain text.
pub(super) fn symptom(status: u16, is_status: bool, message: &str) -> Option<Symptom> {
    let text = message.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    // These words mean a fault of the API server itself, or of a container runtime that was reached and
    // tried.
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
    // The kubelet's access control treats requests for pods as requests for its node.
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
        // The kubelet responded and refused to open the connection.
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
    // The API server writes its own refusals as objects; plain text comes from a component behind it.
    let is_of_a_proxy = matches!(status, 502..=504) && !is_status;
    if says(&broken_off) || text.trim_end().ends_with(": eof") || is_of_a_proxy {
        return symptom(KubeletTrouble::Away, false);
    }
    None
}

impl Cluster {
    /// Returns the error for a request that the node of `pod` did not accept, with information about the
    /// node.
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

    /// Returns the error for a port-forward that was not open within `after`, if the pod's node is the
    /// reason.
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
                reason: format!("no answer within {after:?}"),
                tries: 1,
                repeatable: true,
            }))
        })
    }

    /// Returns the node of a pod and the problem of the node, if the user may read them.
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

    /// Returns the problem of a node; safe to show. `None` if it is healthy, or if this user may not read
    /// nodes, which is common.
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

/// Returns why a node is not ready, in the words of its kubelet or of the node controller.
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
