//! Runs a command in a container of a pod, over a websocket to `pods/exec` and without a shell.
//!
//! Source of the protocol: `k8s.io/kubelet/pkg/cri/streaming/remotecommand/websocket.go`. Every message is
//! binary and begins with its channel. Channel 1 is standard output, 2 is standard error. Channel 3 is the
//! outcome: one `metav1.Status` after all output. The additions of `v5.channel.k8s.io` to `v4` are for
//! clients that close the command's input; there is no input here.

use std::time::Duration;

use bytes::{Buf as _, Bytes};
use futures_util::StreamExt as _;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use super::kubelet::{self, Symptom};
use super::request::POD_EXEC;
use super::upgrade::{NO_CONTAINER, WAITS, cause};
use super::{Cluster, ClusterError, PodContainer};

const STDOUT: u8 = 1;
const STDERR: u8 = 2;
const OUTCOME: u8 = 3;

/// The maximum size of each output stream of a command, in bytes.
const MAX_OUTPUT: usize = 1 << 20;

/// A command and the place where it runs.
#[derive(Clone, Copy, Debug)]
pub struct Command<'a> {
    /// Name of the pod.
    pub pod: &'a str,
    /// Name of the container.
    pub container: &'a str,
    /// The program and its arguments. No shell interprets them.
    pub argv: &'a [&'a str],
    /// Maximum time until the connection is open, and again from then until the command is done.
    pub deadline: Duration,
}

/// The result of a command that ran to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandOutput {
    /// Everything that the command wrote to its standard output.
    pub stdout: Vec<u8>,
    /// Everything that the command wrote to its standard error.
    pub stderr: Vec<u8>,
    /// Exit code of the command; 0 is success.
    pub exit_code: i32,
}

impl CommandOutput {
    /// Returns true if the exit code is 0.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.exit_code == 0
    }
}

impl Cluster {
    /// Runs a command to its end, with one request. An exit code other than 0 is returned as `Ok`.
    ///
    /// # Errors
    /// When the command could not be run, or when its outcome is unknown.
    pub async fn exec(&self, command: &Command<'_>) -> Result<CommandOutput, ClusterError> {
        let run = Run {
            at: PodContainer {
                namespace: self.namespace().to_owned(),
                pod: command.pod.to_owned(),
                container: command.container.to_owned(),
            },
            command: command.argv.join(" "),
        };
        let deadline = command.deadline;
        let done = async {
            let access = self.access("get", &POD_EXEC, Some(command.pod));
            let (query, what) = (query(command), format!("a connection to {}", run.at));
            let mut waits = WAITS.into_iter();
            let mut tries = 0;
            loop {
                tries += 1;
                let opened = self.open_websocket(&access, &query, &what);
                // The command does not run before the connection is open.
                let websocket = self.within_timeout(&access, opened).await?;
                let (symptom, reason) = match run.output(websocket).await {
                    Err(ClusterError::CommandNotRun { reason, .. }) => {
                        (run.symptom(&reason)?, reason)
                    }
                    ended => return ended,
                };
                let repeatable = symptom.is_repeatable(false);
                match waits.next().filter(|_| repeatable) {
                    Some(wait) => tokio::time::sleep(wait).await,
                    None => {
                        let failed = self.kubelet_failed(&access, symptom, &reason, tries);
                        return Err(Box::pin(failed).await);
                    }
                }
            }
        };
        tokio::time::timeout(deadline, done)
            .await
            .unwrap_or_else(|_| {
                Err(ClusterError::CommandTimedOut {
                    command: run.command.clone(),
                    at: run.at.clone(),
                    after: deadline,
                })
            })
    }
}

fn query(command: &Command<'_>) -> String {
    let encoded = |text| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let mut query = format!(
        "container={}&stdout=true&stderr=true",
        encoded(command.container)
    );
    for argument in command.argv {
        query.push_str("&command=");
        query.push_str(&encoded(argument));
    }
    query
}

/// The fields of `metav1.Status` that say how a command ended.
#[derive(Deserialize)]
struct Ending {
    status: String,
    #[serde(default)]
    message: String,
    details: Option<Details>,
}

#[derive(Deserialize)]
struct Details {
    causes: Option<Vec<Cause>>,
}

#[derive(Deserialize)]
struct Cause {
    #[serde(default)]
    reason: String,
    #[serde(default)]
    message: String,
}

/// A running command, for errors about it.
struct Run {
    command: String,
    at: PodContainer,
}

impl Run {
    async fn output<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        mut websocket: WebSocketStream<S>,
    ) -> Result<CommandOutput, ClusterError> {
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        loop {
            let mut message = match websocket.next().await {
                Some(Ok(Message::Binary(message))) => message,
                // tungstenite answers pings itself.
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
                Some(Ok(Message::Text(_))) => {
                    return Err(
                        self.lost("the API server sent text, which the protocol does not allow")
                    );
                }
                Some(Ok(Message::Close(None))) => return Err(self.lost("it was closed")),
                Some(Ok(Message::Close(Some(frame)))) => {
                    return Err(self.lost(&format!("it was closed with {frame}")));
                }
                Some(Err(error)) => return Err(self.lost(&cause(&error))),
                None => return Err(self.lost("it ended without a close message")),
            };
            let Some(channel) = message.first().copied() else {
                continue;
            };
            message.advance(1);
            match channel {
                STDOUT => self.keep(&mut stdout, &message, "standard output")?,
                STDERR => self.keep(&mut stderr, &message, "standard error")?,
                OUTCOME if !message.is_empty() => {
                    let exit_code = self.exit_code(&message)?;
                    return Ok(CommandOutput {
                        stdout,
                        stderr,
                        exit_code,
                    });
                }
                _ => {}
            }
        }
    }

    fn keep(
        &self,
        kept: &mut Vec<u8>,
        more: &Bytes,
        stream: &'static str,
    ) -> Result<(), ClusterError> {
        if kept.len() + more.len() > MAX_OUTPUT {
            return Err(ClusterError::CommandTooLoud {
                command: self.command.clone(),
                at: self.at.clone(),
                stream,
                limit: MAX_OUTPUT,
            });
        }
        kept.extend_from_slice(more);
        Ok(())
    }

    /// Returns the exit code. A failure without an exit code means that the command was never started.
    fn exit_code(&self, outcome: &[u8]) -> Result<i32, ClusterError> {
        let ending: Ending = serde_json::from_slice(outcome)
            .map_err(|error| self.lost(&format!("its outcome can't be read: {error}")))?;
        if ending.status == "Success" {
            return Ok(0);
        }
        let causes = ending.details.and_then(|details| details.causes);
        let code = causes
            .into_iter()
            .flatten()
            .find(|cause| cause.reason == "ExitCode")
            .and_then(|cause| cause.message.parse().ok());
        code.ok_or_else(|| ClusterError::CommandNotRun {
            command: self.command.clone(),
            at: self.at.clone(),
            reason: ending.message,
        })
    }

    /// Returns what a command that was not run says about the pod's node.
    ///
    /// Since Kubernetes 1.30, the API server opens the connection before it asks the kubelet. It then reports
    /// the kubelet's failure as the outcome of the command (`StreamTranslatorHandler` of k8s.io/apiserver).
    fn symptom(&self, reason: &str) -> Result<Symptom, ClusterError> {
        if let Some(at) = reason.find(NO_CONTAINER) {
            return Err(ClusterError::PodNotUsable {
                pod: self.at.pod.clone(),
                namespace: self.at.namespace.clone(),
                reason: reason[at..].trim().to_owned(),
            });
        }
        match kubelet::symptom(500, true, reason) {
            Some(symptom) if symptom.nothing_was_done => Ok(symptom),
            Some(_) => Err(self.lost(reason)),
            None => Err(ClusterError::CommandNotRun {
                command: self.command.clone(),
                at: self.at.clone(),
                reason: reason.to_owned(),
            }),
        }
    }

    fn lost(&self, reason: &str) -> ClusterError {
        ClusterError::CommandLost {
            command: self.command.clone(),
            at: self.at.clone(),
            reason: reason.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests;
