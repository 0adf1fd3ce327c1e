//! An application with a strategy sidecar: a `StatefulSet` of one pod, without a Service.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::World;
use crate::backend::PodAddress;
use crate::clock::seconds;

/// The containers of the pod.
const APP: &str = "app";
const SIDECAR: &str = "strategy";
const PORT: u16 = 8000;
/// The pod's IP address, which no other pod has. It is link-local, so that nothing connects to it.
const ADDRESS: &str = "169.254.8.10";

/// Fills a namespace.
pub fn build(world: &mut World, namespace: &str) {
    let created = world.now() - SignedDuration::from_hours(24 * 5);
    let set = match world.objects.put(stateful_set(namespace, created)) {
        Ok(set) => set,
        Err(error) => {
            debug_assert!(false, "a scenario has a broken object: {error}");
            return;
        }
    };
    world.put([pod(namespace, &set, created)]);
    let address = PodAddress::new(namespace, "app-0");
    let strategy = world.strategy(namespace);
    world.serve(&address, PORT, SIDECAR, strategy);
}

fn containers() -> Value {
    json!([
        {
            "name": APP,
            "image": "registry.example.com/app:2.1.0",
            "ports": [{"name": "web", "containerPort": 3000, "protocol": "TCP"}],
            "resources": {},
        },
        {
            "name": SIDECAR,
            "image": "registry.example.com/strategy-sidecar:1.0.0",
            "ports": [{"name": "strategy", "containerPort": PORT, "protocol": "TCP"}],
            "resources": {},
        },
    ])
}

fn stateful_set(namespace: &str, created: Timestamp) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {
            "name": APP,
            "namespace": namespace,
            "labels": {"app": APP},
            "creationTimestamp": seconds(created),
        },
        "spec": {
            "replicas": 1,
            "serviceName": APP,
            "selector": {"matchLabels": {"app": APP}},
            "template": {
                "metadata": {"labels": {"app": APP}},
                "spec": {"containers": containers()},
            },
        },
        "status": {
            "observedGeneration": 1,
            "replicas": 1,
            "readyReplicas": 1,
            "availableReplicas": 1,
            "currentReplicas": 1,
            "updatedReplicas": 1,
        },
    })
}

fn pod(namespace: &str, set: &Value, created: Timestamp) -> Value {
    let condition = |kind: &str| json!({"type": kind, "status": "True", "lastTransitionTime": seconds(created)});
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "app-0",
            "namespace": namespace,
            "labels": {"app": APP, "apps.kubernetes.io/pod-index": "0"},
            "ownerReferences": [{
                "apiVersion": "apps/v1",
                "kind": "StatefulSet",
                "name": APP,
                "uid": set["metadata"]["uid"],
                "controller": true,
                "blockOwnerDeletion": true,
            }],
            "creationTimestamp": seconds(created),
        },
        "spec": {"nodeName": "node-0", "containers": containers()},
        "status": {
            "phase": "Running",
            "podIP": ADDRESS,
            "podIPs": [{"ip": ADDRESS}],
            "startTime": seconds(created),
            "conditions": [
                condition("Initialized"),
                condition("Ready"),
                condition("ContainersReady"),
                condition("PodScheduled"),
            ],
            "containerStatuses": [running(APP, created), running(SIDECAR, created)],
        },
    })
}

fn running(name: &str, created: Timestamp) -> Value {
    json!({
        "name": name,
        "image": "registry.example.com/image",
        "imageID": "",
        "ready": true,
        "started": true,
        "restartCount": 0,
        "state": {"running": {"startedAt": seconds(created)}},
        "lastState": {},
    })
}
