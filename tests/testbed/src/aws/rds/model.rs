//! Databases and snapshots.

use std::collections::BTreeMap;

use jiff::Timestamp;

/// The form of a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Instance,
    /// A cluster of Aurora.
    Cluster,
}

impl Kind {
    /// Returns the name of its element.
    pub(super) fn noun(self) -> &'static str {
        match self {
            Self::Instance => "DBInstance",
            Self::Cluster => "DBCluster",
        }
    }

    /// Returns the name of the element of its snapshots.
    pub(super) fn snapshot(self) -> &'static str {
        match self {
            Self::Instance => "DBSnapshot",
            Self::Cluster => "DBClusterSnapshot",
        }
    }

    /// Returns the code of an error. Those about clusters end in `Fault`.
    pub(super) fn code(self, name: &str) -> String {
        match self {
            Self::Instance => name.to_owned(),
            Self::Cluster => format!("{name}Fault"),
        }
    }

    /// Returns the name of a database in ARNs.
    pub(super) fn of_arn(self) -> &'static str {
        match self {
            Self::Instance => "db",
            Self::Cluster => "cluster",
        }
    }

    /// Returns the name of a snapshot in ARNs.
    pub(super) fn of_snapshot_arn(self) -> &'static str {
        match self {
            Self::Instance => "snapshot",
            Self::Cluster => "cluster-snapshot",
        }
    }
}

/// The facts that a snapshot takes over from its database, and a restored database from its snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Engine {
    /// The name, such as `mysql` or `aurora-postgresql`.
    pub name: String,
    pub version: String,
    /// The size that is paid for, in GiB.
    pub allocated_storage: u64,
    /// The size of a full snapshot in bytes, if the service tells.
    pub full_snapshot_size: Option<u64>,
    pub master_username: String,
    pub port: u16,
}

/// Looks that pass until a status changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Course {
    pub(super) looks: u32,
    pub(super) seen: u32,
    pub(super) end: String,
}

impl Course {
    pub(super) fn new(looks: u32, end: &str) -> Self {
        Self {
            looks,
            seen: 0,
            end: end.to_owned(),
        }
    }

    fn percent(&self) -> u32 {
        (self.seen * 100).checked_div(self.looks).unwrap_or(0)
    }
}

/// An instance or a cluster.
#[derive(Debug, Clone)]
pub struct Database {
    pub kind: Kind,
    pub id: String,
    /// The status, such as `available` or `modifying`.
    pub status: String,
    pub engine: Engine,
    pub region: String,
    /// The class of an instance, such as `db.t3.medium`.
    pub class: String,
    /// The cluster that an instance is a member of.
    pub cluster: Option<String>,
    pub tags: Vec<(String, String)>,
    /// The snapshot that it was restored from.
    pub restored_from: Option<String>,
    /// All parameters of the request that restored or created it.
    pub parameters: BTreeMap<String, String>,
    pub created: Option<Timestamp>,
    pub(super) course: Option<Course>,
}

impl Database {
    /// Returns an available instance of MySQL with 20 GiB.
    pub fn instance(id: &str) -> Self {
        Self::new(Kind::Instance, id, "mysql", "8.0.39")
    }

    /// Returns an available cluster of Aurora.
    pub fn cluster(id: &str) -> Self {
        Self::new(Kind::Cluster, id, "aurora-mysql", "8.0.mysql_aurora.3.08.0")
    }

    fn new(kind: Kind, id: &str, name: &str, version: &str) -> Self {
        Self {
            kind,
            id: id.to_owned(),
            status: "available".to_owned(),
            engine: Engine {
                name: name.to_owned(),
                version: version.to_owned(),
                allocated_storage: 20,
                full_snapshot_size: None,
                master_username: "admin".to_owned(),
                port: 3306,
            },
            region: super::default_region().to_owned(),
            class: "db.t3.medium".to_owned(),
            cluster: None,
            tags: Vec::new(),
            restored_from: None,
            parameters: BTreeMap::new(),
            created: None,
            course: None,
        }
    }

    /// Sets the database's program and its version.
    #[must_use]
    pub fn engine(mut self, name: &str, version: &str) -> Self {
        name.clone_into(&mut self.engine.name);
        version.clone_into(&mut self.engine.version);
        self
    }

    /// Sets the allocated storage in GiB.
    #[must_use]
    pub fn allocated_storage(mut self, gib: u64) -> Self {
        self.engine.allocated_storage = gib;
        self
    }

    /// Makes the service tell the size of full snapshots, in bytes.
    #[must_use]
    pub fn full_snapshot_size(mut self, bytes: u64) -> Self {
        self.engine.full_snapshot_size = Some(bytes);
        self
    }

    #[must_use]
    pub fn status(mut self, status: &str) -> Self {
        status.clone_into(&mut self.status);
        self
    }

    #[must_use]
    pub fn region(mut self, region: &str) -> Self {
        region.clone_into(&mut self.region);
        self
    }

    /// Makes an instance a member of a cluster.
    #[must_use]
    pub fn member_of(mut self, cluster: &str) -> Self {
        self.cluster = Some(cluster.to_owned());
        self
    }

    pub fn arn(&self) -> String {
        arn(&self.region, self.kind.of_arn(), &self.id)
    }

    /// Counts a look, and changes the status when the last one is over.
    pub(super) fn look(&mut self) -> Self {
        let shown = settle(&mut self.course, &mut self.status);
        Self {
            status: shown.0,
            ..self.clone()
        }
    }
}

/// A snapshot of an instance or a cluster.
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub kind: Kind,
    pub id: String,
    /// The identifier of the database.
    pub source: String,
    /// `creating`, `available`, `failed` or another word.
    pub status: String,
    pub percent: u32,
    /// `manual` or `automated`.
    pub snapshot_type: String,
    pub engine: Engine,
    pub region: String,
    pub tags: Vec<(String, String)>,
    pub created: Option<Timestamp>,
    pub(super) course: Option<Course>,
}

impl Snapshot {
    /// Returns an available manual snapshot of a database.
    pub fn of(database: &Database, id: &str) -> Self {
        Self {
            kind: database.kind,
            id: id.to_owned(),
            source: database.id.clone(),
            status: "available".to_owned(),
            percent: 100,
            snapshot_type: "manual".to_owned(),
            engine: database.engine.clone(),
            region: database.region.clone(),
            tags: Vec::new(),
            created: None,
            course: None,
        }
    }

    #[must_use]
    pub fn status(mut self, status: &str) -> Self {
        status.clone_into(&mut self.status);
        self
    }

    #[must_use]
    pub fn tag(mut self, key: &str, value: &str) -> Self {
        self.tags.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Makes it one that RDS took by itself.
    #[must_use]
    pub fn automated(mut self) -> Self {
        "automated".clone_into(&mut self.snapshot_type);
        self
    }

    pub fn arn(&self) -> String {
        arn(&self.region, self.kind.of_snapshot_arn(), &self.id)
    }

    pub(super) fn look(&mut self) -> Self {
        let (status, percent) = settle(&mut self.course, &mut self.status);
        self.percent = match percent {
            Some(percent) => percent,
            None if self.status == "available" => 100,
            None => self.percent,
        };
        Self {
            status,
            ..self.clone()
        }
    }
}

/// Counts a look. Returns the status that it shows, and the progress until the end is reached.
fn settle(course: &mut Option<Course>, status: &mut String) -> (String, Option<u32>) {
    let Some(running) = course else {
        return (status.clone(), None);
    };
    if running.seen < running.looks {
        let percent = running.percent();
        running.seen += 1;
        return (status.clone(), Some(percent));
    }
    status.clone_from(&running.end);
    *course = None;
    (status.clone(), None)
}

pub(super) fn arn(region: &str, kind: &str, id: &str) -> String {
    format!("arn:aws:rds:{region}:{}:{kind}:{id}", crate::aws::ACCOUNT)
}
