//! The JSON of the management API.

use serde::Deserialize;

/// The answer of `GET /api/v1/management/backups`. It is not paged.
#[derive(Deserialize)]
pub struct BackupList {
    pub items: Vec<Backup>,
}

/// The answer of every request on one backup.
#[derive(Deserialize)]
pub struct BackupItem {
    pub backup: Backup,
}

/// The answer of an older server's `/restores`.
#[derive(Deserialize)]
pub struct RestoreItem {
    pub status: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Backup {
    pub id: String,
    /// The time of creation as RFC 3339 text, with or without milliseconds.
    pub created_at: String,
    /// The size in bytes; absent or null while the backup runs.
    pub bytes: Option<i64>,
    pub state: String,
    pub fail_reason: Option<String>,
}

/// The form of every documented error.
#[derive(Deserialize)]
pub struct ErrorBody {
    errors: Vec<ErrorItem>,
}

/// One error. `detail` is optional: a real server left it out in a 404.
#[derive(Deserialize)]
struct ErrorItem {
    title: String,
    detail: Option<String>,
}

impl ErrorBody {
    /// Returns the text of a 404 about the named resource. A real server sent a 404 without details for a
    /// route that it does not have.
    pub fn names_what_is_missing(body: &[u8]) -> Option<String> {
        let parsed: Self = serde_json::from_slice(body).ok()?;
        let detailed = parsed.errors.iter().any(|error| error.detail.is_some());
        if detailed { Self::explain(body) } else { None }
    }

    /// Returns the text of an error body, if it has the documented form.
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
