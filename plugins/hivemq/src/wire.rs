//! The JSON of the management API.

use serde::Deserialize;

/// `GET /api/v1/management/backups`; not paged.
#[derive(Deserialize)]
pub struct BackupList {
    pub items: Vec<Backup>,
}

/// What every request on one backup answers.
#[derive(Deserialize)]
pub struct BackupItem {
    pub backup: Backup,
}

/// What an older server's `/restores` answers.
#[derive(Deserialize)]
pub struct RestoreItem {
    pub status: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Backup {
    pub id: String,
    /// RFC 3339, with or without milliseconds.
    pub created_at: String,
    /// Absent or null while the backup runs.
    pub bytes: Option<i64>,
    pub state: String,
    pub fail_reason: Option<String>,
}

/// The form of every documented error.
#[derive(Deserialize)]
pub struct ErrorBody {
    errors: Vec<ErrorItem>,
}

/// `detail` can be missing: seen on a live 404.
#[derive(Deserialize)]
struct ErrorItem {
    title: String,
    detail: Option<String>,
}

impl ErrorBody {
    /// The text of a 404 that is about what the request names. One without details was seen on a live
    /// server for a route that it does not have.
    pub fn names_what_is_missing(body: &[u8]) -> Option<String> {
        let parsed: Self = serde_json::from_slice(body).ok()?;
        let detailed = parsed.errors.iter().any(|error| error.detail.is_some());
        if detailed { Self::explain(body) } else { None }
    }

    /// The text of an error body, if it has the documented form.
    pub fn explain(body: &[u8]) -> Option<String> {
        let body: Self = serde_json::from_slice(body).ok()?;
        let texts: Vec<String> = body
            .errors
            .into_iter()
            .map(|error| match error.detail {
                Some(detail) => format!("{}: {detail}", error.title),
                None => error.title,
            })
            .collect();
        (!texts.is_empty()).then(|| texts.join("; "))
    }
}
