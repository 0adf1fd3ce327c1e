//! Beginning a backup.

use broker_engine::storage::Selection;
use broker_engine::{Backup, CreateRequest, Error, ErrorKind, Preparation, PrepareRequest, Result};

use crate::bucket::Bucket;
use crate::id::Id;
use crate::options::{Plan, plan};
use crate::record::{Deleting, Record};
use crate::{manifest, rds, status};

/// Checks whether a backup can be made: the database and its state, and both buckets.
///
/// # Errors
/// Fails if the options are invalid, or if something is missing or refused.
pub fn prepare(request: &PrepareRequest) -> Result<Preparation> {
    let Plan {
        id,
        record,
        is_named,
    } = plan(request)?;
    let mut notes = Vec::new();
    let destination = id.bucket.list(&one(&id.bucket, &id.folder()));
    destination.map_err(|error| of_bucket(error, &id.bucket, "--destination-bucket"))?;
    let begun = is_named && begun(&id, &record)?;
    if begun {
        notes.push(format!("The backup {id} has begun before and is continued"));
    } else if let Some(database) = &record.database {
        rds::check_ready(database)?;
    }
    if let Some(documents) = &record.documents {
        let bucket = &documents.bucket;
        let page = bucket.list(&one(bucket, &documents.prefix));
        let page = page.map_err(|error| of_bucket(error, bucket, "--source-bucket"))?;
        if page.objects.is_empty() {
            notes.push(format!(
                "There are no documents in {}",
                bucket.address(&documents.prefix)
            ));
        }
    }
    Ok(Preparation {
        notes,
        // Both calls must mean the same time.
        token: Some(id.time.into_bytes()),
    })
}

/// Writes the record of the run, and begins the snapshot.
///
/// # Errors
/// Fails if a backup with other settings has the same id, or if AWS refuses.
pub fn create(request: &CreateRequest) -> Result<Backup> {
    let prepared = request.prepared.as_deref();
    let time = prepared.and_then(|token| std::str::from_utf8(token).ok());
    let Plan { id, record, .. } = plan(request)?.at(time);
    check_place(&id)?;
    let is_new = record.begin(&id)?;
    if let Some(database) = &record.database
        && (is_new || manifest::find(&id)?.is_none())
        && let Err(error) = rds::create_snapshot(database, &record.tags_of_snapshot())
    {
        // Without an answer there may be a snapshot: then the same command continues the backup.
        let is_certain = !matches!(
            error.kind,
            ErrorKind::Unavailable | ErrorKind::TimedOut | ErrorKind::Cancelled
        );
        if is_new && is_certain {
            let _left = Record::remove(&id);
            return Err(error);
        }
        return Err(match error.hint {
            Some(_) => error,
            None => error.with_hint(format!(
                "Continue with the same options and --at {}",
                id.time
            )),
        });
    }
    status::of_backup(&id)
}

/// Returns whether the same run has begun before.
fn begun(id: &Id, record: &Record) -> Result<bool> {
    check_place(id)?;
    match Record::read(id)? {
        None => Ok(false),
        Some(there) if there == *record => Ok(true),
        Some(there) => Err(record.conflict(id, &there)),
    }
}

/// Fails if the place of the backup belongs to something else.
fn check_place(id: &Id) -> Result<()> {
    if Deleting::read(id)?.is_some() {
        return Err(
            Error::conflict(format!("the deletion of the backup {id} has begun")).with_hint(
                "Delete it to the end with `kubectl broker backup delete`, or choose another --at",
            ),
        );
    }
    Ok(())
}

/// Selects one object, to see whether a bucket can be listed.
pub fn one(bucket: &Bucket, prefix: &str) -> Selection {
    Selection {
        limit: Some(1),
        ..bucket.select(prefix)
    }
}

/// Names the option in the error of a bucket that can't be listed.
pub fn of_bucket(error: Error, bucket: &Bucket, option: &str) -> Error {
    let message = format!(
        "the bucket {bucket} of {option} can't be used: {}",
        error.message
    );
    error.with_message(message)
}
