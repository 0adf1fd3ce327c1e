//! Opens websockets to a subresource of a pod, and explains why that fails.

use std::io;
use std::time::Duration;

use http::Request;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use kube::client::UpgradeConnectionError;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::{WebSocketStream, tungstenite};

use super::kubelet::{self, Symptom};
use super::request::{Access, PORT_FORWARD, check_name};
use super::{Cluster, ClusterError, refusal};

/// Waits between attempts while a kubelet starts and learns of its pods, or while the API server is busy.
pub(super) const WAITS: [Duration; 3] = [
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
];

/// The kubelet's words for a container that is not running.
pub(super) const NO_CONTAINER: &str = "container not found";

/// The maximum size of a message, in bytes. The kubelet sends 32 KiB.
const MAX_MESSAGE: usize = 4 << 20;

/// A websocket over the connection to the API server.
pub(super) type Socket = WebSocketStream<TokioIo<Upgraded>>;

impl Cluster {
    /// Opens a websocket to the subresource of the pod that `access` names. `what` describes its purpose in
    /// errors, such as "a port-forward to port 1 of pod x".
    pub(super) async fn open_websocket(
        &self,
        access: &Access,
        query: &str,
        what: &str,
    ) -> Result<Socket, ClusterError> {
        let pod = access.name.as_deref().unwrap_or_default();
        check_name("pod", pod)?;
        let mut waits = WAITS.into_iter();
        let mut tries = 0;
        let connection = loop {
            let request = Request::get(format!("{}?{query}", access.path()))
                .body(Vec::new())
                .map_err(|_| ClusterError::BadName {
                    what: "pod",
                    name: pod.to_owned(),
                })?;
            self.count_request();
            tries += 1;
            let error = match self.0.client.connect(request).await {
                Ok(connection) => break connection,
                Err(error) => error,
            };
            let symptom = symptom_of(&error);
            if let Some(wait) = waits.next().filter(|_| may_pass(access, &error, symptom)) {
                tokio::time::sleep(wait).await;
                continue;
            }
            return Err(match (symptom, &error) {
                (Some(symptom), kube::Error::Api(status)) => {
                    let failed = self.kubelet_failed(access, symptom, &status.message, tries);
                    Box::pin(failed).await
                }
                _ => self.not_opened(access, pod, what, error),
            });
        };
        // kube sets no limits on a message. Nothing was read yet, so the socket can be moved into a websocket
        // with limits.
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
                500 if status.message.starts_with(NO_CONTAINER) => ClusterError::PodNotUsable {
                    pod,
                    namespace,
                    reason: status.message.trim().to_owned(),
                },
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

/// Returns the settings of a websocket.
pub(super) fn websocket_config() -> WebSocketConfig {
    WebSocketConfig::default()
        // tungstenite clears this buffer before each read, and TLS returns 16 KiB at a time.
        .read_buffer_size(16 * 1024)
        .write_buffer_size(0)
        .max_write_buffer_size(MAX_MESSAGE)
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE))
}

/// Returns why a websocket failed. The libraries describe a closed connection in many ways.
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
        "the connection to the API server ended without a close message".to_owned()
    } else {
        error.to_string()
    }
}

/// Returns what a refusal says about the pod's node.
fn symptom_of(error: &kube::Error) -> Option<Symptom> {
    let kube::Error::Api(status) = error else {
        return None;
    };
    // kube uses this reason for a response that is not a Kubernetes object.
    let is_status = status.reason != "Failed to parse error data";
    kubelet::symptom(status.code, is_status, &status.message)
}

/// Returns true if a repetition may succeed and does nothing twice.
fn may_pass(access: &Access, error: &kube::Error, symptom: Option<Symptom>) -> bool {
    let is_port_forward = *access.resource == PORT_FORWARD;
    match (symptom, error) {
        (Some(symptom), _) => symptom.is_repeatable(is_port_forward),
        // The server refused before it did anything.
        (None, kube::Error::Api(status)) => match status.code {
            429 => true,
            503 | 504 => is_port_forward && !refusal::looks_like_html(&status.message),
            _ => false,
        },
        _ => false,
    }
}
