use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use operator_api::{Backup, BackupRequest, Restore, RestoreRequest};

use super::record::Record;
use super::request::RequestRecord;
use super::restore_request::RestoreRequestRecord;

/// A row of one of the tables.
#[derive(Clone, Debug, Hash)]
pub(crate) enum Row {
    Run(Box<Record>),
    Request(Box<RequestRecord>),
    RestoreRequest(Box<RestoreRequestRecord>),
}

/// A field of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field<'a> {
    Text(Option<&'a str>),
    Number(Option<i64>),
}

impl Row {
    pub(crate) fn of_backup(backup: &Backup) -> Option<Self> {
        Record::of_backup(backup).map(|it| Self::Run(Box::new(it)))
    }

    pub(crate) fn of_restore(restore: &Restore) -> Option<Self> {
        Record::of_restore(restore).map(|it| Self::Run(Box::new(it)))
    }

    pub(crate) fn of_request(request: &BackupRequest) -> Option<Self> {
        RequestRecord::of(request).map(|it| Self::Request(Box::new(it)))
    }

    pub(crate) fn of_restore_request(request: &RestoreRequest) -> Option<Self> {
        RestoreRequestRecord::of(request).map(|it| Self::RestoreRequest(Box::new(it)))
    }

    /// Returns the uid of the object.
    pub(super) fn uid(&self) -> &str {
        match self {
            Self::Run(record) => &record.uid,
            Self::Request(record) => &record.uid,
            Self::RestoreRequest(record) => &record.uid,
        }
    }

    /// Returns the fields, in the order of the statement that writes the row.
    pub(super) fn fields(&self) -> Vec<Field<'_>> {
        match self {
            Self::Run(record) => record.fields(),
            Self::Request(record) => record.fields(),
            Self::RestoreRequest(record) => record.fields(),
        }
    }

    /// Returns a number that tells this content from another one.
    pub(super) fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        hasher.finish()
    }
}

impl<'a> From<&'a str> for Field<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Some(text))
    }
}

impl<'a> From<&'a String> for Field<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(Some(text))
    }
}

impl<'a> From<&'a Option<String>> for Field<'a> {
    fn from(text: &'a Option<String>) -> Self {
        Self::Text(text.as_deref())
    }
}

impl From<Option<i64>> for Field<'_> {
    fn from(number: Option<i64>) -> Self {
        Self::Number(number)
    }
}
