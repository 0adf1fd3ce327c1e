use crate::Failure;

/// An error in the terms of the engine interface, which a backend, an engine or a host call reports. It is
/// the same in every version of the interface.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Report {
    /// The kind of the error.
    pub kind: ReportKind,
    /// The message for people.
    pub message: String,
    /// The next step for the user, if it is known.
    pub hint: Option<String>,
    /// True if the same call may succeed when it is repeated without a change.
    pub retryable: bool,
    /// The error of the host that this report is about, if it is one. The host keeps that error under this identity.
    pub origin: Option<u64>,
}

/// The kinds of errors in the engine interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportKind {
    /// The backend or the engine does not support the operation.
    Unsupported,
    /// An argument is invalid.
    InvalidArgument,
    /// A named item does not exist.
    NotFound,
    /// The current state forbids the operation.
    Conflict,
    /// The credentials are missing or invalid.
    Unauthenticated,
    /// The credentials don't permit the operation.
    Forbidden,
    /// The host refused a call that was not granted.
    Denied,
    /// The backend can't be reached.
    Unavailable,
    /// A deadline passed.
    TimedOut,
    /// The user stopped the operation.
    Cancelled,
    /// Bytes differ from what they should be.
    Integrity,
    /// The response of the backend violated its contract.
    Protocol,
    /// The operation failed for another reason.
    Failed,
}

impl Report {
    /// Creates a report without a hint, which is not retryable.
    #[must_use]
    pub fn new(kind: ReportKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            hint: None,
            retryable: false,
            origin: None,
        }
    }

    /// Adds a hint.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl ReportKind {
    /// Returns true if the service as a whole did not serve the user: another item will fail in the same way.
    #[must_use]
    pub const fn concerns_all(self) -> bool {
        matches!(
            self,
            Self::Unauthenticated | Self::Unavailable | Self::TimedOut
        )
    }

    /// All kinds of errors.
    pub const ALL: [Self; 13] = [
        Self::Unsupported,
        Self::InvalidArgument,
        Self::NotFound,
        Self::Conflict,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::Denied,
        Self::Unavailable,
        Self::TimedOut,
        Self::Cancelled,
        Self::Integrity,
        Self::Protocol,
        Self::Failed,
    ];

    /// Returns the name of the kind in the engine interface.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unsupported => "unsupported",
            Self::InvalidArgument => "invalid-argument",
            Self::NotFound => "not-found",
            Self::Conflict => "conflict",
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::Denied => "denied",
            Self::Unavailable => "unavailable",
            Self::TimedOut => "timed-out",
            Self::Cancelled => "cancelled",
            Self::Integrity => "integrity",
            Self::Protocol => "protocol",
            Self::Failed => "failed",
        }
    }

    /// Returns the kind of failure of a command that ends with this error.
    #[must_use]
    pub const fn failure(self) -> Failure {
        match self {
            Self::Unsupported | Self::InvalidArgument => Failure::Usage,
            Self::NotFound => Failure::NotFound,
            Self::Conflict => Failure::Conflict,
            Self::Unauthenticated | Self::Forbidden => Failure::NotAllowed,
            // An engine that asks for more than its manifest declares is at fault.
            Self::Denied => Failure::PluginFault,
            Self::TimedOut => Failure::TimedOut,
            Self::Cancelled => Failure::Interrupted,
            Self::Integrity => Failure::Integrity,
            Self::Unavailable | Self::Protocol | Self::Failed => Failure::Failed,
        }
    }
}
