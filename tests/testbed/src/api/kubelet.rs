//! Errors of connections into a pod. They come from an API server that can't reach the kubelet, or from a
//! kubelet that does not know the pod.

use http::StatusCode;
use serde_json::Value;

use super::server::ApiServer;
use super::status::ApiError;
use crate::faults::take_one;
use crate::web::{self, Reply};

/// The reason why a connection into a pod fails.
#[derive(Debug, Clone)]
pub struct Obstacle {
    status: StatusCode,
    message: String,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The API server can't connect to the kubelet.
    Dial,
    /// The API server answers with a Status.
    Proxy,
    /// The kubelet answers in plain text.
    Kubelet,
}

impl Obstacle {
    fn kubelet(status: StatusCode, message: String) -> Self {
        Self {
            status,
            message,
            kind: Kind::Kubelet,
        }
    }

    /// Returns the kubelet's error for a container that does not run.
    pub fn no_container(name: &Value) -> Self {
        let message = format!("container not found ({name})");
        Self::kubelet(StatusCode::INTERNAL_SERVER_ERROR, message)
    }

    /// Returns the error as the answer to the request, like `UpgradeAwareHandler` of k8s.io/apimachinery.
    pub fn reply(&self) -> Reply {
        match self.kind {
            Kind::Kubelet => web::text(self.status, &self.message),
            Kind::Dial => {
                let message = format!("error dialing backend: {}", self.message);
                ApiError::new(self.status, "", message).reply()
            }
            Kind::Proxy => ApiError::new(self.status, "", &*self.message).reply(),
        }
    }

    /// Returns the error as the outcome of a command on an established connection, like
    /// `StreamTranslatorHandler` of k8s.io/apiserver.
    pub fn outcome(&self, pod: &Value, container: &Value) -> String {
        let cause = match self.kind {
            Kind::Kubelet => format!("unable to upgrade connection: {}", self.message.trim()),
            Kind::Proxy => self.message.clone(),
            Kind::Dial => {
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                let path = [
                    &pod["metadata"]["namespace"],
                    &pod["metadata"]["name"],
                    &container["name"],
                ]
                .map(text)
                .join("/");
                format!(
                    "error sending request: Post \"https://{}/exec/{path}\": {}",
                    address(pod),
                    self.message
                )
            }
        };
        format!("Internal error occurred: {cause}")
    }
}

/// Returns the address of a pod's kubelet.
fn address(pod: &Value) -> String {
    let host = pod["status"]["hostIP"].as_str().unwrap_or("192.168.49.2");
    format!("{host}:10250")
}

impl ApiServer {
    /// Returns the current error for connections into a pod.
    pub fn obstacle(&self, pod: &Value) -> Option<Obstacle> {
        let node = pod["spec"]["nodeName"].as_str().unwrap_or_default();
        let not_reached = |why: &str| Obstacle {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            message: format!("dial tcp {}: connect: {why}", address(pod)),
            kind: Kind::Dial,
        };
        self.faults.edit(|faults| {
            if faults.node.not_ready.contains(node) {
                return Some(not_reached("no route to host"));
            }
            if take_one(&mut faults.node.kubelet_away) {
                return Some(not_reached("connection refused"));
            }
            if let Some((status, message)) = faults.node.proxy_answer.clone() {
                return Some(Obstacle {
                    status,
                    message,
                    kind: Kind::Proxy,
                });
            }
            if let Some((status, message)) = faults.node.kubelet_answer.clone() {
                return Some(Obstacle::kubelet(status, message));
            }
            if take_one(&mut faults.tunnel.kubelet_restarting) {
                let message = "pod does not exist".to_owned();
                return Some(Obstacle::kubelet(StatusCode::NOT_FOUND, message));
            }
            if take_one(&mut faults.node.pod_not_found) {
                let name = pod["metadata"]["name"].as_str().unwrap_or_default();
                let namespace = pod["metadata"]["namespace"].as_str().unwrap_or_default();
                let message = format!("pod not found (\"{name}_{namespace}\")");
                return Some(Obstacle::kubelet(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    message,
                ));
            }
            None
        })
    }
}
