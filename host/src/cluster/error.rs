use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use broker_manifest::ObjectKind;
use jiff::Timestamp;

use super::kubelet::KubeletFailure;
use super::request::Access;
use super::request_body::StreamError;
use crate::model::text::printable;
use crate::web::BadProxy;

/// How many characters of a text from outside one message may hold.
const SHOWN: usize = 400;
/// How many of a text that says what a user has to correct, field by field.
const IN_FULL: usize = 8000;

/// A port of a pod, the far end of a tunnel.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PodPort {
    pub namespace: String,
    pub pod: String,
    pub port: u16,
}

impl fmt::Display for PodPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "port {} of pod {}", self.port, show(&self.pod))
    }
}

/// A container of a pod, where a command is run.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PodContainer {
    pub namespace: String,
    pub pod: String,
    pub container: String,
}

impl fmt::Display for PodContainer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (container, pod) = (show(&self.container), show(&self.pod));
        write!(f, "container {container} of pod {pod}")
    }
}

/// Which of the deadlines of a request to a backend passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Until the port-forward stands.
    Connect,
    /// From the request to the first byte of the answer.
    FirstByte,
    /// Between two pieces of the answer.
    Idle,
    /// The whole exchange.
    Total,
}

/// The kinds of entries that a kubeconfig has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    Context,
    Cluster,
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

/// Why the API server could not be reached at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreachable {
    Refused,
    NoSuchHost,
    Certificate,
    TimedOut,
    Proxy,
    Other,
}

/// Everything that can go wrong between this process and a backend in a pod.
///
/// Fields hold text as it came; messages show it through [`printable`].
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    #[error(
        "no cluster configuration was found; looked at {}, and for a service account ({in_cluster})",
        looked.join(", ")
    )]
    NoConfiguration {
        looked: Vec<String>,
        in_cluster: String,
    },
    #[error("kubeconfig {} does not exist", path.display())]
    KubeconfigMissing { path: PathBuf },
    #[error("kubeconfig {} can't be read: {source}", path.display())]
    KubeconfigUnreadable { path: PathBuf, source: io::Error },
    #[error("kubeconfig {} can't be used: {}", path.display(), show(reason))]
    KubeconfigSyntax { path: PathBuf, reason: String },
    #[error(
        "the kubeconfig has no current context{}",
        list(". It has the contexts", known)
    )]
    NoCurrentContext { known: Vec<String> },
    #[error(
        "the kubeconfig has no {kind} {}{}{}", show(name),
        of_context.as_ref().map_or(String::new(), |it| format!(", which context {} names", show(it))),
        list(". Near", near)
    )]
    UnknownEntry {
        kind: EntryKind,
        name: String,
        of_context: Option<String>,
        near: Vec<String>,
        known: Vec<String>,
    },
    #[error("{what} of the kubeconfig can't be used: {}", show(reason))]
    KubeconfigEntry { what: String, reason: String },
    #[error("`--as-group` was given without `--as`")]
    GroupsWithoutUser,
    #[error(transparent)]
    Proxy(BadProxy),
    #[error("the credential plugin `{}` {}", show(command), show(reason))]
    CredentialPlugin {
        command: String,
        reason: String,
        install_hint: Option<String>,
    },
    #[error("the credentials in the kubeconfig can't be used: {}", show(reason))]
    Credentials { reason: String },
    #[error("`{}` is no {what} that Kubernetes could have", show(name))]
    BadName { what: &'static str, name: String },

    #[error("{server} does not accept the credentials of {}", show(who))]
    Unauthorized {
        server: String,
        who: String,
        context: Option<String>,
    },
    #[error("not allowed to {access}{}", because(message))]
    Forbidden {
        access: Box<Access>,
        message: String,
    },
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
    #[error("{server} did not answer within {after:?} when asked to {access}")]
    RequestTimedOut {
        server: String,
        access: Box<Access>,
        after: Duration,
    },
    #[error(
        "{server} answered {status} with something that is not Kubernetes: {}",
        show(excerpt)
    )]
    NotKubernetes {
        server: String,
        status: u16,
        excerpt: String,
    },
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
    #[error("the API server refuses to {access}: {}", printable(message, IN_FULL))]
    Rejected {
        access: Box<Access>,
        /// All that is wrong, in the server's words.
        message: String,
    },
    #[error("{server} knows no kind {kind}")]
    NoSuchKind { kind: ObjectKind, server: String },
    #[error("objects of kind {kind} are in no namespace, and can't be used by an engine")]
    NotNamespaced { kind: ObjectKind },
    #[error("the answer to {access} has more than {limit} bytes")]
    AnswerTooLong { access: Box<Access>, limit: usize },

    #[error("namespace {} does not exist", show(namespace))]
    NamespaceNotFound { namespace: String },
    #[error(
        "there is no StatefulSet {} in namespace {}{}", show(name), show(namespace),
        match existing {
            Some(names) if names.is_empty() => "; the namespace has none".to_owned(),
            Some(names) => list("; it has", names),
            None => String::new(),
        }
    )]
    StatefulSetNotFound {
        name: String,
        namespace: String,
        near: Vec<String>,
        /// `None` where they may not be listed.
        existing: Option<Vec<String>>,
    },
    #[error(
        "no pod of StatefulSet {} in namespace {} is ready: {}", show(statefulset), show(namespace),
        reasons.iter().map(|reason| show(reason).into_owned()).collect::<Vec<_>>().join("; ")
    )]
    NoReadyPod {
        statefulset: String,
        namespace: String,
        reasons: Vec<String>,
    },
    #[error(
        "there is no pod {} in namespace {}{}",
        show(pod),
        show(namespace),
        list(". Near", near)
    )]
    PodNotFound {
        pod: String,
        namespace: String,
        near: Vec<String>,
    },
    #[error("pod {} can't be used: {}", show(pod), show(reason))]
    PodNotUsable {
        pod: String,
        namespace: String,
        reason: String,
    },
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

    #[error("pod {} is gone", show(pod))]
    PodGone { pod: String, namespace: String },
    #[error("pod {} runs on no node yet", show(pod))]
    PodUnscheduled { pod: String, namespace: String },
    #[error("{_0}")]
    KubeletFailed(Box<KubeletFailure>),
    #[error("{server} did not open {what}: {}", show(reason))]
    UpgradeRefused {
        server: String,
        /// Which websocket; safe to be shown.
        what: String,
        reason: String,
    },
    #[error("nothing listens on {at}: {}", brief(reason))]
    PortClosed {
        at: PodPort,
        reason: String,
        /// The flag that names another port, without its dashes.
        flag: Option<String>,
    },
    #[error(
        "nothing listens on any of the ports of pod {} that endpoint `{endpoint}` could have: {}", show(pod),
        ports.iter().map(u16::to_string).collect::<Vec<_>>().join(", ")
    )]
    AllPortsClosed {
        endpoint: String,
        pod: String,
        ports: Vec<u16>,
        flag: Option<String>,
    },
    #[error("the container behind {at} is not running: {}", show(reason))]
    ContainerNotRunning { at: PodPort, reason: String },
    #[error("the port-forward to {at} failed: {}", show(reason))]
    PortForward { at: PodPort, reason: String },
    #[error("the port-forward to {at} broke off{}: {}", so_far(*received, *expected), show(reason))]
    TunnelLost {
        at: PodPort,
        reason: String,
        received: u64,
        expected: Option<u64>,
    },

    #[error("the request to {at} broke off, its body can't be read any further: {source}")]
    RequestBody { at: PodPort, source: StreamError },
    #[error("{at} took nothing of the request for {after:?}, after {sent} bytes")]
    NotTaken {
        at: PodPort,
        after: Duration,
        sent: u64,
    },

    #[error("{at} {}", late(*phase, *after, *received, *expected))]
    TimedOut {
        at: PodPort,
        phase: Phase,
        after: Duration,
        received: u64,
        expected: Option<u64>,
    },
    #[error("{at} closed the connection without an answer")]
    NoAnswer { at: PodPort },
    #[error("{at} closed the connection in the middle of an answer{}", so_far(*received, *expected))]
    Incomplete {
        at: PodPort,
        received: u64,
        expected: Option<u64>,
    },
    #[error("{at} does not speak HTTP/1.1: {source}")]
    NotHttp { at: PodPort, source: hyper::Error },
    #[error("the HTTP exchange with {at} failed: {source}")]
    Http { at: PodPort, source: hyper::Error },
    #[error("{at} answered with more than {limit} bytes")]
    BodyTooLong { at: PodPort, limit: usize },

    #[error(
        "there is no Secret {} in namespace {}{}",
        show(name),
        show(namespace),
        list(". Near", near)
    )]
    SecretNotFound {
        name: String,
        namespace: String,
        near: Vec<String>,
    },
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

    #[error(
        "{} holds the lock {} in namespace {} since {since}, and has to renew it until {until}",
        show(holder),
        show(name),
        show(namespace)
    )]
    LeaseHeld {
        name: String,
        namespace: String,
        holder: String,
        since: Timestamp,
        /// When it may be taken over, if it is not renewed: the server's clock.
        until: Timestamp,
    },
    #[error(
        "the lock {} in namespace {} is there, and this user may not see who holds it",
        show(name),
        show(namespace)
    )]
    LeaseUnseen {
        name: String,
        namespace: String,
        /// What is not allowed.
        access: Box<Access>,
    },
    #[error(
        "the lock {} in namespace {} is lost{}", show(name), show(namespace),
        holder.as_ref().map_or(String::new(), |it| format!(": {} holds it now", show(it)))
    )]
    LeaseLost {
        name: String,
        namespace: String,
        /// `None` when it was deleted, or could not be renewed in time.
        holder: Option<String>,
    },

    #[error("`{}` can't be run in {at}: {}", show(command), show(reason))]
    CommandNotRun {
        command: String,
        at: PodContainer,
        reason: String,
    },
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
    #[error(
        "`{}` in {at} was not done within {after:?}; it may still run",
        show(command)
    )]
    CommandTimedOut {
        command: String,
        at: PodContainer,
        after: Duration,
    },
    #[error(
        "the connection to `{}` in {at} broke off, so its outcome is not known: {}",
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

/// The end of a long text of the container runtime, where it says what happened to the connection.
fn brief(reason: &str) -> std::borrow::Cow<'_, str> {
    show(reason.find("dial tcp").map_or(reason, |at| &reason[at..]))
}

/// `lead a, b, c`, or nothing for an empty list.
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
    // A 403 of the port-forward can have an empty reason after its colon.
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
            "was not done within {after:?}{}",
            so_far(received, expected)
        ),
    }
}

#[cfg(test)]
mod messages;
