//! The work on a backup whose snapshot is available: a part of the copies in each call, and the manifest at the end.

use broker_engine::{Error, Field, Result, size};

use crate::id::{AnyId, Id};
use crate::journal::{self, Header};
use crate::manifest::{self, Summary};
use crate::rds::{self, Snapshot};
use crate::record::{Database, Deleting, Record};
use crate::{copying, restore, status};

/// The number of documents up to which the manifest is written in the same call as the last copies.
const SMALL: u64 = 20_000;

/// Does a part of the work, and returns details.
///
/// # Errors
/// Fails if the backup does not exist, if its snapshot is lost, or if AWS refuses.
pub fn finish(text: &str) -> Result<Vec<Field>> {
    let AnyId {
        backup: id,
        restore,
    } = AnyId::parse(text)?;
    if let Some(name) = restore {
        return restore::go_on(&id, &name);
    }
    if Deleting::read(&id)?.is_some() {
        let message = format!("the deletion of the backup {id} has begun");
        return Err(Error::conflict(message));
    }
    if let Some(reader) = manifest::find(&id)? {
        journal::remove_all(&id)?;
        return Ok(details(&id, &reader.summary()?));
    }
    let record = Record::read(&id)?.ok_or_else(|| status::missing(&id))?;
    let snapshot = match &record.database {
        Some(database) => match available(&id, database)? {
            Ok(snapshot) => Some(snapshot),
            Err(status) => return Ok(vec![field("snapshot", status)]),
        },
        None => None,
    };
    let at = match &record.documents {
        Some(documents) => {
            let before = Header::newest(&id)?;
            let at = copying::go_on(&id, documents, before.clone())?;
            let has_copied = at.number > before.number;
            // Both together may need more time than one call has.
            if !at.is_last || (has_copied && at.objects > SMALL) {
                return Ok(vec![
                    field("objects", at.objects.to_string()),
                    field("size", size(at.bytes)),
                ]);
            }
            at
        }
        None => Header::default(),
    };
    manifest::write(&id, &record, snapshot.as_ref(), &at)?;
    journal::remove_all(&id)?;
    let reader = manifest::find(&id)?.ok_or_else(|| status::missing(&id))?;
    Ok(details(&id, &reader.summary()?))
}

/// Returns the snapshot if it is available, or else its state.
fn available(id: &Id, database: &Database) -> Result<std::result::Result<Snapshot, String>> {
    let name = &database.snapshot;
    match rds::snapshot(database)? {
        None => Err(
            Error::not_found(format!("the snapshot {name} does not exist")).with_hint(format!(
                "Begin it again: `create` with the same options and --at {}",
                id.time
            )),
        ),
        Some(snapshot) if snapshot.is_lost() => Err(Error::failed(status::lost(name, &snapshot))),
        Some(snapshot) if snapshot.is_available() => Ok(Ok(snapshot)),
        Some(snapshot) => Ok(Err(snapshot.status)),
    }
}

/// Returns the details of a complete backup.
fn details(id: &Id, summary: &Summary) -> Vec<Field> {
    let mut details = vec![field("manifest", id.shown(summary.name))];
    let database = &summary.document["database"];
    if let Some(name) = database["snapshot_id"].as_str() {
        details.push(field("snapshot", name.to_owned()));
    }
    if let (Some(bytes), Some(source)) = (
        database["size_bytes"].as_u64(),
        database["size_source"].as_str(),
    ) {
        details.push(field(
            "database-size",
            format!("{} ({source})", size(bytes)),
        ));
    }
    if let Some(objects) = summary.number("object_count") {
        let bytes = summary.number("total_size_bytes").unwrap_or_default();
        details.push(field("objects", objects.to_string()));
        details.push(field("documents-size", size(bytes)));
    }
    let skipped = summary.number("skipped_count").unwrap_or_default();
    let missing = summary.number("missing_count").unwrap_or_default();
    for (name, number) in [
        ("vanished", skipped.saturating_sub(missing)),
        ("not-copied", missing),
    ] {
        if number > 0 {
            details.push(field(name, number.to_string()));
        }
    }
    details
}

pub fn field(name: &str, value: String) -> Field {
    Field {
        name: name.to_owned(),
        value,
    }
}
