//! The work that a command has begun in a backend. The code that stops the command tells the user about it.

use std::sync::{Arc, Mutex, PoisonError};

/// A slot for the begun work. The command and the code that may stop it share the slot.
#[derive(Clone, Debug, Default)]
pub struct Begun(Arc<Mutex<Option<Work>>>);

/// Work that continues in the backend when the command ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Work {
    /// The engine, as `--engine` accepts it.
    pub engine: String,
    /// Id of the backup. None until the backend has returned it.
    pub id: Option<String>,
    /// Whether the engine can report the state of one backup.
    pub has_status: bool,
    /// Whether the engine can list backups.
    pub has_list: bool,
    /// The command that copies the backup, if the backup is complete and only its copy is under way.
    pub copied_by: Option<String>,
}

impl Begun {
    /// Records that the backend is being asked to begin this work, or has begun it.
    pub(super) fn set(&self, work: Work) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(work);
    }

    /// Returns the work that continues in the backend, if the command has begun any.
    #[must_use]
    pub fn work(&self) -> Option<Work> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
