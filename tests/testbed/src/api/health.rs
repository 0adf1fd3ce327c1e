//! The view of objects while nodes or containers are unhealthy. It contains what the kubelets, the node
//! controller and the controllers of slices and sets would have written.

use std::sync::Arc;

use serde_json::{Value, json};

use super::objects::key;
use super::server::ApiServer;
use crate::clock::seconds;
use crate::faults::node::NodeFaults;

impl ApiServer {
    /// Returns the current view of an object of a resource (`pods`, `statefulsets.apps`).
    pub fn seen(&self, resource: &str, object: Arc<Value>) -> Arc<Value> {
        let faults = self.faults.snapshot().node;
        if faults.not_ready.is_empty() && faults.containers.is_empty() {
            return object;
        }
        let mut object = Value::clone(&object);
        match resource {
            "nodes" => node(&mut object, &faults),
            "pods" => self.pod(&mut object, &faults),
            "endpointslices.discovery.k8s.io" => self.slice(&mut object, &faults),
            "statefulsets.apps" => self.set(&mut object, &faults),
            _ => {}
        }
        Arc::new(object)
    }

    fn pod(&self, pod: &mut Value, faults: &NodeFaults) {
        containers(pod, faults);
        let node = pod["spec"]["nodeName"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        if !faults.not_ready.contains(&node) {
            return;
        }
        // `MarkPodsNotReady` changes only the status of this condition.
        set_condition(pod, "Ready", &json!({"status": "False"}));
        if faults.lost.contains(&node) {
            let name = pod["metadata"]["name"].as_str().unwrap_or_default();
            let message = format!("Node {node} which was running pod {name} is unresponsive");
            pod["status"]["reason"] = json!("NodeLost");
            pod["status"]["message"] = json!(message);
            pod["metadata"]["deletionTimestamp"] = json!(seconds(self.clock.now()));
            pod["metadata"]["deletionGracePeriodSeconds"] = json!(30);
        }
    }

    /// Returns whether a pod is ready in the current view.
    fn is_ready(&self, namespace: &str, name: &str, faults: &NodeFaults) -> bool {
        let Some(pod) = self.objects.store.get(&key("pods", namespace, name)) else {
            return false;
        };
        let mut pod = Value::clone(&pod);
        self.pod(&mut pod, faults);
        let conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
        let mut ready = conditions.filter(|condition| condition["type"] == "Ready");
        ready.any(|condition| condition["status"] == "True")
            && pod["metadata"]["deletionTimestamp"].is_null()
    }

    fn slice(&self, slice: &mut Value, faults: &NodeFaults) {
        let namespace = text(&slice["metadata"]["namespace"]);
        let service = text(&slice["metadata"]["labels"]["kubernetes.io/service-name"]);
        let service = self
            .objects
            .store
            .get(&key("services", &namespace, &service));
        let publishes =
            service.is_some_and(|service| service["spec"]["publishNotReadyAddresses"] == true);
        let endpoints = slice["endpoints"].as_array_mut();
        for endpoint in endpoints.into_iter().flatten() {
            let pod = text(&endpoint["targetRef"]["name"]);
            let serving = self.is_ready(&namespace, &pod, faults);
            endpoint["conditions"]["serving"] = json!(serving);
            endpoint["conditions"]["ready"] = json!(serving || publishes);
        }
    }

    fn set(&self, set: &mut Value, faults: &NodeFaults) {
        let namespace = text(&set["metadata"]["namespace"]);
        let uid = &set["metadata"]["uid"];
        let (_, pods) = self.objects.store.list("pods", Some(&namespace));
        let owned = pods.iter().filter(|(_, pod)| {
            let owners = pod["metadata"]["ownerReferences"].as_array();
            owners
                .into_iter()
                .flatten()
                .any(|owner| owner["uid"] == *uid)
        });
        let ready = owned
            .filter(|(key, _)| self.is_ready(&namespace, &key.name, faults))
            .count();
        set["status"]["readyReplicas"] = json!(ready);
        set["status"]["availableReplicas"] = json!(ready);
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Applies the changes of the node controller after a kubelet's lease has expired.
fn node(node: &mut Value, faults: &NodeFaults) {
    if !faults.not_ready.contains(&text(&node["metadata"]["name"])) {
        return;
    }
    let unknown = json!({
        "status": "Unknown",
        "reason": "NodeStatusUnknown",
        "message": "Kubelet stopped posting node status.",
    });
    set_condition(node, "Ready", &unknown);
}

/// Applies the status that a kubelet writes for containers that are not ready.
fn containers(pod: &mut Value, faults: &NodeFaults) {
    let namespace = text(&pod["metadata"]["namespace"]);
    let name = text(&pod["metadata"]["name"]);
    let mut unready = Vec::new();
    let statuses = pod["status"]["containerStatuses"].as_array_mut();
    for status in statuses.into_iter().flatten() {
        let container = text(&status["name"]);
        let mut meant = faults.containers.iter();
        let Some(fault) = meant.find(|fault| fault.matches(&namespace, &name, &container)) else {
            continue;
        };
        status["ready"] = json!(false);
        if let Some(reason) = &fault.waiting {
            let message = format!("{reason} of container {container}");
            status["started"] = json!(false);
            status["state"] = json!({"waiting": {"reason": reason, "message": message}});
        }
        unready.push(container);
    }
    if unready.is_empty() {
        return;
    }
    let not_ready = json!({
        "status": "False",
        "reason": "ContainersNotReady",
        "message": format!("containers with unready status: [{}]", unready.join(" ")),
    });
    for kind in ["Ready", "ContainersReady"] {
        set_condition(pod, kind, &not_ready);
    }
}

/// Changes the fields of an existing condition.
fn set_condition(object: &mut Value, kind: &str, fields: &Value) {
    let conditions = object["status"]["conditions"].as_array_mut();
    let mut meant = conditions.into_iter().flatten();
    let Some(condition) = meant.find(|condition| condition["type"] == kind) else {
        return;
    };
    for (field, value) in fields.as_object().into_iter().flatten() {
        condition[field] = value.clone();
    }
}
