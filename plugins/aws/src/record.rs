//! The record of a run: what is backed up, and where to. It is the first object of a backup.

use std::collections::BTreeMap;

use broker_engine::storage::Condition;
use broker_engine::{Error, ErrorKind, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::bucket::{Bucket, Place};
use crate::id::Id;
use crate::rds::Kind;

/// The name of the record within a backup.
const NAME: &str = "run/run.json";
/// The name of the object that says that the backup is being deleted.
pub const DELETING: &str = "deleting";
/// The name of the object that protects the backup.
pub const PIN: &str = "pin";
/// The maximum length of a small object, in bytes.
const MAX_SMALL: u64 = 1 << 20;

/// The settings of a run. The same id with the same settings is the same run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The version of this form.
    pub version: u32,
    /// The id of the backup.
    pub backup: String,
    pub project: String,
    pub environment: String,
    pub database: Option<Database>,
    pub documents: Option<Documents>,
    pub retention: Option<String>,
    pub tags: BTreeMap<String, String>,
}

/// The database to back up, and its snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Database {
    pub kind: Kind,
    /// The name of the instance or of the cluster.
    pub id: String,
    pub snapshot: String,
    pub region: Option<String>,
}

/// The documents to back up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Documents {
    pub bucket: Bucket,
    pub prefix: String,
    pub excluded: Vec<String>,
}

impl Record {
    /// Writes the record, unless the same run has written it before. Returns whether this call wrote it.
    ///
    /// # Errors
    /// Fails if a run with other settings has the id, or if the store refuses.
    pub fn begin(&self, id: &Id) -> Result<bool> {
        let written = write(&id.at(NAME), self, &Condition::Absent);
        let error = match written {
            Ok(()) => return Ok(true),
            Err(error) if error.kind == ErrorKind::Conflict => error,
            Err(error) => return Err(error),
        };
        // The other run may be gone again: then the conflict itself says most.
        let there = Self::read(id)?.ok_or(error)?;
        if there == *self {
            return Ok(false);
        }
        Err(self.conflict(id, &there))
    }

    /// Returns the error for a run with other settings.
    pub fn conflict(&self, id: &Id, there: &Self) -> Error {
        let different = self.differences(there).join(", ");
        Error::conflict(format!("{id} is a backup with other settings: {different}"))
            .with_hint("Give the same settings to continue it, or another time with --at")
    }

    /// Returns the names of the settings that differ.
    fn differences(&self, other: &Self) -> Vec<String> {
        let fields = |record: &Self| serde_json::to_value(record).unwrap_or_default();
        let (ours, theirs) = (fields(self), fields(other));
        let ours = ours.as_object().cloned().unwrap_or_default();
        let different = ours
            .into_iter()
            .filter(|(name, ours)| theirs[name] != *ours);
        different.map(|(name, _)| name).collect()
    }

    /// Reads the record of a run. `None` if there is none.
    ///
    /// # Errors
    /// Fails if the record can't be read.
    pub fn read(id: &Id) -> Result<Option<Self>> {
        let record: Option<Self> = read(&id.at(NAME))?;
        match record {
            Some(record) if record.version != 1 || record.backup != id.to_string() => {
                let place = id.shown(NAME);
                Err(Error::protocol(format!(
                    "{place} is not the record of {id}"
                )))
            }
            other => Ok(other),
        }
    }

    /// Removes the record again.
    ///
    /// # Errors
    /// Fails if the store refuses.
    pub fn remove(id: &Id) -> Result<()> {
        id.bucket.remove(&[id.key(NAME)])
    }
}

/// The object that says that a backup is being deleted. It has what the rest of the deletion needs.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Deleting {
    pub database: Option<Database>,
}

impl Deleting {
    pub fn begin(&self, id: &Id) -> Result<()> {
        write(&id.at(DELETING), self, &Condition::None)
    }

    pub fn read(id: &Id) -> Result<Option<Self>> {
        read(&id.at(DELETING))
    }
}

/// Returns whether a key of a backup must be deleted last.
pub fn goes_last(id: &Id, key: &str) -> bool {
    [NAME, DELETING].iter().any(|name| id.key(name) == key)
}

/// Returns whether an object exists.
///
/// # Errors
/// Fails if the store refuses.
pub fn exists(at: &Place) -> Result<bool> {
    match at.head() {
        Ok(_) => Ok(true),
        Err(error) if error.kind == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Writes a small object.
///
/// # Errors
/// Fails if the condition is not met, or if the store refuses.
pub fn write(at: &Place, value: &impl Serialize, condition: &Condition) -> Result<()> {
    let body = serde_json::to_vec_pretty(value);
    let body = body.map_err(|error| Error::failed(format!("no JSON for {}: {error}", at.key)))?;
    at.put(&body, Some("application/json"), condition)?;
    Ok(())
}

/// Reads a small object. `None` if there is none.
///
/// # Errors
/// Fails if the object is too long or not understood, or if the store refuses.
pub fn read<T: DeserializeOwned>(at: &Place) -> Result<Option<T>> {
    let answer = match at.get() {
        Ok(answer) => answer,
        Err(error) if error.kind == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let body = answer.read(MAX_SMALL)?;
    // Through a value first: the position of an error would mean nothing to the user.
    let value = serde_json::from_slice::<Value>(&body).and_then(serde_json::from_value);
    value
        .map(Some)
        .map_err(|error| Error::protocol(format!("{at} is not understood: {error}")))
}
