use std::borrow::Cow;

pub use crate::bindings::kubectl_broker::engine::types::{Error, ErrorKind};

/// The result of every operation.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// Returns an error without a hint, for which repeating the call is useless.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            hint: None,
            retryable: false,
            cause: None,
        }
    }

    /// Returns an error for an operation that the backend does not support.
    #[must_use]
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unsupported, message)
    }

    /// Returns an error for a named resource that does not exist.
    #[must_use]
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotFound, message)
    }

    /// Returns an error for an invalid option or id from the user.
    #[must_use]
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidArgument, message)
    }

    /// Returns an error for a state that forbids the operation.
    #[must_use]
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Conflict, message)
    }

    /// Returns an error of no other kind.
    #[must_use]
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Failed, message)
    }

    /// Returns an error for an answer that violates the backend's contract.
    #[must_use]
    pub fn protocol(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Protocol, message)
    }

    /// Replaces the message. The host shows the original behind it, if it was an error of the host.
    #[must_use]
    pub fn with_message(mut self, message: impl Into<String>) -> Self {
        self.message = message.into();
        self
    }

    /// Adds the next step for the user. It replaces the hint of the host.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Marks the error as one that repeating the same call may resolve.
    #[must_use]
    pub fn retry_can_help(mut self) -> Self {
        self.retryable = true;
        self
    }

    /// Returns the error for an unsuccessful HTTP status, with the text of the body.
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
