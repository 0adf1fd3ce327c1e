//! All that is said of what goes wrong between this process and a backend in a pod.

use host_base::Problem as _;
use host_web::{BadProxy, Proxies, ProxySettings};
use insta::assert_snapshot;
use testbed::messages;

use super::super::kubelet::KubeletTrouble;
use super::super::request::PODS;
use super::super::tls_failure::TlsTrouble;
use super::*;

fn bad_proxy() -> BadProxy {
    let server = http::Uri::from_static("https://registry.example");
    let configured = Some("ftp://proxy".to_owned());
    let proxies = Proxies::for_server(&server, ProxySettings::default(), configured);
    proxies.expect_err("no scheme of a proxy")
}

fn text(text: &str) -> String {
    text.to_owned()
}

fn texts<const N: usize>(texts: [&str; N]) -> Vec<String> {
    texts.map(str::to_owned).to_vec()
}

const SECONDS: Duration = Duration::from_secs(30);

fn request(verb: &'static str) -> Box<Access> {
    Box::new(Access {
        verb,
        resource: std::borrow::Cow::Borrowed(&PODS),
        name: Some(text("broker-0")),
        namespace: text("messaging"),
    })
}

fn access() -> Box<Access> {
    request("get")
}

fn at() -> PodPort {
    PodPort {
        namespace: text("messaging"),
        pod: text("broker-0"),
        port: 8888,
    }
}

fn inside() -> PodContainer {
    PodContainer {
        namespace: text("messaging"),
        pod: text("broker-0"),
        container: text("hivemq"),
    }
}

fn kind() -> ObjectKind {
    ObjectKind {
        group: text("acme.example"),
        version: text("v1"),
        kind: text("Backup"),
    }
}

fn unreachable(kind: Unreachable) -> ClusterError {
    ClusterError::Unreachable {
        server: text("https://a"),
        kind,
        reason: text("the reason"),
    }
}

fn api(verb: &'static str, status: u16) -> ClusterError {
    ClusterError::Api {
        server: text("https://a"),
        access: request(verb),
        status,
        message: text("the reason"),
    }
}

fn node(trouble: KubeletTrouble, is_known: bool) -> ClusterError {
    ClusterError::KubeletFailed(Box::new(KubeletFailure {
        pod: text("broker-0"),
        namespace: text("messaging"),
        node: is_known.then(|| text("node-1")),
        state: is_known.then(|| text("the node is not ready")),
        trouble,
        reason: text("no route"),
        tries: if is_known { 3 } else { 1 },
        repeatable: true,
    }))
}

fn tls(trouble: TlsTrouble) -> ClusterError {
    let endpoint: broker_manifest::Endpoint = serde_json::from_value(serde_json::json!({
        "select": "pod", "allow": ["GET /"], "tls": "yes", "tls-client": true,
        "port": {"flag": "api-port", "numbers": [8888]},
    }))
    .expect("an endpoint");
    ClusterError::Tls(Box::new(TlsFailure {
        at: at(),
        trouble,
        flags: endpoint.tls_flags(),
        port_flag: Some(text("api-port")),
    }))
}

fn certificates(source: ClusterError) -> ClusterError {
    ClusterError::Certificates {
        at: at(),
        flag: text("api-ca"),
        source: Box::new(source),
    }
}

fn late(phase: Phase) -> ClusterError {
    ClusterError::TimedOut {
        at: at(),
        phase,
        after: SECONDS,
        received: 5,
        expected: Some(9),
    }
}

/// Returns the error of hyper for a server that does not speak HTTP. Only hyper can make its errors.
async fn not_http() -> hyper::Error {
    let (ours, mut theirs) = tokio::io::duplex(64);
    let io = hyper_util::rt::TokioIo::new(ours);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io)
        .await
        .expect("no byte is sent yet");
    let answer = tokio::io::AsyncWriteExt::write_all(&mut theirs, b"SSH-2.0-none\r\n\r\n");
    let request = hyper::Request::new(String::new());
    let (_, _, answered) = tokio::join!(answer, connection, sender.send_request(request));
    answered.expect_err("that is no HTTP")
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "all errors stand in one table")]
async fn what_is_said_of_clusters_and_pods() {
    let errors = [
        ClusterError::NoConfiguration {
            looked: texts(["KUBECONFIG", "/home/ann/.kube/config"]),
            in_cluster: text("it is not there"),
        },
        ClusterError::KubeconfigMissing {
            path: "config".into(),
        },
        ClusterError::KubeconfigUnreadable {
            path: "config".into(),
            source: io::ErrorKind::PermissionDenied.into(),
        },
        ClusterError::KubeconfigSyntax {
            path: "config".into(),
            reason: text("it is no YAML"),
        },
        ClusterError::NoCurrentContext {
            known: texts(["a", "b"]),
        },
        ClusterError::NoCurrentContext { known: Vec::new() },
        ClusterError::UnknownEntry {
            kind: EntryKind::Context,
            name: text("prod"),
            of_context: None,
            near: texts(["prd"]),
            known: texts(["prd"]),
        },
        ClusterError::UnknownEntry {
            kind: EntryKind::User,
            name: text("ann"),
            of_context: Some(text("prd")),
            near: Vec::new(),
            known: texts(["bob"]),
        },
        ClusterError::UnknownEntry {
            kind: EntryKind::Cluster,
            name: text("a"),
            of_context: None,
            near: Vec::new(),
            known: Vec::new(),
        },
        ClusterError::KubeconfigEntry {
            what: text("user ann"),
            reason: text("it has no token"),
        },
        ClusterError::GroupsWithoutUser,
        ClusterError::Proxy(bad_proxy()),
        ClusterError::CredentialPlugin {
            command: text("aws"),
            reason: text("ended with 1"),
            install_hint: None,
        },
        ClusterError::CredentialPlugin {
            command: text("aws"),
            reason: text("is not there"),
            install_hint: Some(text("Install aws")),
        },
        ClusterError::Credentials {
            reason: text("the token file is empty"),
        },
        ClusterError::BadName {
            what: "namespace",
            name: text("A B"),
        },
        ClusterError::Unauthorized {
            server: text("https://a"),
            who: text("user ann"),
            context: Some(text("prd")),
        },
        ClusterError::Unauthorized {
            server: text("https://a"),
            who: text("user ann"),
            context: None,
        },
        ClusterError::Forbidden {
            access: access(),
            message: text("pods is forbidden:"),
        },
        unreachable(Unreachable::Refused),
        unreachable(Unreachable::NoSuchHost),
        unreachable(Unreachable::Certificate),
        unreachable(Unreachable::TimedOut),
        unreachable(Unreachable::Proxy),
        unreachable(Unreachable::Other),
        ClusterError::RequestTimedOut {
            server: text("https://a"),
            access: access(),
            after: SECONDS,
        },
        ClusterError::NotKubernetes {
            server: text("https://a"),
            status: 200,
            excerpt: text("<html>"),
        },
        api("get", 500),
        api("get", 429),
        api("get", 404),
        api("create", 409),
        api("update", 409),
        api("get", 400),
        ClusterError::Rejected {
            access: access(),
            message: text("spec.a: must be a number"),
        },
        ClusterError::NoSuchKind {
            kind: kind(),
            server: text("https://a"),
        },
        ClusterError::OtherScope {
            kind: kind(),
            namespaced: false,
        },
        ClusterError::OtherScope {
            kind: kind(),
            namespaced: true,
        },
        ClusterError::AnswerTooLong {
            access: access(),
            limit: 9,
        },
        ClusterError::NamespaceNotFound {
            namespace: text("messaging"),
        },
        ClusterError::StatefulSetNotFound {
            name: text("a"),
            namespace: text("messaging"),
            near: texts(["b"]),
            existing: Some(texts(["b", "c"])),
        },
        ClusterError::StatefulSetNotFound {
            name: text("a"),
            namespace: text("messaging"),
            near: Vec::new(),
            existing: Some(Vec::new()),
        },
        ClusterError::StatefulSetNotFound {
            name: text("a"),
            namespace: text("messaging"),
            near: Vec::new(),
            existing: None,
        },
        ClusterError::NoReadyPod {
            statefulset: text("broker"),
            namespace: text("messaging"),
            reasons: texts(["broker-0: pending", "broker-1: failed"]),
        },
        ClusterError::PodNotFound {
            pod: text("broker-7"),
            namespace: text("messaging"),
            near: texts(["broker-1"]),
        },
        ClusterError::PodNotFound {
            pod: text("broker-7"),
            namespace: text("messaging"),
            near: Vec::new(),
        },
        ClusterError::PodNotUsable {
            pod: text("broker-0"),
            namespace: text("messaging"),
            reason: text("it is pending"),
        },
        ClusterError::NoPort {
            endpoint: text("api"),
            pod: text("broker-0"),
            wanted: text("8888"),
            declared: texts(["1883"]),
            flag: Some(text("api-port")),
        },
        ClusterError::NoPort {
            endpoint: text("api"),
            pod: text("broker-0"),
            wanted: text("8888"),
            declared: Vec::new(),
            flag: None,
        },
        ClusterError::PodGone {
            pod: text("broker-0"),
            namespace: text("messaging"),
        },
        ClusterError::PodUnscheduled {
            pod: text("broker-0"),
            namespace: text("messaging"),
        },
        node(KubeletTrouble::Away, true),
        node(KubeletTrouble::Away, false),
        node(KubeletTrouble::UnknownPod, true),
        node(KubeletTrouble::Distrust, true),
        node(KubeletTrouble::Silent, true),
        ClusterError::UpgradeRefused {
            server: text("https://a"),
            what: text("a port-forward"),
            reason: text("status 200"),
        },
        ClusterError::PortClosed {
            at: at(),
            reason: text("long text: dial tcp4 127.0.0.1:8888: refused"),
            flag: Some(text("api-port")),
        },
        ClusterError::AllPortsClosed {
            endpoint: text("api"),
            pod: text("broker-0"),
            ports: vec![1, 2],
            flag: None,
        },
        tls(TlsTrouble::Authority {
            trusted: text("an authority that this system trusts"),
            is_system: true,
        }),
        tls(TlsTrouble::Authority {
            trusted: text("Secret es-certs (ca.crt)"),
            is_system: false,
        }),
        tls(TlsTrouble::Name {
            presented: texts(["*.es.local", "es-http.logs.es.local"]),
            accepted: texts(["es.logs.svc"]),
        }),
        tls(TlsTrouble::Name {
            presented: texts(["a b", "-x"]),
            accepted: texts(["es.logs.svc"]),
        }),
        tls(TlsTrouble::Time {
            reason: text("the certificate has expired"),
        }),
        tls(TlsTrouble::Certificate {
            reason: text("it is not one for servers"),
        }),
        tls(TlsTrouble::Client { was_given: false }),
        tls(TlsTrouble::Client { was_given: true }),
        tls(TlsTrouble::Plain),
        tls(TlsTrouble::Withheld),
        tls(TlsTrouble::Required),
        ClusterError::Tls(Box::new(TlsFailure {
            at: at(),
            trouble: TlsTrouble::Required,
            flags: None,
            port_flag: Some(text("api-port")),
        })),
        ClusterError::Tls(Box::new(TlsFailure {
            at: at(),
            trouble: TlsTrouble::Required,
            flags: None,
            port_flag: None,
        })),
        tls(TlsTrouble::Silent {
            after: Duration::from_secs(10),
        }),
        tls(TlsTrouble::Setting {
            what: text("Secret es-certs (ca.crt)"),
            reason: text("it has no certificate in PEM"),
            flag: text("api-ca"),
        }),
        tls(TlsTrouble::Other {
            reason: text("the connection was closed"),
        }),
        certificates(ClusterError::SecretNotFound {
            name: text("es-certs"),
            namespace: text("logs"),
            near: texts(["es-http-certs"]),
        }),
        certificates(ClusterError::SecretNotFound {
            name: text("es-certs"),
            namespace: text("logs"),
            near: Vec::new(),
        }),
        certificates(ClusterError::SecretKeyMissing {
            key: text("ca.crt"),
            name: text("es-certs"),
            namespace: text("logs"),
            existing: texts(["tls.crt"]),
        }),
        certificates(ClusterError::Forbidden {
            access: access(),
            message: String::new(),
        }),
        ClusterError::ContainerNotRunning {
            at: at(),
            reason: text("exited"),
        },
        ClusterError::PortForward {
            at: at(),
            reason: text("no socat"),
        },
        ClusterError::ConnectionLost {
            at: at(),
            reason: text("reset"),
            received: 5,
            expected: Some(9),
        },
        ClusterError::RequestBody {
            at: at(),
            source: "disk".into(),
        },
        ClusterError::NotTaken {
            at: at(),
            after: SECONDS,
            sent: 5,
        },
        late(Phase::Connect),
        late(Phase::FirstByte),
        late(Phase::Idle),
        late(Phase::Total),
        ClusterError::NoAnswer { at: at() },
        ClusterError::Incomplete {
            at: at(),
            received: 5,
            expected: None,
        },
        ClusterError::NotHttp {
            at: at(),
            source: not_http().await,
        },
        ClusterError::Http {
            at: at(),
            source: not_http().await,
        },
        ClusterError::BodyTooLong { at: at(), limit: 9 },
        ClusterError::SecretNotFound {
            name: text("a"),
            namespace: text("messaging"),
            near: texts(["b"]),
        },
        ClusterError::SecretNotFound {
            name: text("a"),
            namespace: text("messaging"),
            near: Vec::new(),
        },
        ClusterError::SecretKeyMissing {
            key: text("token"),
            name: text("a"),
            namespace: text("messaging"),
            existing: texts(["username"]),
        },
        ClusterError::SecretKeyMissing {
            key: text("token"),
            name: text("a"),
            namespace: text("messaging"),
            existing: Vec::new(),
        },
        ClusterError::LeaseHeld {
            name: text("a"),
            namespace: text("messaging"),
            holder: text("ann"),
            since: Timestamp::UNIX_EPOCH,
            until: Timestamp::UNIX_EPOCH,
        },
        ClusterError::LeaseUnseen {
            name: text("a"),
            namespace: text("messaging"),
            access: access(),
        },
        ClusterError::LeaseLost {
            name: text("a"),
            namespace: text("messaging"),
            holder: Some(text("ann")),
        },
        ClusterError::LeaseLost {
            name: text("a"),
            namespace: text("messaging"),
            holder: None,
        },
        ClusterError::CommandNotRun {
            command: text("df"),
            at: inside(),
            reason: text("not found"),
        },
        ClusterError::CommandTooLoud {
            command: text("df"),
            at: inside(),
            stream: "stdout",
            limit: 9,
        },
        ClusterError::CommandTimedOut {
            command: text("df"),
            at: inside(),
            after: SECONDS,
        },
        ClusterError::CommandLost {
            command: text("df"),
            at: inside(),
            reason: text("reset"),
        },
    ];
    let table = messages!(
        ClusterError {
            NoConfiguration,
            KubeconfigMissing,
            KubeconfigUnreadable,
            KubeconfigSyntax,
            NoCurrentContext,
            UnknownEntry,
            KubeconfigEntry,
            GroupsWithoutUser,
            Proxy,
            CredentialPlugin,
            Credentials,
            BadName,
            Unauthorized,
            Forbidden,
            Unreachable,
            RequestTimedOut,
            NotKubernetes,
            Api,
            Rejected,
            NoSuchKind,
            OtherScope,
            AnswerTooLong,
            NamespaceNotFound,
            StatefulSetNotFound,
            NoReadyPod,
            PodNotFound,
            PodNotUsable,
            NoPort,
            PodGone,
            PodUnscheduled,
            KubeletFailed,
            UpgradeRefused,
            PortClosed,
            AllPortsClosed,
            Tls,
            Certificates,
            ContainerNotRunning,
            PortForward,
            ConnectionLost,
            RequestBody,
            NotTaken,
            TimedOut,
            NoAnswer,
            Incomplete,
            NotHttp,
            Http,
            BodyTooLong,
            SecretNotFound,
            SecretKeyMissing,
            LeaseHeld,
            LeaseUnseen,
            LeaseLost,
            CommandNotRun,
            CommandTooLoud,
            CommandTimedOut,
            CommandLost,
        },
        errors
    );
    assert_snapshot!(table, @r#"
    NoConfiguration, exit 2
      no cluster configuration was found; looked at KUBECONFIG, /home/ann/.kube/config, and for a service account (it is not there)
      hint: name a kubeconfig with `--kubeconfig` or the variable KUBECONFIG
    KubeconfigMissing, exit 2
      kubeconfig config does not exist
      hint: correct the path given with `--kubeconfig`
    KubeconfigUnreadable, exit 2
      kubeconfig config can't be read: {source}
      hint: check the file's owner and mode
    KubeconfigSyntax, exit 2
      kubeconfig config can't be used: it is no YAML
      hint: correct the file, then check it with `kubectl config view`
    NoCurrentContext, exit 2
      the kubeconfig has no current context; its contexts are a, b
      hint: choose a context with `--context NAME` or `kubectl config use-context NAME`
    NoCurrentContext, exit 2
      the kubeconfig has no current context
      hint: the same
    UnknownEntry, exit 2
      the kubeconfig has no context prod; similar: prd
      hint: did you mean `--context prd`?
    UnknownEntry, exit 2
      the kubeconfig has no user ann, which context prd names
      hint: users in the kubeconfig: bob
    UnknownEntry, exit 2
      the kubeconfig has no cluster a
      hint: `kubectl config view` shows the kubeconfig
    KubeconfigEntry, exit 2
      user ann of the kubeconfig can't be used: it has no token
      hint: correct the entry; `kubectl config view` shows it
    GroupsWithoutUser, exit 2
      `--as-group` was given without `--as`
      hint: add `--as USER`
    Proxy, exit 2
      the proxy ftp://proxy from `proxy-url` of the cluster can't be used: only http, https and socks5 are known
      hint: use a URL such as `http://proxy:3128` or `socks5://proxy:1080`
    CredentialPlugin, exit 12
      the credential plugin `aws` ended with 1
      hint: install the plugin, or log in with it again; the kubeconfig names it under `users`
    CredentialPlugin, exit 12
      the credential plugin `aws` is not there
      hint: Install aws
    Credentials, exit 12
      the credentials in the kubeconfig can't be used: the token file is empty
      hint: log in again, or correct the user in the kubeconfig
    BadName, exit 2
      `A B` is not a valid name for a namespace
      hint: use only lower-case letters, digits, dashes and dots
    Unauthorized, exit 12
      https://a does not accept the credentials of user ann
      hint: the credentials may have expired: log in again, then try `kubectl --context prd auth whoami`
    Unauthorized, exit 12
      https://a does not accept the credentials of user ann
      hint: the credentials may have expired: check the service account's token
    Forbidden, exit 12
      not allowed to get pods broker-0 in namespace messaging: pods is forbidden
      hint: ask for this permission: `kubectl create role broker-pods -n messaging --verb=get,list --resource=pods`, or in a Role `{apiGroups: [""], resources: ["pods"], verbs: ["get", "list"]}`
    Unreachable, exit 1
      can't reach https://a: the reason
      hint: check that the cluster runs and the context is right: `kubectl config current-context`
    Unreachable, exit 1
      can't reach https://a: the reason
      hint: check the server URL of the context, and the network or VPN
    Unreachable, exit 1
      can't reach https://a: the reason
      hint: check `certificate-authority` and `tls-server-name` of the cluster in the kubeconfig
    Unreachable, exit 124
      can't reach https://a: the reason
      hint: check the network, the VPN and the proxy
    Unreachable, exit 1
      can't reach https://a through the proxy: the reason
      hint: check HTTPS_PROXY, NO_PROXY and the cluster's `proxy-url`
    Unreachable, exit 1
      can't reach https://a: the reason
      hint: check the server URL, the network and the proxy
    RequestTimedOut, exit 124
      https://a did not answer within 30s when asked to get pods broker-0 in namespace messaging
      hint: try again, or allow more time with `--request-timeout`
    NotKubernetes, exit 1
      the answer of https://a (status 200) is not from a Kubernetes API server: <html>
      hint: a proxy or a login page may have answered instead: check the server URL and HTTPS_PROXY
    Api, exit 1
      https://a answered 500 when asked to get pods broker-0 in namespace messaging: the reason
      hint: the API server is overloaded or faulty; try again later
    Api, exit 1
      https://a answered 429 when asked to get pods broker-0 in namespace messaging: the reason
      hint: the same
    Api, exit 10
      https://a answered 404 when asked to get pods broker-0 in namespace messaging: the reason
      hint: `kubectl get pods -n messaging` lists the existing objects
    Api, exit 11
      https://a answered 409 when asked to create pods broker-0 in namespace messaging: the reason
      hint: choose another name; `kubectl get pods -n messaging` lists the names in use
    Api, exit 11
      https://a answered 409 when asked to update pods broker-0 in namespace messaging: the reason
      hint: the object was changed in the meantime; check it, then try again
    Api, exit 1
      https://a answered 400 when asked to get pods broker-0 in namespace messaging: the reason
    Rejected, exit 2
      the API server refuses to get pods broker-0 in namespace messaging: spec.a: must be a number
      hint: correct the fault that the API server names; nothing was changed in the cluster
    NoSuchKind, exit 10
      https://a does not know the kind acme.example/v1/Backup
      hint: install the operator that defines this kind, or look for another version with `kubectl api-resources --api-group=acme.example`
    OtherScope, exit 1
      the engine looks for objects acme.example/v1/Backup in a namespace, but they are outside of namespaces
      hint: report this to the engine's author: the rule in its manifest must end with `in cluster`
    OtherScope, exit 1
      the engine looks for objects acme.example/v1/Backup outside of namespaces, but they are in a namespace
      hint: report this to the engine's author: the rule in its manifest must not end with `in cluster`
    AnswerTooLong, exit 1
      the answer to get pods broker-0 in namespace messaging has more than 9 bytes
    NamespaceNotFound, exit 10
      namespace messaging does not exist
      hint: choose another namespace with `--namespace`; `kubectl get namespaces` lists all
    StatefulSetNotFound, exit 10
      there is no StatefulSet a in namespace messaging; the namespace has b, c
      hint: did you mean `--statefulset b`?
    StatefulSetNotFound, exit 10
      there is no StatefulSet a in namespace messaging; the namespace has none
      hint: name the StatefulSet with `--statefulset`; `kubectl get statefulsets -n messaging` lists all
    StatefulSetNotFound, exit 10
      there is no StatefulSet a in namespace messaging
      hint: the same
    NoReadyPod, exit 1
      no pod of StatefulSet broker in namespace messaging is ready: broker-0: pending; broker-1: failed
      hint: look at `kubectl get pods -n messaging` and `kubectl describe statefulset broker -n messaging`
    PodNotFound, exit 10
      there is no pod broker-7 in namespace messaging; similar: broker-1
      hint: did you mean `--pod broker-1`?
    PodNotFound, exit 10
      there is no pod broker-7 in namespace messaging
      hint: `kubectl get pods -n messaging` lists the pods
    PodNotUsable, exit 1
      pod broker-0 can't be used: it is pending
      hint: look at `kubectl describe pod broker-0 -n messaging`
    NoPort, exit 1
      pod broker-0 declares no port for endpoint `api` (8888); it declares 1883
      hint: check that it is enabled in the backend, or name its port with `--api-port`
    NoPort, exit 1
      pod broker-0 declares no port for endpoint `api` (8888)
      hint: check that it is enabled in the backend
    PodGone, exit 10
      pod broker-0 is gone
      hint: the pod or its node may be restarting; try again
    PodUnscheduled, exit 1
      pod broker-0 is not scheduled to a node yet
      hint: as PodNotUsable
    KubeletFailed, exit 1
      node node-1 of pod broker-0 can't be reached: no route (tried 3 times); the node is not ready
      hint: the node may be down or restarting: try again; `kubectl describe node node-1` shows the node
    KubeletFailed, exit 1
      the node of pod broker-0 can't be reached: no route
      hint: the node may be down or restarting: try again; `kubectl get pod broker-0 -n messaging -o wide` names the node
    KubeletFailed, exit 1
      node node-1 of pod broker-0 does not know the pod: its kubelet may be starting (tried 3 times); the node is not ready
      hint: the node may be restarting: try again; `kubectl describe node node-1` shows the node
    KubeletFailed, exit 1
      node node-1 of pod broker-0 and the API server don't trust each other: no route (tried 3 times); the node is not ready
      hint: ask the cluster's administrator to fix the trust between them; `kubectl describe node node-1` shows the node
    KubeletFailed, exit 124
      node node-1 of pod broker-0 does not answer: no route (tried 3 times); the node is not ready
      hint: the same
    UpgradeRefused, exit 1
      https://a did not open a port-forward: status 200
      hint: a proxy may block websockets: check whether `kubectl port-forward` works
    PortClosed, exit 1
      nothing listens on port 8888 of pod broker-0: dial tcp4 127.0.0.1:8888: refused
      hint: as NoPort
    AllPortsClosed, exit 1
      nothing listens on any port of pod broker-0 that endpoint `api` can have: 1, 2
      hint: as NoPort
    Tls, exit 1
      can't verify port 8888 of pod broker-0: its certificate is not signed by an authority that this system trusts
      hint: name the certificate of the authority that signed it: `--api-ca secret/NAME:KEY`, or `--api-ca FILE`
    Tls, exit 1
      can't verify port 8888 of pod broker-0: its certificate is not signed by an authority of Secret es-certs (ca.crt)
      hint: the same
    Tls, exit 1
      can't verify port 8888 of pod broker-0: its certificate is for *.es.local, es-http.logs.es.local, and not for es.logs.svc
      hint: if this is the backend you mean, accept its name with `--api-server-name es-http.logs.es.local`
    Tls, exit 1
      can't verify port 8888 of pod broker-0: its certificate is for a b, -x, and not for es.logs.svc
      hint: if this is the backend you mean, accept its name with `--api-server-name NAME`
    Tls, exit 1
      can't verify port 8888 of pod broker-0: the certificate has expired
      hint: renew the certificate of the backend, or correct the clock of this machine
    Tls, exit 1
      can't verify port 8888 of pod broker-0: it is not one for servers
      hint: replace the certificate of the backend
    Tls, exit 12
      port 8888 of pod broker-0 requires a client certificate
      hint: name one with `--api-client-cert secret/NAME`, or `--api-client-cert FILE`
    Tls, exit 12
      port 8888 of pod broker-0 refuses the client certificate
      hint: name one that the backend accepts with `--api-client-cert secret/NAME`, or `--api-client-cert FILE`
    Tls, exit 1
      port 8888 of pod broker-0 speaks plain HTTP instead of TLS
      hint: if this backend has no TLS, give `--api-tls no`; requests and credentials then travel in plain text inside the cluster
    Tls, exit 12
      the credentials are not sent to port 8888 of pod broker-0, because it speaks plain HTTP
      hint: the same
    Tls, exit 1
      port 8888 of pod broker-0 speaks TLS, and was asked in plain HTTP
      hint: ask with TLS: give `--api-tls yes`
    Tls, exit 1
      port 8888 of pod broker-0 speaks TLS, and was asked in plain HTTP
      hint: this engine asks without TLS: name a port without TLS with `--api-port`
    Tls, exit 1
      port 8888 of pod broker-0 speaks TLS, and was asked in plain HTTP
      hint: this engine asks without TLS: turn TLS off for this port of the backend
    Tls, exit 124
      port 8888 of pod broker-0 did not answer the TLS handshake within 10s
      hint: try again; if this backend has no TLS, give `--api-tls no`
    Tls, exit 2
      Secret es-certs (ca.crt) can't be used for TLS with port 8888 of pod broker-0: it has no certificate in PEM
      hint: correct it with `--api-ca`
    Tls, exit 1
      TLS with port 8888 of pod broker-0 failed: the connection was closed
      hint: look at `kubectl logs broker-0 -n messaging --all-containers`
    Certificates, exit 10
      the certificates for TLS with port 8888 of pod broker-0 can't be read: {source}
      hint: did you mean `--api-ca secret/es-http-certs`?
    Certificates, exit 10
      the certificates for TLS with port 8888 of pod broker-0 can't be read: {source}
      hint: name another Secret with `--api-ca secret/NAME`, or a file with `--api-ca FILE`
    Certificates, exit 10
      the certificates for TLS with port 8888 of pod broker-0 can't be read: {source}
      hint: name the key with `--api-ca secret/es-certs:KEY`, or a file with `--api-ca FILE`
    Certificates, exit 12
      the certificates for TLS with port 8888 of pod broker-0 can't be read: {source}
      hint: ask for this permission: `kubectl create role broker-pods -n messaging --verb=get,list --resource=pods`, or in a Role `{apiGroups: [""], resources: ["pods"], verbs: ["get", "list"]}`. Or name a file with `--api-ca FILE`
    ContainerNotRunning, exit 1
      the container behind port 8888 of pod broker-0 is not running: exited
      hint: as PodNotUsable
    PortForward, exit 1
      the port-forward to port 8888 of pod broker-0 failed: no socat
      hint: as PodNotUsable
    ConnectionLost, exit 1
      the connection to port 8888 of pod broker-0 was interrupted after 5 of 9 bytes: reset
      hint: as PodGone
    RequestBody, exit 1
      the request to port 8888 of pod broker-0 was interrupted, because its body can't be read any further: {source}
    NotTaken, exit 124
      port 8888 of pod broker-0 stopped reading the request: nothing was accepted for 30s after 5 bytes
      hint: the backend may be busy; try again
    TimedOut, exit 124
      port 8888 of pod broker-0 could not be reached within 30s
      hint: the API server or the pod's node is slow; try again. `kubectl get pod broker-0 -n messaging -o wide` names the node
    TimedOut, exit 124
      port 8888 of pod broker-0 did not begin to answer within 30s
      hint: as NotTaken
    TimedOut, exit 124
      port 8888 of pod broker-0 sent nothing for 30s after 5 of 9 bytes
      hint: as NotTaken
    TimedOut, exit 124
      port 8888 of pod broker-0 did not finish its answer within 30s after 5 of 9 bytes
      hint: as NotTaken
    NoAnswer, exit 1
      port 8888 of pod broker-0 closed the connection without an answer
      hint: as Tls
    Incomplete, exit 1
      port 8888 of pod broker-0 closed the connection in the middle of an answer after 5 bytes
      hint: as Tls
    NotHttp, exit 1
      port 8888 of pod broker-0 does not speak HTTP/1.1: {source}
      hint: another service may own that port, or it may want HTTPS
    Http, exit 1
      the HTTP exchange with port 8888 of pod broker-0 failed: {source}
    BodyTooLong, exit 1
      port 8888 of pod broker-0 answered with more than 9 bytes
    SecretNotFound, exit 10
      there is no Secret a in namespace messaging; similar: b
      hint: did you mean `--credentials-secret b`?
    SecretNotFound, exit 10
      there is no Secret a in namespace messaging
      hint: `kubectl get secrets -n messaging` lists the Secrets
    SecretKeyMissing, exit 10
      Secret a in namespace messaging has no key token; it has username
      hint: name a Secret with the keys `username` and `password`, or `token`
    SecretKeyMissing, exit 10
      Secret a in namespace messaging has no key token; it is empty
      hint: the same
    LeaseHeld, exit 11
      ann has held the lock a in namespace messaging since 1970-01-01T00:00:00Z; unless renewed, the lock expires at 1970-01-01T00:00:00Z
      hint: wait until the other operation has ended; if its process has died, the lock expires at that time. `kubectl get lease a -n messaging -o yaml` shows the lock
    LeaseUnseen, exit 11
      the lock a in namespace messaging exists, but you may not see its holder
      hint: wait until the other operation has ended, and ask for this permission: `kubectl create role broker-pods -n messaging --verb=get,list --resource=pods`, or in a Role `{apiGroups: [""], resources: ["pods"], verbs: ["get", "list"]}`. If no restore is running, remove the lock with `kubectl delete lease a -n messaging`
    LeaseLost, exit 11
      the lock a in namespace messaging is lost: ann holds it now
      hint: someone else may be working on the same target: check the target before you try again
    LeaseLost, exit 11
      the lock a in namespace messaging is lost
      hint: the same
    CommandNotRun, exit 1
      `df` can't be run in container hivemq of pod broker-0: not found
      hint: check that the container's image has the program; `kubectl describe pod broker-0 -n messaging` names the image
    CommandTooLoud, exit 1
      `df` in container hivemq of pod broker-0 wrote more than 9 bytes to stdout
    CommandTimedOut, exit 124
      `df` in container hivemq of pod broker-0 did not finish within 30s and may still be running
      hint: check whether it still runs: `kubectl exec -n messaging broker-0 -c hivemq -- ps`
    CommandLost, exit 1
      the connection to `df` in container hivemq of pod broker-0 was lost, so the command's outcome is unknown: reset
      hint: as CommandTimedOut
    "#);
}
