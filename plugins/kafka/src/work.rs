//! The five kinds of work that the operator does, and their names on the command line.

use broker_engine::resources::Kind;
use broker_engine::{Error, Result};

use crate::object::Object;

const GROUP: &str = "kafka.oso.sh";
const VERSION: &str = "v1alpha1";

/// A kind of work. Each object of its Kubernetes kind is one piece of work.
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

    /// Returns the name in the API.
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

    /// Returns the text before the name in an id. The id of a backup is its name alone.
    const fn prefix(self) -> &'static str {
        match self {
            Self::Backup => "",
            Self::Restore => "restore/",
            Self::OffsetReset => "offset-reset/",
            Self::OffsetRollback => "offset-rollback/",
            Self::Validation => "validation/",
        }
    }

    /// Returns the id of an object of this kind in all operations.
    pub fn id(self, name: &str) -> String {
        format!("{}{name}", self.prefix())
    }

    /// Returns the kind for its word on the command line, which is also the prefix of its ids.
    pub fn called(word: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|work| match work.prefix().strip_suffix('/') {
            Some(prefix) => prefix == word,
            None => word == "backup",
        })
    }

    /// Returns the kind and the name of the object with this id.
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
    /// Returns the error of the API server, with a hint about the command that lists the names.
    pub fn get(self, name: &str) -> Result<Object> {
        if name.is_empty() || name.contains('/') {
            return Err(Error::not_found(format!(
                "`{name}` is not a valid name for a {}",
                self.name()
            ))
            .with_hint(
                "An id is the name of a KafkaBackup, or restore/NAME, validation/NAME, offset-reset/NAME or offset-rollback/NAME",
            ));
        }
        self.kind().get(name)
    }
}
