//! The content of the cluster at the start of a testbed.

mod app;
mod backups;
mod broker;
mod demo;
pub(crate) mod objects;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

pub use demo::demo;

use crate::api::objects::Objects;
use crate::backend::encrypted::Encrypted;
use crate::backend::hivemq::Hivemq;
use crate::backend::http::{HttpBackend, Service};
use crate::backend::pace::Pace;
use crate::backend::sidecar::Sidecar;
use crate::backend::strategy::Strategy;
use crate::backend::{Backends, PodAddress};
use crate::clock::Clock;
use crate::faults::Faults;
use crate::log::{BackendRequest, Log};
use crate::pods::PodFiles;
use crate::tasks::Tasks;
use crate::tls::Server;

/// A cluster before its start: its objects, and the backends behind its pods.
#[derive(Debug)]
pub struct World {
    pub objects: Objects,
    pub backends: Backends,
    pub faults: Faults,
    pub clock: Clock,
    pub pace: Pace,
    pub files: PodFiles,
    pub(crate) requests: Log<BackendRequest>,
    pub(crate) tasks: Tasks,
    pub(crate) hivemq: BTreeMap<String, Hivemq>,
    pub(crate) sidecars: BTreeMap<String, Sidecar>,
    pub(crate) strategies: BTreeMap<String, Strategy>,
}

impl World {
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Adds objects to the cluster, in order.
    pub fn put(&self, objects: impl IntoIterator<Item = Value>) {
        for object in objects {
            let stored = self.objects.put(object);
            debug_assert!(stored.is_ok(), "a scenario has a broken object: {stored:?}");
        }
    }

    /// Returns the HiveMQ cluster of a namespace, and creates it if needed.
    pub fn hivemq(&mut self, namespace: &str) -> Hivemq {
        let made = || Hivemq::new(self.faults.clone(), self.clock.clone(), self.pace);
        self.hivemq
            .entry(namespace.to_owned())
            .or_insert_with(made)
            .clone()
    }

    /// Returns the sidecars of a namespace, and creates them if needed.
    pub fn sidecar(&mut self, namespace: &str) -> Sidecar {
        let made = || Sidecar::new(self.faults.clone(), self.clock.clone(), self.pace);
        self.sidecars
            .entry(namespace.to_owned())
            .or_insert_with(made)
            .clone()
    }

    /// Returns the strategy sidecar of a namespace, and creates it if needed.
    pub fn strategy(&mut self, namespace: &str) -> Strategy {
        let made = || Strategy::new(self.faults.clone());
        self.strategies
            .entry(namespace.to_owned())
            .or_insert_with(made)
            .clone()
    }

    /// Puts TLS in front of the backend of a port.
    pub fn encrypt(&self, pod: &PodAddress, port: u16, server: &Server) {
        let tasks = self.tasks.clone();
        self.backends.wrap(pod, port, |backend| {
            Arc::new(Encrypted::new(backend, server.clone(), tasks))
        });
    }

    /// Makes an HTTP service listen in a container of a pod.
    pub(crate) fn serve<S: Service>(
        &self,
        pod: &PodAddress,
        port: u16,
        container: &str,
        service: S,
    ) {
        let faults = self.faults.clone();
        let (log, tasks) = (self.requests.clone(), self.tasks.clone());
        let backend = HttpBackend::new(Arc::new(service), faults, log, tasks);
        self.backends
            .listen(pod, port, container, Arc::new(backend));
    }
}
