//! An engine for the backups of {{name}}, which uses its REST API.
//!
//! An engine knows which requests to send and how to read the answers. The host finds the pods, opens the
//! connection, adds credentials, waits for a backup, and shows the result.

use broker_engine::{
    Backup, Create, CreateRequest, Detect, Detection, List, ListRequest, Page, Result, State, Status,
    StatusRequest, engine, http,
};
use serde::Deserialize;

/// The engine.
pub struct Engine;

// The macro checks the manifest at compile time, writes it into the component, and exports the operations.
engine!(Engine, "engine.toml");

impl Detect for Engine {
    /// Sends a cheap request that distinguishes this backend from any other program on that port.
    fn detect() -> Result<Detection> {
        let health: Health = http::get("api", "/v1/health").send()?.expect_ok()?.json()?;
        let mut detection = Detection::of(&health.product);
        detection.version = Some(health.version);
        Ok(detection)
    }
}

impl List for Engine {
    /// Returns the backups in any order: the host sorts them.
    fn list(_: ListRequest) -> Result<Page> {
        let list: Listed = http::get("api", "/v1/backups")
            .send()?
            .expect_ok()?
            .json()?;
        Ok(list.backups.into_iter().map(to_backup).collect())
    }
}

impl Status for Engine {
    /// Returns one backup. The host polls this operation until the backup has ended.
    fn status(request: StatusRequest) -> Result<Backup> {
        // A parameter is passed separately: the host encodes it, so that it can't change the route.
        let found: Entry = http::get("api", "/v1/backups/{id}")
            .parameter("id", &request.id)
            .send()?
            .expect_ok()?
            .json()?;
        Ok(to_backup(found))
    }
}

impl Create for Engine {
    /// Starts a backup and returns at once: the host waits.
    fn create(_: CreateRequest) -> Result<Backup> {
        let begun: Entry = http::post("api", "/v1/backups")
            .send()?
            .expect_ok()?
            .json()?;
        Ok(to_backup(begun))
    }
}

/// The JSON of `GET /v1/health`.
#[derive(Deserialize)]
struct Health {
    product: String,
    version: String,
}

/// The JSON of `GET /v1/backups`. A missing key is an error, not an empty list.
#[derive(Deserialize)]
struct Listed {
    backups: Vec<Entry>,
}

/// The JSON of one backup.
#[derive(Deserialize)]
struct Entry {
    id: String,
    state: String,
    /// The time of creation as RFC 3339 text.
    created: Option<String>,
    bytes: Option<u64>,
    error: Option<String>,
}

fn to_backup(entry: Entry) -> Backup {
    let state = match entry.state.as_str() {
        "queued" => State::Pending,
        "running" => State::Running,
        "done" => State::Succeeded,
        "failed" => State::Failed,
        // A later version of the backend may have more states.
        _ => State::Unknown,
    };
    let mut backup = Backup::new(entry.id, state);
    backup.reported_state = Some(entry.state);
    backup.size = entry.bytes;
    backup.created = entry.created;
    backup.failure = entry.error;
    backup
}

#[cfg(test)]
mod tests;
