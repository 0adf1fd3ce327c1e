//! Databases: describe, restore and create.

use super::model::{Course, Database, Kind, arn};
use super::names::{checked, plain};
use super::{Action, Answer, Answered, Refusal, invalid};

impl Action<'_> {
    /// Returns the place of a database in the list.
    pub(super) fn database(&self, kind: Kind, id: &str) -> Result<usize, Refusal> {
        let region = self.region();
        let mut all = self.rds.databases.iter();
        let found = all.position(|it| {
            it.kind == kind && it.region == region && it.id.eq_ignore_ascii_case(id)
        });
        found.ok_or_else(|| {
            let code = kind.code(&format!("{}NotFound", kind.noun()));
            Refusal::new(404, &code, format!("{} {id} not found.", kind.noun()))
        })
    }

    pub(super) fn describe_databases(&mut self, kind: Kind) -> Answered {
        let name = format!("{}Identifier", kind.noun());
        let wanted = self.call.query.get(&name).map(plain);
        let region = self.region().to_owned();
        let shown = wanted.as_deref().unwrap_or("*");
        let label = kind.of_arn();
        self.allow(&arn(&region, label, shown))?;
        if let Some(id) = &wanted {
            self.database(kind, id)?;
        }
        let filters = self.filters();
        for (name, _) in &filters {
            if !["db-instance-id", "db-cluster-id", "engine"].contains(&name.as_str()) {
                return Err(invalid(format!("Unrecognized filter name: {name}")));
            }
        }
        let fits = |it: &Database| {
            filters.iter().all(|(name, values)| match name.as_str() {
                "engine" => values.contains(&it.engine.name),
                "db-cluster-id" if kind == Kind::Instance => {
                    it.cluster.as_ref().is_some_and(|id| values.contains(id))
                }
                _ => values.contains(&it.id.to_ascii_lowercase()),
            })
        };
        let all = self.rds.databases.iter();
        let found: Vec<String> = all
            .filter(|it| it.kind == kind && it.region == region && fits(it))
            .map(|it| it.id.clone())
            .filter(|id| wanted.as_ref().is_none_or(|it| it.eq_ignore_ascii_case(id)))
            .collect();
        let (page, marker) = self.page(found, |id| id)?;
        let mut looked = Vec::new();
        for id in page {
            let index = self.database(kind, &id)?;
            let mut shown = self.rds.databases[index].look();
            // A database that is being copied shows it.
            if shown.status == "available" && self.is_busy(&shown) {
                "backing-up".clone_into(&mut shown.status);
            }
            looked.push(shown);
        }
        Ok(self.document(|xml| {
            xml.optional("Marker", marker);
            xml.element(&format!("{}s", kind.noun()), |xml| {
                for it in &looked {
                    it.element(xml);
                }
            });
        }))
    }

    /// Returns whether a snapshot of the database is being made.
    pub(super) fn is_busy(&self, database: &Database) -> bool {
        self.rds.snapshots.iter().any(|it| {
            it.kind == database.kind
                && it.region == database.region
                && it.source == database.id
                && it.status == "creating"
        })
    }

    pub(super) fn restore(&mut self, kind: Kind) -> Answered {
        let noun = kind.noun();
        let name = format!("{noun}Identifier");
        let id = checked(&name, self.needed(&name)?, 63)?;
        let parameter = match kind {
            Kind::Instance => "DBSnapshotIdentifier",
            Kind::Cluster => "SnapshotIdentifier",
        };
        let from = plain(self.needed(parameter)?);
        if kind == Kind::Cluster {
            self.needed("Engine")?;
        }
        let tags = self.tags()?;
        let region = self.region().to_owned();
        let (of_snapshot, of_target) = (kind.of_snapshot_arn(), kind.of_arn());
        let made = arn(&region, of_target, &id);
        self.allow(&made)?;
        self.allow_tags(&made, &tags)?;
        self.allow(&arn(&region, of_snapshot, &from))?;
        if self.database(kind, &id).is_ok() {
            let code = kind.code(&format!("{noun}AlreadyExists"));
            let message = match kind {
                Kind::Instance => "DB instance already exists",
                Kind::Cluster => "DB Cluster already exists",
            };
            return Err(Refusal::new(400, &code, message));
        }
        let snapshot = &self.rds.snapshots[self.snapshot(kind, &from)?];
        if snapshot.status != "available" {
            let code = kind.code(&format!("Invalid{}State", kind.snapshot()));
            let message = format!(
                "The snapshot {from} is not in the available state: {}",
                snapshot.status
            );
            return Err(Refusal::new(400, &code, message));
        }
        let engine = self.call.query.get("Engine");
        if engine.is_some_and(|it| it != snapshot.engine.name) && kind == Kind::Cluster {
            return Err(invalid(format!(
                "The engine {} of the snapshot is not the requested one",
                snapshot.engine.name
            )));
        }
        let mut database = Database {
            engine: snapshot.engine.clone(),
            restored_from: Some(snapshot.id.clone()),
            ..match kind {
                Kind::Instance => Database::instance(&id),
                Kind::Cluster => Database::cluster(&id),
            }
        };
        database.tags = tags;
        Ok(self.begin(database))
    }

    /// Creates an instance. Only one of a cluster may be created: other ones would be empty.
    pub(super) fn create_instance(&mut self) -> Answered {
        let id = checked(
            "DBInstanceIdentifier",
            self.needed("DBInstanceIdentifier")?,
            63,
        )?;
        self.needed("DBInstanceClass")?;
        let engine = self.needed("Engine")?.to_owned();
        let cluster = plain(self.needed("DBClusterIdentifier")?);
        let tags = self.tags()?;
        let made = arn(self.region(), "db", &id);
        self.allow(&made)?;
        self.allow_tags(&made, &tags)?;
        if self.database(Kind::Instance, &id).is_ok() {
            let message = "DB instance already exists";
            return Err(Refusal::new(400, "DBInstanceAlreadyExists", message));
        }
        let found = &self.rds.databases[self.database(Kind::Cluster, &cluster)?];
        if found.engine.name != engine {
            return Err(invalid(format!(
                "The engine name requested for your DB instance ({engine}) doesn't match the engine name of your \
                 DB cluster ({}).",
                found.engine.name
            )));
        }
        let mut database = Database {
            engine: found.engine.clone(),
            ..Database::instance(&id).member_of(&cluster)
        };
        database.tags = tags;
        Ok(self.begin(database))
    }

    /// Adds a database that is being created, and returns the answer about it.
    fn begin(&mut self, mut database: Database) -> Answer {
        let query = &self.call.query;
        self.region().clone_into(&mut database.region);
        "creating".clone_into(&mut database.status);
        database.course = Some(Course::new(self.rds.restore_looks, "available"));
        database.created = Some(self.now);
        if let Some(class) = query.get("DBInstanceClass") {
            class.clone_into(&mut database.class);
        }
        database.parameters = query.clone().into_pairs().into_iter().collect();
        let answer = self.document(|xml| database.element(xml));
        self.rds.databases.push(database);
        answer
    }
}
