//! Backups of {{name}}, through its REST API.
//!
//! An engine says which requests to send and what the answers mean. The host finds the pods, opens
//! the connection, adds credentials, waits for the end of a backup, and shows the result.

use broker_engine::{
    Backup, Create, CreateRequest, Detect, Detection, List, ListRequest, Result, State, Status,
    StatusRequest, engine, http,
};
use serde::Deserialize;

/// The engine.
pub struct Engine;

// Checks the manifest while it compiles, writes it into the component, and connects the operations.
engine!(Engine, "engine.toml");

impl Detect for Engine {
    /// A cheap request that tells this backend from any other program on that port.
    fn detect() -> Result<Detection> {
        let health: Health = http::get("api", "/v1/health").send()?.expect_ok()?.json()?;
        let mut detection = Detection::of(&health.product);
        detection.version = Some(health.version);
        Ok(detection)
    }
}

impl List for Engine {
    /// In any order: the host sorts them.
    fn list(_: ListRequest) -> Result<Vec<Backup>> {
        let list: Listed = http::get("api", "/v1/backups")
            .send()?
            .expect_ok()?
            .json()?;
        Ok(list.backups.into_iter().map(to_backup).collect())
    }
}

impl Status for Engine {
    /// The host calls it again and again until a backup has ended.
    fn status(request: StatusRequest) -> Result<Backup> {
        // A parameter is given beside its route: the host encodes it, and it can't become another route.
        let found: Entry = http::get("api", "/v1/backups/{id}")
            .parameter("id", &request.id)
            .send()?
            .expect_ok()?
            .json()?;
        Ok(to_backup(found))
    }
}

impl Create for Engine {
    /// Begins a backup and returns at once: the host waits.
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

/// The JSON of `GET /v1/backups`. A key that is missing is an error, and never an empty list.
#[derive(Deserialize)]
struct Listed {
    backups: Vec<Entry>,
}

/// The JSON of one backup.
#[derive(Deserialize)]
struct Entry {
    id: String,
    state: String,
    /// RFC 3339.
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
        // A later version of the backend may have more of them.
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
