//! The status that a kubelet writes.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::clock::seconds;
use crate::jobs::fields::{Condition, at, items, text};

/// The place where a pod runs.
#[derive(Debug, Clone)]
pub struct Place {
    pub host_ip: String,
    pub pod_ip: String,
}

/// The end of a container, as its status tells it.
#[derive(Debug, Clone)]
pub struct End {
    pub code: i32,
    pub reason: String,
    pub message: String,
    pub started: Timestamp,
    pub finished: Timestamp,
}

impl End {
    fn state(&self, container: &str) -> Value {
        let mut terminated = json!({
            "exitCode": self.code,
            "reason": self.reason,
            "startedAt": seconds(self.started),
            "finishedAt": seconds(self.finished),
            "containerID": container,
        });
        if !self.message.is_empty() {
            terminated["message"] = json!(self.message);
        }
        json!({"terminated": terminated})
    }
}

/// Returns the status of the pod's container, to change it.
fn container(pod: &mut Value) -> Value {
    let present = at(pod, "/status/containerStatuses/0");
    if !present.is_null() {
        return present.clone();
    }
    let spec = at(pod, "/spec/containers/0");
    json!({
        "name": spec["name"],
        "image": spec["image"],
        "imageID": "",
        "ready": false,
        "started": false,
        "restartCount": 0,
        "lastState": {},
        "state": {},
    })
}

fn put(pod: &mut Value, container: &Value) {
    pod["status"]["containerStatuses"] = json!([container]);
}

/// The pod has arrived at its node.
pub fn arrived(pod: &mut Value, place: &Place, now: Timestamp) {
    let status = &mut pod["status"];
    status["hostIP"] = json!(place.host_ip);
    status["hostIPs"] = json!([{"ip": place.host_ip}]);
    if status["startTime"].is_null() {
        status["startTime"] = json!(seconds(now));
    }
    Condition::new("Initialized", "True", "", "").set(pod, now);
    unready(pod, "ContainersNotReady", now);
}

fn unready(pod: &mut Value, reason: &str, now: Timestamp) {
    let name = text(pod, "/spec/containers/0/name");
    let message = match reason {
        "ContainersNotReady" => format!("containers with unready status: [{name}]"),
        _ => String::new(),
    };
    for kind in ["Ready", "ContainersReady"] {
        Condition::new(kind, "False", reason, &message).set(pod, now);
    }
}

/// The container doesn't run yet.
pub fn waiting(pod: &mut Value, reason: &str, message: &str, now: Timestamp) {
    let mut container = container(pod);
    let mut state = json!({"reason": reason});
    if !message.is_empty() {
        state["message"] = json!(message);
    }
    container["state"] = json!({"waiting": state});
    container["ready"] = json!(false);
    container["started"] = json!(false);
    put(pod, &container);
    unready(pod, "ContainersNotReady", now);
}

/// The container runs, for the `restarts`-th time after the first.
pub fn running(pod: &mut Value, place: &Place, restarts: u32, now: Timestamp) {
    let id = format!("testbed://{}-{restarts}", text(pod, "/metadata/uid"));
    let mut container = container(pod);
    container["state"] = json!({"running": {"startedAt": seconds(now)}});
    container["ready"] = json!(true);
    container["started"] = json!(true);
    container["restartCount"] = json!(restarts);
    container["containerID"] = json!(id);
    container["imageID"] = json!(format!("testbed://{}", text(&container, "/image")));
    put(pod, &container);
    let status = &mut pod["status"];
    status["phase"] = json!("Running");
    status["podIP"] = json!(place.pod_ip);
    status["podIPs"] = json!([{"ip": place.pod_ip}]);
    for kind in ["PodReadyToStartContainers", "Ready", "ContainersReady"] {
        Condition::new(kind, "True", "", "").set(pod, now);
    }
}

/// The container has ended. The phase of the pod follows later.
pub fn ended(pod: &mut Value, end: &End, now: Timestamp) {
    let mut container = container(pod);
    let id = text(&container, "/containerID").to_owned();
    container["state"] = end.state(&id);
    container["ready"] = json!(false);
    container["started"] = json!(false);
    put(pod, &container);
    unready(pod, "ContainersNotReady", now);
}

/// The container has ended and starts again later.
pub fn crashed(pod: &mut Value, end: &End, delay: i64, now: Timestamp) {
    let mut container = container(pod);
    let id = text(&container, "/containerID").to_owned();
    container["lastState"] = end.state(&id);
    put(pod, &container);
    let message = format!(
        "back-off {delay}s restarting failed container={} pod={}_{}({})",
        text(pod, "/spec/containers/0/name"),
        text(pod, "/metadata/name"),
        text(pod, "/metadata/namespace"),
        text(pod, "/metadata/uid"),
    );
    waiting(pod, "CrashLoopBackOff", &message, now);
}

/// The pod is over.
pub fn over(pod: &mut Value, phase: &str, reason: Option<(&str, &str)>, now: Timestamp) {
    pod["status"]["phase"] = json!(phase);
    if let Some((reason, message)) = reason {
        pod["status"]["reason"] = json!(reason);
        pod["status"]["message"] = json!(message);
    }
    let why = if phase == "Succeeded" {
        "PodCompleted"
    } else {
        "PodFailed"
    };
    Condition::new("PodReadyToStartContainers", "False", "", "").set(pod, now);
    unready(pod, why, now);
}

/// Returns the exit code of the pod's container, if it has ended for good.
pub fn exit_code(pod: &Value) -> Option<i64> {
    let status = items(pod, "/status/containerStatuses").first()?;
    at(status, "/state/terminated/exitCode").as_i64()
}

/// Returns the reason why the pod's container waits.
pub fn waiting_reason(pod: &Value) -> &str {
    text(pod, "/status/containerStatuses/0/state/waiting/reason")
}
