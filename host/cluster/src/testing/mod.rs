//! Fakes of the API server for the tests of this layer.

mod answers;
mod script;
mod server;

use std::sync::Arc;
use std::time::Duration;

pub(super) use answers::{Answers, owned_pod, status};
pub(super) use script::{Script, Step, step};
pub(super) use server::{FarEnd, serve};

use super::{Cluster, EndpointSpec, Identity, Inner, NamespaceSource, Target};

pub(super) fn cluster(client: kube::Client) -> Cluster {
    Cluster(Arc::new(Inner {
        client,
        identity: Identity {
            server: "https://api.example".into(),
            context: Some("staging".into()),
            cluster: None,
            user: Some("eve".into()),
        },
        namespace: "mqtt".into(),
        namespace_source: NamespaceSource::Default,
        leaves_credentials_out: false,
        request_timeout: Some(Duration::from_secs(30)),
        dials_pods: false,
        requests: Arc::default(),
    }))
}

impl Cluster {
    /// Returns the same cluster, whose pods are reached at their addresses.
    pub(super) fn dialing_pods(self) -> Self {
        let Some(mut inner) = Arc::into_inner(self.0) else {
            panic!("the cluster is in use");
        };
        inner.dials_pods = true;
        Self(Arc::new(inner))
    }
}

pub(super) fn target(pod: Option<&str>) -> Target {
    Target {
        statefulset: "broker".into(),
        pod: pod.map(str::to_owned),
    }
}

/// Returns an endpoint as in a manifest.
pub(super) fn endpoint(select: &str, port: serde_json::Value) -> EndpointSpec {
    EndpointSpec {
        name: "api".into(),
        select: serde_json::from_value(select.into()).unwrap(),
        port: serde_json::from_value(port).unwrap(),
        explicit_port: None,
        tls: None,
        ready: broker_manifest::Ready::default(),
    }
}
