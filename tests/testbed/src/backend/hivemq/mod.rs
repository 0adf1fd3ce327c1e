//! HiveMQ's management API of a cluster's backups, as HiveMQ's `OpenAPI` 4.30 describes it, and its health API.

mod api;
mod health;
mod model;

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

pub use health::HivemqHealth;
pub use model::{Backup, BackupState};

use model::State;

use super::content::Content;
use super::pace::Pace;
use crate::clock::Clock;
use crate::faults::Faults;

/// The backups of one cluster. All its pods answer from the same state; clones share it.
#[derive(Debug, Clone)]
pub struct Hivemq {
    state: Arc<Mutex<State>>,
    faults: Faults,
    clock: Clock,
}

impl Hivemq {
    pub(crate) fn new(faults: Faults, clock: Clock, pace: Pace) -> Self {
        Self {
            state: Arc::new(Mutex::new(State::new(pace))),
            faults,
            clock,
        }
    }

    /// Returns every backup of the API in its current state.
    pub fn backups(&self) -> Vec<Backup> {
        self.with(|state| state.backups.clone())
    }

    /// Returns one backup.
    pub fn backup(&self, id: &str) -> Option<Backup> {
        self.with(|state| state.backups.iter().find(|b| b.id == id).cloned())
    }

    /// Adds a backup, or replaces the one with its id.
    pub fn put(&self, backup: Backup) {
        self.with(|state| {
            state.backups.retain(|present| present.id != backup.id);
            state.backups.push(backup);
        });
    }

    /// Removes a backup, like the expiry of an old one.
    pub fn remove(&self, id: &str) {
        self.with(|state| state.backups.retain(|backup| backup.id != id));
    }

    /// Sets the duration of future backups and restores.
    pub fn set_pace(&self, pace: Pace) {
        self.with(|state| state.pace = pace);
    }

    /// Returns the content of a backup's download. The fault `download-size` overrides its size.
    pub fn content(&self, id: &str) -> Option<Content> {
        let size = self.faults.snapshot().download.size;
        let backup = self.backup(id)?;
        Some(Content::new(id, size.or(backup.bytes)?))
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}
