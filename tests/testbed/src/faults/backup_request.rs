//! What the controller of BackupRequests does: which words it uses, and what goes wrong.

use super::{Fault, Row, value};

/// What is peculiar to the backup-controller.
#[derive(Debug, Clone, Default)]
pub struct BackupRequestFaults {
    pub words: Words,
    /// The step in which backups and restores fail, if they do.
    pub fails: Option<Step>,
    /// The state in which everything stays; `none` is the state that has no word yet.
    pub stuck: Option<String>,
}

/// Whose words the states have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Words {
    /// Of the controller that its author calls implemented.
    #[default]
    Implemented,
    /// Of the architecture in Java.
    Java,
    /// Of the newest requirements, which end in `Completed`.
    Newest,
}

/// What a controller does with a backup, one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Validation,
    Database,
    Documents,
}

/// A change to [`BackupRequestFaults`].
#[derive(Debug, Clone)]
pub enum BackupRequestFault {
    Words(Words),
    Fails(Step),
    Stuck(String),
}

impl std::str::FromStr for Words {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "implemented" => Ok(Self::Implemented),
            "java" => Ok(Self::Java),
            "newest" => Ok(Self::Newest),
            _ => Err("none of `implemented`, `java` and `newest`".to_owned()),
        }
    }
}

impl std::str::FromStr for Step {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "validation" => Ok(Self::Validation),
            "database" => Ok(Self::Database),
            "documents" => Ok(Self::Documents),
            _ => Err("none of `validation`, `database` and `documents`".to_owned()),
        }
    }
}

impl BackupRequestFaults {
    pub(super) fn apply(&mut self, fault: BackupRequestFault) {
        match fault {
            BackupRequestFault::Words(words) => self.words = words,
            BackupRequestFault::Fails(step) => self.fails = Some(step),
            BackupRequestFault::Stuck(state) => self.stuck = Some(state),
        }
    }
}

pub(super) const ROWS: &[Row<Fault>] = &[
    Row {
        name: "backuprequest-words",
        value: Some("implemented|java|newest"),
        about: "which document the backup-controller has its states from",
        parse: |text| {
            Ok(Fault::BackupRequest(BackupRequestFault::Words(
                value::parsed(text)?,
            )))
        },
    },
    Row {
        name: "backuprequest-fails",
        value: Some("validation|database|documents"),
        about: "backups and restores of the backup-controller fail in this step",
        parse: |text| {
            Ok(Fault::BackupRequest(BackupRequestFault::Fails(
                value::parsed(text)?,
            )))
        },
    },
    Row {
        name: "backuprequest-stuck",
        value: Some("STATE"),
        about: "backups and restores of the backup-controller stay in this state (`none`: before the first)",
        parse: |text| match text {
            "" => Err("is empty".to_owned()),
            state => Ok(Fault::BackupRequest(BackupRequestFault::Stuck(
                state.to_owned(),
            ))),
        },
    },
];
