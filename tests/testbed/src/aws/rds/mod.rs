//! RDS by its Query API: <https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/Welcome.html>

mod databases;
mod documents;
mod model;
mod names;
mod snapshots;
mod tags;

use jiff::Timestamp;

pub use model::{Database, Engine, Kind, Snapshot};

use super::REGION;
use super::faults::{Denial, not_authorized};
use super::reply::{Answer, Answered, RDS, Refusal};
use super::request::{Call, Signed};
use super::xml::Xml;

const VERSION: &str = "2014-10-31";

/// The databases and snapshots of all regions.
#[derive(Debug)]
pub(super) struct Rds {
    pub(super) databases: Vec<Database>,
    pub(super) snapshots: Vec<Snapshot>,
    /// The number of looks at a snapshot until it is complete.
    pub(super) looks: u32,
    /// The status in which new snapshots end.
    pub(super) end: String,
    /// The number of looks at a restored database until it is available.
    pub(super) restore_looks: u32,
    /// The maximum number of manual snapshots of a region.
    pub(super) quota: usize,
}

impl Default for Rds {
    fn default() -> Self {
        Self {
            databases: Vec::new(),
            snapshots: Vec::new(),
            looks: 2,
            end: "available".to_owned(),
            restore_looks: 2,
            quota: 100,
        }
    }
}

impl Rds {
    /// Sets the status of an instance, cluster or snapshot, and ends its course.
    pub(super) fn set_status(&mut self, id: &str, status: &str) {
        for database in self.databases.iter_mut().filter(|it| it.id == id) {
            database.course = None;
            status.clone_into(&mut database.status);
        }
        for snapshot in self.snapshots.iter_mut().filter(|it| it.id == id) {
            snapshot.course = None;
            status.clone_into(&mut snapshot.status);
        }
    }
}

/// Returns the identifier that an action is about.
pub(super) fn subject(call: &Call) -> &str {
    let names: &[&str] = if call.operation.starts_with("Restore") {
        &["DBInstanceIdentifier", "DBClusterIdentifier"]
    } else {
        &[
            "DBSnapshotIdentifier",
            "DBClusterSnapshotIdentifier",
            "DBInstanceIdentifier",
            "DBClusterIdentifier",
            "ResourceName",
        ]
    };
    let found = names.iter().find_map(|name| call.query.get(name));
    found.unwrap_or_default()
}

pub(super) fn default_region() -> &'static str {
    REGION
}

/// One action that is being answered.
pub(super) struct Action<'a> {
    pub(super) call: &'a Call,
    pub(super) rds: &'a mut Rds,
    pub(super) denials: &'a [Denial],
    pub(super) now: Timestamp,
    pub(super) id: &'a str,
}

impl Action<'_> {
    pub(super) fn answer(&mut self) -> Answered {
        self.enter()?;
        let version = self.call.query.get("Version");
        let version = version.unwrap_or("NO_VERSION_SPECIFIED");
        let unknown = |name: &str| {
            let message = format!("Could not find operation {name} for version {version}");
            Refusal::new(400, "InvalidAction", message)
        };
        let name = self.call.operation.as_str();
        if name.is_empty() {
            let message = "The request must contain the parameter Action.";
            return Err(Refusal::new(400, "MissingAction", message));
        }
        if version != VERSION {
            return Err(unknown(name));
        }
        match name {
            "DescribeDBInstances" => self.describe_databases(Kind::Instance),
            "DescribeDBClusters" => self.describe_databases(Kind::Cluster),
            "CreateDBSnapshot" => self.create_snapshot(Kind::Instance),
            "CreateDBClusterSnapshot" => self.create_snapshot(Kind::Cluster),
            "DescribeDBSnapshots" => self.describe_snapshots(Kind::Instance),
            "DescribeDBClusterSnapshots" => self.describe_snapshots(Kind::Cluster),
            "DeleteDBSnapshot" => self.delete_snapshot(Kind::Instance),
            "DeleteDBClusterSnapshot" => self.delete_snapshot(Kind::Cluster),
            "RestoreDBInstanceFromDBSnapshot" => self.restore(Kind::Instance),
            "RestoreDBClusterFromSnapshot" => self.restore(Kind::Cluster),
            "CreateDBInstance" => self.create_instance(),
            "ListTagsForResource" => self.list_tags(),
            "AddTagsToResource" => self.add_tags(),
            "RemoveTagsFromResource" => self.remove_tags(),
            other => Err(unknown(other)),
        }
    }

    fn enter(&self) -> Result<(), Refusal> {
        match &self.call.signed {
            Signed::Anonymous => Err(Refusal::new(
                403,
                "MissingAuthenticationToken",
                "Request is missing Authentication Token",
            )),
            Signed::Malformed => Err(Refusal::new(
                400,
                "IncompleteSignature",
                "Authorization header requires 'Credential' parameter.",
            )),
            Signed::By(credential) if credential.service != "rds" => Err(Refusal::new(
                403,
                "SignatureDoesNotMatch",
                "Credential should be scoped to correct service: 'rds'. ",
            )),
            Signed::By(_) => Ok(()),
        }
    }

    fn region(&self) -> &str {
        self.call.region().unwrap_or_default()
    }

    /// Refuses an action that lacks the permission for a resource.
    fn allow(&self, arn: &str) -> Result<(), Refusal> {
        self.permit(&format!("rds:{}", self.call.operation), arn)
    }

    /// Refuses the tags of something new without the permission for them.
    fn allow_tags(&self, arn: &str, tags: &[(String, String)]) -> Result<(), Refusal> {
        if tags.is_empty() {
            return Ok(());
        }
        self.permit("rds:AddTagsToResource", arn)
    }

    fn permit(&self, permission: &str, arn: &str) -> Result<(), Refusal> {
        let key = self.call.access_key();
        let mut denials = self.denials.iter();
        if denials.any(|it| it.covers(key, permission, arn)) {
            let message = not_authorized(key.unwrap_or_default(), permission, arn);
            return Err(Refusal::new(403, "AccessDenied", message));
        }
        Ok(())
    }

    /// Returns a parameter that the action needs.
    fn needed(&self, name: &str) -> Result<&str, Refusal> {
        let found = self.call.query.get(name).filter(|it| !it.is_empty());
        found.ok_or_else(|| {
            let message = format!("The request must contain the parameter {name}.");
            Refusal::new(400, "MissingParameter", message)
        })
    }

    /// Returns the document of an action.
    fn document(&self, content: impl FnOnce(&mut Xml)) -> Answer {
        let name = &self.call.operation;
        let document = Xml::document(&format!("{name}Response"), RDS, |xml| {
            xml.element(&format!("{name}Result"), content);
            self.metadata(xml);
        });
        Answer::xml(document)
    }

    /// Returns the document of an action without a result.
    fn done(&self) -> Answer {
        let root = format!("{}Response", self.call.operation);
        Answer::xml(Xml::document(&root, RDS, |xml| self.metadata(xml)))
    }

    fn metadata(&self, xml: &mut Xml) {
        xml.element("ResponseMetadata", |xml| xml.text("RequestId", self.id));
    }

    /// Returns the page of a list that the request asks for, with the marker of the next one.
    fn page<T>(
        &self,
        mut found: Vec<T>,
        id: impl Fn(&T) -> &str,
    ) -> Result<(Vec<T>, Option<String>), Refusal> {
        let query = &self.call.query;
        let limit = match query.get("MaxRecords") {
            None => 100,
            Some(text) => match text.parse() {
                Ok(limit @ 20..=100) => limit,
                _ => {
                    return Err(invalid(format!(
                        "Invalid value {text} for MaxRecords. Must be between 20 and 100"
                    )));
                }
            },
        };
        found.sort_by(|a, b| id(a).cmp(id(b)));
        if let Some(marker) = query.get("Marker") {
            let last = names::read_marker(marker)
                .ok_or_else(|| invalid("The specified marker is not valid.".to_owned()))?;
            found.retain(|it| id(it) > last.as_str());
        }
        let is_truncated = found.len() > limit;
        found.truncate(limit);
        let last = found.last().filter(|_| is_truncated);
        let marker = last.map(|it| names::marker(id(it)));
        Ok((found, marker))
    }
}

fn invalid(message: String) -> Refusal {
    Refusal::new(400, "InvalidParameterValue", message)
}
