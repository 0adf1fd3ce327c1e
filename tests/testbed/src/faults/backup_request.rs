//! The behaviour of the controller of BackupRequests: its words for states, and its faults.

use super::{Fault, Row, value};

/// The settings of the backup-controller.
#[derive(Debug, Clone, Default)]
pub struct BackupRequestFaults {
    pub words: Words,
    /// The step in which backups and restores fail.
    pub fails: Option<Step>,
    /// The state in which every object stays; `none` is the initial state, which has no word.
    pub stuck: Option<String>,
}

/// The document from which the words for states are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Words {
    /// The controller that its author calls implemented.
    #[default]
    Implemented,
    /// The architecture in Java.
    Java,
    /// The newest requirements, whose words end in `Completed`.
    Newest,
}

/// The steps of a controller for a backup, in order.
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
