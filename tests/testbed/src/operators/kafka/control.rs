//! The controller. It processes all objects whenever one of them changes or is read.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::kinds::{GROUP, VERSION};
use super::{backup, offsets, restore, validation};
use crate::api::objects::Objects;
use crate::api::store::Key;
use crate::backend::pace::Pace;
use crate::clock::{Clock, seconds};
use crate::faults::Faults;
use crate::faults::kafka::KafkaFaults;

/// The interval of checks if the time decides when work ends.
const TICK: Duration = Duration::from_millis(100);

pub struct Operator {
    objects: Objects,
    faults: Faults,
    clock: Clock,
    pace: Pace,
    /// The running work, and the time of its start.
    running: BTreeMap<Key, std::time::Instant>,
}

/// The input of a step.
pub struct Context<'a> {
    pub objects: &'a Objects,
    pub faults: &'a KafkaFaults,
    pub now: Timestamp,
    /// Whether the running work of the object is complete.
    pub done: bool,
}

/// The result of a step: new fields of the status, or nothing.
pub type Step = Option<Value>;

/// A function that takes the next step with one object.
type Reconcile = fn(&Value, &Context<'_>) -> Step;

const KINDS: [(&str, &str, Reconcile); 5] = [
    ("kafkabackups", "backup", backup::step),
    ("kafkarestores", "restore", restore::step),
    ("kafkaoffsetresets", "offset-reset", offsets::reset),
    (
        "kafkaoffsetrollbacks",
        "offset-rollback",
        offsets::roll_back,
    ),
    ("kafkabackupvalidations", "validation", validation::step),
];

impl Operator {
    pub fn new(objects: Objects, faults: Faults, clock: Clock, pace: Pace) -> Self {
        Self {
            objects,
            faults,
            clock,
            pace,
            running: BTreeMap::new(),
        }
    }

    pub async fn run(mut self) {
        let mut revisions = self.objects.store.subscribe();
        let mut looks = self.objects.store.subscribe_to_looks();
        loop {
            revisions.mark_unchanged();
            looks.mark_unchanged();
            self.look_at_all();
            let timed = matches!(self.pace, Pace::After(_)) && !self.running.is_empty();
            tokio::select! {
                changed = revisions.changed() => if changed.is_err() { return },
                _ = looks.changed() => {}
                () = tokio::time::sleep(TICK), if timed => {}
            }
        }
    }

    fn look_at_all(&mut self) {
        let faults = self.faults.snapshot().kafka;
        if faults.off {
            return;
        }
        for (plural, finalizer, reconcile) in KINDS {
            let (_, objects) = self.objects.store.list(&format!("{plural}.{GROUP}"), None);
            for (key, object) in objects {
                self.look_at(&key, &object, finalizer, reconcile, &faults);
            }
        }
    }

    fn look_at(
        &mut self,
        key: &Key,
        object: &Value,
        finalizer: &str,
        reconcile: Reconcile,
        faults: &KafkaFaults,
    ) {
        // The finalizer's cleanup keeps the data.
        if !object["metadata"]["deletionTimestamp"].is_null() {
            self.running.remove(key);
            let _ = self
                .objects
                .remove(&key.resource, &key.namespace, &key.name);
            return;
        }
        let finalizer = json!([format!("{GROUP}/{finalizer}-finalizer")]);
        if object["metadata"]["finalizers"] != finalizer {
            self.write(key, |object| {
                object["metadata"]["finalizers"] = finalizer.clone();
            });
            return;
        }
        let context = Context {
            objects: &self.objects,
            faults,
            now: self.clock.now(),
            done: !faults.stuck && self.is_done(key),
        };
        let Some(step) = reconcile(object, &context) else {
            return;
        };
        if step["phase"] == "Running" {
            self.running.insert(key.clone(), std::time::Instant::now());
            self.objects.store.forget_looks(key);
        } else {
            self.running.remove(key);
        }
        let generation = object["metadata"]["generation"].clone();
        self.write(key, |object| {
            if !object["status"].is_object() {
                object["status"] = json!({});
            }
            for (field, value) in step.as_object().into_iter().flatten() {
                object["status"][field] = value.clone();
            }
            object["status"]["observedGeneration"] = generation.clone();
        });
    }

    fn is_done(&self, key: &Key) -> bool {
        let Some(since) = self.running.get(key) else {
            return false;
        };
        match self.pace {
            // The first poll finds the work running; the last one finds it complete.
            Pace::Polls(polls) => self.objects.store.looks(key) + 1 >= polls,
            Pace::After(time) => since.elapsed() >= time,
        }
    }

    /// Changes an object. An object that no longer exists is ignored.
    fn write(&self, key: &Key, change: impl Fn(&mut Value)) {
        let _ = self
            .objects
            .modify(&key.resource, &key.namespace, &key.name, change);
    }
}

/// Returns whether the operator has not yet seen the current generation of the object.
pub fn is_new(object: &Value) -> bool {
    object["status"]["observedGeneration"] != object["metadata"]["generation"]
}

pub fn phase(object: &Value) -> &str {
    object["status"]["phase"].as_str().unwrap_or_default()
}

/// Returns a phase with its message and the only condition.
pub fn status(context: &Context<'_>, phase: &str, reason: &str, message: &str) -> Value {
    let ready = if phase == "Failed" { "False" } else { "True" };
    json!({
        "phase": phase,
        "message": message,
        "conditions": [{
            "type": "Ready",
            "status": ready,
            "reason": reason,
            "message": message,
            "lastTransitionTime": seconds(context.now),
        }],
    })
}

pub fn refused(context: &Context<'_>, why: &str) -> Value {
    let message = format!("Validation failed: {why}");
    status(context, "Failed", "ValidationFailed", &message)
}

/// Adds fields to a status.
pub fn with(mut status: Value, fields: Value) -> Value {
    if let (Some(status), Value::Object(fields)) = (status.as_object_mut(), fields) {
        status.extend(fields);
    }
    status
}

pub fn api_version() -> String {
    format!("{GROUP}/{VERSION}")
}

/// Returns the items of a list in the spec.
pub fn items<'a>(object: &'a Value, field: &str) -> Vec<&'a str> {
    let items = object["spec"][field].as_array();
    items
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}
