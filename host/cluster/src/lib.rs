//! Everything between this process and a backend in a pod: kubeconfig, the API server's answers,
//! finding the pod and the port of an endpoint, the port-forward, and HTTP over it.
//!
//! ```text
//! connect ─ kubeconfig, context ─ server       which cluster, as whom (no request is made)
//! client ─ credentials ─ exec_plugin           how a request gets there, and what it shows
//! resolve ─ pods, slices, diagnose ─ request   which pod and port, or why there is none
//! backend ─ exchange, body ─ tunnel            HTTP/1.1 over a websocket to pods/portforward
//! running, exec ─ upgrade                      a command in a container, over a websocket too
//! kubelet ─ pods, request                      what the pod's node did to either of them
//! rights, readiness ─ request                  what may be done, and what is there to do it with
//! secrets, leases ─ request                    a Secret's keys; a lock that all users see
//! objects, watch ─ request                     objects of the kinds that engines name
//! ```
//!
//! There is no local listening port, and rights are never asked for ahead of their use, except by
//! `backup test` (`rights`): a missing one is explained by the request that needed it.

mod backend;
mod body;
mod client;
mod connect;
mod context;
mod credentials;
mod diagnose;
mod error;
mod exchange;
mod exec;
mod exec_plugin;
mod hint;
mod kubeconfig;
mod kubelet;
mod leases;
mod near;
mod objects;
mod pods;
mod readiness;
mod refusal;
mod request;
mod request_body;
mod resolve;
mod rights;
mod running;
mod secrets;
mod server;
mod slices;
#[cfg(test)]
mod testing;
mod tunnel;
mod upgrade;
mod watch;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

pub use backend::{Backend, Deadlines};
pub use body::BackendBody;
pub use connect::ConnectOptions;
pub use error::{ClusterError, EntryKind, Phase, PodContainer, PodPort, Unreachable};
pub use exec::{Command, CommandOutput};
pub use kubeconfig::context_names;
pub use kubelet::{KubeletFailure, KubeletTrouble};
pub use leases::{Acquired, HeldLease, lease_name};
pub use objects::{ObjectType, Selection};
pub use readiness::Readiness;
pub use request::Access;
pub use request_body::{RequestBody, StreamError};
pub use resolve::{Candidate, EndpointSpec, Origin, Target};
pub use rights::{Need, Rights, ServerVersion};
pub use running::{RunningPod, TargetPod};
pub use secrets::SecretKeys;
pub use watch::{Change, ObjectEvent, ObjectWatch};

/// Where the namespace came from, for the note about defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamespaceSource {
    Flag,
    Context,
    ServiceAccount,
    /// Nobody named one.
    Default,
}

/// A cluster, as one user, with one namespace. Cheap to clone.
#[derive(Clone)]
pub struct Cluster(Arc<Inner>);

struct Inner {
    client: kube::Client,
    identity: Identity,
    namespace: String,
    namespace_source: NamespaceSource,
    /// Whether there are credentials that are not sent, since anybody could read them on their way.
    leaves_credentials_out: bool,
    /// For each request to the API server; `None` waits for ever.
    request_timeout: Option<Duration>,
    requests: AtomicUsize,
}

/// What errors say about who asks whom.
#[derive(Clone, Debug, Default)]
struct Identity {
    /// URL of the API server.
    server: String,
    /// `None` for a service account inside the cluster.
    context: Option<String>,
    user: Option<String>,
}

impl Cluster {
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.0.namespace
    }

    #[must_use]
    pub fn namespace_source(&self) -> NamespaceSource {
        self.0.namespace_source
    }

    /// The context of the kubeconfig; `None` inside a cluster.
    #[must_use]
    pub fn context(&self) -> Option<&str> {
        self.0.identity.context.as_deref()
    }

    /// URL of the API server.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.0.identity.server
    }

    /// Whether the kubeconfig has credentials, and the server gets none: as kubectl, kubectl-broker sends none without TLS.
    #[must_use]
    pub fn leaves_credentials_out(&self) -> bool {
        self.0.leaves_credentials_out
    }

    /// How many requests were made to the API server, port-forwards included.
    #[must_use]
    pub fn request_count(&self) -> usize {
        self.0.requests.load(Ordering::Relaxed)
    }
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster")
            .field("server", &self.0.identity.server)
            .field("context", &self.0.identity.context)
            .field("namespace", &self.0.namespace)
            .finish_non_exhaustive()
    }
}
