//! The state of a backup, as its objects and its snapshot tell it.

use broker_engine::{Backup, Error, Result, State};
use serde_json::Value;

use crate::entry::Skipped;
use crate::id::{AnyId, Id};
use crate::journal::Header;
use crate::manifest::{self, Summary};
use crate::rds::{self, Snapshot};
use crate::record::{DELETING, Database, PIN, Record};
use crate::restore;
use crate::text::line;

/// The state in which the host calls `finish` again and again.
pub const COPYING: &str = "copying";
/// The maximum number of documents that warnings name.
const MAX_NAMED: usize = 5;

/// Returns a backup or a restore in its current state.
///
/// # Errors
/// Fails if it does not exist, or if AWS refuses.
pub fn status(text: &str) -> Result<Backup> {
    let AnyId {
        backup: id,
        restore,
    } = AnyId::parse(text)?;
    match restore {
        Some(name) => restore::status(&id, &name),
        None => of_backup(&id),
    }
}

/// Returns a backup in its current state.
///
/// # Errors
/// Fails if it does not exist, or if AWS refuses.
pub fn of_backup(id: &Id) -> Result<Backup> {
    // One list instead of a request for each object that may be there.
    let folder = id.bucket.select(&id.folder()).with_folders();
    let there = id.bucket.list(&folder)?;
    let has = |name: &str| there.objects.iter().any(|it| it.key == id.key(name));
    let name = [manifest::PLAIN, manifest::COMPRESSED];
    let name = name.into_iter().find(|name| has(name));
    let reader = name.map(|name| manifest::open(id, name)).transpose()?;
    let summary = reader.flatten().map(|it| it.summary()).transpose()?;
    let mut backup = match (&summary, has(DELETING)) {
        (_, true) => {
            let mut backup = Backup::new(id.to_string(), State::Failed);
            backup.reported_state = Some("deleting".to_owned());
            backup.failure = Some("the deletion of the backup has begun".to_owned());
            backup
        }
        (Some(summary), false) => complete(id, summary),
        (None, false) => {
            let record = Record::read(id)?.ok_or_else(|| missing(id))?;
            running(id, &record)?
        }
    };
    backup.created = Some(id.timestamp());
    if has(PIN) {
        backup = backup.with_field("pinned", Some("yes".to_owned()));
    }
    Ok(backup)
}

/// Returns the error for a backup that does not exist.
pub fn missing(id: &Id) -> Error {
    Error::not_found(format!("there is no backup {id}")).with_hint(
        "`kubectl broker backup list --engine aws --destination-bucket BUCKET` shows the backups",
    )
}

/// Returns a backup with a manifest.
fn complete(id: &Id, summary: &Summary) -> Backup {
    let document = &summary.document;
    let missing = summary.number("missing_count").unwrap_or_default();
    let state = match missing {
        0 => State::Succeeded,
        _ => State::Partial,
    };
    let mut backup = Backup::new(id.to_string(), state);
    let of_database = document["database"]["size_bytes"].as_u64();
    let of_documents = summary.number("total_size_bytes");
    backup.size = match (of_database, of_documents) {
        (None, None) => None,
        (a, b) => a.unwrap_or_default().checked_add(b.unwrap_or_default()),
    };
    backup.warnings = warnings(&summary.skipped());
    if state == State::Partial {
        backup.failure = Some(format!("{missing} documents could not be copied"));
    }
    let text = |value: &Value| value.as_str().map(line);
    let shown = |number: Option<u64>| number.map(|it| it.to_string());
    backup
        .with_field("objects", shown(summary.number("object_count")))
        .with_field("database-bytes", shown(of_database))
        .with_field("document-bytes", shown(of_documents))
        .with_field("retention", text(&document["retention"]))
        .with_field("database", text(&document["database"]["instance_id"]))
        .with_field("snapshot", text(&document["database"]["snapshot_id"]))
        .with_field(
            "source",
            text(&document["document_library"]["source_bucket"]),
        )
        .with_field("project", text(&document["project"]))
        .with_field("environment", text(&document["environment"]))
        .with_field("manifest", Some(id.shown(summary.name)))
}

/// Returns warnings about documents that were not copied. Only the first ones are named.
pub fn warnings(skipped: &[Skipped]) -> Vec<String> {
    let named = skipped.iter().take(MAX_NAMED);
    let mut warnings: Vec<_> = named
        .map(|it| {
            format!(
                "Document {} is not in the backup: {}",
                line(&it.key),
                line(&it.reason)
            )
        })
        .collect();
    let others = skipped.len().saturating_sub(MAX_NAMED);
    if others > 0 {
        warnings.push(format!(
            "{others} further documents are not in the backup; its manifest names them"
        ));
    }
    warnings
}

/// Returns a backup without a manifest.
fn running(id: &Id, record: &Record) -> Result<Backup> {
    let backup = match &record.database {
        Some(database) => of_snapshot(id, database)?,
        None => None,
    };
    let backup = match backup {
        Some(backup) => backup,
        None => copying(id)?,
    };
    let database = record.database.as_ref();
    let documents = record.documents.as_ref();
    Ok(backup
        .with_field("retention", record.retention.clone())
        .with_field("database", database.map(|it| it.id.clone()))
        .with_field("snapshot", database.map(|it| it.snapshot.clone()))
        .with_field("source", documents.map(|it| it.bucket.to_string()))
        .with_field("project", Some(record.project.clone()))
        .with_field("environment", Some(record.environment.clone())))
}

/// Returns the backup as its snapshot tells it. `None` if the snapshot is available.
fn of_snapshot(id: &Id, database: &Database) -> Result<Option<Backup>> {
    let reported = |state, text: &str| {
        let mut backup = Backup::new(id.to_string(), state);
        backup.reported_state = Some(text.to_owned());
        backup
    };
    let name = &database.snapshot;
    Ok(match rds::snapshot(database)? {
        // RDS may tell of a new snapshot only a moment later.
        None => Some(reported(State::Pending, "snapshot")),
        Some(snapshot) if snapshot.is_available() => None,
        Some(snapshot) if snapshot.is_lost() => {
            let mut backup = reported(State::Failed, "snapshot");
            backup.failure = Some(lost(name, &snapshot));
            Some(backup)
        }
        Some(snapshot) => {
            let done = snapshot.percent.unwrap_or_default().min(100);
            let step = format!("snapshot {name}, percent");
            Some(reported(State::Running, "snapshot").with_progress(done, Some(100), Some(&step)))
        }
    })
}

/// Returns why a snapshot can't be used.
pub fn lost(name: &str, snapshot: &Snapshot) -> String {
    format!("the snapshot {name} is {}", line(&snapshot.status))
}

fn copying(id: &Id) -> Result<Backup> {
    let at = Header::newest(id)?;
    let mut backup = Backup::new(id.to_string(), State::Running);
    backup.reported_state = Some(COPYING.to_owned());
    let step = if at.is_last {
        "manifest".to_owned()
    } else {
        format!("{} documents copied", at.objects)
    };
    Ok(backup.with_progress(at.bytes, None, Some(&step)))
}
