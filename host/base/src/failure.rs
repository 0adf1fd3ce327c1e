use std::fmt;

/// How a command can end badly. Each has one documented exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failure {
    /// The operation was tried and failed.
    Failed,
    /// The command line, a configuration file or the kubeconfig can't be used.
    Usage,
    /// Some of what was asked for was done.
    Partial,
    /// What was named does not exist.
    NotFound,
    /// Somebody else is at it, or the state of the target forbids it.
    Conflict,
    /// Authentication or authorisation was refused, by the cluster or by the backend.
    NotAllowed,
    /// Bytes are not what they should be.
    Integrity,
    /// The engine broke its contract, its sandbox or its limits.
    PluginFault,
    /// A deadline passed.
    TimedOut,
    /// The user stopped it, or a signal did.
    Interrupted,
}

impl Failure {
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

    /// The exit code of the process.
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

    /// The stable word for it in JSON.
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

    /// One line for the reference.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Failed => "the operation failed",
            Self::Usage => "the command line or the configuration can't be used",
            Self::Partial => "only part of it was done",
            Self::NotFound => "what was named does not exist",
            Self::Conflict => "locked, or the state of the target forbids it",
            Self::NotAllowed => "authentication or authorisation was refused",
            Self::Integrity => "bytes are not what they should be",
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

/// What every error of every layer can say about itself, beside its message.
pub trait Problem: std::error::Error + Send + Sync + 'static {
    fn failure(&self) -> Failure;

    /// What to do next, as one sentence; commands stand in backticks. Those of this program begin with
    /// `kubectl broker`: `ui` shows them as the program was called, with the flags that were given. Values
    /// in commands are quoted with [`super::shell::word`].
    fn hint(&self) -> Option<String>;

    /// The engine whose words the message has, if it is none of ours: `publisher/name`.
    fn written_by(&self) -> Option<&str> {
        None
    }

    /// The same of the hint.
    fn hint_written_by(&self) -> Option<&str> {
        None
    }

    /// Whether no line of the message may be cut, because somebody has to agree to it.
    fn is_whole(&self) -> bool {
        false
    }

    /// Whether somebody else wrote the hint, such as an installed engine or a kubeconfig: it is shown as it is.
    fn is_hint_of_others(&self) -> bool {
        self.hint_written_by().is_some()
    }
}
