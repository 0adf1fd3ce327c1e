//! Databases and snapshots of RDS and Aurora.
//! <https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_Operations.html>

use std::collections::BTreeMap;

use broker_engine::aws::{self, Action};
use broker_engine::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

use crate::id::Id;
use crate::record::Database;
use crate::xml::Element;

/// The maximum length of the id of a snapshot. Instances allow 255 characters, clusters 63.
const MAX_SNAPSHOT: usize = 63;
/// The states of a database in which a snapshot can be made.
const READY: [&str; 3] = ["available", "storage-full", "storage-optimization"];
/// The states of a snapshot that will never be available. Source: the waiter of Amazon's own library.
const LOST: [&str; 5] = [
    "deleted",
    "deleting",
    "failed",
    "incompatible-parameters",
    "incompatible-restore",
];
/// The tag that names the backup of a snapshot.
pub const TAG_BACKUP: &str = "kubectl-broker/backup";
/// The tag that names the restore of a database.
pub const TAG_RESTORE: &str = "kubectl-broker/restore";

/// The kind of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A database of RDS.
    Instance,
    /// A cluster of Aurora.
    Cluster,
}

/// The names of the actions and of their parameters for one kind.
struct Words {
    thing: &'static str,
    describe: &'static str,
    id: &'static str,
    list: &'static str,
    item: &'static str,
    status: &'static str,
    create_snapshot: &'static str,
    describe_snapshots: &'static str,
    delete_snapshot: &'static str,
    snapshot_id: &'static str,
    snapshot_list: &'static str,
    snapshot_item: &'static str,
    snapshot_arn: &'static str,
}

const INSTANCE: Words = Words {
    thing: "RDS instance",
    describe: "DescribeDBInstances",
    id: "DBInstanceIdentifier",
    list: "DBInstances",
    item: "DBInstance",
    status: "DBInstanceStatus",
    create_snapshot: "CreateDBSnapshot",
    describe_snapshots: "DescribeDBSnapshots",
    delete_snapshot: "DeleteDBSnapshot",
    snapshot_id: "DBSnapshotIdentifier",
    snapshot_list: "DBSnapshots",
    snapshot_item: "DBSnapshot",
    snapshot_arn: "DBSnapshotArn",
};

const CLUSTER: Words = Words {
    thing: "Aurora cluster",
    describe: "DescribeDBClusters",
    id: "DBClusterIdentifier",
    list: "DBClusters",
    item: "DBCluster",
    status: "Status",
    create_snapshot: "CreateDBClusterSnapshot",
    describe_snapshots: "DescribeDBClusterSnapshots",
    delete_snapshot: "DeleteDBClusterSnapshot",
    snapshot_id: "DBClusterSnapshotIdentifier",
    snapshot_list: "DBClusterSnapshots",
    snapshot_item: "DBClusterSnapshot",
    snapshot_arn: "DBClusterSnapshotArn",
};

impl Kind {
    fn words(self) -> &'static Words {
        match self {
            Self::Instance => &INSTANCE,
            Self::Cluster => &CLUSTER,
        }
    }

    /// Returns the name of the kind, for people.
    pub fn thing(self) -> &'static str {
        self.words().thing
    }
}

/// A database as RDS describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    pub status: String,
    pub tags: BTreeMap<String, String>,
}

/// A snapshot as RDS describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    pub status: String,
    pub percent: Option<u64>,
    pub arn: Option<String>,
    pub engine: Option<String>,
    pub engine_version: Option<String>,
    /// The size in bytes, and the name of its source.
    pub size: Option<(u64, &'static str)>,
    tags: Option<BTreeMap<String, String>>,
}

impl Snapshot {
    pub fn is_available(&self) -> bool {
        self.status == "available"
    }

    /// Returns whether the snapshot will never be available.
    pub fn is_lost(&self) -> bool {
        LOST.contains(&self.status.as_str())
    }
}

/// Returns the database, if it exists.
///
/// # Errors
/// Fails if RDS refuses, or if its response is not understood.
pub fn describe(kind: Kind, id: &str, region: Option<&str>) -> Result<Option<Running>> {
    let words = kind.words();
    let action = action(words.describe, region).parameter(words.id, id);
    let Some(found) = only(action, words.list, words.item)? else {
        return Ok(None);
    };
    Ok(Some(Running {
        status: found.text(words.status).unwrap_or("unknown").to_owned(),
        tags: tags_of(&found).unwrap_or_default(),
    }))
}

/// Checks that a snapshot of a database can be made.
///
/// # Errors
/// Fails if the database does not exist, or if its state forbids a snapshot.
pub fn check_ready(database: &Database) -> Result<()> {
    let Database { kind, id, .. } = database;
    let thing = kind.thing();
    let Some(found) = describe(*kind, id, database.region.as_deref())? else {
        return Err(Error::not_found(format!("{thing} {id} does not exist"))
            .with_hint("Check the name, and the region: --region or AWS_REGION"));
    };
    if READY.contains(&found.status.as_str()) {
        return Ok(());
    }
    let status = &found.status;
    Err(Error::conflict(format!(
        "{thing} {id} is {status}; a snapshot needs one of the states {}",
        READY.join(", ")
    ))
    .with_hint("Wait until the database is available, and try again")
    .retry_can_help())
}

/// Begins the snapshot of a backup. It is no error if the same backup has begun it before.
///
/// # Errors
/// Fails if there is a snapshot of that name with other tags, or if RDS refuses.
pub fn create_snapshot(database: &Database, tags: &BTreeMap<String, String>) -> Result<()> {
    let words = database.kind.words();
    let action = action(words.create_snapshot, database.region.as_deref())
        .parameter(words.id, &database.id)
        .parameter(words.snapshot_id, &database.snapshot);
    let error = match with_tags(action, tags).call() {
        Ok(_) => return Ok(()),
        Err(error) if error.message.contains("SnapshotAlreadyExists") => error,
        Err(error) if error.message.contains("SnapshotQuotaExceeded") => {
            return Err(error.with_hint(
                "Delete snapshots, for example with the verb `expire`, or ask AWS for a higher quota",
            ));
        }
        Err(error) => return Err(error),
    };
    let Some(there) = snapshot(database)? else {
        return Err(error);
    };
    // RDS may add tags of its own.
    let has = tags_of_snapshot(database, &there)?;
    if tags
        .iter()
        .all(|(name, value)| has.get(name) == Some(value))
    {
        return Ok(());
    }
    let snapshot = &database.snapshot;
    Err(Error::conflict(format!(
        "there is a snapshot {snapshot} already, with other tags than this backup has"
    ))
    .with_hint("Choose another time with --at, or another --project or --environment"))
}

/// Returns the snapshot of a backup, if it exists.
///
/// # Errors
/// Fails if RDS refuses, or if its response is not understood.
pub fn snapshot(database: &Database) -> Result<Option<Snapshot>> {
    let words = database.kind.words();
    let action = action(words.describe_snapshots, database.region.as_deref())
        .parameter(words.snapshot_id, &database.snapshot);
    let Some(found) = only(action, words.snapshot_list, words.snapshot_item)? else {
        return Ok(None);
    };
    let text = |name| found.text(name).map(str::to_owned);
    let full = found.number("FullSnapshotSizeInBytes");
    let allocated = found.number("AllocatedStorage");
    let allocated = allocated.and_then(|gib| gib.checked_mul(1 << 30));
    Ok(Some(Snapshot {
        status: text("Status").unwrap_or_default(),
        percent: found.number("PercentProgress"),
        arn: text(words.snapshot_arn),
        engine: text("Engine"),
        engine_version: text("EngineVersion"),
        size: full
            .map(|bytes| (bytes, "full-snapshot"))
            .or(allocated.map(|bytes| (bytes, "allocated-storage"))),
        tags: tags_of(&found),
    }))
}

/// Deletes the snapshot of a backup. Returns a warning if it is not deleted, because it belongs to something else.
///
/// # Errors
/// Fails if RDS refuses.
pub fn delete_snapshot(database: &Database, id: &Id) -> Result<Option<String>> {
    let Some(there) = snapshot(database)? else {
        return Ok(None);
    };
    let name = &database.snapshot;
    if tags_of_snapshot(database, &there)?.get(TAG_BACKUP) != Some(&id.to_string()) {
        return Ok(Some(format!(
            "The snapshot {name} is kept: its tag {TAG_BACKUP} does not name this backup"
        )));
    }
    let words = database.kind.words();
    let action = action(words.delete_snapshot, database.region.as_deref())
        .parameter(words.snapshot_id, name);
    match action.call() {
        Err(error) if error.kind != ErrorKind::NotFound => Err(error),
        _ => Ok(None),
    }
}

/// A database to create from a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct New {
    pub kind: Kind,
    pub id: String,
    pub subnet_group: Option<String>,
    pub security_groups: Vec<String>,
    pub instance_class: Option<String>,
}

/// Creates a database from a snapshot.
///
/// # Errors
/// Fails if RDS refuses, for example because there is a database of that name.
pub fn restore(
    from: &Database,
    snapshot: &Snapshot,
    new: &New,
    tags: &BTreeMap<String, String>,
) -> Result<()> {
    let region = from.region.as_deref();
    let mut action = match new.kind {
        Kind::Instance => action("RestoreDBInstanceFromDBSnapshot", region)
            .parameter("DBInstanceIdentifier", &new.id)
            .parameter("DBSnapshotIdentifier", &from.snapshot),
        Kind::Cluster => action("RestoreDBClusterFromSnapshot", region)
            .parameter("DBClusterIdentifier", &new.id)
            .parameter("SnapshotIdentifier", &from.snapshot)
            .parameter("Engine", snapshot.engine.as_deref().unwrap_or_default()),
    };
    if let Some(group) = &new.subnet_group {
        action = action.parameter("DBSubnetGroupName", group);
    }
    if let Some(class) = &new.instance_class {
        action = action.parameter("DBInstanceClass", class);
    }
    for (at, group) in new.security_groups.iter().enumerate() {
        let name = format!("VpcSecurityGroupIds.VpcSecurityGroupId.{}", at + 1);
        action = action.parameter(&name, group);
    }
    with_tags(action, tags).call().map(drop)
}

/// Calls an action that only reads, to see whether AWS answers.
///
/// # Errors
/// Returns the error of RDS.
pub fn look() -> Result<()> {
    let action = action("DescribeDBInstances", None).parameter("MaxRecords", "20");
    Element::parse(&action.call()?).map(drop)
}

/// Returns the id of the snapshot of a backup: `PROJECT-ENVIRONMENT-TIME`, in the form that RDS allows.
pub fn snapshot_id(project: &str, environment: &str, time: &str) -> String {
    let text = format!("{project}-{environment}").to_ascii_lowercase();
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    let mut name = words.join("-");
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        name.insert_str(0, if name.is_empty() { "backup" } else { "backup-" });
    }
    name.truncate(MAX_SNAPSHOT - 1 - time.len());
    format!("{}-{time}", name.trim_end_matches('-'))
}

fn action(name: &str, region: Option<&str>) -> Action {
    let action = aws::action("rds", name);
    match region {
        Some(region) => action.region(region),
        None => action,
    }
}

fn with_tags(mut action: Action, tags: &BTreeMap<String, String>) -> Action {
    for (at, (name, value)) in (1..).zip(tags) {
        action = action
            .parameter(&format!("Tags.Tag.{at}.Key"), name)
            .parameter(&format!("Tags.Tag.{at}.Value"), value);
    }
    action
}

/// Calls an action that describes one thing. `None` if it does not exist.
fn only(action: Action, list: &str, item: &str) -> Result<Option<Element>> {
    let text = match action.call() {
        Ok(text) => text,
        Err(error) if error.kind == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let root = Element::parse(&text)?;
    let lists: Vec<_> = root.results().filter(|it| it.has(list)).collect();
    if lists.is_empty() {
        return Err(Error::protocol(format!(
            "the response of RDS has no {list}"
        )));
    }
    let mut items = lists.iter().flat_map(|result| result.all(&[list, item]));
    Ok(items.next().cloned())
}

fn tags_of(element: &Element) -> Option<BTreeMap<String, String>> {
    let tags = element.all(&["TagList", "Tag"]);
    let tags = tags.into_iter().filter_map(|tag| {
        let name = tag.text("Key")?.to_owned();
        Some((name, tag.text("Value").unwrap_or_default().to_owned()))
    });
    element.has("TagList").then(|| tags.collect())
}

/// Returns the tags of a snapshot. Not every server describes them with the snapshot.
fn tags_of_snapshot(database: &Database, of: &Snapshot) -> Result<BTreeMap<String, String>> {
    if let Some(tags) = &of.tags {
        return Ok(tags.clone());
    }
    let Some(arn) = &of.arn else {
        return Ok(BTreeMap::new());
    };
    let action = action("ListTagsForResource", database.region.as_deref());
    let root = Element::parse(&action.parameter("ResourceName", arn).call()?)?;
    let mut results = root.results();
    Ok(results.find_map(tags_of).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_a_snapshot_is_one_that_rds_allows() {
        let time = "20251109-143000";
        for (project, environment, expected) in [
            ("retail", "prd", "retail-prd-20251109-143000"),
            ("Retail_EU", "--x--", "retail-eu-x-20251109-143000"),
            ("1", ".", "backup-1-20251109-143000"),
            ("ü", "", "backup-20251109-143000"),
        ] {
            assert_eq!(snapshot_id(project, environment, time), expected);
        }
        for length in 30..80 {
            let id = snapshot_id(&"a".repeat(length), &"-b".repeat(40), time);
            assert!(id.len() <= MAX_SNAPSHOT && !id.contains("--"), "{id}");
        }
    }
}
