use std::collections::BTreeMap;

use jiff::Timestamp;

/// One backup, after the host has checked what the engine returned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    /// The id that other operations use. It is untrusted: escape it before you show it.
    pub id: String,
    /// The operation that the state is about.
    pub activity: Activity,
    /// The state of the backup or of its restore.
    pub state: State,
    /// The state in the backend's own words.
    pub reported_state: Option<String>,
    /// Size in bytes.
    pub size: Option<u64>,
    /// When the backup was created.
    pub created: Option<Timestamp>,
    /// The reason of the failure, in the backend's words.
    pub failure: Option<String>,
    /// How far the backend is, while it runs.
    pub progress: Option<Amount>,
    /// Problems that did not prevent the backup, one sentence each.
    pub warnings: Vec<String>,
    /// Values for the columns of the engine's manifest.
    pub fields: BTreeMap<String, String>,
}

/// A part of a whole, in bytes or in the backend's own unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Amount {
    /// The part that is done.
    pub done: u64,
    /// The whole, if it is known.
    pub total: Option<u64>,
    /// The current step, in the backend's words.
    pub step: Option<String>,
}

impl Backup {
    /// Returns a backup with an id and a state. All else is unknown.
    #[must_use]
    pub fn new(id: impl Into<String>, state: State) -> Self {
        Self {
            id: id.into(),
            activity: Activity::Backup,
            state,
            reported_state: None,
            size: None,
            created: None,
            failure: None,
            progress: None,
            warnings: Vec::new(),
            fields: BTreeMap::new(),
        }
    }
}

/// The operation that a state is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// A backup is being created, or was.
    Backup,
    /// A backup is being restored, or was.
    Restore,
}

/// The states of all backends, reduced to the differences that decide what may be done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The operation has not started yet.
    Pending,
    /// The operation is running.
    Running,
    /// The operation succeeded.
    Succeeded,
    /// The operation succeeded for a part of the data.
    Partial,
    /// The operation failed.
    Failed,
    /// The backend reports no state that the engine knows.
    Unknown,
}

impl Activity {
    /// Returns the name in output and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Backup => "Backup",
            Self::Restore => "Restore",
        }
    }
}

impl State {
    /// Returns the name in output and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Running => "Running",
            Self::Succeeded => "Succeeded",
            Self::Partial => "Partial",
            Self::Failed => "Failed",
            Self::Unknown => "Unknown",
        }
    }
}

impl Backup {
    /// Returns true if the data is complete. A restore, even a failed one, reads a complete backup.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.activity == Activity::Restore || self.state == State::Succeeded
    }
}

/// Sorts the newest first. Backups without a date are last; those with the same date are in the order of
/// their ids.
pub fn newest_first(backups: &mut [Backup]) {
    backups.sort_by(|a, b| b.created.cmp(&a.created).then_with(|| a.id.cmp(&b.id)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backup(id: &str, created: Option<&str>) -> Backup {
        Backup {
            created: created.map(|time| time.parse().expect("a time")),
            ..Backup::new(id, State::Succeeded)
        }
    }

    #[test]
    fn newest_come_first_and_undated_last() {
        let mut backups = [
            backup("undated", None),
            backup("old", Some("2025-01-01T00:00:00Z")),
            backup("b", Some("2026-01-01T00:00:00Z")),
            backup("a", Some("2026-01-01T00:00:00Z")),
        ];
        newest_first(&mut backups);
        let ids: Vec<_> = backups.iter().map(|backup| backup.id.as_str()).collect();
        assert_eq!(ids, ["a", "b", "old", "undated"]);
    }

    #[test]
    fn a_failed_restore_leaves_its_backup_whole() {
        let mut subject = backup("x", None);
        (subject.activity, subject.state) = (Activity::Restore, State::Failed);
        assert!(subject.is_whole());
        subject.activity = Activity::Backup;
        assert!(!subject.is_whole());
    }
}
