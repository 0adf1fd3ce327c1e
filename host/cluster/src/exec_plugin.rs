//! Runs credential plugins: programs that print an `ExecCredential`.
//!
//! <https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins>

use std::io::{self, IsTerminal};
use std::process::Stdio;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use host_base::Secret;
use host_web::ClientCertificate;
use http::HeaderValue;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;
use tokio::sync::Mutex;

use super::credentials::{CredentialError, bearer, either};
use super::kubeconfig::{ClusterEntry, ExecEntry, data, tolerant};

/// The maximum size of a plugin's output, in bytes.
const MAX_ANSWER: u64 = 1 << 20;
/// How long before their expiry credentials are renewed.
const MARGIN: SignedDuration = SignedDuration::from_secs(10);
/// The kubeconfig extension with the cluster information for a plugin.
const EXTENSION: &str = "client.authentication.k8s.io/exec";

/// A plugin and its latest credentials.
pub(super) struct Plugin {
    entry: ExecEntry,
    mode: Mode,
    /// The cluster information for the plugin; null if the plugin does not ask for it.
    cluster: Value,
    certificate: Arc<ClientCertificate>,
    given: Mutex<Option<Given>>,
}

struct Given {
    token: Option<HeaderValue>,
    expires: Option<Timestamp>,
}

/// Whether the plugin may interact with the user.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Never,
    IfAvailable,
    Always,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ExecCredential {
    api_version: String,
    status: Option<Status>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Status {
    expiration_timestamp: String,
    token: String,
    client_certificate_data: String,
    client_key_data: String,
}

impl Plugin {
    /// Creates a plugin; it runs nothing yet.
    pub(super) fn new(
        entry: &ExecEntry,
        cluster: &ClusterEntry,
        certificate: Arc<ClientCertificate>,
    ) -> Result<Self, CredentialError> {
        let refuse = |reason: &str| CredentialError::Entry(reason.to_owned());
        if entry.command.is_empty() {
            return Err(refuse("its credential plugin (`exec`) has no command"));
        }
        if entry.api_version.is_empty() {
            return Err(refuse("its credential plugin (`exec`) has no apiVersion"));
        }
        if entry.env.iter().any(|variable| variable.name.is_empty()) {
            return Err(refuse(
                "its credential plugin (`exec`) has a variable without a name",
            ));
        }
        let mode = match &*entry.interactive_mode {
            "Never" => Mode::Never,
            "" | "IfAvailable" => Mode::IfAvailable,
            "Always" => Mode::Always,
            _ => {
                return Err(refuse(
                    "interactiveMode of its credential plugin (`exec`) must be Never, IfAvailable or Always",
                ));
            }
        };
        let cluster = if entry.provide_cluster_info {
            description(cluster)?
        } else {
            Value::Null
        };
        Ok(Self {
            entry: entry.clone(),
            mode,
            cluster,
            certificate,
            given: Mutex::default(),
        })
    }

    /// Returns the header. It runs the plugin if there are no credentials, or if they are about to expire.
    pub(super) async fn header(&self) -> Result<Option<HeaderValue>, CredentialError> {
        let mut given = self.given.lock().await;
        let is_good = given.as_ref().is_some_and(|given| {
            // The margin is added to the current time, because subtracting it from the earliest possible time
            // would fail.
            let renewed = Timestamp::now() + MARGIN;
            given.expires.is_none_or(|end| renewed < end)
        });
        if !is_good {
            *given = Some(self.run().await?);
        }
        Ok(given.as_ref().and_then(|given| given.token.clone()))
    }

    pub(super) async fn forget(&self) {
        *self.given.lock().await = None;
    }

    async fn run(&self) -> Result<Given, CredentialError> {
        let stdout = self.ask().await?;
        let answer: ExecCredential = std::str::from_utf8(&stdout)
            .ok()
            .and_then(|text| tolerant(text).ok())
            .ok_or_else(|| self.failed("printed something that is not an ExecCredential"))?;
        if !answer.api_version.is_empty() && answer.api_version != self.entry.api_version {
            let reason = format!(
                "printed an ExecCredential of version {}, and the kubeconfig wants {}",
                answer.api_version, self.entry.api_version
            );
            return Err(self.failed(&reason));
        }
        let status = answer
            .status
            .ok_or_else(|| self.failed("printed an ExecCredential without a status"))?;
        let token = bearer(&Secret::from(status.token)).map_err(|_| {
            self.failed("printed a token with a line break or another control character")
        })?;
        let has_key = !status.client_key_data.trim().is_empty();
        match (!status.client_certificate_data.trim().is_empty(), has_key) {
            (true, true) => {
                let certificate = status.client_certificate_data.as_bytes();
                self.certificate
                    .set(certificate, status.client_key_data.as_bytes())
                    .map_err(|reason| {
                        self.failed(&format!("printed an invalid certificate: {reason}"))
                    })?;
            }
            (false, false) if token.is_none() => {
                return Err(self.failed("printed neither a token nor a certificate with its key"));
            }
            (false, false) => {}
            _ => return Err(self.failed("printed only one of certificate and key")),
        }
        let expires = match status.expiration_timestamp.trim() {
            "" => None,
            time => Some(time.parse().map_err(|_| {
                self.failed("printed an ExecCredential whose expirationTimestamp is not a time")
            })?),
        };
        Ok(Given { token, expires })
    }

    /// Runs the program. Its output and arguments are never shown, because both may contain secrets.
    async fn ask(&self) -> Result<Vec<u8>, CredentialError> {
        let has_terminal = io::stdin().is_terminal();
        let interactive = match self.mode {
            Mode::Never => false,
            Mode::IfAvailable => has_terminal,
            Mode::Always if has_terminal => true,
            Mode::Always => {
                return Err(self.failed("needs a terminal as standard input, to ask you"));
            }
        };
        let mut spec = json!({ "interactive": interactive });
        if !self.cluster.is_null() {
            spec["cluster"] = self.cluster.clone();
        }
        let info = json!({
            "kind": "ExecCredential", "apiVersion": self.entry.api_version, "spec": spec,
        });
        let variables = self.entry.env.iter().map(|it| (&it.name, &it.value));
        // The user must see the plugin's messages, such as a login code. With `Never`, there is no user to
        // address.
        let stderr = match self.mode {
            Mode::Never => Stdio::piped(),
            _ => Stdio::inherit(),
        };
        let spawned = Command::new(&self.entry.command)
            .args(&self.entry.args)
            .envs(variables)
            .env("KUBERNETES_EXEC_INFO", info.to_string())
            .stdin(if interactive {
                Stdio::inherit()
            } else {
                Stdio::null()
            })
            .stdout(Stdio::piped())
            .stderr(stderr)
            .kill_on_drop(true)
            .spawn();
        let mut child = spawned.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => self.failed("is not installed, or not in PATH"),
            _ => self.failed(&format!("can't be started: {error}")),
        })?;
        let (stdout, stderr) =
            tokio::join!(all(child.stdout.take()), beginning(child.stderr.take()));
        let broken = |error: io::Error| self.failed(&format!("can't be waited for: {error}"));
        let stdout = stdout.map_err(broken)?;
        if stdout.len() as u64 > MAX_ANSWER {
            return Err(self.failed("printed more than 1 MiB"));
        }
        let status = child.wait().await.map_err(broken)?;
        if status.success() {
            return Ok(stdout);
        }
        let said = stderr.unwrap_or_default();
        let said = String::from_utf8_lossy(&said);
        Err(match said.trim().lines().last() {
            Some(last) if !last.is_empty() => self.failed(&format!("failed with {status}: {last}")),
            _ => self.failed(&format!("failed with {status}")),
        })
    }

    fn failed(&self, reason: &str) -> CredentialError {
        CredentialError::Plugin {
            command: self.entry.command.clone(),
            reason: reason.to_owned(),
            install_hint: Some(self.entry.install_hint.clone()).filter(|hint| !hint.is_empty()),
        }
    }
}

async fn all(stream: Option<impl AsyncRead + Unpin>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(stream) = stream {
        stream.take(MAX_ANSWER + 1).read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}

/// Reads the stream to its end and keeps the beginning. A program whose output is not read would never end.
async fn beginning(stream: Option<impl AsyncRead + Unpin>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(mut stream) = stream {
        (&mut stream)
            .take(MAX_ANSWER)
            .read_to_end(&mut bytes)
            .await?;
        tokio::io::copy(&mut stream, &mut tokio::io::sink()).await?;
    }
    Ok(bytes)
}

/// Returns the `Cluster` of client.authentication.k8s.io/v1.
fn description(cluster: &ClusterEntry) -> Result<Value, CredentialError> {
    let names = ["certificate-authority-data", "certificate-authority"];
    let authority = data(cluster.certificate_authority_data.as_bytes())
        .map_err(|reason| CredentialError::Entry(format!("{}: {reason}", names[0])))?;
    let authority = if authority.is_empty() && cluster.certificate_authority.is_empty() {
        Vec::new()
    } else {
        either(authority, &cluster.certificate_authority, names)?
    };
    let mut described = json!({ "server": cluster.server.trim() });
    let mut add = |name: &str, value: Value| {
        let is_absent = value == json!("") || value == json!(false) || value.is_null();
        if !is_absent {
            described[name] = value;
        }
    };
    add("tls-server-name", json!(cluster.tls_server_name));
    add(
        "insecure-skip-tls-verify",
        json!(cluster.insecure_skip_tls_verify),
    );
    add(
        "certificate-authority-data",
        json!(BASE64_STANDARD.encode(authority)),
    );
    add("proxy-url", json!(cluster.proxy_url));
    add("disable-compression", json!(cluster.disable_compression));
    let config = cluster.extensions.iter().find(|it| it.name == EXTENSION);
    add(
        "config",
        config.map_or(Value::Null, |it| it.extension.clone()),
    );
    Ok(described)
}
