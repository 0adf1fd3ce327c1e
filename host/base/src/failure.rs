use std::fmt;

use crate::{Author, Hint};

/// The ways a command can fail. Each has one documented exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failure {
    /// The operation was tried and failed.
    Failed,
    /// The command line, a configuration file or the kubeconfig is invalid.
    Usage,
    /// Only a part of the request succeeded.
    Partial,
    /// A named item does not exist.
    NotFound,
    /// Another operation is running, or the state of the target forbids this one.
    Conflict,
    /// The cluster or the backend refused authentication or authorization.
    NotAllowed,
    /// Bytes differ from what they should be.
    Integrity,
    /// The engine violated its contract, its sandbox or its limits.
    PluginFault,
    /// A deadline passed.
    TimedOut,
    /// The user or a signal stopped the command.
    Interrupted,
}

impl Failure {
    /// All kinds of failure, in the order of their exit codes.
    pub const ALL: [Self; 10] = [
        Self::Failed,
        Self::Usage,
        Self::Partial,
        Self::NotFound,
        Self::Conflict,
        Self::NotAllowed,
        Self::Integrity,
        Self::PluginFault,
        Self::TimedOut,
        Self::Interrupted,
    ];

    /// Returns the exit code of the process.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Partial => 3,
            Self::NotFound => 10,
            Self::Conflict => 11,
            Self::NotAllowed => 12,
            Self::Integrity => 13,
            Self::PluginFault => 14,
            Self::TimedOut => 124,
            Self::Interrupted => 130,
        }
    }

    /// Returns the stable name in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Failed => "Failed",
            Self::Usage => "Usage",
            Self::Partial => "Partial",
            Self::NotFound => "NotFound",
            Self::Conflict => "Conflict",
            Self::NotAllowed => "NotAllowed",
            Self::Integrity => "Integrity",
            Self::PluginFault => "PluginFault",
            Self::TimedOut => "TimedOut",
            Self::Interrupted => "Interrupted",
        }
    }

    /// Returns one line for the command reference.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Failed => "the operation failed",
            Self::Usage => "the command line or the configuration can't be used",
            Self::Partial => "only part of it was done",
            Self::NotFound => "the named object does not exist",
            Self::Conflict => "locked, or the state of the target forbids it",
            Self::NotAllowed => "authentication or authorisation was refused",
            Self::Integrity => "a digest, a length or a signature does not match",
            Self::PluginFault => "the engine broke its contract, its sandbox or its limits",
            Self::TimedOut => "a deadline passed",
            Self::Interrupted => "stopped: Ctrl-C, SIGTERM, SIGHUP, or nothing was chosen",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The properties of an error in addition to its message, for the errors of all layers.
pub trait Problem: std::error::Error + Send + Sync + 'static {
    /// Returns the kind of failure, which decides the exit code.
    fn failure(&self) -> Failure;

    /// Returns what to do next, in the form of a [`Hint`].
    fn advice(&self) -> Option<String>;

    /// Returns the author of the advice.
    fn advisor(&self) -> Author {
        Author::Host
    }

    /// Returns what to do next, with its author.
    fn hint(&self) -> Option<Hint> {
        Some(Hint::new(self.advice()?, self.advisor()))
    }

    /// Returns the engine that wrote the message, as `publisher/name`; none if this program wrote it.
    fn written_by(&self) -> Option<&str> {
        None
    }

    /// Returns true if the message must be shown completely, because somebody has to agree to it.
    fn is_whole(&self) -> bool {
        false
    }
}
