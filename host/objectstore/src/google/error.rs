use std::time::Duration;

use host_base::text::printable;
use host_base::{Problem as _, Report, ReportKind};
use host_web::WebError;
use serde::Deserialize;

/// The maximum number of characters of foreign text in one message.
const SHOWN: usize = 400;

/// The reason why a request to Google Cloud Storage has failed.
///
/// Fields contain foreign text unchanged; messages show it through [`printable`].
#[derive(Debug, thiserror::Error)]
pub enum GoogleError {
    /// There are no credentials, or no token can be obtained with them.
    #[error("can't get Google credentials: {}", show(reason))]
    Credentials { reason: String },
    /// The address in the user's configuration is invalid.
    #[error("invalid address of Google Cloud Storage: `{}`", show(value))]
    Configuration { value: String },
    /// The request can't be built.
    #[error("the request to Google Cloud Storage can't be sent: {}", show(reason))]
    NotSent { reason: String },
    /// The object is not as the condition demands.
    #[error("{} is not as the condition of the request demands", show(what))]
    Condition { what: String },
    /// The bytes that arrived are others than those that were sent.
    #[error("{} has arrived damaged, and was deleted", show(what))]
    Damaged { what: String },
    /// The response is not one of Google Cloud Storage.
    #[error(
        "the answer of Google Cloud Storage about {} is not understood",
        show(what)
    )]
    NotUnderstood { what: String },
    /// No connection was made.
    #[error("Google Cloud Storage: {0}")]
    Web(#[from] WebError),
    /// No response arrived in time.
    #[error("the request for {} timed out after {after:?}", show(what))]
    TimedOut { what: String, after: Duration },
    /// The response was interrupted.
    #[error("the answer for {} was interrupted: {}", show(what), show(reason))]
    Cut { what: String, reason: String },
    /// The service refused the request.
    #[error(
        "Google Cloud Storage answered {status} for {}{}",
        show(what),
        because(reason, message)
    )]
    Refused {
        what: String,
        /// The permission that the request needs.
        permission: &'static str,
        status: u16,
        /// The reason as one word, such as `forbidden`.
        reason: String,
        message: String,
    },
}

/// An error response. <https://cloud.google.com/storage/docs/json_api/v1/status-codes>
#[derive(Debug, Default, Deserialize)]
pub(super) struct Refusal {
    #[serde(default)]
    error: RefusalBody,
}

#[derive(Debug, Default, Deserialize)]
struct RefusalBody {
    #[serde(default)]
    message: String,
    #[serde(default)]
    errors: Vec<RefusalReason>,
}

#[derive(Debug, Default, Deserialize)]
struct RefusalReason {
    #[serde(default)]
    reason: String,
}

impl Refusal {
    /// Parses the body of a response. Requests for bytes are refused with plain text.
    pub(super) fn parse(bytes: &[u8]) -> Self {
        serde_json::from_slice(bytes).unwrap_or_else(|_| {
            let text = String::from_utf8_lossy(bytes);
            let is_page = text.trim_start().starts_with('<');
            Self {
                error: RefusalBody {
                    message: if is_page { "" } else { text.trim() }.to_owned(),
                    errors: Vec::new(),
                },
            }
        })
    }

    pub(super) fn reason(&self) -> &str {
        self.error
            .errors
            .first()
            .map_or("", |first| first.reason.as_str())
    }

    pub(super) fn into_error(
        self,
        status: u16,
        what: String,
        permission: &'static str,
    ) -> GoogleError {
        GoogleError::Refused {
            what,
            permission,
            status,
            reason: self.reason().to_owned(),
            message: self.error.message,
        }
    }
}

/// Returns true if the same request may succeed a moment later.
pub(super) fn is_busy(status: u16, reason: &str) -> bool {
    matches!(status, 408 | 429 | 500 | 502 | 503 | 504) || is_limited(reason)
}

/// Returns true if the service refused the request before it did anything, because there were too many.
pub(super) fn is_limited(reason: &str) -> bool {
    reason.ends_with("ateLimitExceeded")
}

/// Returns true for an object that the bucket's settings keep.
fn is_kept(reason: &str) -> bool {
    matches!(reason, "retentionPolicyNotMet" | "objectUnderActiveHold")
}

impl GoogleError {
    /// Returns true if the same request may succeed a moment later.
    pub(super) fn is_passing(&self) -> bool {
        self.kind().1
    }

    fn kind(&self) -> (ReportKind, bool) {
        match self {
            Self::Credentials { .. } => (ReportKind::Unauthenticated, false),
            Self::Configuration { .. }
            | Self::NotSent { .. }
            | Self::Web(WebError::Configuration { .. } | WebError::Proxy(_)) => {
                (ReportKind::InvalidArgument, false)
            }
            Self::Condition { .. } => (ReportKind::Conflict, false),
            Self::Damaged { .. } => (ReportKind::Integrity, true),
            Self::NotUnderstood { .. } => (ReportKind::Protocol, false),
            Self::Web(WebError::Unreachable { .. }) => (ReportKind::Unavailable, true),
            Self::Web(WebError::TimedOut { .. }) | Self::TimedOut { .. } => {
                (ReportKind::TimedOut, true)
            }
            Self::Web(WebError::Certificate { .. }) => (ReportKind::Unavailable, false),
            Self::Cut { .. } => (ReportKind::Failed, true),
            Self::Refused { status, reason, .. } => refused(*status, reason),
        }
    }

    /// Converts the error to the terms of the engine interface.
    #[must_use]
    pub fn report(&self) -> Report {
        let (kind, retryable) = self.kind();
        Report {
            kind,
            message: self.to_string(),
            hint: self.advice(),
            retryable,
            origin: None,
        }
    }

    fn advice(&self) -> Option<String> {
        let hint = match self {
            Self::Credentials { .. } => LOG_IN,
            Self::Configuration { .. } => {
                "Check GOOGLE_BASE_URL: an address looks like https://HOST:PORT"
            }
            Self::Condition { .. } => {
                "Something else has written the object in the meantime: look at it before you try again"
            }
            Self::NotUnderstood { .. } => {
                "Check GOOGLE_BASE_URL and the proxy: another program may answer there"
            }
            Self::NotSent { .. } => return None,
            Self::Web(WebError::Unreachable { .. }) => {
                "Check the network, HTTPS_PROXY and NO_PROXY"
            }
            Self::Web(error) => return error.advice(),
            Self::Damaged { .. } | Self::TimedOut { .. } | Self::Cut { .. } => "Try again later",
            Self::Refused {
                status,
                reason,
                permission,
                ..
            } => return hint_of(*status, reason, permission),
        };
        Some(hint.to_owned())
    }
}

const LOG_IN: &str =
    "Log in with `gcloud auth application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS";

fn refused(status: u16, reason: &str) -> (ReportKind, bool) {
    match status {
        _ if is_busy(status, reason) => (ReportKind::Unavailable, true),
        401 => (ReportKind::Unauthenticated, false),
        403 if is_kept(reason) => (ReportKind::Conflict, false),
        403 => (ReportKind::Forbidden, false),
        404 | 410 => (ReportKind::NotFound, false),
        409 => (ReportKind::Conflict, false),
        400 => (ReportKind::InvalidArgument, false),
        501.. => (ReportKind::Unavailable, true),
        _ => (ReportKind::Failed, false),
    }
}

fn hint_of(status: u16, reason: &str, permission: &str) -> Option<String> {
    let hint = match refused(status, reason).0 {
        ReportKind::Unavailable => "Try again later",
        ReportKind::Unauthenticated => LOG_IN,
        ReportKind::Conflict if is_kept(reason) => {
            "The bucket keeps the object: wait for the end of its retention, or release its hold"
        }
        ReportKind::Conflict => {
            "Another request changes the same object: look at it before you try again"
        }
        ReportKind::Forbidden => {
            return Some(format!(
                "Ask for the permission {permission}, or choose other credentials with GOOGLE_APPLICATION_CREDENTIALS"
            ));
        }
        ReportKind::NotFound => "Check the names of the bucket and the object",
        _ => return None,
    };
    Some(hint.to_owned())
}

fn because(reason: &str, message: &str) -> String {
    match (reason.trim(), message.trim()) {
        ("", "") => String::new(),
        (reason, "") => format!(": {}", show(reason)),
        ("", message) => format!(": {}", show(message)),
        (reason, message) => format!(": {} ({})", show(reason), show(message)),
    }
}

fn show(text: &str) -> String {
    printable(text, SHOWN).into_owned()
}

#[cfg(test)]
mod messages;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_told_apart_by_status_and_reason() {
        use ReportKind as K;
        for (status, reason, kind, retryable) in [
            (401, "authError", K::Unauthenticated, false),
            (403, "forbidden", K::Forbidden, false),
            (403, "userRateLimitExceeded", K::Unavailable, true),
            (403, "rateLimitExceeded", K::Unavailable, true),
            (403, "retentionPolicyNotMet", K::Conflict, false),
            (404, "notFound", K::NotFound, false),
            (400, "invalid", K::InvalidArgument, false),
            (429, "rateLimitExceeded", K::Unavailable, true),
            (503, "backendError", K::Unavailable, true),
            (418, "", K::Failed, false),
        ] {
            assert_eq!(refused(status, reason), (kind, retryable), "{reason}");
        }
    }

    #[test]
    fn a_refusal_has_a_reason_and_a_message_or_plain_text() {
        let text = br#"{"error": {"code": 404, "message": "No such object: a/b",
            "errors": [{"message": "No such object: a/b", "domain": "global", "reason": "notFound"}]}}"#;
        let refusal = Refusal::parse(text);
        assert_eq!(refusal.reason(), "notFound");
        let error = refusal.into_error(404, "gs://a/b".to_owned(), "storage.objects.get");
        assert_eq!(
            error.to_string(),
            "Google Cloud Storage answered 404 for gs://a/b: notFound (No such object: a/b)"
        );
        assert_eq!(Refusal::parse(b"Not Found\n").error.message, "Not Found");
        for text in ["", "<html>", "{}", "[1]", "\u{fffd}"] {
            assert_eq!(Refusal::parse(text.as_bytes()).reason(), "", "{text}");
        }
    }
}
