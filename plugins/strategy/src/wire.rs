//! The JSON of the strategy sidecar.

use serde::Deserialize;

/// `GET /backup/capabilities`.
#[derive(Deserialize)]
pub struct Capabilities {
    /// Of the contract.
    pub version: String,
    pub types: Vec<String>,
    /// Absent when it is not configured.
    pub est_seconds: Option<i64>,
    /// Bytes. Absent when it is not configured.
    pub est_size: Option<i64>,
}

/// The form of every error that is not an HTML page.
#[derive(Deserialize)]
struct ErrorBody {
    error: String,
}

/// 202 of an export. Only documents name it.
#[derive(Default, Deserialize)]
pub struct Accepted {
    pub status_url: Option<String>,
}

/// How far a job is. No document says its form: these are the words that such answers use.
#[derive(Deserialize)]
pub struct JobState {
    #[serde(alias = "state")]
    pub status: String,
    #[serde(alias = "message")]
    pub error: Option<String>,
}

/// The text of an error body, if it has the known form.
pub fn explain(body: &[u8]) -> Option<String> {
    let body: ErrorBody = serde_json::from_slice(body).ok()?;
    Some(body.error).filter(|text| !text.trim().is_empty())
}
