//! The servers behind the pods. A new kind of backend needs a file here, an entry in
//! [`BackendKind`](crate::BackendKind) and a line in a scenario.

pub mod content;
pub mod encrypted;
pub mod hivemq;
mod hostile;
pub(crate) mod http;
pub mod pace;
pub(crate) mod shape;
pub mod sidecar;
pub mod strategy;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use serde_json::Value;
use tokio::io::DuplexStream;

/// Number of bytes that a connection to a pod buffers before its writer has to wait.
const PIPE: usize = 1024 * 1024;

/// The namespace and the name of a pod.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PodAddress {
    pub namespace: String,
    pub name: String,
}

impl PodAddress {
    pub fn new(namespace: &str, name: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }
}

/// A server on a port of pods.
pub trait Backend: Send + Sync {
    /// Returns whether the process runs. If not, connections are refused.
    fn listening(&self) -> bool {
        true
    }

    /// Accepts a new connection to `pod` without blocking.
    fn accept(&self, connection: DuplexStream, pod: &PodAddress);
}

#[derive(Clone)]
struct Listener {
    container: String,
    backend: Arc<dyn Backend>,
}

/// The backends by port. Clones share the list.
#[derive(Clone, Default)]
pub struct Backends {
    listeners: Arc<RwLock<HashMap<(PodAddress, u16), Listener>>>,
}

impl fmt::Debug for Backends {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Backends").finish_non_exhaustive()
    }
}

impl Backends {
    /// Makes `backend` listen on a port of a pod, in one of its containers.
    pub fn listen(&self, pod: &PodAddress, port: u16, container: &str, backend: Arc<dyn Backend>) {
        let listener = Listener {
            container: container.to_owned(),
            backend,
        };
        self.listeners
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert((pod.clone(), port), listener);
    }

    /// Puts something in front of the backend of a port, if the port has one.
    pub fn wrap(
        &self,
        pod: &PodAddress,
        port: u16,
        wrap: impl FnOnce(Arc<dyn Backend>) -> Arc<dyn Backend>,
    ) {
        let mut listeners = self
            .listeners
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(listener) = listeners.get_mut(&(pod.clone(), port)) {
            listener.backend = wrap(Arc::clone(&listener.backend));
        }
    }

    /// Connects to a port. Returns `None` if the connection is refused: nothing listens, or the container
    /// isn't running.
    pub(crate) fn connect(
        &self,
        address: &PodAddress,
        pod: &Value,
        port: u16,
    ) -> Option<DuplexStream> {
        let listeners = self
            .listeners
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let listener = listeners.get(&(address.clone(), port))?.clone();
        drop(listeners);
        let statuses = pod["status"]["containerStatuses"].as_array()?;
        let running = statuses.iter().any(|status| {
            status["name"] == listener.container.as_str() && status["state"]["running"].is_object()
        });
        if !running || !listener.backend.listening() {
            return None;
        }
        let (near, far) = tokio::io::duplex(PIPE);
        listener.backend.accept(far, address);
        Some(near)
    }
}
