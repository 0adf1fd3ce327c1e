//! The port-forward upgrade: who may have it, to which pod, and in which protocol.
//!
//! The order of the checks is that of the real servers: authorization and the pod's node in the API
//! server, then ports and protocol in the kubelet, which answers in plain text.

use http::request::Parts;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use hyper::upgrade::OnUpgrade;
use serde_json::Value;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::route::Target;
use super::server::ApiServer;
use super::status::ApiError;
use super::tunnel::{PortStream, Tunnel};
use crate::backend::PodAddress;
use crate::faults::take_one;
use crate::web::{self, Query, Reply};

const V4: &str = "v4.channel.k8s.io";
const V5: &str = "v5.channel.k8s.io";

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
        // Since Kubernetes 1.35 a GET needs `create` too, and its refusal gives no reason.
        if faults
            .api
            .denied("create", "pods/portforward", Some(namespace))
        {
            return Err(ApiError::forbidden(&target.ty, Some(name), ""));
        }
        if faults.tunnel.pod_gone {
            return Err(ApiError::not_found(&target.ty, name));
        }
        let pod = self.stored(target)?;
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
        let restarting = &mut |settings: &mut crate::faults::FaultSettings| {
            take_one(&mut settings.tunnel.kubelet_restarting)
        };
        if self.faults.edit(restarting) {
            return Ok(web::text(StatusCode::NOT_FOUND, "pod does not exist"));
        }
        let numbers = match parse_ports(query) {
            Ok(numbers) => numbers,
            Err(message) => return Ok(web::text(StatusCode::BAD_REQUEST, &message)),
        };
        let Ok(protocol) = negotiate(&parts.headers, faults.tunnel.v5) else {
            // What Go's websocket server answers when it knows none of the offered protocols.
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
        self.tasks.spawn(async move {
            // A client that goes away between the answer and the upgrade needs no tunnel.
            if let Ok(connection) = upgrade.await {
                tunnel.run(connection).await;
            }
        });
        Ok(switching(&key, protocol))
    }

    fn open(&self, address: &PodAddress, pod: &Value, port: u16) -> PortStream {
        let closed = self.faults.snapshot().tunnel.closed_ports.contains(&port);
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

/// The kubelet's words for a port on which nothing listens.
fn refused(pod: &Value, port: u16) -> String {
    let uid = pod["metadata"]["uid"].as_str().unwrap_or_default();
    // A kubelet names the sandbox, not the pod; any stable hexadecimal text will do.
    let sandbox = uid.replace('-', "").repeat(2);
    let network = format!("/var/run/netns/cni-{uid}");
    format!(
        "error forwarding port {port} to pod {sandbox}, uid : failed to execute portforward in \
         network namespace \"{network}\": failed to connect to localhost:{port} inside namespace \
         \"{sandbox}\", IPv4: dial tcp4 127.0.0.1:{port}: connect: connection refused \
         IPv6: dial tcp6 [::1]:{port}: connect: connection refused "
    )
}

/// The key of a websocket upgrade, if the request is one.
fn websocket_key(headers: &HeaderMap) -> Option<String> {
    let has = |name, wanted: &str| {
        let values = headers.get_all(name).iter().filter_map(|v| v.to_str().ok());
        let mut words = values.flat_map(|value| value.split(','));
        words.any(|word| word.trim().eq_ignore_ascii_case(wanted))
    };
    if !has(header::CONNECTION, "upgrade") || !has(header::UPGRADE, "websocket") {
        return None;
    }
    let key = headers.get(header::SEC_WEBSOCKET_KEY)?;
    Some(key.to_str().ok()?.to_owned())
}

/// The first protocol the client offers that is served; `None` if it offers none at all.
fn negotiate(headers: &HeaderMap, v5: bool) -> Result<Option<&'static str>, ()> {
    let offered = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter();
    let offered: Vec<&str> = offered
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .collect();
    if offered.is_empty() {
        return Ok(None);
    }
    let known = offered.iter().find_map(|&name| match name {
        V4 => Some(V4),
        V5 if v5 => Some(V5),
        _ => None,
    });
    known.map(Some).ok_or(())
}

/// Ports as the kubelet reads them: the parameter may be repeated and may hold several.
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

fn switching(key: &str, protocol: Option<&'static str>) -> Reply {
    let mut reply = Response::new(web::full(""));
    *reply.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = reply.headers_mut();
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    let accept = derive_accept_key(key.as_bytes());
    if let Ok(accept) = HeaderValue::from_str(&accept) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    if let Some(protocol) = protocol {
        let protocol = HeaderValue::from_static(protocol);
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, protocol);
    }
    reply
}
