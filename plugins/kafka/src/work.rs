//! The five kinds of work that the operator does, and how each is named on the command line.

use broker_engine::resources::Kind;
use broker_engine::{Error, Result};

use crate::object::Object;

const GROUP: &str = "kafka.oso.sh";
const VERSION: &str = "v1alpha1";

/// A kind of work: each object of its kind is one piece of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    Backup,
    Restore,
    OffsetReset,
    OffsetRollback,
    Validation,
}

impl Work {
    pub const ALL: [Self; 5] = [
        Self::Backup,
        Self::Restore,
        Self::OffsetReset,
        Self::OffsetRollback,
        Self::Validation,
    ];

    /// Its name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Backup => "KafkaBackup",
            Self::Restore => "KafkaRestore",
            Self::OffsetReset => "KafkaOffsetReset",
            Self::OffsetRollback => "KafkaOffsetRollback",
            Self::Validation => "KafkaBackupValidation",
        }
    }

    pub const fn kind(self) -> Kind<'static> {
        Kind::new(GROUP, VERSION, self.name())
    }

    /// What stands before the name in an id. That of a backup is its name alone.
    const fn prefix(self) -> &'static str {
        match self {
            Self::Backup => "",
            Self::Restore => "restore/",
            Self::OffsetReset => "offset-reset/",
            Self::OffsetRollback => "offset-rollback/",
            Self::Validation => "validation/",
        }
    }

    /// What names an object of this kind in all operations.
    pub fn id(self, name: &str) -> String {
        format!("{}{name}", self.prefix())
    }

    /// By its word on the command line, which is also the prefix of its ids.
    pub fn called(word: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|work| match work.prefix().strip_suffix('/') {
            Some(prefix) => prefix == word,
            None => word == "backup",
        })
    }

    /// Which object an id names.
    pub fn of_id(id: &str) -> (Self, &str) {
        for work in Self::ALL {
            if work != Self::Backup
                && let Some(name) = id.strip_prefix(work.prefix())
            {
                return (work, name);
            }
        }
        (Self::Backup, id)
    }

    /// Reads one object.
    ///
    /// # Errors
    /// As those of the API server, with what lists the names.
    pub fn get(self, name: &str) -> Result<Object> {
        if name.is_empty() || name.contains('/') {
            return Err(Error::not_found(format!(
                "`{name}` is no name of a {}",
                self.name()
            ))
            .with_hint(
                "An id is the name of a KafkaBackup, or restore/NAME, validation/NAME, offset-reset/NAME or offset-rollback/NAME",
            ));
        }
        self.kind().get(name)
    }
}
