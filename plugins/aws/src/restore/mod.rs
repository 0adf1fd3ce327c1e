//! Restores: the snapshot to a new database, and the documents to a bucket.
//!
//! The record of a restore and its progress are objects beside the backup, so that each call may be a new process.

mod documents;

use std::collections::BTreeMap;

use broker_engine::storage::Condition;
use broker_engine::{
    Activity, Backup, Error, ErrorKind, Field, Restoration, RestoreRequest, RestoreSource, Result,
    Settings, State, clock, size,
};
use serde::{Deserialize, Serialize};

use crate::bucket::Bucket;
use crate::create::{of_bucket, one};
use crate::finish::field;
use crate::id::{AnyId, Id, check_name};
use crate::manifest::{self, Summary};
use crate::options::named_database;
use crate::rds::{self, New, Snapshot};
use crate::record::{self, Database, Deleting};
use crate::status;
use crate::text::line;
use crate::verify::database_of;
use documents::{Counts, Target};

/// The state in which the host calls `finish` again and again.
const RESTORING: &str = "restoring";
/// The states of a new database that it does not leave by itself.
const LOST: [&str; 7] = [
    "deleting",
    "failed",
    "inaccessible-encryption-credentials",
    "incompatible-network",
    "incompatible-option-group",
    "incompatible-parameters",
    "incompatible-restore",
];

/// The settings of a restore. The same name with the same settings is the same restore.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Plan {
    version: u32,
    /// The id of the restore.
    restore: String,
    /// The snapshot, and the database to create from it.
    database: Option<(Database, New)>,
    documents: Option<Target>,
}

/// Begins a restore, or only checks it.
///
/// # Errors
/// Fails if something is in the way of the restore, or if AWS refuses.
pub fn restore(request: &RestoreRequest) -> Result<Restoration> {
    let RestoreSource::Id(id) = &request.source else {
        return Err(Error::unsupported(
            "this engine restores the backups that it has made, not files",
        ));
    };
    let AnyId {
        backup: id,
        restore: None,
    } = AnyId::parse(id)?
    else {
        return Err(Error::invalid(format!("{id} is a restore, not a backup")));
    };
    let name = match request.text("restore-name") {
        Some(name) => check_name(name)?,
        None => clock::stamp(),
    };
    let summary = complete(&id)?;
    let plan = plan(request, &id, &name, &summary)?;
    let there: Option<Plan> = record::read(&id.at(&record_of(&name)))?;
    let is_same = match there {
        Some(there) if there == plan => true,
        Some(_) => {
            return Err(Error::conflict(format!(
                "there is a restore {name} with other settings already"
            ))
            .with_hint("Choose another name with --restore-name"));
        }
        None => false,
    };
    let snapshot = match &plan.database {
        Some((from, new)) => Some(check_database(from, new, &plan.restore)?),
        None => None,
    };
    let mut details = Vec::new();
    // A restore that goes on compares the documents as it comes to them.
    let is_looked_at = request.dry_run || !is_same;
    if let Some(target) = plan.documents.as_ref().filter(|_| is_looked_at) {
        let counts = documents::preview(&id, target)?;
        details.extend(told(target, &counts));
        check_free(target, &counts)?;
    }
    if let Some((_, new)) = &plan.database {
        details.push(field(
            "database",
            format!("{} {}", new.kind.thing(), new.id),
        ));
    }
    if request.dry_run {
        let mut backup = Backup::new(plan.restore, State::Succeeded);
        backup.activity = Activity::Restore;
        return Ok(Restoration { backup, details });
    }
    if !is_same {
        record::write(&id.at(&record_of(&name)), &plan, &Condition::Absent)?;
    }
    if let (Some((from, new)), Some((snapshot, false))) = (&plan.database, snapshot) {
        let tags = BTreeMap::from([(rds::TAG_RESTORE.to_owned(), tag_of(&plan.restore))]);
        rds::restore(from, &snapshot, new, &tags)?;
    }
    Ok(Restoration {
        backup: status(&id, &name)?,
        details,
    })
}

/// Returns the restore in its current state.
///
/// # Errors
/// Fails if it does not exist, or if AWS refuses.
pub fn status(id: &Id, name: &str) -> Result<Backup> {
    let plan = read(id, name)?;
    let mut backup = Backup::new(plan.restore.clone(), State::Succeeded);
    backup.activity = Activity::Restore;
    backup.created = Some(id.timestamp());
    let mut database = None;
    if let Some((from, new)) = &plan.database {
        let found = rds::describe(new.kind, &new.id, from.region.as_deref())?;
        let state = found.map(|found| found.status);
        if let Some(state) = state.as_ref().filter(|it| LOST.contains(&it.as_str())) {
            backup.state = State::Failed;
            backup.failure = Some(format!(
                "{} {} is {}",
                new.kind.thing(),
                new.id,
                line(state)
            ));
            return Ok(backup);
        }
        database = Some(state);
        if new.kind == rds::Kind::Cluster {
            backup.warnings.push(format!(
                "The cluster {} has no instance yet: create one with `aws rds create-db-instance`",
                new.id
            ));
        }
    }
    let progress = documents::Progress::read(id, name)?.0;
    if plan.documents.is_some() && !progress.is_done {
        backup.state = State::Running;
        backup.reported_state = Some(RESTORING.to_owned());
        let step = format!("{} documents restored", progress.counts.missing);
        return Ok(backup.with_progress(progress.counts.bytes, None, Some(&step)));
    }
    match database {
        Some(Some(state)) if state == "available" => {}
        Some(Some(state)) => {
            backup.state = State::Running;
            backup.reported_state = Some(format!("database {}", line(&state)));
        }
        Some(None) => {
            backup.state = State::Pending;
            backup.reported_state = Some("database".to_owned());
        }
        None => {}
    }
    Ok(backup)
}

/// Copies a part of the documents back, and returns details.
///
/// # Errors
/// Fails if there is no such restore, if something else has written to the target, or if AWS refuses.
pub fn go_on(id: &Id, name: &str) -> Result<Vec<Field>> {
    let plan = read(id, name)?;
    let mut details = Vec::new();
    if let Some(target) = &plan.documents {
        let counts = documents::go_on(id, name, target)?;
        details.push(field("restored", counts.missing.to_string()));
        details.push(field("restored-size", size(counts.bytes)));
        details.push(field("equal-before", counts.equal.to_string()));
    }
    if let Some((_, new)) = &plan.database {
        details.push(field(
            "database",
            format!("{} {}", new.kind.thing(), new.id),
        ));
    }
    Ok(details)
}

/// Deletes the record of a restore. The restored database and documents stay.
///
/// # Errors
/// Fails if there is no such restore, or if the store refuses.
pub fn forget(id: &Id, name: &str) -> Result<Vec<String>> {
    read(id, name)?;
    let keys = [record_of(name), documents::progress_of(name)].map(|name| id.key(&name));
    id.bucket.remove(&keys)?;
    Ok(vec![
        "Only the record of the restore is deleted: the restored database and documents stay"
            .to_owned(),
    ])
}

fn read(id: &Id, name: &str) -> Result<Plan> {
    let plan: Option<Plan> = record::read(&id.at(&record_of(name)))?;
    plan.filter(|plan| plan.restore == id.of_restore(name))
        .ok_or_else(|| Error::not_found(format!("there is no restore {}", id.of_restore(name))))
}

/// Returns the id of a restore as the value of a tag. RDS allows no `#` there.
fn tag_of(restore: &str) -> String {
    restore.replace('#', ":")
}

fn record_of(name: &str) -> String {
    format!("run/restore-{name}.json")
}

/// Returns the manifest of a backup that can be restored.
fn complete(id: &Id) -> Result<Summary> {
    if Deleting::read(id)?.is_some() {
        let message = format!("the deletion of the backup {id} has begun");
        return Err(Error::conflict(message));
    }
    if let Some(reader) = manifest::find(id)? {
        return reader.summary();
    }
    // Tells whether there is a backup at all.
    let backup = status::of_backup(id)?;
    let state = backup.reported_state.unwrap_or_default();
    Err(Error::conflict(format!(
        "the backup {id} is not complete: it is {state}"
    )))
}

fn plan(request: &RestoreRequest, id: &Id, name: &str, summary: &Summary) -> Result<Plan> {
    let new = named_database(request)?;
    let of_database = ["db-subnet-group", "db-security-groups", "db-instance-class"];
    let of_documents = ["target-prefix"];
    let given = |options: &[&'static str]| {
        let mut options = options.iter().copied();
        options.find(|option| request.text(option).is_some())
    };
    if let Some(option) = given(&of_database).filter(|_| new.is_none()) {
        let message = format!("--{option} needs --db-instance or --db-cluster");
        return Err(Error::invalid(message));
    }
    let bucket = request.text("target-bucket");
    let overwrite = request.boolean("overwrite").then_some("overwrite");
    if let Some(option) = given(&of_documents)
        .or(overwrite)
        .filter(|_| bucket.is_none())
    {
        return Err(Error::invalid(format!("--{option} needs --target-bucket")));
    }
    if new.is_none() && bucket.is_none() {
        return Err(
            Error::invalid("nothing says where to restore to").with_hint(
                "Give --db-instance or --db-cluster with a new name, or --target-bucket, or both",
            ),
        );
    }
    let database = match new {
        None => None,
        Some((kind, new)) => {
            let from = database_of(summary).ok_or_else(|| no_database(id))?;
            if from.kind != kind {
                return Err(Error::invalid(format!(
                    "the backup {id} has the snapshot of an {}, not of an {}",
                    from.kind.thing(),
                    kind.thing()
                )));
            }
            let text = |name: &str| request.text(name).map(str::to_owned);
            let groups = request.text("db-security-groups");
            let groups = groups.into_iter().flat_map(|text| text.split(','));
            let new = New {
                kind,
                id: new,
                subnet_group: text("db-subnet-group"),
                security_groups: groups.map(|it| it.trim().to_owned()).collect(),
                instance_class: text("db-instance-class"),
            };
            Some((from, new))
        }
    };
    let documents = match bucket {
        None => None,
        Some(_) if !summary.document["document_library"].is_object() => {
            return Err(Error::invalid(format!("the backup {id} has no documents")));
        }
        Some(bucket) => Some(target(request, id, Bucket::parse(bucket)?)?),
    };
    Ok(Plan {
        version: 1,
        restore: id.of_restore(name),
        database,
        documents,
    })
}

fn no_database(id: &Id) -> Error {
    let error = Error::invalid(format!("the backup {id} has no snapshot of a database"));
    if id.bucket.is_google() {
        return error
            .with_hint("Leave --db-instance and --db-cluster out: Cloud SQL is not supported");
    }
    error
}

fn target(request: &RestoreRequest, id: &Id, bucket: Bucket) -> Result<Target> {
    id.bucket.check_same_cloud(&bucket, "target-bucket")?;
    let prefix = request.text("target-prefix").unwrap_or_default();
    let prefix = match prefix.trim_matches('/') {
        "" => String::new(),
        prefix => format!("{prefix}/"),
    };
    let backups = format!("{}/", id.base);
    if bucket == id.bucket && (prefix.starts_with(&backups) || backups.starts_with(&prefix)) {
        return Err(Error::invalid(format!(
            "the documents would be restored among the backups in {}",
            bucket.address(&backups)
        ))
        .with_hint("Choose another --target-bucket or --target-prefix"));
    }
    let page = bucket.list(&one(&bucket, &prefix));
    page.map_err(|error| of_bucket(error, &bucket, "--target-bucket"))?;
    Ok(Target {
        bucket,
        prefix,
        overwrite: request.boolean("overwrite"),
    })
}

/// Returns the snapshot, and whether this restore has created the database before.
fn check_database(from: &Database, new: &New, restore: &str) -> Result<(Snapshot, bool)> {
    let name = &from.snapshot;
    let snapshot = rds::snapshot(from)?
        .ok_or_else(|| Error::not_found(format!("the snapshot {name} does not exist")))?;
    if !snapshot.is_available() {
        return Err(Error::conflict(status::lost(name, &snapshot)));
    }
    match rds::describe(new.kind, &new.id, from.region.as_deref())? {
        None => Ok((snapshot, false)),
        Some(there) if there.tags.get(rds::TAG_RESTORE) == Some(&tag_of(restore)) => {
            Ok((snapshot, true))
        }
        Some(_) => Err(Error::conflict(format!(
            "{} {} exists already, and nothing is restored over a database",
            new.kind.thing(),
            new.id
        ))
        .with_hint("Choose the name of a new database")),
    }
}

/// Fails if documents in the target would be replaced that the user wants to keep.
fn check_free(target: &Target, counts: &Counts) -> Result<()> {
    if counts.other == 0 || target.overwrite {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Conflict,
        format!(
            "{} documents in {} differ from those of the backup, such as {}",
            counts.other,
            target.bucket.address(&target.prefix),
            counts.named.join(", ")
        ),
    )
    .with_hint(
        "Replace them with --overwrite, or choose another --target-bucket or --target-prefix",
    ))
}

fn told(target: &Target, counts: &Counts) -> Vec<Field> {
    vec![
        field("target", target.bucket.address(&target.prefix)),
        field("to-copy", counts.missing.to_string()),
        field("to-copy-size", size(counts.bytes)),
        field("equal", counts.equal.to_string()),
        field("different", counts.other.to_string()),
    ]
}
