//! The configuration file: references `${NAME}` to the environment, YAML, and the rules of each field.
//!
//! The file is read once, as a whole, before anything starts. All problems are reported at once, with their
//! lines. `docs/agent.md` is the reference and lists the differences from the Python sidecar.

mod commands;
mod file_archive;
mod folders;
mod problem;
mod section;
mod strategy;
mod substitute;
#[cfg(test)]
mod tests;
mod tree;

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

pub use commands::{CommandLine, Commands};
pub use file_archive::{Compression, FileArchive, Format};
pub use folders::prepare;
use problem::Findings;
pub use problem::{At, Problem};
use section::Section;
pub use strategy::{ArtifactInfo, Strategy, Work};
pub use substitute::Environment;
use tree::Value;

use crate::redact::Secret;

/// The default path of the file: the compose file mounts it there.
pub const DEFAULT_PATH: &str = "/etc/sidecar/config.yaml";
/// The only contract version that the orchestrator accepts.
const CONTRACT_VERSION: &str = "v1";
/// Minimum length of a token, in characters. Shorter tokens can be guessed.
const SHORT_TOKEN: usize = 16;

/// A valid configuration.
#[derive(Debug, Clone)]
pub struct Config {
    pub app: App,
    pub capabilities: Capabilities,
    pub strategy: Strategy,
    pub paths: Paths,
    pub limits: Limits,
    pub api_token: Secret,
    /// The other secrets of the configuration. They are redacted in logs and errors.
    pub secrets: Vec<Secret>,
    /// Settings that work but should be changed.
    pub warnings: Vec<Problem>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct App {
    pub host: IpAddr,
    /// The port; 0 means any free port, which the log then shows.
    pub port: u16,
}

/// The answer of `GET /backup/capabilities`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Capabilities {
    pub version: String,
    pub types: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub est_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub est_size: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    pub workdir: PathBuf,
    pub artifacts: PathBuf,
    pub temp_dump: PathBuf,
}

/// Limits of the resources of one export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Maximum size of an artifact, in bytes.
    pub artifact: u64,
    /// Maximum duration of a command; `None` is unlimited.
    pub command: Option<Duration>,
    /// Time between the signal to end and the signal to kill a command.
    pub kill: Duration,
    /// Maximum time for the head of a request, for its body, and between two requests; zero is unlimited.
    pub request: Duration,
    /// Maximum time in which a client accepts no byte of its answer; zero is unlimited.
    pub stall: Duration,
    /// Maximum number of exports that wait while another one runs.
    pub waiting: usize,
    /// Maximum duration of a running export after the program was told to stop.
    pub grace: Duration,
}

impl Config {
    /// Parses a configuration.
    ///
    /// # Errors
    ///
    /// Returns all problems in the order of the lines.
    pub fn parse(raw: &str, env: &Environment) -> Result<Self, Vec<Problem>> {
        let mut findings = Findings::default();
        let config = read(raw, env, &mut findings);
        findings.problems.sort_by_key(|problem| problem.at);
        match config {
            Some(mut config) if findings.problems.is_empty() => {
                config.warnings = findings.warnings;
                Ok(config)
            }
            _ => Err(findings.problems),
        }
    }
}

/// Reads the configuration. Returns `None` only if the findings contain a problem.
fn read(raw: &str, env: &Environment, findings: &mut Findings) -> Option<Config> {
    let tree = tree::read(raw, env, findings)?;
    let Some(mut root) = Section::root(&tree) else {
        findings.problem(tree.at, "Configuration root must be a mapping");
        return None;
    };
    let app = app(root.section("app", findings), findings);
    let capabilities = capabilities(root.section("capabilities", findings), findings);
    let paths = paths(root.section("paths", findings), env, findings);
    let limits = limits(root.section("limits", findings), findings);
    let secrets = secrets(root.section("secrets", findings), findings);
    let strategy = root.section("strategy", findings);
    let workdir = paths.as_ref().map(|paths| paths.workdir.clone());
    let strategy = strategy::read(strategy, &workdir.unwrap_or_default(), env, findings);
    root.finish(findings);
    let (api_token, secrets) = secrets?;
    Some(Config {
        app: app?,
        capabilities: capabilities?,
        strategy: strategy?,
        paths: paths?,
        limits,
        api_token,
        secrets,
        warnings: Vec::new(),
    })
}

fn app(mut section: Section<'_>, findings: &mut Findings) -> Option<App> {
    let host = match section.text("host", findings) {
        Some((at, text)) => {
            let host = text.parse().ok();
            if host.is_none() {
                let reason = "app.host must be an address, such as 0.0.0.0 or 127.0.0.1";
                findings.problem(at, reason);
            }
            host
        }
        None => Some(IpAddr::from([0, 0, 0, 0])),
    };
    let port = match section.text("port", findings) {
        Some((at, text)) => {
            let port = text.trim().parse().ok();
            if port.is_none() {
                findings.problem(at, format!("Invalid integer for app.port: {text}"));
            }
            port
        }
        None => Some(8000),
    };
    section.finish(findings);
    Some(App {
        host: host?,
        port: port?,
    })
}

fn capabilities(mut section: Section<'_>, findings: &mut Findings) -> Option<Capabilities> {
    let version = section.required("version", "capabilities.version is required", findings);
    if let Some((at, version)) = version
        && version != CONTRACT_VERSION
    {
        findings.warning(
            at,
            format!(
                "capabilities.version must be {CONTRACT_VERSION}: the orchestrator accepts no other"
            ),
        );
    }
    match section.get("types").map(|node| (node.at, &node.value)) {
        None => findings.problem(section.at, "capabilities.types is required"),
        Some((at, Value::Text(_))) => {
            findings.problem(at, "capabilities.types must be a list of texts");
        }
        Some(_) => {}
    }
    let types = section.texts("types", findings);
    let est_seconds = section.integer("est_seconds", findings);
    let est_size = section.integer("est_size", findings);
    section.finish(findings);
    Some(Capabilities {
        version: version?.1.to_owned(),
        types: types?,
        est_seconds,
        est_size,
    })
}

fn paths(mut section: Section<'_>, env: &Environment, findings: &mut Findings) -> Option<Paths> {
    let mut path = |key| {
        section.required(key, &format!("Missing paths.{key}"), findings)?;
        section.path(key, env, findings)
    };
    let (workdir, artifacts, temp_dump) = (path("workdir"), path("artifacts"), path("temp_dump"));
    section.finish(findings);
    Some(Paths {
        workdir: workdir?,
        artifacts: artifacts?,
        temp_dump: temp_dump?,
    })
}

fn limits(mut section: Section<'_>, findings: &mut Findings) -> Limits {
    let artifact = section.bytes("artifact_size", findings);
    let mut seconds = |key| section.integer(key, findings).map(Duration::from_secs);
    let limits = Limits {
        artifact: artifact.unwrap_or(16 << 30),
        command: seconds("command_seconds"),
        kill: seconds("kill_seconds").unwrap_or(Duration::from_secs(5)),
        request: seconds("request_seconds").unwrap_or(Duration::from_secs(30)),
        stall: seconds("stall_seconds").unwrap_or(Duration::from_mins(2)),
        grace: seconds("grace_seconds").unwrap_or(Duration::from_secs(20)),
        waiting: section
            .integer("waiting", findings)
            .map_or(4, |n| usize::try_from(n).unwrap_or(usize::MAX)),
    };
    section.finish(findings);
    limits
}

/// Reads the token, and the other secrets. The names of the others are free: templates of the orchestrator's
/// repository have `database_url` and `ssh_private_key`.
fn secrets(mut section: Section<'_>, findings: &mut Findings) -> Option<(Secret, Vec<Secret>)> {
    let token = section.required("api_token", "secrets.api_token is required", findings);
    if let Some((at, token)) = token {
        if token.contains(|c: char| !c.is_ascii_graphic()) {
            findings.problem(
                at,
                "secrets.api_token can't be sent in a header: it must be visible ASCII characters without spaces",
            );
        } else if token.len() < SHORT_TOKEN {
            findings.warning(
                at,
                format!(
                    "secrets.api_token has fewer than {SHORT_TOKEN} characters: it can be guessed"
                ),
            );
        }
    }
    let mut secrets = Vec::new();
    for entry in section.entries() {
        if let Some(texts) = section::texts_of(&entry.node) {
            secrets.extend(texts.into_iter().map(Secret::new));
        }
    }
    Some((Secret::new(token?.1), secrets))
}
