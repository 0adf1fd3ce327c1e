//! The exec upgrade: authorization, the choice of the container, and the messages of a command.
//!
//! The checks have the same order as in the real servers. The API server checks the authorization, the
//! container and the pod's node. The kubelet then checks the container's state and the protocol.
//!
//! With `v5.channel.k8s.io` the connection ends at the API server, so errors of the kubelet arrive as the
//! outcome of the command. Channels 1, 2 and 3 carry standard output, standard error and the outcome.

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::SinkExt;
use http::StatusCode;
use http::request::Parts;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::kubelet::Obstacle;
use super::route::Target;
use super::server::ApiServer;
use super::status::ApiError;
use super::upgrade::{Socket, V5, negotiate, switching, websocket_key};
use crate::backend::PodAddress;
use crate::pods::{Outcome, Process};
use crate::web::{self, Query, Reply};

const STDOUT: u8 = 1;
const STDERR: u8 = 2;
const OUTCOME: u8 = 3;
/// The number of bytes that the kubelet copies at once.
const PIECE: usize = 32 * 1024;

impl ApiServer {
    pub(super) fn exec(
        &self,
        target: &Target,
        parts: &mut Parts,
        query: &Query,
    ) -> Result<Reply, ApiError> {
        let name = target.name.as_deref().unwrap_or_default();
        let namespace = target.namespace.as_deref().unwrap_or_default();
        let faults = self.faults.snapshot();
        // As for a port-forward, since Kubernetes 1.35 a GET also requires the permission `create`.
        if faults.api.denied("create", "pods/exec", Some(namespace)) {
            return Err(ApiError::forbidden(&target.ty, Some(name), ""));
        }
        let streams = ["stdin", "stdout", "stderr"].map(|stream| query.flag(stream));
        if streams == [false; 3] {
            let message = "you must specify at least 1 of stdin, stdout, stderr";
            return Err(ApiError::bad_request(message));
        }
        if query.get("command").is_none() {
            return Err(ApiError::bad_request("you must specify a command"));
        }
        let pod = self.seen("pods", self.stored(target)?);
        let container = container(&pod, name, query)?;
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
        let statuses = pod["status"]["containerStatuses"].as_array();
        let running = statuses.into_iter().flatten().any(|status| {
            status["name"] == container["name"] && status["state"]["running"].is_object()
        });
        let no_container = || (!running).then(|| Obstacle::no_container(&container["name"]));
        let obstacle = self.obstacle(&pod).or_else(no_container);
        let Ok(protocol) = negotiate(&parts.headers, true) else {
            return Ok(web::text(StatusCode::FORBIDDEN, ""));
        };
        // With the fifth version the connection ends at the API server, which asks the kubelet afterwards.
        let refused = match obstacle {
            Some(obstacle) if protocol != Some(V5) => return Ok(obstacle.reply()),
            Some(obstacle) => Some(obstacle.outcome(&pod, &container)),
            None => None,
        };
        let Some(upgrade) = parts.extensions.remove::<OnUpgrade>() else {
            return Err(ApiError::bad_request("Upgrade request required"));
        };

        let process = Process {
            argv: query.all("command").map(str::to_owned).collect(),
            environment: environment(&pod, &container),
        };
        let address = PodAddress::new(namespace, name);
        let program = process.argv.first().cloned().unwrap_or_default();
        let outcome = if faults.exec.missing.contains(&program) || refused.is_some() {
            Outcome::NotFound
        } else {
            self.files.run(&address, &process, faults.exec.disk_free)
        };
        let session = Session {
            program,
            outcome,
            stdout: streams[1],
            stderr: streams[2],
            cut: faults.exec.cut,
            refused,
        };
        self.tasks.spawn(async move {
            if let Ok(connection) = upgrade.await {
                // A client that disconnected needs no outcome.
                let _ = session.tell(connection).await;
            }
        });
        Ok(switching(&key, protocol))
    }
}

/// Returns the container of the request. It must be named if the pod has several.
fn container(pod: &Value, pod_name: &str, query: &Query) -> Result<Value, ApiError> {
    let all = pod["spec"]["containers"].as_array();
    let all: Vec<&Value> = all.into_iter().flatten().collect();
    let wanted = query.get("container").filter(|name| !name.is_empty());
    let found = match (wanted, &all[..]) {
        (None, [only]) => Some(only),
        (None, _) => {
            let names: Vec<&str> = all.iter().filter_map(|c| c["name"].as_str()).collect();
            return Err(ApiError::bad_request(format!(
                "a container name must be specified for pod {pod_name}, choose one of: [{}]",
                names.join(" ")
            )));
        }
        (Some(name), _) => all.iter().find(|container| container["name"] == name),
    };
    let invalid = || {
        let name = wanted.unwrap_or_default();
        ApiError::bad_request(format!("container {name} is not valid for pod {pod_name}"))
    };
    Ok(Value::clone(found.ok_or_else(invalid)?))
}

fn environment(pod: &Value, container: &Value) -> Vec<(String, String)> {
    let hostname = pod["spec"]["hostname"].as_str().unwrap_or_default();
    let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    let usual = [
        ("PATH", path),
        ("HOSTNAME", hostname),
        ("HOME", "/opt/hivemq"),
    ];
    let declared = container["env"].as_array().into_iter().flatten();
    let declared =
        declared.filter_map(|entry| Some((entry["name"].as_str()?, entry["value"].as_str()?)));
    usual
        .into_iter()
        .chain(declared)
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// A command that has run, and the parts of its result to send.
struct Session {
    program: String,
    outcome: Outcome,
    stdout: bool,
    stderr: bool,
    cut: bool,
    /// The kubelet's reason for rejecting the command.
    refused: Option<String>,
}

impl Session {
    async fn tell(self, connection: Upgraded) -> Result<(), Error> {
        let io = TokioIo::new(connection);
        let mut socket: Socket = WebSocketStream::from_raw_socket(io, Role::Server, None).await;
        // The kubelet signals that it is ready with an empty message on the first channel.
        let first = if self.stdout { STDOUT } else { STDERR };
        socket.send(message(first, &[])).await?;
        let (stdout, stderr) = match &self.outcome {
            Outcome::Exited { stdout, stderr, .. } => (stdout.as_str(), stderr.as_str()),
            Outcome::NotFound => ("", ""),
        };
        for (channel, wanted, text) in
            [(STDOUT, self.stdout, stdout), (STDERR, self.stderr, stderr)]
        {
            for piece in text.as_bytes().chunks(PIECE).filter(|_| wanted) {
                socket.send(message(channel, piece)).await?;
            }
        }
        if self.cut {
            return Ok(());
        }
        let status = self.status().to_string();
        socket.send(message(OUTCOME, status.as_bytes())).await?;
        // Only clients send the signal of v5 that a channel is closed: kubectl reports an error if a server
        // does.
        let normal = CloseFrame {
            code: CloseCode::Normal,
            reason: "".into(),
        };
        socket.close(Some(normal)).await
    }

    /// Returns the outcome in the words of the kubelet and the container runtime.
    fn status(&self) -> Value {
        if let Some(message) = &self.refused {
            return json!({
                "metadata": {},
                "status": "Failure",
                "message": message,
                "reason": "InternalError",
                "details": {"causes": [{"message": message}]},
                "code": 500,
            });
        }
        match self.outcome {
            Outcome::Exited { code: 0, .. } => json!({"metadata": {}, "status": "Success"}),
            Outcome::Exited { code, .. } => json!({
                "metadata": {},
                "status": "Failure",
                "message": format!("command terminated with non-zero exit code: exit status {code}"),
                "reason": "NonZeroExitCode",
                "details": {"causes": [{"reason": "ExitCode", "message": code.to_string()}]},
            }),
            Outcome::NotFound => {
                let message = format!(
                    "Internal error occurred: error executing command in container: failed to \
                     exec in container: failed to start exec \"{}\": OCI runtime exec failed: \
                     exec failed: unable to start container process: exec: \"{}\": executable \
                     file not found in $PATH: unknown",
                    "5e".repeat(32),
                    self.program
                );
                json!({
                    "metadata": {},
                    "status": "Failure",
                    "message": message,
                    "reason": "InternalError",
                    "details": {"causes": [{"message": message}]},
                    "code": 500,
                })
            }
        }
    }
}

fn message(channel: u8, content: &[u8]) -> Message {
    let mut message = BytesMut::with_capacity(content.len() + 1);
    message.put_u8(channel);
    message.put_slice(content);
    Message::Binary(Bytes::from(message))
}
