//! Credentials of registries, where docker keeps them.
//!
//! `config.json` of docker's folder: a helper for one registry (`credHelpers`), a helper for all
//! (`credsStore`), and passwords in the file itself (`auths`), in this order.
//! <https://docs.docker.com/reference/cli/docker/login/#credential-stores>

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::super::{SourceError, SourceOptions};
use crate::files;
use crate::model::Secret;

/// The user name by which a helper says that its secret is an identity token.
const TOKEN_USER: &str = "<token>";

/// The largest configuration, in bytes.
const MAX_CONFIG: u64 = 16 << 20;

/// Where and how long to look.
pub(in crate::plugin::source) struct DockerConfig {
    file: Option<PathBuf>,
    helper_path: Option<OsString>,
    deadline: Duration,
}

/// What to say to a registry, or to the server that gives its tokens.
#[derive(Clone, Debug)]
pub(super) enum Credentials {
    Password {
        user: String,
        password: Secret,
    },
    /// What docker calls so is an OAuth 2 refresh token.
    IdentityToken(Secret),
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Config {
    auths: BTreeMap<String, Login>,
    cred_helpers: BTreeMap<String, String>,
    creds_store: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Login {
    auth: String,
    username: String,
    password: String,
    identitytoken: String,
}

/// What a helper prints.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: String,
    secret: String,
}

impl DockerConfig {
    /// Opens nothing.
    pub(in crate::plugin::source) fn of(options: &SourceOptions) -> Self {
        let folder = options.docker_config.as_ref();
        Self {
            file: folder.map(|folder| folder.join("config.json")),
            helper_path: options.helper_path.clone(),
            deadline: options.deadlines.helper,
        }
    }

    /// What there is for `server`: a host with its port, or docker's own name for its registry.
    pub(super) async fn credentials(
        &self,
        server: &str,
    ) -> Result<Option<Credentials>, SourceError> {
        let Some(file) = &self.file else {
            return Ok(None);
        };
        let text = match files::read(file, MAX_CONFIG) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unusable(file, error.to_string())),
        };
        let config: Config = serde_json::from_slice(&text)
            // The message of serde_json tells the place and, of a text of a wrong type, its content.
            .map_err(|error| unusable(file, format!("line {} is not understood", error.line())))?;
        let helper = config.cred_helpers.get(server);
        if let Some(helper) = helper
            .or(config.creds_store.as_ref())
            .filter(|it| !it.is_empty())
            && let Some(found) = self.ask(helper, server).await?
        {
            return Ok(Some(found));
        }
        let login = config.auths.get(server).or_else(|| {
            let host = host(server);
            let mut entries = config.auths.iter();
            entries
                .find(|(key, _)| self::host(key) == host)
                .map(|it| it.1)
        });
        login.map_or(Ok(None), |login| {
            login.read().map_err(|()| {
                unusable(
                    file,
                    format!("the entry of {server} is no user with a password"),
                )
            })
        })
    }

    async fn ask(&self, name: &str, server: &str) -> Result<Option<Credentials>, SourceError> {
        let program = format!("docker-credential-{name}");
        let failed = |reason: String| SourceError::Helper {
            program: program.clone(),
            reason,
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if !name.chars().all(plain) {
            return Err(failed("has a name that no program has".to_owned()));
        }
        let output = match tokio::time::timeout(self.deadline, self.run(&program, server)).await {
            Ok(Ok(output)) => output,
            Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => {
                return Err(failed("is not installed, or not in PATH".to_owned()));
            }
            Ok(Err(error)) => return Err(failed(format!("can't be run: {error}"))),
            Err(_) => {
                return Err(SourceError::HelperTimedOut {
                    program,
                    after: self.deadline,
                });
            }
        };
        let Output {
            status,
            stdout,
            stderr,
        } = output;
        if !status.success() {
            // The words of the protocol, which all helpers use.
            if String::from_utf8_lossy(&stdout).contains("credentials not found") {
                return Ok(None);
            }
            let said = String::from_utf8_lossy(&stderr);
            let said = said.lines().rfind(|line| !line.trim().is_empty());
            return Err(failed(match said {
                Some(said) => format!("failed ({status}): {}", said.trim()),
                None => format!("failed ({status})"),
            }));
        }
        let answer: Answer = serde_json::from_slice(&stdout)
            .map_err(|_| failed("printed something that is no login".to_owned()))?;
        Ok(match (answer.username.as_str(), answer.secret.is_empty()) {
            (_, true) => None,
            (TOKEN_USER, false) => Some(Credentials::IdentityToken(answer.secret.into())),
            (_, false) => Some(Credentials::Password {
                user: answer.username,
                password: answer.secret.into(),
            }),
        })
    }

    /// `docker-credential-NAME get`, with the server on stdin. It dies with the deadline.
    async fn run(&self, program: &str, server: &str) -> io::Result<Output> {
        let mut command = Command::new(program);
        if let Some(path) = &self.helper_path {
            command.env("PATH", path);
        }
        let mut child = command
            .arg("get")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            // A helper that does not read it has its reasons; what it answers is looked at.
            let _ = stdin.write_all(server.as_bytes()).await;
        }
        child.wait_with_output().await
    }
}

impl Login {
    /// `docker login` with a helper leaves an empty entry.
    fn read(&self) -> Result<Option<Credentials>, ()> {
        if !self.identitytoken.is_empty() {
            let token = self.identitytoken.clone().into();
            return Ok(Some(Credentials::IdentityToken(token)));
        }
        if self.auth.is_empty() {
            return Ok((!self.username.is_empty()).then(|| Credentials::Password {
                user: self.username.clone(),
                password: self.password.clone().into(),
            }));
        }
        let decoded = BASE64_STANDARD.decode(self.auth.trim()).map_err(|_| ())?;
        let text = String::from_utf8(decoded).map_err(|_| ())?;
        let (user, password) = text.split_once(':').ok_or(())?;
        Ok(Some(Credentials::Password {
            user: user.to_owned(),
            password: password.trim_end_matches('\0').to_owned().into(),
        }))
    }
}

/// Entries may be written as addresses: `https://registry.example/v2/`.
fn host(server: &str) -> String {
    let rest = server.split_once("://").map_or(server, |(_, rest)| rest);
    rest.split('/')
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase()
}

fn unusable(file: &Path, reason: String) -> SourceError {
    SourceError::Configuration {
        what: format!("docker's configuration {}", file.display()),
        reason,
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
