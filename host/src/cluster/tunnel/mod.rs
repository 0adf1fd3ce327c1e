//! A port-forward to one port of one pod: a websocket to `pods/portforward`, no local port.

mod ending;
mod stream;

use std::time::Duration;

use http::Request;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use kube::client::UpgradeConnectionError;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Role;

pub(super) use ending::Verdict;
pub(super) use stream::TunnelStream;

use super::request::{Access, PORT_FORWARD, check_name};
use super::{Cluster, ClusterError, PodPort, refusal};

/// Waits between tries while a kubelet that was just started learns of its pods.
const KUBELET_WAITS: [Duration; 3] = [
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
];

/// The stream of a tunnel over the connection to the API server.
pub(super) type Tunnel = TunnelStream<TokioIo<Upgraded>>;

impl Cluster {
    /// Opens a tunnel. Whether anything listens on the port is only known when it is used.
    pub(super) async fn open_tunnel(
        &self,
        at: &PodPort,
        verdict: Verdict,
    ) -> Result<Tunnel, ClusterError> {
        check_name("pod", &at.pod)?;
        let access = self.access("get", &PORT_FORWARD, Some(&at.pod));
        let mut waits = KUBELET_WAITS.into_iter();
        let connection = loop {
            let request = Request::get(format!("{}?ports={}", access.path(), at.port))
                .body(Vec::new())
                .map_err(|_| ClusterError::BadName {
                    what: "pod",
                    name: at.pod.clone(),
                })?;
            self.count_request();
            let error = match self.0.client.connect(request).await {
                Ok(connection) => break connection,
                Err(error) => error,
            };
            if !is_kubelet_starting(&error) {
                return Err(self.not_opened(at, &access, error));
            }
            match waits.next() {
                Some(wait) => tokio::time::sleep(wait).await,
                None => {
                    return Err(ClusterError::KubeletNotReady {
                        pod: at.pod.clone(),
                        namespace: self.namespace().to_owned(),
                        tries: KUBELET_WAITS.len() + 1,
                    });
                }
            }
        };
        // kube sets no bounds on a message. Nothing was read yet, so nothing is lost by taking the
        // socket out and putting a websocket with bounds around it.
        let socket = connection.into_stream().into_inner();
        let websocket = WebSocketStream::from_raw_socket(
            socket,
            Role::Client,
            Some(stream::websocket_config()),
        )
        .await;
        Ok(TunnelStream::new(websocket, at.port, verdict))
    }

    fn not_opened(&self, at: &PodPort, access: &Access, error: kube::Error) -> ClusterError {
        let identity = &self.0.identity;
        let (pod, namespace) = (at.pod.clone(), self.namespace().to_owned());
        match error {
            kube::Error::Api(status) => match status.code {
                404 => ClusterError::PodGone { pod, namespace },
                400 if status.message.contains("does not have a host assigned") => {
                    ClusterError::PodUnscheduled { pod, namespace }
                }
                code if refusal::looks_like_html(&status.message) => ClusterError::NotKubernetes {
                    server: identity.server.clone(),
                    status: code,
                    excerpt: refusal::excerpt(&status.message),
                },
                code => refusal::judged(identity, access, code, status.message),
            },
            kube::Error::UpgradeConnection(error) => ClusterError::UpgradeRefused {
                server: identity.server.clone(),
                at: at.clone(),
                reason: match error {
                    UpgradeConnectionError::ProtocolSwitch(status) => {
                        format!("it answered {status} instead of switching to a websocket")
                    }
                    other => other.to_string(),
                },
            },
            other => refusal::unreachable(identity, &other),
        }
    }
}

/// A kubelet that was just restarted answers 404 with the plain text `pod does not exist`, and the
/// API server passes it on. For a pod that is gone the API server itself answers, with a Status.
fn is_kubelet_starting(error: &kube::Error) -> bool {
    matches!(
        error,
        kube::Error::Api(status)
            if status.code == 404 && status.message.trim() == "pod does not exist"
    )
}

#[cfg(test)]
mod tests {
    use super::super::testing::Answers;
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_kubelet_that_is_starting_is_asked_again_a_few_times() {
        let path = "pods/broker-0/portforward";
        let cluster = Answers::default()
            .with_text(path, 404, "pod does not exist\n")
            .mocked();
        let at = PodPort {
            namespace: "mqtt".into(),
            pod: "broker-0".into(),
            port: 8081,
        };
        let error = cluster.open_tunnel(&at, Verdict::default()).await.err();
        assert!(matches!(
            error,
            Some(ClusterError::KubeletNotReady { tries: 4, .. })
        ));
        assert_eq!(cluster.request_count(), 4);
    }
}
