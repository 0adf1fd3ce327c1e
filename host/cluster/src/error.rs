use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use broker_manifest::ObjectKind;
use host_base::text::printable;
use host_web::BadProxy;
use jiff::Timestamp;

use super::kubelet::KubeletFailure;
use super::request::Access;
use super::request_body::StreamError;
use super::tls_failure::TlsFailure;

/// The maximum number of characters of foreign text in one message.
const SHOWN: usize = 400;
/// The maximum number of characters of a text that lists the fields to correct.
const IN_FULL: usize = 8000;

/// A port of a pod, the far end of a tunnel.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PodPort {
    /// Namespace of the pod.
    pub namespace: String,
    /// Name of the pod.
    pub pod: String,
    /// Port number.
    pub port: u16,
}

impl fmt::Display for PodPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "port {} of pod {}", self.port, show(&self.pod))
    }
}

/// A container of a pod in which a command runs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PodContainer {
    /// Namespace of the pod.
    pub namespace: String,
    /// Name of the pod.
    pub pod: String,
    /// Name of the container.
    pub container: String,
}

impl fmt::Display for PodContainer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (container, pod) = (show(&self.container), show(&self.pod));
        write!(f, "container {container} of pod {pod}")
    }
}

/// The deadline of a request to a backend that has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Until the port-forward was open.
    Connect,
    /// From the request to the first byte of the response.
    FirstByte,
    /// Between two pieces of the response.
    Idle,
    /// The whole exchange.
    Total,
}

/// The kinds of entries in a kubeconfig.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A context.
    Context,
    /// A cluster.
    Cluster,
    /// A user.
    User,
}

impl fmt::Display for EntryKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Context => "context",
            Self::Cluster => "cluster",
            Self::User => "user",
        })
    }
}

/// The reason why the API server could not be reached at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreachable {
    /// The server refused the connection.
    Refused,
    /// The host name is unknown.
    NoSuchHost,
    /// A certificate is not accepted.
    Certificate,
    /// The connection was not open in time.
    TimedOut,
    /// The proxy can't be used.
    Proxy,
    /// Another reason.
    Other,
}

/// An error between this process and a backend in a pod.
///
/// Fields contain foreign text unchanged; messages show it through [`printable`].
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// Neither a kubeconfig nor a service account was found.
    #[error(
        "no cluster configuration was found; looked at {}, and for a service account ({in_cluster})",
        looked.join(", ")
    )]
    NoConfiguration {
        looked: Vec<String>,
        in_cluster: String,
    },
    /// The named kubeconfig does not exist.
    #[error("kubeconfig {} does not exist", path.display())]
    KubeconfigMissing { path: PathBuf },
    /// A kubeconfig can't be read.
    #[error("kubeconfig {} can't be read: {source}", path.display())]
    KubeconfigUnreadable { path: PathBuf, source: io::Error },
    /// A kubeconfig is invalid.
    #[error("kubeconfig {} can't be used: {}", path.display(), show(reason))]
    KubeconfigSyntax { path: PathBuf, reason: String },
    /// The kubeconfig has no current context, and none was named.
    #[error(
        "the kubeconfig has no current context{}",
        list("; its contexts are", known)
    )]
    NoCurrentContext { known: Vec<String> },
    /// The kubeconfig has no entry of this name.
    #[error(
        "the kubeconfig has no {kind} {}{}{}", show(name),
        of_context.as_ref().map_or(String::new(), |it| format!(", which context {} names", show(it))),
        list("; similar:", near)
    )]
    UnknownEntry {
        kind: EntryKind,
        name: String,
        of_context: Option<String>,
        near: Vec<String>,
        known: Vec<String>,
    },
    /// An entry of the kubeconfig is invalid.
    #[error("{what} of the kubeconfig can't be used: {}", show(reason))]
    KubeconfigEntry { what: String, reason: String },
    /// Groups to impersonate were named without a user.
    #[error("`--as-group` was given without `--as`")]
    GroupsWithoutUser,
    /// The address of a proxy is invalid.
    #[error(transparent)]
    Proxy(BadProxy),
    /// The credential plugin failed.
    #[error("the credential plugin `{}` {}", show(command), show(reason))]
    CredentialPlugin {
        command: String,
        reason: String,
        install_hint: Option<String>,
    },
    /// The credentials of the kubeconfig are unusable.
    #[error("the credentials in the kubeconfig can't be used: {}", show(reason))]
    Credentials { reason: String },
    /// The name is invalid for a Kubernetes object.
    #[error("`{}` is not a valid name for a {what}", show(name))]
    BadName { what: &'static str, name: String },

    /// The API server does not accept the credentials.
    #[error("{server} does not accept the credentials of {}", show(who))]
    Unauthorized {
        server: String,
        who: String,
        context: Option<String>,
    },
    /// The user has no permission for the request.
    #[error("not allowed to {access}{}", because(message))]
    Forbidden {
        access: Box<Access>,
        message: String,
    },
    /// The API server can't be reached.
    #[error(
        "can't reach {server}{}: {}",
        if *kind == Unreachable::Proxy { " through the proxy" } else { "" },
        show(reason)
    )]
    Unreachable {
        server: String,
        kind: Unreachable,
        reason: String,
    },
    /// The API server gave no response in time.
    #[error("{server} did not answer within {after:?} when asked to {access}")]
    RequestTimedOut {
        server: String,
        access: Box<Access>,
        after: Duration,
    },
    /// The server is not a Kubernetes API server.
    #[error(
        "the answer of {server} (status {status}) is not from a Kubernetes API server: {}",
        show(excerpt)
    )]
    NotKubernetes {
        server: String,
        status: u16,
        excerpt: String,
    },
    /// The API server responded with an error.
    #[error(
        "{server} answered {status} when asked to {access}{}",
        because(message)
    )]
    Api {
        server: String,
        access: Box<Access>,
        status: u16,
        message: String,
    },
    /// The API server refused an object as invalid.
    #[error("the API server refuses to {access}: {}", printable(message, IN_FULL))]
    Rejected {
        access: Box<Access>,
        /// All errors, in the server's words.
        message: String,
    },
    /// The API server does not know the kind.
    #[error("{server} does not know the kind {kind}")]
    NoSuchKind { kind: ObjectKind, server: String },
    /// The objects of the kind are in namespaces although the engine looks for them outside, or the reverse.
    #[error("the engine looks for objects {kind} {}, but they are {}", place(!namespaced), place(*namespaced))]
    OtherScope { kind: ObjectKind, namespaced: bool },
    /// The response of the API server exceeds its limit.
    #[error("the answer to {access} has more than {limit} bytes")]
    AnswerTooLong { access: Box<Access>, limit: usize },

    /// The namespace does not exist.
    #[error("namespace {} does not exist", show(namespace))]
    NamespaceNotFound { namespace: String },
    /// The StatefulSet does not exist.
    #[error(
        "there is no StatefulSet {} in namespace {}{}", show(name), show(namespace),
        match existing {
            Some(names) if names.is_empty() => "; the namespace has none".to_owned(),
            Some(names) => list("; the namespace has", names),
            None => String::new(),
        }
    )]
    StatefulSetNotFound {
        name: String,
        namespace: String,
        near: Vec<String>,
        /// The existing names; `None` if the user may not list them.
        existing: Option<Vec<String>>,
    },
    /// No pod of the StatefulSet is ready.
    #[error(
        "no pod of StatefulSet {} in namespace {} is ready: {}", show(statefulset), show(namespace),
        reasons.iter().map(|reason| show(reason).into_owned()).collect::<Vec<_>>().join("; ")
    )]
    NoReadyPod {
        statefulset: String,
        namespace: String,
        reasons: Vec<String>,
    },
    /// The pod does not exist.
    #[error(
        "there is no pod {} in namespace {}{}",
        show(pod),
        show(namespace),
        list("; similar:", near)
    )]
    PodNotFound {
        pod: String,
        namespace: String,
        near: Vec<String>,
    },
    /// The chosen pod is unusable.
    #[error("pod {} can't be used: {}", show(pod), show(reason))]
    PodNotUsable {
        pod: String,
        namespace: String,
        reason: String,
    },
    /// The pod declares no port of the endpoint.
    #[error(
        "pod {} declares no port for endpoint `{endpoint}` ({wanted}){}",
        show(pod),
        list("; it declares", declared)
    )]
    NoPort {
        endpoint: String,
        pod: String,
        wanted: String,
        declared: Vec<String>,
        flag: Option<String>,
    },

    /// The pod has disappeared.
    #[error("pod {} is gone", show(pod))]
    PodGone { pod: String, namespace: String },
    /// The pod has no node yet.
    #[error("pod {} is not scheduled to a node yet", show(pod))]
    PodUnscheduled { pod: String, namespace: String },
    /// The node of the pod did not accept the request.
    #[error("{_0}")]
    KubeletFailed(Box<KubeletFailure>),
    /// The API server did not open the websocket.
    #[error("{server} did not open {what}: {}", show(reason))]
    UpgradeRefused {
        server: String,
        /// The purpose of the websocket; safe to show.
        what: String,
        reason: String,
    },
    /// Nothing listens on the port.
    #[error("nothing listens on {at}: {}", brief(reason))]
    PortClosed {
        at: PodPort,
        reason: String,
        /// The flag that selects another port, without its dashes.
        flag: Option<String>,
    },
    /// Nothing listens on any port of the endpoint.
    #[error(
        "nothing listens on any port of pod {} that endpoint `{endpoint}` can have: {}", show(pod),
        ports.iter().map(u16::to_string).collect::<Vec<_>>().join(", ")
    )]
    AllPortsClosed {
        endpoint: String,
        pod: String,
        ports: Vec<u16>,
        flag: Option<String>,
    },
    /// TLS with the backend failed.
    #[error("{_0}")]
    Tls(Box<TlsFailure>),
    /// The certificates for TLS can't be read.
    #[error("the certificates for TLS with {at} can't be read: {source}")]
    Certificates {
        at: PodPort,
        /// The flag that names them, without its dashes.
        flag: String,
        source: Box<ClusterError>,
    },
    /// The container of the port is not running.
    #[error("the container behind {at} is not running: {}", show(reason))]
    ContainerNotRunning { at: PodPort, reason: String },
    /// The port-forward failed.
    #[error("the port-forward to {at} failed: {}", show(reason))]
    PortForward { at: PodPort, reason: String },
    /// The connection was interrupted.
    #[error("the connection to {at} was interrupted{}: {}", so_far(*received, *expected), show(reason))]
    ConnectionLost {
        at: PodPort,
        reason: String,
        received: u64,
        expected: Option<u64>,
    },

    /// The body of the request can't be read any further.
    #[error(
        "the request to {at} was interrupted, because its body can't be read any further: {source}"
    )]
    RequestBody { at: PodPort, source: StreamError },
    /// The backend stopped reading the request.
    #[error(
        "{at} stopped reading the request: nothing was accepted for {after:?} after {sent} bytes"
    )]
    NotTaken {
        at: PodPort,
        after: Duration,
        sent: u64,
    },

    /// A deadline of the request passed.
    #[error("{at} {}", late(*phase, *after, *received, *expected))]
    TimedOut {
        at: PodPort,
        phase: Phase,
        after: Duration,
        received: u64,
        expected: Option<u64>,
    },
    /// The backend closed the connection without a response.
    #[error("{at} closed the connection without an answer")]
    NoAnswer { at: PodPort },
    /// The backend closed the connection within a response.
    #[error("{at} closed the connection in the middle of an answer{}", so_far(*received, *expected))]
    Incomplete {
        at: PodPort,
        received: u64,
        expected: Option<u64>,
    },
    /// The backend does not speak HTTP/1.1.
    #[error("{at} does not speak HTTP/1.1: {source}")]
    NotHttp { at: PodPort, source: hyper::Error },
    /// The HTTP exchange failed.
    #[error("the HTTP exchange with {at} failed: {source}")]
    Http { at: PodPort, source: hyper::Error },
    /// The response exceeds its limit.
    #[error("{at} answered with more than {limit} bytes")]
    BodyTooLong { at: PodPort, limit: usize },

    /// The Secret does not exist.
    #[error(
        "there is no Secret {} in namespace {}{}",
        show(name),
        show(namespace),
        list("; similar:", near)
    )]
    SecretNotFound {
        name: String,
        namespace: String,
        near: Vec<String>,
    },
    /// The Secret does not have the key.
    #[error(
        "Secret {} in namespace {} has no key {}{}", show(name), show(namespace), show(key),
        if existing.is_empty() { "; it is empty".to_owned() } else { list("; it has", existing) }
    )]
    SecretKeyMissing {
        key: String,
        name: String,
        namespace: String,
        existing: Vec<String>,
    },

    /// Somebody else holds the lock.
    #[error(
        "{} has held the lock {} in namespace {} since {since}; unless renewed, the lock expires at {until}",
        show(holder),
        show(name),
        show(namespace)
    )]
    LeaseHeld {
        name: String,
        namespace: String,
        holder: String,
        since: Timestamp,
        /// When the lease may be taken over unless it is renewed, by the server's clock.
        until: Timestamp,
    },
    /// The lock exists, and the user may not read its holder.
    #[error(
        "the lock {} in namespace {} exists, but you may not see its holder",
        show(name),
        show(namespace)
    )]
    LeaseUnseen {
        name: String,
        namespace: String,
        /// The request that is not allowed.
        access: Box<Access>,
    },
    /// The lock is lost.
    #[error(
        "the lock {} in namespace {} is lost{}", show(name), show(namespace),
        holder.as_ref().map_or(String::new(), |it| format!(": {} holds it now", show(it)))
    )]
    LeaseLost {
        name: String,
        namespace: String,
        /// The current holder; `None` if the lease was deleted or could not be renewed in time.
        holder: Option<String>,
    },

    /// The command could not be run.
    #[error("`{}` can't be run in {at}: {}", show(command), show(reason))]
    CommandNotRun {
        command: String,
        at: PodContainer,
        reason: String,
    },
    /// The output of the command exceeds its limit.
    #[error(
        "`{}` in {at} wrote more than {limit} bytes to {stream}",
        show(command)
    )]
    CommandTooLoud {
        command: String,
        at: PodContainer,
        stream: &'static str,
        limit: usize,
    },
    /// The command was not done in time.
    #[error(
        "`{}` in {at} did not finish within {after:?} and may still be running",
        show(command)
    )]
    CommandTimedOut {
        command: String,
        at: PodContainer,
        after: Duration,
    },
    /// The connection was interrupted, so the outcome of the command is unknown.
    #[error(
        "the connection to `{}` in {at} was lost, so the command's outcome is unknown: {}",
        show(command),
        show(reason)
    )]
    CommandLost {
        command: String,
        at: PodContainer,
        reason: String,
    },
}

pub(super) fn show(text: &str) -> std::borrow::Cow<'_, str> {
    printable(text, SHOWN)
}

/// Returns the end of a long text of the container runtime, which says what happened to the connection.
fn brief(reason: &str) -> std::borrow::Cow<'_, str> {
    show(reason.find("dial tcp").map_or(reason, |at| &reason[at..]))
}

/// Returns `lead a, b, c`, or an empty text for an empty list.
fn list(lead: &str, names: &[String]) -> String {
    const MOST: usize = 12;
    if names.is_empty() {
        return String::new();
    }
    let mut text = format!("{lead} ");
    for (index, name) in names.iter().take(MOST).enumerate() {
        if index > 0 {
            text.push_str(", ");
        }
        text.push_str(&printable(name, 80));
    }
    if names.len() > MOST {
        text += " and more";
    }
    text
}

fn because(message: &str) -> String {
    // A 403 of the port-forward may have an empty reason after its colon.
    let message = message.trim_end_matches([':', ' ']).trim();
    if message.is_empty() {
        String::new()
    } else {
        format!(": {}", show(message))
    }
}

fn so_far(received: u64, expected: Option<u64>) -> String {
    match expected {
        Some(expected) => format!(" after {received} of {expected} bytes"),
        None if received > 0 => format!(" after {received} bytes"),
        None => String::new(),
    }
}

fn late(phase: Phase, after: Duration, received: u64, expected: Option<u64>) -> String {
    match phase {
        Phase::Connect => format!("could not be reached within {after:?}"),
        Phase::FirstByte => format!("did not begin to answer within {after:?}"),
        Phase::Idle => format!("sent nothing for {after:?}{}", so_far(received, expected)),
        Phase::Total => format!(
            "did not finish its answer within {after:?}{}",
            so_far(received, expected)
        ),
    }
}

/// Returns where objects are, as a phrase.
const fn place(in_namespaces: bool) -> &'static str {
    if in_namespaces {
        "in a namespace"
    } else {
        "outside of namespaces"
    }
}

#[cfg(test)]
mod messages;
