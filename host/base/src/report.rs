use crate::Failure;

/// An error in the terms of the engine interface, which a backend, an engine or a host call reports. It is
/// the same in every version of the interface.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Report {
    pub kind: ReportKind,
    pub message: String,
    pub hint: Option<String>,
    /// True if the same call may succeed when it is repeated without a change.
    pub retryable: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportKind {
    Unsupported,
    InvalidArgument,
    NotFound,
    Conflict,
    Unauthenticated,
    Forbidden,
    /// The host refused a call that was not granted.
    Denied,
    Unavailable,
    TimedOut,
    Cancelled,
    Integrity,
    /// The response of the backend violated its contract.
    Protocol,
    Failed,
}

impl Report {
    #[must_use]
    pub fn new(kind: ReportKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            hint: None,
            retryable: false,
        }
    }

    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl ReportKind {
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
