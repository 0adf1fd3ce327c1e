//! Backups that a sidecar makes in the background: `202` with a status URL.
//!
//! Its documents promise this ("`job_id` and `status_url`, for deferred downloads") without details, so this
//! module assumes little.

use broker_engine::{Backup, Error, ErrorKind, Result, State, http};

use crate::wire::{Accepted, JobState};
use crate::{said, to_backup, with_hint};

/// The allowed routes of a status URL: those of the manifest, without their last segment.
const ROUTES: [(&str, &str); 4] = [
    ("/api/jobs/", "/api/jobs/{job}"),
    ("/backup/export/", "/backup/export/{job}"),
    ("/backup/jobs/", "/backup/jobs/{job}"),
    ("/backup/status/", "/backup/status/{job}"),
];
/// The base of a relative status URL: the folder of `/backup/export`.
const BASE: &str = "/backup/";

/// A job on the sidecar. Its id is the path of its status URL.
#[derive(Debug, PartialEq, Eq)]
pub struct Job<'a> {
    path: &'a str,
    route: &'static str,
    name: &'a str,
}

impl<'a> Job<'a> {
    /// Returns the job that a path names.
    pub fn at(path: &'a str) -> Option<Self> {
        ROUTES.iter().find_map(|(prefix, route)| {
            let name = path.strip_prefix(prefix)?;
            let plain = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
            let is_segment = !name.is_empty() && name.chars().all(plain);
            (is_segment && name != "." && name != "..").then_some(Self { path, route, name })
        })
    }

    /// Returns the job that the user names.
    pub fn named(id: &'a str) -> Result<Self> {
        Self::at(id).ok_or_else(|| {
            Error::not_found(format!("the sidecar has no backup {id:?}")).with_hint(
                "The sidecar stores no backups. Only a backup in the background has an id, which `backup create` shows: `/backup/jobs/ID`",
            )
        })
    }

    fn request(&self, method: http::Method) -> http::Request {
        http::Request::new(method, "api", self.route).parameter("job", self.name)
    }

    /// Returns the state of the job. `HEAD` comes first: a sidecar may deliver a backup only once, and would
    /// do so for a `GET`.
    pub fn state(&self) -> Result<Backup> {
        let answer = self.request(http::Method::Head).send()?;
        match answer.status() {
            202 => Ok(self.backup(State::Running)),
            200 if is_backup(&answer) => Ok(to_backup(self.path, &answer)),
            // The sidecar does not support HEAD, or its body has more details.
            _ => match self.get()? {
                Got::State(backup) => Ok(backup),
                Got::Bytes(answer) => Ok(to_backup(self.path, &answer)),
            },
        }
    }

    /// Returns the answer that contains the bytes of the backup.
    pub fn bytes(&self) -> Result<http::Response> {
        let backup = match self.get()? {
            Got::Bytes(answer) => return Ok(answer),
            Got::State(backup) => backup,
        };
        let word = backup.reported_state.unwrap_or_default();
        Err(match backup.state {
            State::Succeeded => Error::protocol(format!(
                "{} answers that the backup is {word:?} instead of with the backup",
                self.path
            )),
            State::Failed => Error::new(
                ErrorKind::Failed,
                format!(
                    "the backup failed: {}",
                    backup.failure.as_deref().unwrap_or(&word)
                ),
            ),
            _ => Error::new(
                ErrorKind::Conflict,
                format!("the backup is not ready yet ({word})"),
            )
            .retry_can_help(),
        })
    }

    fn get(&self) -> Result<Got> {
        let answer = self.request(http::Method::Get).send()?;
        let status = answer.status();
        let answer = answer.expect_ok_or(said).map_err(|error| match error.kind {
            ErrorKind::NotFound => {
                error.with_hint("The sidecar may have forgotten it, because it was restarted or the backup was handed out")
            }
            _ => with_hint(error),
        })?;
        match status {
            200 if is_backup(&answer) => Ok(Got::Bytes(answer)),
            200 => {
                let state: JobState = answer.json()?;
                Ok(Got::State(self.reported(state)))
            }
            202 => Ok(Got::State(self.backup(State::Running))),
            other => Err(Error::protocol(format!(
                "{} answered {other}, which does not contain the state of the backup",
                self.path
            ))),
        }
    }

    fn backup(&self, state: State) -> Backup {
        let mut backup = Backup::new(self.path, state);
        backup.reported_state = Some("accepted".to_owned());
        backup
    }

    fn reported(&self, reported: JobState) -> Backup {
        let state = match reported.status.to_ascii_lowercase().as_str() {
            "accepted" | "created" | "pending" | "queued" => State::Pending,
            "in_progress" | "processing" | "running" | "started" => State::Running,
            "completed" | "done" | "finished" | "ready" | "succeeded" | "success" => {
                State::Succeeded
            }
            "error" | "failed" | "failure" => State::Failed,
            _ => State::Unknown,
        };
        let mut backup = self.backup(state);
        backup.reported_state = Some(reported.status);
        backup.failure = reported.error.filter(|_| state == State::Failed);
        backup
    }
}

/// The answer of the status URL.
enum Got {
    State(Backup),
    /// The answer is the backup itself.
    Bytes(http::Response),
}

/// Returns the backup that a `202` promises.
pub fn promised(answer: &http::Response) -> Result<Backup> {
    let location = answer.header("location");
    let body = answer.read(MAX_ACCEPTED)?;
    let accepted: Accepted = serde_json::from_slice(&body).unwrap_or_default();
    let url = accepted.status_url.or(location).ok_or_else(|| {
        Error::protocol(
            "the sidecar makes the backup in the background, but does not say where to ask for it",
        )
    })?;
    let path = path(&url)?;
    let job = Job::at(&path).ok_or_else(|| {
        refused(
            &url,
            "leads to none of the routes that this engine may ask for",
        )
        .with_hint(
            "They are /api/jobs/ID, /backup/export/ID, /backup/jobs/ID and /backup/status/ID",
        )
    })?;
    Ok(job.backup(State::Running))
}

/// Maximum length of the body of a `202`, in bytes.
const MAX_ACCEPTED: u64 = 64 << 10;

/// Returns the path that a status URL names on the same sidecar.
///
/// The host sends requests to one endpoint only, so that a URL can't redirect them. A URL of another server
/// is rejected anyway: its path on this sidecar would be the wrong one.
fn path(url: &str) -> Result<String> {
    let absolute = match url.split_once("://") {
        Some((_, rest)) => Some(rest),
        None => url.strip_prefix("//"),
    };
    let path = match absolute {
        None => url,
        Some(rest) => {
            let (authority, _) = rest.split_once('/').unwrap_or((rest, ""));
            if !is_own(authority) {
                return Err(refused(url, "names another server"));
            }
            &rest[authority.len()..]
        }
    };
    if path.contains(['?', '#', '\\', '%']) || path.chars().any(char::is_control) {
        return Err(refused(url, "is more than a plain path"));
    }
    let from_root = if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("{BASE}{path}")
    };
    let mut segments: Vec<&str> = Vec::new();
    for segment in from_root.split('/').skip(1) {
        match segment {
            "." => {}
            ".." => {
                segments.pop();
            }
            other => segments.push(other),
        }
    }
    Ok(format!("/{}", segments.join("/")))
}

/// Returns whether the authority of a URL is the sidecar's. A sidecar that builds a URL from the request uses
/// the name in the host's request.
fn is_own(authority: &str) -> bool {
    let port = authority.strip_prefix("localhost");
    port.is_some_and(|port| {
        port.is_empty()
            || port.strip_prefix(':').is_some_and(|digits| {
                !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
            })
    })
}

fn refused(url: &str, why: &str) -> Error {
    Error::protocol(format!(
        "the sidecar makes the backup in the background, and its status URL {url:?} {why}: it is not followed"
    ))
}

/// Returns whether an answer with 200 has the headers of a backup. JSON without them is another answer.
pub fn is_backup(answer: &http::Response) -> bool {
    let described = crate::HEADERS_OF_BACKUPS.iter();
    let described = described
        .map(|name| answer.header(name))
        .any(|it| it.is_some());
    let is_json = answer.header("content-type").is_some_and(|media| {
        let media = media.split(';').next().unwrap_or_default().trim();
        media.eq_ignore_ascii_case("application/json")
    });
    described || !is_json
}

#[cfg(test)]
mod tests;
