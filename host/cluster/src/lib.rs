//! Connects this process to a backend in a pod. It covers the kubeconfig, the API server's responses, the
//! search for the pod and the port of an endpoint, the port-forward, and HTTP over it.
//!
//! ```text
//! connect ─ kubeconfig, context ─ server       which cluster, as whom (no request is made)
//! client ─ credentials ─ exec_plugin           how a request gets there, and what it shows
//! resolve ─ pods, slices, diagnose ─ request   which pod and port, or why there is none
//! backend ─ exchange, body ─ tunnel            HTTP/1.1 over a websocket to pods/portforward
//! security, first_bytes                        TLS inside that websocket, and whether to use it
//! running, exec ─ upgrade                      a command in a container, over a websocket too
//! kubelet ─ pods, request                      what the pod's node did to either of them
//! rights, readiness ─ request                  what may be done, and what is there to do it with
//! secrets, leases ─ request                    a Secret's keys; a lock that all users see
//! objects, watch ─ api ─ request               objects of the kinds that engines name
//! survey ─ objects, pods                       which targets there are, in one namespace or in all
//! ```
//!
//! No local port is opened. Permissions are never checked ahead of their use, except by `backup test`
//! (`rights`). The error of a request explains its missing permission.

mod api;
mod backend;
mod body;
mod client;
mod connect;
mod context;
mod credentials;
mod diagnose;
mod direct;
mod error;
mod exchange;
mod exec;
mod exec_plugin;
mod first_bytes;
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
mod security;
mod server;
mod slices;
mod survey;
#[cfg(test)]
mod testing;
mod tls_failure;
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
pub use hint::is_refusal;
pub use kubeconfig::context_names;
pub use kubelet::{KubeletFailure, KubeletTrouble};
pub use leases::{Acquired, HeldLease, lease_name};
pub use objects::{ObjectPatch, ObjectScope, ObjectType, Selection};
pub use readiness::Readiness;
pub use request::Access;
pub use request_body::{RequestBody, StreamError};
pub use resolve::{Candidate, EndpointSpec, Origin, Target};
pub use rights::{Need, Rights, ServerVersion};
pub use running::{RunningPod, TargetPod};
pub use secrets::SecretKeys;
pub use security::{Authorities, PemSource, ServerNames, TlsSpec};
pub use survey::{Claim, FoundSet, Listed};
pub use tls_failure::{TlsFailure, TlsTrouble};
pub use watch::{Change, ObjectEvent, ObjectWatch};

/// The source of the namespace, for the note about defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamespaceSource {
    /// A flag names the namespace.
    Flag,
    /// The context of the kubeconfig names it.
    Context,
    /// The service account of the pod has it.
    ServiceAccount,
    /// No source names a namespace, so it is `default`.
    Default,
}

/// A cluster, used as one user with one namespace. Cloning it is cheap.
#[derive(Clone)]
pub struct Cluster(Arc<Inner>);

struct Inner {
    client: kube::Client,
    identity: Identity,
    namespace: String,
    namespace_source: NamespaceSource,
    /// True if the kubeconfig has credentials that are not sent, because the connection is not encrypted.
    leaves_credentials_out: bool,
    /// Timeout of each request to the API server; `None` means no limit.
    request_timeout: Option<Duration>,
    /// True to connect to the addresses of pods where they answer.
    dials_pods: bool,
    requests: Arc<AtomicUsize>,
}

/// The user and the server, as errors show them.
#[derive(Clone, Debug, Default)]
struct Identity {
    /// URL of the API server.
    server: String,
    /// The context; `None` for a service account inside the cluster.
    context: Option<String>,
    /// The cluster's name in the kubeconfig; `None` for a service account inside the cluster.
    cluster: Option<String>,
    user: Option<String>,
}

impl Cluster {
    /// Returns the namespace.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.0.namespace
    }

    /// Returns the source of the namespace.
    #[must_use]
    pub fn namespace_source(&self) -> NamespaceSource {
        self.0.namespace_source
    }

    /// Returns the context of the kubeconfig; `None` inside a cluster.
    #[must_use]
    pub fn context(&self) -> Option<&str> {
        self.0.identity.context.as_deref()
    }

    /// Returns the name that the kubeconfig gives the cluster; `None` inside a cluster.
    #[must_use]
    pub fn cluster_name(&self) -> Option<&str> {
        self.0.identity.cluster.as_deref()
    }

    /// Returns true if there is no cluster: it was made by [`Cluster::absent`].
    #[must_use]
    pub fn is_absent(&self) -> bool {
        self.server() == connect::ABSENT
    }

    /// Returns the URL of the API server.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.0.identity.server
    }

    /// Returns true if the kubeconfig has credentials and the server gets none. Like kubectl, kubectl-broker
    /// sends no credentials without TLS.
    #[must_use]
    pub fn leaves_credentials_out(&self) -> bool {
        self.0.leaves_credentials_out
    }

    /// Returns how many requests were made to the API server, including port-forwards.
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
