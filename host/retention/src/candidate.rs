use jiff::Timestamp;

/// A copy that a policy decides about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate<K> {
    /// The copy's key, unique among the candidates. Of two copies with the same time, the greater key is the newer.
    pub key: K,
    /// The time of the backup, not that of the upload.
    pub time: Timestamp,
    /// Whether the copy is known to be damaged or incomplete.
    pub is_broken: bool,
    /// Whether the last check of the copy succeeded. It means nothing for a broken copy.
    pub is_verified: bool,
    /// Facts that forbid deleting the copy, whatever its age.
    pub holds: Vec<Hold>,
}

/// A fact that forbids deleting a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// A person pinned the copy.
    Pinned,
    /// The store's object lock protects the copy.
    Locked {
        /// When the lock ends. A lock that has ended holds nothing.
        until: Timestamp,
    },
    /// A run still writes the copy, so it is no good copy yet.
    UnderWay,
}

impl Hold {
    /// Returns whether the hold forbids deleting at a time.
    pub(crate) fn holds_at(self, now: Timestamp) -> bool {
        match self {
            Self::Pinned | Self::UnderWay => true,
            Self::Locked { until } => until > now,
        }
    }
}
