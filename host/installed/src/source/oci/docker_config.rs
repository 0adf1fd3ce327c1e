//! Finds credentials for registries in docker's configuration.
//!
//! `config.json` in docker's folder names a helper for one registry (`credHelpers`) or for all
//! (`credsStore`), or contains passwords itself (`auths`). They are used in this order.
//! <https://docs.docker.com/reference/cli/docker/login/#credential-stores>
//!
//! Docker, podman, oras and helm write this file, and so do people and their scripts. An invalid entry is an
//! error only for the registry that it is about.

mod entry;
mod file;

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use host_base::{Secret, files};
use serde::Deserialize;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use self::file::Config;
use super::super::{SourceError, SourceOptions};

/// The user name by which a helper marks its secret as an identity token.
const TOKEN_USER: &str = "<token>";

/// The maximum size of the configuration, in bytes.
const MAX_CONFIG: u64 = 16 << 20;

/// The places to search and the time limit.
pub(in crate::source) struct DockerConfig {
    file: Option<PathBuf>,
    helper_path: Option<OsString>,
    deadline: Duration,
}

/// The credentials for a registry, or for the server that issues its tokens.
#[derive(Clone, Debug)]
pub(super) enum Credentials {
    Password {
        user: String,
        password: Secret,
    },
    /// Docker's name for an OAuth 2 refresh token.
    IdentityToken(Secret),
    /// A token for the registry itself, which needs no token server.
    RegistryToken(Secret),
}

/// The output of a helper.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: Option<String>,
    secret: Option<String>,
}

impl DockerConfig {
    /// Creates the look-up; it opens no file.
    pub(in crate::source) fn of(options: &SourceOptions) -> Self {
        let folder = options.docker_config.as_ref();
        Self {
            file: folder.map(|folder| folder.join("config.json")),
            helper_path: options.helper_path.clone(),
            deadline: options.deadlines.helper,
        }
    }

    /// Returns the credentials for `server` and one `repository` of it. `server` is a host with its port, or
    /// docker's own name for its registry.
    ///
    /// # Errors
    /// When credentials exist and are unusable. The registry may still respond without them.
    pub(super) async fn credentials(
        &self,
        server: &str,
        repository: &str,
    ) -> Result<Option<Credentials>, SourceError> {
        let Some(file) = &self.file else {
            return Ok(None);
        };
        let text = match files::read(file, MAX_CONFIG) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unusable(file, error.to_string())),
        };
        let config = Config::read(&text)
            .map_err(|line| unusable(file, format!("line {line} is not understood")))?;
        let mut problem = None;
        if let Some(helper) = config.helper(server) {
            match self.ask(helper, server).await {
                Ok(Some(found)) => return Ok(Some(found)),
                Ok(None) => {}
                // The file may still contain a password.
                Err(error) => problem = Some(error),
            }
        }
        let damaged = || {
            unusable(
                file,
                format!("the entry of {server} has no user name with a password"),
            )
        };
        match (config.login(server, repository), problem) {
            (Ok(None), Some(problem)) => Err(problem),
            (Ok(login), _) => Ok(login),
            (Err(()), problem) => Err(problem.unwrap_or_else(damaged)),
        }
    }

    async fn ask(&self, name: &str, server: &str) -> Result<Option<Credentials>, SourceError> {
        let program = format!("docker-credential-{name}");
        let failed = |reason: String| SourceError::Helper {
            program: program.clone(),
            reason,
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if !name.chars().all(plain) {
            return Err(failed("has an invalid name".to_owned()));
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
            // This text is part of the protocol; all helpers use it.
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
            .map_err(|_| failed("printed something that is not a login".to_owned()))?;
        let secret = answer.secret.filter(|secret| !secret.is_empty());
        let user = answer.username.unwrap_or_default();
        Ok(secret.map(|secret| match user.as_str() {
            TOKEN_USER => Credentials::IdentityToken(secret.into()),
            _ => Credentials::Password {
                user,
                password: secret.into(),
            },
        }))
    }

    /// Runs `docker-credential-NAME get` with the server on stdin, and kills it at the deadline.
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
            // A helper may ignore its input; only its answer matters.
            let _ = stdin.write_all(server.as_bytes()).await;
        }
        child.wait_with_output().await
    }
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
