//! What a command has begun in a backend, for whoever stops the command.

use std::sync::{Arc, Mutex, PoisonError};

/// Shared by the command and the one who may stop it.
#[derive(Clone, Debug, Default)]
pub struct Begun(Arc<Mutex<Option<Work>>>);

/// Work that goes on in the backend when the command ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Work {
    /// What `--engine` takes for the engine.
    pub engine: String,
    /// `None` as long as the backend has not said which backup it is.
    pub id: Option<String>,
    /// Whether the engine tells the state of one backup.
    pub has_status: bool,
    /// Whether the engine lists backups.
    pub has_list: bool,
}

impl Begun {
    /// The backend is being asked, or has begun.
    pub(super) fn set(&self, work: Work) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(work);
    }

    /// What goes on, if anything was begun.
    #[must_use]
    pub fn work(&self) -> Option<Work> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
