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
            | Self::NotNamespaced { .. }
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
            | Self::TunnelLost { .. }
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
                "correct the file; `kubectl config view` reads it too".into()
            }
            Self::NoCurrentContext { .. } => {
                "choose one with `--context`, or `kubectl config use-context NAME`".into()
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
                None => "install it or log in with it again; the kubeconfig names it under `users`"
                    .into(),
            },
            Self::Credentials { .. } => {
                "log in again, or correct the user in the kubeconfig".into()
            }
            Self::BadName { .. } => "names have lower-case letters, digits, dashes and dots".into(),
            Self::Unauthorized { context, .. } => match context {
                Some(context) => format!(
                    "they may have expired: log in again, then try `kubectl --context {} auth whoami`",
                    word(context)
                ),
                None => "they may have expired: check the service account's token".into(),
            },
            Self::Forbidden { access, .. } => format!("ask for this right: {}", access.rule()),
            Self::Unreachable { kind, .. } => unreachable_hint(*kind).into(),
            Self::RequestTimedOut { .. } => {
                "try again, or allow more with `--request-timeout`".into()
            }
            Self::NotKubernetes { .. } => {
                "a proxy or a login page may stand in between: check the server URL and HTTPS_PROXY"
                    .into()
            }
            Self::Rejected { .. } => {
                "correct what it names; nothing was changed in the cluster".into()
            }
            Self::NoSuchKind { kind, .. } => format!(
                "install the operator that brings it, or look for another version with `kubectl api-resources --api-group={}`",
                kind.group
            ),
            Self::Api { status, .. } if *status >= 500 || *status == 429 => {
                "the API server has trouble of its own; try again later".into()
            }
            Self::Api {
                status: 404,
                access,
                ..
            } if access.name.is_some() => format!("`{}` lists what is there", access.listing()),
            Self::Api {
                status: 409,
                access,
                ..
            } => match access.verb {
                "create" => format!(
                    "take another name; `{}` lists those that are taken",
                    access.listing()
                ),
                _ => "it was changed meanwhile; look at it, and try again".into(),
            },
            Self::Api { .. }
            | Self::NotNamespaced { .. }
            | Self::AnswerTooLong { .. }
            | Self::Http { .. }
            | Self::RequestBody { .. }
            | Self::CommandTooLoud { .. }
            | Self::BodyTooLong { .. } => return None,
            Self::NamespaceNotFound { .. } => {
                "choose another with `--namespace`; `kubectl get namespaces` lists them".into()
            }
            Self::StatefulSetNotFound {
                near, namespace, ..
            } => match near.first() {
                Some(name) => format!("did you mean `--statefulset {}`?", show(name)),
                None => format!(
                    "name it with `--statefulset`; `kubectl get statefulsets -n {}` lists them",
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
                None => format!("`kubectl get pods -n {}` lists them", show(namespace)),
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
                    format!("is it switched on in the backend? Name its port with `--{flag}`")
                }
                None => "is it switched on in the backend?".into(),
            },
            Self::KubeletFailed(failure) => node_hint(failure),
            Self::PodGone { .. } | Self::TunnelLost { .. } => {
                "the pod or its node may be restarting; try again".into()
            }
            Self::UpgradeRefused { .. } => {
                "a proxy in between may not let websockets through; try `kubectl port-forward`"
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
                Some(name) => format!("did you mean {}?", show(name)),
                None => format!("`kubectl get secrets -n {}` lists them", show(namespace)),
            },
            Self::SecretKeyMissing { .. } => {
                "a Secret with credentials has the keys `username` and `password`, or `token`"
                    .into()
            }
            Self::LeaseHeld {
                name, namespace, ..
            } => format!(
                "wait until it is done; if its holder has died, the lock ends by itself at that \
                 time. `kubectl get lease {} -n {} -o yaml` shows it",
                show(name),
                show(namespace)
            ),
            Self::LeaseUnseen {
                name,
                namespace,
                access,
            } => format!(
                "wait until it is done, and ask for this right: {}. If nobody restores, `kubectl delete lease {} -n {}` removes it",
                access.rule(),
                show(name),
                show(namespace)
            ),
            Self::LeaseLost { .. } => {
                "somebody else may have begun to work on the same target: look before you repeat it"
                    .into()
            }
            Self::CommandNotRun { at, .. } => format!(
                "is the program in the container's image? `kubectl describe pod {} -n {}` names it",
                show(&at.pod),
                show(&at.namespace)
            ),
            Self::CommandTimedOut { at, .. } | Self::CommandLost { at, .. } => format!(
                "see what became of it with `kubectl exec -n {} {} -c {} -- ps`",
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

impl ClusterError {
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
            format!("the cluster's administrator has to mend that; {look}")
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
        (None, true) => "`kubectl config view` shows what it has".into(),
        (None, false) => format!("it has {}", show(&known.join(", "))),
    }
}

fn unreachable_hint(kind: Unreachable) -> &'static str {
    match kind {
        Unreachable::Refused => {
            "is the cluster running, and the context the right one? `kubectl config current-context`"
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
