//! The kinds of the operator that the engine uses, and the ids of their objects on the command line.

use broker_engine::resources::Kind;
use broker_engine::{Error, Result};

use crate::object::Object;

const GROUP: &str = "kubectl-broker.io";
const VERSION: &str = "v1alpha1";
/// The label with the schedule of a backup.
pub const LABEL_SCHEDULE: &str = "kubectl-broker.io/schedule";
/// The annotation that tells a run by hand from one of the schedule's own times.
pub const ANNOTATION_ORIGIN: &str = "kubectl-broker.io/origin";

/// The kind with the schedules.
pub const SCHEDULE: Kind<'static> = Kind::new(GROUP, VERSION, "BackupSchedule");

/// A kind whose objects are runs: each is one piece of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Run {
    Backup,
    Restore,
}

impl Run {
    /// Returns the name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Backup => "Backup",
            Self::Restore => "Restore",
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
        }
    }

    /// Returns the id of an object of this kind in all operations.
    pub fn id(self, name: &str) -> String {
        format!("{}{name}", self.prefix())
    }

    /// Returns the kind and the name of the object with this id.
    pub fn of_id(id: &str) -> (Self, &str) {
        match id.strip_prefix(Self::Restore.prefix()) {
            Some(name) => (Self::Restore, name),
            None => (Self::Backup, id),
        }
    }

    /// Reads one object.
    ///
    /// # Errors
    /// Returns the error of the API server.
    pub fn get(self, name: &str) -> Result<Object> {
        check(self.name(), name)?;
        self.kind().get(name)
    }
}

/// Reads a schedule.
///
/// # Errors
/// Returns the error of the API server.
pub fn schedule(name: &str) -> Result<Object> {
    check("BackupSchedule", name)?;
    SCHEDULE.get(name)
}

/// Refuses what would be a path.
fn check(kind: &str, name: &str) -> Result<()> {
    if name.is_empty() || name.contains('/') {
        let error = Error::not_found(format!("`{name}` is not a valid name for a {kind}"));
        return Err(error.with_hint(
            "An id is the name of a Backup, or restore/NAME; `kubectl broker backup list --engine operator` shows them",
        ));
    }
    Ok(())
}

/// Adds the next step to the error of a cluster without the kinds. `error` must be that of a list: it has no other
/// reason not to be found.
pub fn if_not_installed(error: Error) -> Error {
    if error.kind != broker_engine::ErrorKind::NotFound {
        return error;
    }
    error.with_hint(
        "Install broker-operator: `helm install broker-operator deploy/chart/broker-operator -n kubectl-broker --create-namespace`; see docs/operator.md",
    )
}
