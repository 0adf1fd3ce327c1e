//! The JSON of the strategy sidecar.

use serde::Deserialize;

/// The answer of `GET /backup/capabilities`.
#[derive(Deserialize)]
pub struct Capabilities {
    /// The version of the contract.
    pub version: String,
    pub types: Vec<String>,
    /// The expected duration in seconds; absent if it is not configured.
    pub est_seconds: Option<i64>,
    /// The expected size in bytes; absent if it is not configured.
    pub est_size: Option<i64>,
}

/// The form of every error that is not an HTML page.
#[derive(Deserialize)]
struct ErrorBody {
    error: String,
}

/// The 202 answer of an export. Only the documents mention it.
#[derive(Default, Deserialize)]
pub struct Accepted {
    pub status_url: Option<String>,
}

/// The state of a job. No document specifies its form; these are common words of such answers.
#[derive(Deserialize)]
pub struct JobState {
    #[serde(alias = "state")]
    pub status: String,
    #[serde(alias = "message")]
    pub error: Option<String>,
}

/// Returns the text of an error body, if it has the known form.
pub fn explain(body: &[u8]) -> Option<String> {
    let body: ErrorBody = serde_json::from_slice(body).ok()?;
    Some(body.error).filter(|text| !text.trim().is_empty())
}
