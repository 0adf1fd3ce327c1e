//! Requests that the manifest does not ask for.

use broker_engine::{Backup, Result, State, http};

fn sent(request: http::Request) -> Result<Vec<Backup>> {
    let status = request.send()?.status();
    Ok(vec![Backup::new(
        format!("answered {status}"),
        State::Succeeded,
    )])
}

pub fn route() -> Result<Vec<Backup>> {
    sent(http::get("api", "/v1/admin"))
}

pub fn endpoint() -> Result<Vec<Backup>> {
    sent(http::get("kubernetes", "/api/v1/secrets"))
}

pub fn method() -> Result<Vec<Backup>> {
    sent(http::post("api", "/v1/backup/list-remote"))
}

pub fn header() -> Result<Vec<Backup>> {
    sent(http::get("api", "/v1/backup/list-remote").header("Authorization", "Bearer of bad news"))
}

/// A parameter that would lead out of its segment.
pub fn path() -> Result<Vec<Backup>> {
    sent(http::get("api", "/v1/backup/{name}").parameter("name", "../../metrics"))
}
