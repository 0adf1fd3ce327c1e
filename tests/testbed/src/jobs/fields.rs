//! Reads and changes of the fields that controllers and the kubelet share.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::clock::seconds;

/// The finalizer of the Job controller on pods that it has not counted yet.
pub const TRACKING: &str = "batch.kubernetes.io/job-tracking";

static NULL: Value = Value::Null;

/// Returns the value at a pointer, or null.
pub fn at<'a>(object: &'a Value, pointer: &str) -> &'a Value {
    object.pointer(pointer).unwrap_or(&NULL)
}

/// Returns the text at a pointer, or an empty one.
pub fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    at(object, pointer).as_str().unwrap_or_default()
}

pub fn items<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    at(object, pointer).as_array().map_or(&[], Vec::as_slice)
}

pub fn name(object: &Value) -> &str {
    text(object, "/metadata/name")
}

pub fn namespace(object: &Value) -> &str {
    text(object, "/metadata/namespace")
}

pub fn uid(object: &Value) -> &str {
    text(object, "/metadata/uid")
}

pub fn is_deleted(object: &Value) -> bool {
    !at(object, "/metadata/deletionTimestamp").is_null()
}

pub fn has_finalizer(object: &Value, name: &str) -> bool {
    items(object, "/metadata/finalizers")
        .iter()
        .any(|finalizer| finalizer == name)
}

pub fn remove_finalizer(object: &mut Value, name: &str) {
    let list = object.pointer_mut("/metadata/finalizers");
    if let Some(list) = list.and_then(Value::as_array_mut) {
        list.retain(|finalizer| finalizer != name);
        if list.is_empty()
            && let Some(metadata) = object["metadata"].as_object_mut()
        {
            metadata.remove("finalizers");
        }
    }
}

/// Returns the owner reference of the controller.
pub fn controller(object: &Value) -> Option<&Value> {
    items(object, "/metadata/ownerReferences")
        .iter()
        .find(|owner| owner["controller"] == true)
}

/// Returns whether a pod belongs to a Job. Only those pods run in the testbed.
pub fn is_of_job(pod: &Value) -> bool {
    controller(pod).is_some_and(|owner| owner["kind"] == "Job" && owner["apiVersion"] == "batch/v1")
}

pub fn phase(pod: &Value) -> &str {
    text(pod, "/status/phase")
}

/// Returns whether the pod has reached a phase that never changes.
pub fn is_over(pod: &Value) -> bool {
    matches!(phase(pod), "Succeeded" | "Failed")
}

pub fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    items(object, "/status/conditions")
        .iter()
        .find(|condition| condition["type"] == kind)
}

pub fn is_true(object: &Value, kind: &str) -> bool {
    condition(object, kind).is_some_and(|condition| condition["status"] == "True")
}

/// One condition of an object's status.
#[derive(Debug, Clone, Copy)]
pub struct Condition<'a> {
    pub kind: &'a str,
    pub status: &'a str,
    pub reason: &'a str,
    pub message: &'a str,
}

impl<'a> Condition<'a> {
    pub fn new(kind: &'a str, status: &'a str, reason: &'a str, message: &'a str) -> Self {
        Self {
            kind,
            status,
            reason,
            message,
        }
    }

    /// Adds the condition, or changes the one of its type. Its time changes with its status only.
    pub fn set(&self, object: &mut Value, now: Timestamp) {
        let probed = (object["kind"] == "Job").then(|| seconds(now));
        let mut new = json!({
            "type": self.kind,
            "status": self.status,
            "lastProbeTime": probed,
            "lastTransitionTime": seconds(now),
        });
        for (field, value) in [("reason", self.reason), ("message", self.message)] {
            if !value.is_empty() {
                new[field] = json!(value);
            }
        }
        if !object["status"]["conditions"].is_array() {
            object["status"]["conditions"] = json!([]);
        }
        let Some(list) = object["status"]["conditions"].as_array_mut() else {
            return;
        };
        match list.iter_mut().find(|present| present["type"] == self.kind) {
            Some(present) => {
                if present["status"] == self.status {
                    new["lastTransitionTime"] = present["lastTransitionTime"].clone();
                }
                new["lastProbeTime"] = present["lastProbeTime"].clone();
                *present = new;
            }
            None => list.push(new),
        }
    }
}

pub fn time(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}
