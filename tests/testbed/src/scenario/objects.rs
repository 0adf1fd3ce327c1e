//! Objects of a cluster that don't depend on brokers: namespaces, nodes, services and their slices.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::clock::seconds;

pub fn namespace(name: &str, created: Timestamp) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": name,
            "labels": {"kubernetes.io/metadata.name": name},
            "creationTimestamp": seconds(created),
        },
        "spec": {"finalizers": ["kubernetes"]},
        "status": {"phase": "Active"},
    })
}

pub fn node(name: &str, address: &str, created: Timestamp) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux"},
            "creationTimestamp": seconds(created),
        },
        "spec": {},
        "status": {
            "addresses": [{"type": "InternalIP", "address": address}],
            "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}],
            "nodeInfo": {
                "kubeletVersion": "v1.32.4",
                "osImage": "Debian GNU/Linux 12 (bookworm)",
                "containerRuntimeVersion": "containerd://2.0.5",
            },
        },
    })
}

/// Returns the Secret with the user of HiveMQ's REST API: `backup` with the password `testbed-password`.
pub fn credentials(created: Timestamp) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": "hivemq-api",
            "namespace": "messaging",
            "creationTimestamp": seconds(created),
        },
        "type": "Opaque",
        "data": {
            "username": BASE64_STANDARD.encode("backup"),
            "password": BASE64_STANDARD.encode("testbed-password"),
        },
    })
}

/// One port of a service: its name and number, and the container port's name.
#[derive(Clone, Copy)]
pub struct ServicePort<'a> {
    pub name: &'a str,
    pub port: u16,
    pub target: &'a str,
    pub target_number: u16,
}

/// A service of brokers. A `headless` service has no IP address of its own.
pub struct Service<'a> {
    pub namespace: &'a str,
    pub name: &'a str,
    pub app: &'a str,
    pub headless: bool,
    pub address: &'a str,
    pub ports: &'a [ServicePort<'a>],
}

impl Service<'_> {
    pub fn object(&self, created: Timestamp) -> Value {
        let address = if self.headless { "None" } else { self.address };
        let ports: Vec<Value> = self
            .ports
            .iter()
            .map(|port| {
                json!({
                    "name": port.name,
                    "port": port.port,
                    "protocol": "TCP",
                    "targetPort": port.target,
                })
            })
            .collect();
        json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {
                "name": self.name,
                "namespace": self.namespace,
                "labels": {"app": self.app},
                "creationTimestamp": seconds(created),
            },
            "spec": {
                "type": "ClusterIP",
                "clusterIP": address,
                "clusterIPs": [address],
                "internalTrafficPolicy": "Cluster",
                "ipFamilies": ["IPv4"],
                "ipFamilyPolicy": "SingleStack",
                "publishNotReadyAddresses": self.headless,
                "sessionAffinity": "None",
                "selector": {"app": self.app},
                "ports": ports,
            },
            "status": {"loadBalancer": {}},
        })
    }

    /// Returns the slice with the pods that have an IP address, as the controller writes it.
    pub fn slice(&self, pods: &[Value], created: Timestamp) -> Value {
        let endpoints: Vec<Value> = pods
            .iter()
            .filter(|pod| pod["status"]["podIP"].is_string())
            .map(|pod| endpoint(pod, self.headless))
            .collect();
        let ports: Vec<Value> = self
            .ports
            .iter()
            .map(|port| json!({"name": port.name, "port": port.target_number, "protocol": "TCP"}))
            .collect();
        json!({
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": format!("{}-x7k2p", self.name),
                "generateName": format!("{}-", self.name),
                "namespace": self.namespace,
                "labels": {
                    "app": self.app,
                    "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
                    "kubernetes.io/service-name": self.name,
                },
                "creationTimestamp": seconds(created),
            },
            "addressType": "IPv4",
            "endpoints": endpoints,
            "ports": ports,
        })
    }
}

fn endpoint(pod: &Value, publish_not_ready: bool) -> Value {
    let conditions = pod["status"]["conditions"].as_array();
    let ready = conditions.into_iter().flatten();
    let mut ready = ready
        .filter(|c| c["type"] == "Ready")
        .map(|c| c["status"] == "True");
    let serving = ready.next().unwrap_or(false);
    json!({
        "addresses": [pod["status"]["podIP"]],
        "conditions": {
            "ready": serving || publish_not_ready,
            "serving": serving,
            "terminating": false,
        },
        "nodeName": pod["spec"]["nodeName"],
        "targetRef": {
            "kind": "Pod",
            "namespace": pod["metadata"]["namespace"],
            "name": pod["metadata"]["name"],
            "uid": pod["metadata"]["uid"],
        },
    })
}
