//! Events of the controllers and the kubelet, as objects of `v1`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};

use super::fields::{name, namespace, uid};
use crate::api::objects::Objects;
use crate::clock::{Clock, seconds};

/// Object, reason and message of an event.
type Fact = (String, String, String);

/// Writes events. A repeated event counts up, as client-go's recorder makes it.
#[derive(Debug, Clone)]
pub struct Recorder {
    objects: Objects,
    clock: Clock,
    /// The names of the events that were written.
    known: Arc<Mutex<HashMap<Fact, String>>>,
}

/// The component that reports an event.
#[derive(Debug, Clone, Copy)]
pub enum Reporter {
    JobController,
    Scheduler,
    Kubelet,
}

impl Reporter {
    fn name(self) -> &'static str {
        match self {
            Self::JobController => "job-controller",
            Self::Scheduler => "default-scheduler",
            Self::Kubelet => "kubelet",
        }
    }
}

impl Recorder {
    pub fn new(objects: Objects, clock: Clock) -> Self {
        Self {
            objects,
            clock,
            known: Arc::default(),
        }
    }

    /// Reports something normal about an object.
    pub fn normal(&self, about: &Value, from: Reporter, reason: &str, message: &str) {
        self.record(about, from, ("Normal", reason, message));
    }

    /// Reports a problem of an object.
    pub fn warning(&self, about: &Value, from: Reporter, reason: &str, message: &str) {
        self.record(about, from, ("Warning", reason, message));
    }

    fn record(&self, about: &Value, from: Reporter, (kind, reason, message): (&str, &str, &str)) {
        let now = seconds(self.clock.now());
        let fact = (uid(about).to_owned(), reason.to_owned(), message.to_owned());
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(event) = known.get(&fact) {
            let counted = self
                .objects
                .modify("events", namespace(about), event, |event| {
                    event["count"] = json!(event["count"].as_i64().unwrap_or(1) + 1);
                    event["lastTimestamp"] = json!(now);
                });
            if counted.is_ok() {
                return;
            }
        }
        let number = known.len() + 1;
        let event = format!("{}.{number:016x}", name(about));
        let stored = self.objects.put(json!({
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": event, "namespace": namespace(about)},
            "involvedObject": {
                "apiVersion": about["apiVersion"],
                "kind": about["kind"],
                "name": name(about),
                "namespace": namespace(about),
                "uid": uid(about),
                "resourceVersion": about["metadata"]["resourceVersion"],
            },
            "type": kind,
            "reason": reason,
            "message": message,
            "source": {"component": from.name()},
            "reportingComponent": from.name(),
            "reportingInstance": "",
            "count": 1,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "eventTime": null,
        }));
        debug_assert!(stored.is_ok(), "the type of events is built in");
        known.insert(fact, event);
    }
}
