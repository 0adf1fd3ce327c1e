//! Websockets to a subresource of a pod: how they are opened, and why they are not.

use std::io;
use std::time::Duration;

use http::Request;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use kube::client::UpgradeConnectionError;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::{WebSocketStream, tungstenite};

use super::request::{Access, check_name};
use super::{Cluster, ClusterError, refusal};

/// Waits between tries while a kubelet that was just started learns of its pods.
const KUBELET_WAITS: [Duration; 3] = [
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
];

/// Longest message that is taken. The kubelet sends 32 KiB.
const MAX_MESSAGE: usize = 4 << 20;

/// A websocket over the connection to the API server.
pub(super) type Socket = WebSocketStream<TokioIo<Upgraded>>;

impl Cluster {
    /// Opens a websocket to the subresource of the pod that `access` names. `what` it is for stands
    /// in errors: "a port-forward to port 1 of pod x".
    pub(super) async fn open_websocket(
        &self,
        access: &Access,
        query: &str,
        what: &str,
    ) -> Result<Socket, ClusterError> {
        let pod = access.name.as_deref().unwrap_or_default();
        check_name("pod", pod)?;
        let mut waits = KUBELET_WAITS.into_iter();
        let connection = loop {
            let request = Request::get(format!("{}?{query}", access.path()))
                .body(Vec::new())
                .map_err(|_| ClusterError::BadName {
                    what: "pod",
                    name: pod.to_owned(),
                })?;
            self.count_request();
            let error = match self.0.client.connect(request).await {
                Ok(connection) => break connection,
                Err(error) => error,
            };
            if !is_kubelet_starting(&error) {
                return Err(self.not_opened(access, pod, what, error));
            }
            match waits.next() {
                Some(wait) => tokio::time::sleep(wait).await,
                None => {
                    return Err(ClusterError::KubeletNotReady {
                        pod: pod.to_owned(),
                        namespace: self.namespace().to_owned(),
                        tries: KUBELET_WAITS.len() + 1,
                    });
                }
            }
        };
        // kube sets no bounds on a message. Nothing was read yet, so nothing is lost by taking the
        // socket out and putting a websocket with bounds around it.
        let socket = connection.into_stream().into_inner();
        let config = Some(websocket_config());
        Ok(WebSocketStream::from_raw_socket(socket, Role::Client, config).await)
    }

    fn not_opened(
        &self,
        access: &Access,
        pod: &str,
        what: &str,
        error: kube::Error,
    ) -> ClusterError {
        let identity = &self.0.identity;
        let (pod, namespace) = (pod.to_owned(), self.namespace().to_owned());
        match error {
            kube::Error::Api(status) => match status.code {
                404 => ClusterError::PodGone { pod, namespace },
                400 if status.message.contains("does not have a host assigned") => {
                    ClusterError::PodUnscheduled { pod, namespace }
                }
                // The kubelet's words for a container that is not running.
                500 if status.message.starts_with("container not found") => {
                    ClusterError::PodNotUsable {
                        pod,
                        namespace,
                        reason: status.message.trim().to_owned(),
                    }
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
                what: what.to_owned(),
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

/// What a websocket is opened with.
pub(super) fn websocket_config() -> WebSocketConfig {
    WebSocketConfig::default()
        // tungstenite clears this much before each read, and TLS hands out 16 KiB at a time.
        .read_buffer_size(64 * 1024)
        .write_buffer_size(0)
        .max_write_buffer_size(MAX_MESSAGE)
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE))
}

/// Why a websocket failed. Of a connection that simply ended, the libraries speak in many words.
pub(super) fn cause(error: &tungstenite::Error) -> String {
    let ended = match error {
        tungstenite::Error::Io(error) => matches!(
            error.kind(),
            io::ErrorKind::UnexpectedEof
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::BrokenPipe
        ),
        tungstenite::Error::Protocol(error) => {
            *error == ProtocolError::ResetWithoutClosingHandshake
        }
        _ => false,
    };
    if ended {
        "the connection to the API server ended without a close".to_owned()
    } else {
        error.to_string()
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
