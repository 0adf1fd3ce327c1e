//! Gives the hint for each error of this layer.

use host_base::shell::word;
use host_base::{Author, Failure, Problem};

use super::error::{ClusterError, Phase, Unreachable, show};
use super::kubelet::{KubeletFailure, KubeletTrouble};

impl Problem for ClusterError {
    fn failure(&self) -> Failure {
        match self {
            Self::NoConfiguration { .. }
            | Self::KubeconfigMissing { .. }
            | Self::KubeconfigUnreadable { .. }
            | Self::KubeconfigSyntax { .. }
            | Self::NoCurrentContext { .. }
            | Self::UnknownEntry { .. }
            | Self::KubeconfigEntry { .. }
            | Self::GroupsWithoutUser
            | Self::Proxy(_)
            | Self::BadName { .. }
            | Self::Rejected { .. } => Failure::Usage,
            Self::CredentialPlugin { .. }
            | Self::Credentials { .. }
            | Self::Unauthorized { .. }
            | Self::Forbidden { .. } => Failure::NotAllowed,
            Self::LeaseHeld { .. }
            | Self::LeaseUnseen { .. }
            | Self::LeaseLost { .. }
            | Self::Api { status: 409, .. } => Failure::Conflict,
            Self::Tls(failure) => failure.failure(),
            Self::Certificates { source, .. } => source.failure(),
            Self::KubeletFailed(failure) if failure.trouble == KubeletTrouble::Silent => {
                Failure::TimedOut
            }
            Self::RequestTimedOut { .. }
            | Self::TimedOut { .. }
            | Self::NotTaken { .. }
            | Self::CommandTimedOut { .. }
            | Self::Unreachable {
                kind: Unreachable::TimedOut,
                ..
            } => Failure::TimedOut,
            Self::NamespaceNotFound { .. }
            | Self::StatefulSetNotFound { .. }
            | Self::PodNotFound { .. }
            | Self::SecretNotFound { .. }
            | Self::SecretKeyMissing { .. }
            | Self::PodGone { .. }
            | Self::NoSuchKind { .. }
            | Self::Api { status: 404, .. } => Failure::NotFound,
            Self::Unreachable { .. }
            | Self::NotKubernetes { .. }
            | Self::Api { .. }
            | Self::AnswerTooLong { .. }
            | Self::OtherScope { .. }
            | Self::NoReadyPod { .. }
            | Self::PodNotUsable { .. }
            | Self::NoPort { .. }
            | Self::PodUnscheduled { .. }
            | Self::KubeletFailed(_)
            | Self::UpgradeRefused { .. }
            | Self::PortClosed { .. }
            | Self::AllPortsClosed { .. }
            | Self::ContainerNotRunning { .. }
            | Self::PortForward { .. }
            | Self::ConnectionLost { .. }
            | Self::NoAnswer { .. }
            | Self::Incomplete { .. }
            | Self::NotHttp { .. }
            | Self::Http { .. }
            | Self::RequestBody { .. }
            | Self::CommandNotRun { .. }
            | Self::CommandTooLoud { .. }
            | Self::CommandLost { .. }
            | Self::BodyTooLong { .. } => Failure::Failed,
        }
    }

    fn advisor(&self) -> Author {
        match self {
            // The kubeconfig contains the hint.
            Self::CredentialPlugin {
                install_hint: Some(_),
                ..
            } => Author::Other,
            _ => Author::Host,
        }
    }

    #[expect(
        clippy::too_many_lines,
        reason = "one arm for each error, and the compiler sees that none is missing"
    )]
    fn advice(&self) -> Option<String> {
        Some(match self {
            Self::NoConfiguration { .. } => {
                "name a kubeconfig with `--kubeconfig` or the variable KUBECONFIG".into()
            }
            Self::KubeconfigMissing { .. } => "correct the path given with `--kubeconfig`".into(),
            Self::KubeconfigUnreadable { .. } => "check the file's owner and mode".into(),
            Self::KubeconfigSyntax { .. } => {
                "correct the file, then check it with `kubectl config view`".into()
            }
            Self::NoCurrentContext { .. } => {
                "choose a context with `--context NAME` or `kubectl config use-context NAME`".into()
            }
            Self::UnknownEntry {
                kind, near, known, ..
            } => unknown_entry(*kind, near, known),
            Self::KubeconfigEntry { .. } => {
                "correct the entry; `kubectl config view` shows it".into()
            }
            Self::GroupsWithoutUser => "add `--as USER`".into(),
            Self::Proxy(_) => {
                "use a URL such as `http://proxy:3128` or `socks5://proxy:1080`".into()
            }
            Self::CredentialPlugin { install_hint, .. } => match install_hint {
                Some(hint) => show(hint.trim()).into_owned(),
                None => "install the plugin, or log in with it again; the kubeconfig names it under `users`"
                    .into(),
            },
            Self::Credentials { .. } => {
                "log in again, or correct the user in the kubeconfig".into()
            }
            Self::BadName { .. } => "use only lower-case letters, digits, dashes and dots".into(),
            Self::Unauthorized { context, .. } => match context {
                Some(context) => format!(
                    "the credentials may have expired: log in again, then try `kubectl --context {} auth whoami`",
                    word(context)
                ),
                None => "the credentials may have expired: check the service account's token".into(),
            },
            Self::Forbidden { access, .. } => format!("ask for this permission: {}", access.rule()),
            Self::Unreachable { kind, .. } => unreachable_hint(*kind).into(),
            Self::RequestTimedOut { .. } => {
                "try again, or allow more time with `--request-timeout`".into()
            }
            Self::NotKubernetes { .. } => {
                "a proxy or a login page may have answered instead: check the server URL and HTTPS_PROXY"
                    .into()
            }
            Self::Rejected { .. } => {
                "correct the fault that the API server names; nothing was changed in the cluster".into()
            }
            Self::NoSuchKind { kind, .. } => format!(
                "install the operator that defines this kind, or look for another version with `kubectl api-resources --api-group={}`",
                kind.group
            ),
            Self::Api { status, .. } if *status >= 500 || *status == 429 => {
                "the API server is overloaded or faulty; try again later".into()
            }
            Self::Api {
                status: 404,
                access,
                ..
            } if access.name.is_some() => format!("`{}` lists the existing objects", access.listing()),
            Self::Api {
                status: 409,
                access,
                ..
            } => match access.verb {
                "create" => format!(
                    "choose another name; `{}` lists the names in use",
                    access.listing()
                ),
                _ => "the object was changed in the meantime; check it, then try again".into(),
            },
            Self::OtherScope { namespaced: false, .. } => {
                "report this to the engine's author: the rule in its manifest must end with `in cluster`".into()
            }
            Self::OtherScope { .. } => {
                "report this to the engine's author: the rule in its manifest must not end with `in cluster`".into()
            }
            Self::Api { .. }
            | Self::AnswerTooLong { .. }
            | Self::Http { .. }
            | Self::RequestBody { .. }
            | Self::CommandTooLoud { .. }
            | Self::BodyTooLong { .. } => return None,
            Self::NamespaceNotFound { .. } => {
                "choose another namespace with `--namespace`; `kubectl get namespaces` lists all".into()
            }
            Self::StatefulSetNotFound {
                near, namespace, ..
            } => match near.first() {
                Some(name) => format!("did you mean `--statefulset {}`?", show(name)),
                None => format!(
                    "name the StatefulSet with `--statefulset`; `kubectl get statefulsets -n {}` lists all",
                    show(namespace)
                ),
            },
            Self::NoReadyPod {
                statefulset,
                namespace,
                ..
            } => format!(
                "look at `kubectl get pods -n {0}` and `kubectl describe statefulset {1} -n {0}`",
                show(namespace),
                show(statefulset)
            ),
            Self::PodNotFound {
                near, namespace, ..
            } => match near.first() {
                Some(name) => format!("did you mean `--pod {}`?", show(name)),
                None => format!("`kubectl get pods -n {}` lists the pods", show(namespace)),
            },
            Self::PodNotUsable { pod, namespace, .. } | Self::PodUnscheduled { pod, namespace } => {
                format!(
                    "look at `kubectl describe pod {} -n {}`",
                    show(pod),
                    show(namespace)
                )
            }
            Self::NoPort { flag, .. }
            | Self::PortClosed { flag, .. }
            | Self::AllPortsClosed { flag, .. } => match flag {
                Some(flag) => {
                    format!("check that it is enabled in the backend, or name its port with `--{flag}`")
                }
                None => "check that it is enabled in the backend".into(),
            },
            Self::KubeletFailed(failure) => node_hint(failure),
            Self::Tls(failure) => return failure.advice(),
            Self::Certificates { flag, source, .. } => match &**source {
                Self::Forbidden { access, .. } => format!(
                    "ask for this permission: {}. Or name a file with `--{flag} FILE`",
                    access.rule()
                ),
                Self::SecretNotFound { near, .. } => match near.first() {
                    Some(name) => format!("did you mean `--{flag} secret/{}`?", show(name)),
                    None => format!("name another Secret with `--{flag} secret/NAME`, or a file with `--{flag} FILE`"),
                },
                Self::SecretKeyMissing { name, .. } => format!(
                    "name the key with `--{flag} secret/{}:KEY`, or a file with `--{flag} FILE`",
                    show(name)
                ),
                other => return other.advice(),
            },
            Self::PodGone { .. } | Self::ConnectionLost { .. } => {
                "the pod or its node may be restarting; try again".into()
            }
            Self::UpgradeRefused { .. } => {
                "a proxy may block websockets: check whether `kubectl port-forward` works"
                    .into()
            }
            Self::ContainerNotRunning { at, .. } | Self::PortForward { at, .. } => {
                format!(
                    "look at `kubectl describe pod {} -n {}`",
                    show(&at.pod),
                    show(&at.namespace)
                )
            }
            Self::SecretNotFound {
                near, namespace, ..
            } => match near.first() {
                Some(name) => format!("did you mean `--credentials-secret {}`?", show(name)),
                None => format!("`kubectl get secrets -n {}` lists the Secrets", show(namespace)),
            },
            Self::SecretKeyMissing { .. } => {
                "name a Secret with the keys `username` and `password`, or `token`"
                    .into()
            }
            Self::LeaseHeld {
                name, namespace, ..
            } => format!(
                "wait until the other operation has ended; if its process has died, the lock expires at that time. `kubectl get lease {} -n {} -o yaml` shows the lock",
                show(name),
                show(namespace)
            ),
            Self::LeaseUnseen {
                name,
                namespace,
                access,
            } => format!(
                "wait until the other operation has ended, and ask for this permission: {}. If no restore is running, remove the lock with `kubectl delete lease {} -n {}`",
                access.rule(),
                show(name),
                show(namespace)
            ),
            Self::LeaseLost { .. } => {
                "someone else may be working on the same target: check the target before you try again"
                    .into()
            }
            Self::CommandNotRun { at, .. } => format!(
                "check that the container's image has the program; `kubectl describe pod {} -n {}` names the image",
                show(&at.pod),
                show(&at.namespace)
            ),
            Self::CommandTimedOut { at, .. } | Self::CommandLost { at, .. } => format!(
                "check whether it still runs: `kubectl exec -n {} {} -c {} -- ps`",
                show(&at.namespace),
                show(&at.pod),
                show(&at.container)
            ),
            Self::NotTaken { .. } => "the backend may be busy; try again".into(),
            Self::TimedOut { at, phase, .. } => match phase {
                Phase::Connect => format!(
                    "the API server or the pod's node is slow; try again. `kubectl get pod {} -n {} -o wide` names the node",
                    show(&at.pod),
                    show(&at.namespace)
                ),
                Phase::FirstByte | Phase::Idle | Phase::Total => {
                    "the backend may be busy; try again".into()
                }
            },
            Self::NoAnswer { at } | Self::Incomplete { at, .. } => {
                let (pod, namespace) = (show(&at.pod), show(&at.namespace));
                format!("look at `kubectl logs {pod} -n {namespace} --all-containers`")
            }
            Self::NotHttp { .. } => {
                "another service may own that port, or it may want HTTPS".into()
            }
        })
    }
}

/// Returns true for the status of an answer that refuses a request. Behind 408 the request may have arrived.
#[must_use]
pub const fn is_refusal(status: u16) -> bool {
    status >= 400 && status < 500 && status != 408
}

impl ClusterError {
    /// Returns true if it is certain that the request changed nothing: it was not sent, or it was refused.
    #[must_use]
    pub fn changed_nothing(&self) -> bool {
        match self {
            Self::PortClosed { .. }
            | Self::AllPortsClosed { .. }
            | Self::NoPort { .. }
            | Self::PodGone { .. }
            | Self::PodUnscheduled { .. }
            | Self::PodNotFound { .. }
            | Self::PodNotUsable { .. }
            | Self::NoReadyPod { .. }
            | Self::StatefulSetNotFound { .. }
            | Self::NamespaceNotFound { .. }
            | Self::KubeletFailed(_)
            | Self::UpgradeRefused { .. }
            | Self::ContainerNotRunning { .. }
            | Self::Tls(_)
            | Self::Certificates { .. }
            | Self::Forbidden { .. }
            | Self::Unauthorized { .. }
            | Self::Rejected { .. }
            | Self::NoSuchKind { .. }
            | Self::OtherScope { .. } => true,
            Self::Api { status, .. } => is_refusal(*status),
            Self::TimedOut { phase, .. } => *phase == Phase::Connect,
            _ => false,
        }
    }

    /// Returns true if nothing exists that could have responded.
    #[must_use]
    pub fn is_absence(&self) -> bool {
        matches!(
            self,
            Self::PortClosed { .. } | Self::AllPortsClosed { .. } | Self::NoPort { .. }
        )
    }
}

fn node_hint(failure: &KubeletFailure) -> String {
    let look = match &failure.node {
        Some(node) => format!("`kubectl describe node {}` shows the node", show(node)),
        None => format!(
            "`kubectl get pod {} -n {} -o wide` names the node",
            show(&failure.pod),
            show(&failure.namespace)
        ),
    };
    match failure.trouble {
        KubeletTrouble::Distrust => {
            format!("ask the cluster's administrator to fix the trust between them; {look}")
        }
        KubeletTrouble::UnknownPod => {
            format!("the node may be restarting: try again; {look}")
        }
        KubeletTrouble::Away | KubeletTrouble::Silent => {
            format!("the node may be down or restarting: try again; {look}")
        }
    }
}

fn unknown_entry(kind: super::error::EntryKind, near: &[String], known: &[String]) -> String {
    match (near.first(), known.is_empty()) {
        (Some(name), _) => format!("did you mean `--{kind} {}`?", show(name)),
        (None, true) => "`kubectl config view` shows the kubeconfig".into(),
        (None, false) => format!("{kind}s in the kubeconfig: {}", show(&known.join(", "))),
    }
}

fn unreachable_hint(kind: Unreachable) -> &'static str {
    match kind {
        Unreachable::Refused => {
            "check that the cluster runs and the context is right: `kubectl config current-context`"
        }
        Unreachable::NoSuchHost => "check the server URL of the context, and the network or VPN",
        Unreachable::Certificate => {
            "check `certificate-authority` and `tls-server-name` of the cluster in the kubeconfig"
        }
        Unreachable::TimedOut => "check the network, the VPN and the proxy",
        Unreachable::Proxy => "check HTTPS_PROXY, NO_PROXY and the cluster's `proxy-url`",
        Unreachable::Other => "check the server URL, the network and the proxy",
    }
}
