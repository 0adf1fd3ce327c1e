//! Backups and their changes.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::backend::hostile;
use crate::backend::pace::{Pace, Work};
use crate::clock::millis;
use crate::faults::FaultSettings;
use crate::faults::hivemq::RestoreShows;

/// The time for which a failed backup stays visible after its request (HiveMQ's `OpenAPI` 4.30).
const FAILED_VISIBLE: SignedDuration = SignedDuration::from_hours(1);
const ALREADY_RUNNING: &str = "Another backup or restore is already in progress.";

/// The states of a backup. A restore is a state of the backup it restores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackupState {
    InProgress,
    Completed,
    Failed,
    RestoreInProgress,
    RestoreCompleted,
    RestoreFailed,
}

impl BackupState {
    /// Returns the state as the API writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InProgress => "IN_PROGRESS",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
            Self::RestoreInProgress => "RESTORE_IN_PROGRESS",
            Self::RestoreCompleted => "RESTORE_COMPLETED",
            Self::RestoreFailed => "RESTORE_FAILED",
        }
    }

    /// Returns whether the backup has a file for downloads and restores.
    pub(super) fn has_file(self) -> bool {
        !matches!(self, Self::InProgress | Self::Failed)
    }
}

/// One backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    pub id: String,
    pub created_at: Timestamp,
    /// The size of the file in bytes; `None` if there is none.
    pub bytes: Option<u64>,
    pub state: BackupState,
    pub fail_reason: Option<String>,
}

impl Backup {
    pub fn new(id: &str, created_at: Timestamp, bytes: Option<u64>, state: BackupState) -> Self {
        Self {
            id: id.to_owned(),
            created_at,
            bytes,
            state,
            fail_reason: None,
        }
    }

    pub(super) fn json(&self, faults: &FaultSettings) -> Value {
        let bytes = self
            .bytes
            .map(|bytes| faults.download.size.unwrap_or(bytes));
        let mut backup = json!({
            "id": self.id,
            "createdAt": millis(self.created_at),
            "bytes": bytes,
            "state": self.state.as_str(),
        });
        if let Some(reason) = &self.fail_reason {
            backup["failReason"] = json!(reason);
        }
        backup
    }
}

/// The backup or restore that currently runs.
#[derive(Debug)]
struct Running {
    id: String,
    work: Work,
    /// The final state of the backup.
    ends: BackupState,
    bytes: Option<u64>,
    fail_reason: Option<String>,
}

#[derive(Debug)]
pub struct State {
    pub backups: Vec<Backup>,
    pub pace: Pace,
    running: Option<Running>,
}

/// The reason why a restore isn't started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestoreRefused {
    Unknown,
    NoFile,
}

impl State {
    pub fn new(pace: Pace) -> Self {
        Self {
            backups: Vec::new(),
            pace,
            running: None,
        }
    }

    /// Advances the time: running work is polled once, and old failures disappear.
    pub fn tick(&mut self, now: Timestamp) {
        if let Some(mut running) = self.running.take() {
            if running.work.poll() {
                let backup = self.backups.iter_mut().find(|b| b.id == running.id);
                if let Some(backup) = backup {
                    backup.state = running.ends;
                    backup.bytes = running.bytes;
                    backup.fail_reason = running.fail_reason;
                }
            } else {
                self.running = Some(running);
            }
        }
        self.backups.retain(|backup| {
            let age = now.duration_since(backup.created_at);
            backup.state != BackupState::Failed || age < FAILED_VISIBLE
        });
    }

    /// Starts a backup. While another one runs, the new one is answered as well but has failed.
    pub fn create(&mut self, now: Timestamp, faults: &FaultSettings) -> Backup {
        let mut backup = Backup::new(&self.free_id(now), now, None, BackupState::InProgress);
        if self.running.is_some() || faults.hivemq.busy {
            backup.state = BackupState::Failed;
            backup.fail_reason = Some(ALREADY_RUNNING.to_owned());
        } else {
            let fail_reason = faults.hivemq.create_fails.clone();
            let failed = fail_reason.is_some();
            self.running = Some(Running {
                id: backup.id.clone(),
                work: Work::begin(self.pace),
                ends: if failed {
                    BackupState::Failed
                } else {
                    BackupState::Completed
                },
                bytes: (!failed).then(|| size_of(&backup.id)),
                fail_reason,
            });
        }
        self.backups.push(backup.clone());
        backup
    }

    /// Starts the restore of a backup.
    pub fn restore(&mut self, id: &str, faults: &FaultSettings) -> Result<Backup, RestoreRefused> {
        let busy = self.running.is_some() || faults.hivemq.busy;
        let found = self.backups.iter_mut().find(|b| b.id == id);
        let backup = found.ok_or(RestoreRefused::Unknown)?;
        if !backup.state.has_file() {
            return Err(RestoreRefused::NoFile);
        }
        if busy {
            // Only one operation can run; it may be the restore of the same backup.
            if backup.state == BackupState::RestoreInProgress {
                return Ok(backup.clone());
            }
            backup.state = BackupState::RestoreFailed;
            backup.fail_reason = Some(ALREADY_RUNNING.to_owned());
            return Ok(backup.clone());
        }
        let fail_reason = faults.hivemq.restore_fails.clone();
        let ends = if fail_reason.is_some() {
            BackupState::RestoreFailed
        } else {
            BackupState::RestoreCompleted
        };
        match faults.hivemq.restore_shows {
            RestoreShows::Running => {
                backup.state = faults
                    .hivemq
                    .restore_state
                    .unwrap_or(BackupState::RestoreInProgress);
                backup.fail_reason = None;
            }
            RestoreShows::End => {
                backup.state = ends;
                backup.fail_reason = fail_reason;
                return Ok(backup.clone());
            }
            RestoreShows::Before => {}
        }
        self.running = Some(Running {
            id: id.to_owned(),
            work: Work::begin(self.pace),
            ends,
            bytes: backup.bytes,
            fail_reason,
        });
        Ok(backup.clone())
    }

    /// Returns the backups that the API shows, including those that faults add.
    pub fn shown(&self, now: Timestamp, faults: &FaultSettings) -> Vec<Backup> {
        let mut shown = self.backups.clone();
        let reply = &faults.hivemq_reply;
        if reply.hostile_names {
            for name in hostile::names("20250820-") {
                let mut backup = Backup::new(&name, now, Some(1024), BackupState::Completed);
                backup.fail_reason = Some(name);
                shown.push(backup);
            }
        }
        let wanted = reply.count.unwrap_or(0);
        for number in (shown.len()..wanted).rev() {
            let id = format!("20240101-{number:06}");
            shown.push(Backup::new(&id, now, Some(4096), BackupState::Completed));
        }
        shown
    }

    /// Returns an unused id in HiveMQ's format.
    fn free_id(&self, now: Timestamp) -> String {
        let mut moment = now;
        loop {
            let id = moment.strftime("%Y%m%d-%H%M%S").to_string();
            if self.backups.iter().all(|backup| backup.id != id) {
                return id;
            }
            moment += SignedDuration::from_secs(1);
        }
    }
}

/// Returns a size for a new backup: some megabytes, different for each.
fn size_of(id: &str) -> u64 {
    let sum: u64 = id.bytes().map(|byte| u64::from(byte) * 7919).sum();
    4 * 1024 * 1024 + sum
}
