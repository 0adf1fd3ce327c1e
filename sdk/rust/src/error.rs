use std::borrow::Cow;

pub use crate::bindings::kubectl_broker::engine::types::{Error, ErrorKind};

/// What every operation returns.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error without a hint, that a repetition can't help.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            hint: None,
            retryable: false,
        }
    }

    /// The backend can't do this at all.
    #[must_use]
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unsupported, message)
    }

    /// What was named does not exist.
    #[must_use]
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotFound, message)
    }

    /// The answer is not what the contract of the backend says.
    #[must_use]
    pub fn protocol(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Protocol, message)
    }

    /// Adds what the user can do.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says that the same call may succeed when it is repeated.
    #[must_use]
    pub fn retry_can_help(mut self) -> Self {
        self.retryable = true;
        self
    }

    /// The error for an HTTP status that is no success, with what the body says about it.
    #[must_use]
    pub fn from_status(status: u16, request: &str, detail: &str) -> Self {
        let kind = match status {
            400 | 422 => ErrorKind::InvalidArgument,
            401 => ErrorKind::Unauthenticated,
            403 => ErrorKind::Forbidden,
            404 | 410 => ErrorKind::NotFound,
            408 | 504 => ErrorKind::TimedOut,
            409 | 423 => ErrorKind::Conflict,
            429 | 502 | 503 => ErrorKind::Unavailable,
            501 => ErrorKind::Unsupported,
            _ => ErrorKind::Failed,
        };
        let said = if detail.is_empty() {
            Cow::Borrowed("")
        } else {
            Cow::Owned(format!(": {detail}"))
        };
        let mut error = Self::new(kind, format!("{request} answered {status}{said}"));
        error.retryable = matches!(status, 408 | 429 | 502 | 503 | 504);
        error
    }
}
