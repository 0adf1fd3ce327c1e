//! The broker-backup sidecar: the local backups of its pod and the objects of a remote store.
//!
//! Only clients of the sidecar are public. The known facts are the expectations of
//! schmitz-chris/kubectl-broker-extension, `pkg/sidecar`. Comments mark deductions.

mod api;
mod metrics;
mod model;

use std::sync::{Arc, Mutex, PoisonError};

pub use model::{Entry, RemoteObject, UploadStatus};

use model::State;

use super::PodAddress;
use super::pace::Pace;
use crate::clock::Clock;
use crate::faults::Faults;

/// The sidecars of one cluster: a shared remote store, and an inventory per pod. Clones share the state.
#[derive(Debug, Clone)]
pub struct Sidecar {
    state: Arc<Mutex<State>>,
    faults: Faults,
    clock: Clock,
}

impl Sidecar {
    pub(crate) fn new(faults: Faults, clock: Clock, pace: Pace) -> Self {
        Self {
            state: Arc::new(Mutex::new(State::new(pace))),
            faults,
            clock,
        }
    }

    /// Returns the objects in the remote store in the sidecar's order.
    pub fn remote(&self) -> Vec<RemoteObject> {
        self.with(|state| state.remote.clone())
    }

    /// Adds an object to the remote store.
    pub fn put_remote(&self, object: RemoteObject) {
        self.with(|state| state.remote.push(object));
    }

    /// Removes an object from the remote store.
    pub fn remove_remote(&self, key: &str) {
        self.with(|state| state.remote.retain(|object| object.key != key));
    }

    /// Returns the local backups of a pod.
    pub fn local(&self, pod: &PodAddress) -> Vec<Entry> {
        self.with(|state| state.local.get(pod).cloned().unwrap_or_default())
    }

    /// Adds a local backup to a pod.
    pub fn put_local(&self, pod: &PodAddress, entry: Entry) {
        self.with(|state| state.local.entry(pod.clone()).or_default().push(entry));
    }

    /// Returns the cluster backups, which every pod shows.
    pub fn cluster(&self) -> Vec<Entry> {
        self.with(|state| state.cluster.clone())
    }

    /// Adds a cluster backup.
    pub fn put_cluster(&self, entry: Entry) {
        self.with(|state| state.cluster.push(entry));
    }

    /// Returns the keys of restores in order, without dry runs.
    pub fn restored(&self) -> Vec<String> {
        self.with(|state| state.restored.clone())
    }

    /// Sets the duration of future uploads.
    pub fn set_pace(&self, pace: Pace) {
        self.with(|state| state.pace = pace);
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
