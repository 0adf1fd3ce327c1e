//! Faults of nodes, of their kubelets, and of their containers.

use std::collections::BTreeSet;

use http::StatusCode;

use super::{Fault, Row, value};

/// The faults of the nodes.
#[derive(Debug, Clone, Default)]
pub struct NodeFaults {
    /// Nodes whose kubelet no longer reports and is unreachable.
    pub not_ready: BTreeSet<String>,
    /// The nodes among them whose pods the node controller has given up.
    pub lost: BTreeSet<String>,
    /// The number of further connections into pods that find no kubelet.
    pub kubelet_away: u32,
    /// The number of further connections that find a kubelet without a sandbox of the pod.
    pub pod_not_found: u32,
    /// The API server's answer to each connection into a pod.
    pub proxy_answer: Option<(StatusCode, String)>,
    /// The kubelet's answer to each connection into a pod, as plain text.
    pub kubelet_answer: Option<(StatusCode, String)>,
    pub containers: Vec<ContainerFault>,
}

/// A container that is not ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerFault {
    /// The container, as `NAME`, `POD/NAME` or `NAMESPACE/POD/NAME`.
    pub container: String,
    /// The reason why it is waiting to start; `None` if it runs.
    pub waiting: Option<String>,
}

impl ContainerFault {
    pub(crate) fn matches(&self, namespace: &str, pod: &str, container: &str) -> bool {
        let parts: Vec<&str> = self.container.split('/').collect();
        match parts[..] {
            [name] => name == container,
            [in_pod, name] => (in_pod, name) == (pod, container),
            [in_namespace, in_pod, name] => {
                (in_namespace, in_pod, name) == (namespace, pod, container)
            }
            _ => false,
        }
    }
}

/// A change to [`NodeFaults`].
#[derive(Debug, Clone)]
pub enum NodeFault {
    NotReady(String),
    Lost(String),
    KubeletAway(u32),
    PodNotFound(u32),
    ProxyAnswer(StatusCode, String),
    KubeletAnswer(StatusCode, String),
    Container(ContainerFault),
}

impl NodeFaults {
    pub(super) fn apply(&mut self, fault: NodeFault) {
        match fault {
            NodeFault::NotReady(node) => drop(self.not_ready.insert(node)),
            NodeFault::Lost(node) => {
                self.not_ready.insert(node.clone());
                self.lost.insert(node);
            }
            NodeFault::KubeletAway(attempts) => self.kubelet_away = attempts,
            NodeFault::PodNotFound(attempts) => self.pod_not_found = attempts,
            NodeFault::ProxyAnswer(code, text) => self.proxy_answer = Some((code, text)),
            NodeFault::KubeletAnswer(code, text) => self.kubelet_answer = Some((code, text)),
            NodeFault::Container(fault) => self.containers.push(fault),
        }
    }
}

/// Parses `CODE:TEXT`.
fn answer(text: &str) -> Result<(StatusCode, String), String> {
    let (code, text) = text.split_once(':').ok_or("without a colon")?;
    Ok((value::status(code)?, text.to_owned()))
}

fn container(text: &str, waiting: Option<&str>) -> Result<Fault, String> {
    let parts: Vec<&str> = text.split('/').collect();
    if parts.len() > 3 || parts.contains(&"") {
        return Err("not one to three names with slashes between them".to_owned());
    }
    Ok(Fault::Node(NodeFault::Container(ContainerFault {
        container: text.to_owned(),
        waiting: waiting.map(str::to_owned),
    })))
}

pub(super) const ROWS: &[Row<Fault>] = &[
    Row {
        name: "node-not-ready",
        value: Some("NODE"),
        about: "the kubelet of a node has stopped reporting: the node and its pods are not ready, and \
                connections into them fail; may be given several times",
        parse: |text| Ok(Fault::Node(NodeFault::NotReady(value::parsed(text)?))),
    },
    Row {
        name: "node-lost",
        value: Some("NODE"),
        about: "the same, and the node's pods are being deleted (NodeLost)",
        parse: |text| Ok(Fault::Node(NodeFault::Lost(value::parsed(text)?))),
    },
    Row {
        name: "kubelet-away",
        value: Some("N"),
        about: "the first N connections into pods get 500 `error dialing backend` from the API server",
        parse: |text| Ok(Fault::Node(NodeFault::KubeletAway(value::parsed(text)?))),
    },
    Row {
        name: "kubelet-pod-not-found",
        value: Some("N"),
        about: "the first N port-forwards get 500 `pod not found` from a restarted kubelet",
        parse: |text| Ok(Fault::Node(NodeFault::PodNotFound(value::parsed(text)?))),
    },
    Row {
        name: "kubelet-error",
        value: Some("CODE:TEXT"),
        about: "each connection into a pod gets this answer of the API server, as a Status",
        parse: |text| {
            let (code, text) = answer(text)?;
            Ok(Fault::Node(NodeFault::ProxyAnswer(code, text)))
        },
    },
    Row {
        name: "kubelet-says",
        value: Some("CODE:TEXT"),
        about: "each connection into a pod gets this answer of the kubelet, as plain text",
        parse: |text| {
            let (code, text) = answer(text)?;
            Ok(Fault::Node(NodeFault::KubeletAnswer(code, text)))
        },
    },
    Row {
        name: "container-not-ready",
        value: Some("[[NAMESPACE/]POD/]NAME"),
        about: "a container runs and is not ready, and so its pod is not; may be given several times",
        parse: |text| container(text, None),
    },
    Row {
        name: "container-waiting",
        value: Some("[[NAMESPACE/]POD/]NAME:REASON"),
        about: "a container waits to be started, e.g. app:ImagePullBackOff; may be given several times",
        parse: |text| {
            let (name, reason) = text.split_once(':').ok_or("without a colon")?;
            container(name, Some(reason))
        },
    },
];
