//! The port-forward upgrade: authorization, the choice of the pod, and the protocol.
//!
//! The checks have the same order as in the real servers. The API server checks the authorization and the
//! pod's node. The kubelet then checks the ports and the protocol, and answers in plain text.

use std::sync::Arc;

use http::StatusCode;
use http::request::Parts;
use hyper::upgrade::OnUpgrade;
use serde_json::Value;

use super::read::target_key;
use super::route::Target;
use super::server::ApiServer;
use super::status::ApiError;
use super::store::Key;
use super::tunnel::{PortStream, Tunnel};
use super::upgrade::{V5, negotiate, switching, websocket_key};
use crate::backend::PodAddress;
use crate::web::{self, Query, Reply};

impl ApiServer {
    pub(super) fn port_forward(
        &self,
        target: &Target,
        parts: &mut Parts,
        query: &Query,
    ) -> Result<Reply, ApiError> {
        let name = target.name.as_deref().unwrap_or_default();
        let namespace = target.namespace.as_deref().unwrap_or_default();
        let faults = self.faults.snapshot();
        // Since Kubernetes 1.35 a GET also requires the permission `create`; the error gives no reason.
        if faults
            .api
            .denied("create", "pods/portforward", Some(namespace))
        {
            return Err(ApiError::forbidden(&target.ty, Some(name), ""));
        }
        if faults.tunnel.pod_gone {
            return Err(ApiError::not_found(&target.ty, name));
        }
        let pod = self.seen("pods", self.stored(target)?);
        if pod["spec"]["nodeName"]
            .as_str()
            .unwrap_or_default()
            .is_empty()
        {
            let message = format!("pod {name} does not have a host assigned");
            return Err(ApiError::bad_request(message));
        }
        let Some(key) = websocket_key(&parts.headers) else {
            return Err(ApiError::bad_request("Upgrade request required"));
        };
        if let Some(obstacle) = self.obstacle(&pod) {
            return Ok(obstacle.reply());
        }
        let numbers = match parse_ports(query) {
            Ok(numbers) => numbers,
            Err(message) => return Ok(web::text(StatusCode::BAD_REQUEST, &message)),
        };
        let Ok(protocol) = negotiate(&parts.headers, faults.tunnel.v5) else {
            // Go's websocket server sends this answer if it supports none of the offered protocols.
            return Ok(web::text(StatusCode::FORBIDDEN, ""));
        };
        let Some(upgrade) = parts.extensions.remove::<OnUpgrade>() else {
            return Err(ApiError::bad_request("Upgrade request required"));
        };

        let address = PodAddress::new(namespace, name);
        let streams = numbers
            .into_iter()
            .map(|port| self.open(&address, &pod, port))
            .collect();
        let tunnel = Tunnel {
            streams,
            close_signals: protocol == Some(V5),
            faults: faults.tunnel,
        };
        let gone = self.pod_gone(target_key(target, name));
        self.tasks.spawn(async move {
            // A client that disconnects between the answer and the upgrade needs no tunnel.
            if let Ok(connection) = upgrade.await {
                tokio::select! {
                    () = tunnel.run(connection) => {}
                    // The pod's sandbox ends, and its connections with it.
                    () = gone => {}
                }
            }
        });
        Ok(switching(&key, protocol))
    }

    /// Completes when the pod no longer exists.
    fn pod_gone(&self, key: Key) -> impl Future<Output = ()> + Send + 'static {
        let store = Arc::clone(&self.objects.store);
        async move {
            let mut revisions = store.subscribe();
            while store.get(&key).is_some() {
                if revisions.changed().await.is_err() {
                    return;
                }
            }
        }
    }

    fn open(&self, address: &PodAddress, pod: &Value, port: u16) -> PortStream {
        let tunnel = self.faults.snapshot().tunnel;
        let closed =
            tunnel.closed_ports.contains(&port) || tunnel.silent_pods.contains(&address.name);
        let connection = if closed {
            None
        } else {
            self.backends.connect(address, pod, port)
        };
        PortStream {
            port,
            connection: connection.ok_or_else(|| refused(pod, port)),
        }
    }
}

/// Returns the kubelet's error for a port on which nothing listens.
fn refused(pod: &Value, port: u16) -> String {
    let uid = pod["metadata"]["uid"].as_str().unwrap_or_default();
    // A kubelet names the sandbox, not the pod; any stable hexadecimal text is sufficient.
    let sandbox = uid.replace('-', "").repeat(2);
    let network = format!("/var/run/netns/cni-{uid}");
    format!(
        "error forwarding port {port} to pod {sandbox}, uid : failed to execute portforward in \
         network namespace \"{network}\": failed to connect to localhost:{port} inside namespace \
         \"{sandbox}\", IPv4: dial tcp4 127.0.0.1:{port}: connect: connection refused \
         IPv6: dial tcp6 [::1]:{port}: connect: connection refused "
    )
}

/// Parses ports like the kubelet: the parameter may be repeated and may contain several.
fn parse_ports(query: &Query) -> Result<Vec<u16>, String> {
    let mut ports = Vec::new();
    for text in query.all("ports") {
        if text.is_empty() {
            return Err("query parameter \"port\" cannot be empty".to_owned());
        }
        for part in text.split(',') {
            match part.parse::<u16>() {
                Ok(0) => return Err(format!("port \"{text}\" must be > 0")),
                Ok(port) => ports.push(port),
                Err(error) => return Err(format!("unable to parse \"{text}\" as a port: {error}")),
            }
        }
    }
    if ports.is_empty() {
        return Err("query parameter \"port\" is required".to_owned());
    }
    Ok(ports)
}
