//! Snapshots and databases: describe, create, delete and restore.

use super::model::{Course, Database, Kind, Snapshot, arn};
use super::names::{checked, plain};
use super::{Action, Answered, Refusal, invalid};

impl Action<'_> {
    fn database(&self, kind: Kind, id: &str) -> Result<usize, Refusal> {
        let region = self.region();
        let mut all = self.rds.databases.iter();
        let found = all.position(|it| {
            it.kind == kind && it.region == region && it.id.eq_ignore_ascii_case(id)
        });
        found.ok_or_else(|| {
            let code = kind.code(&format!("{}NotFound", kind.noun()));
            Refusal::new(404, &code, format!("{} {id} not found.", kind.shown()))
        })
    }

    fn snapshot(&self, kind: Kind, id: &str) -> Result<usize, Refusal> {
        let region = self.region();
        let mut all = self.rds.snapshots.iter();
        let found = all.position(|it| {
            it.kind == kind && it.region == region && it.id.eq_ignore_ascii_case(id)
        });
        found.ok_or_else(|| {
            let code = kind.code(&format!("{}NotFound", kind.snapshot()));
            Refusal::new(404, &code, format!("{} {id} not found.", kind.snapshot()))
        })
    }

    pub(super) fn describe_databases(&mut self, kind: Kind) -> Answered {
        let name = format!("{}Identifier", kind.noun());
        let wanted = self.call.query.get(&name).map(plain);
        let region = self.region().to_owned();
        let shown = wanted.as_deref().unwrap_or("*");
        let label = if kind == Kind::Instance {
            "db"
        } else {
            "cluster"
        };
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
    fn is_busy(&self, database: &Database) -> bool {
        self.rds.snapshots.iter().any(|it| {
            it.kind == database.kind
                && it.region == database.region
                && it.source == database.id
                && it.status == "creating"
        })
    }

    pub(super) fn create_snapshot(&mut self, kind: Kind) -> Answered {
        let (snapshot, noun) = (kind.snapshot(), kind.noun());
        let name = format!("{snapshot}Identifier");
        let id = checked(&name, self.needed(&name)?, 255)?;
        let source = plain(self.needed(&format!("{noun}Identifier"))?);
        let tags = self.tags()?;
        let region = self.region().to_owned();
        let (of_snapshot, of_source) = match kind {
            Kind::Instance => ("snapshot", "db"),
            Kind::Cluster => ("cluster-snapshot", "cluster"),
        };
        self.allow(&arn(&region, of_source, &source))?;
        let made = arn(&region, of_snapshot, &id);
        self.allow(&made)?;
        self.allow_tags(&made, &tags)?;
        let database = self.rds.databases[self.database(kind, &source)?].clone();
        if self.snapshot(kind, &id).is_ok() {
            let code = kind.code(&format!("{snapshot}AlreadyExists"));
            let message = format!(
                "Cannot create the snapshot because a snapshot with the identifier {id} already exists."
            );
            return Err(Refusal::new(400, &code, message));
        }
        if kind == Kind::Instance && database.cluster.is_some() {
            return Err(invalid(
                "The requested DB Instance is a member of a cluster and its snapshot cannot be created directly. \
                 Please use the CreateDBClusterSnapshot API instead."
                    .to_owned(),
            ));
        }
        if database.status != "available" || self.is_busy(&database) {
            let code = kind.code(&format!("Invalid{noun}State"));
            let what = if kind == Kind::Instance {
                "instance"
            } else {
                "cluster"
            };
            let message = format!(
                "Cannot create a snapshot because the database {what} {source} is not currently in the available state."
            );
            return Err(Refusal::new(400, &code, message));
        }
        let manual = self.rds.snapshots.iter();
        let manual = manual
            .filter(|it| it.kind == kind && it.region == region && it.snapshot_type == "manual");
        if manual.count() >= self.rds.quota {
            let message = format!(
                "Cannot create more than {} manual snapshots",
                self.rds.quota
            );
            return Err(Refusal::new(400, "SnapshotQuotaExceeded", message));
        }
        let mut made = Snapshot::of(&database, &id).status("creating");
        made.percent = 0;
        made.tags = tags;
        made.course = Some(Course::new(self.rds.looks, &self.rds.end));
        // The answer has no time yet.
        let answer = self.document(|xml| made.element(xml));
        made.created = Some(self.now);
        self.rds.snapshots.push(made);
        Ok(answer)
    }

    pub(super) fn describe_snapshots(&mut self, kind: Kind) -> Answered {
        let query = &self.call.query;
        let (snapshot, noun) = (kind.snapshot(), kind.noun());
        let wanted = query.get(&format!("{snapshot}Identifier")).map(plain);
        let source = query.get(&format!("{noun}Identifier")).map(plain);
        let snapshot_type = query.get("SnapshotType").map(str::to_owned);
        let region = self.region().to_owned();
        let label = match kind {
            Kind::Instance => "snapshot",
            Kind::Cluster => "cluster-snapshot",
        };
        self.allow(&arn(&region, label, wanted.as_deref().unwrap_or("*")))?;
        if let Some(id) = &wanted {
            self.snapshot(kind, id)?;
        }
        let filters = self.filters();
        let (by_id, by_source) = match kind {
            Kind::Instance => ("db-snapshot-id", "db-instance-id"),
            Kind::Cluster => ("db-cluster-snapshot-id", "db-cluster-id"),
        };
        let known = [by_id, by_source, "snapshot-type", "engine"];
        for (name, _) in &filters {
            if !known.contains(&name.as_str()) {
                return Err(invalid(format!("Unrecognized filter name: {name}")));
            }
        }
        let fits = |it: &Snapshot| {
            filters.iter().all(|(name, values)| {
                let value = match name.as_str() {
                    name if name == by_id => it.id.to_ascii_lowercase(),
                    name if name == by_source => it.source.to_ascii_lowercase(),
                    "engine" => it.engine.name.clone(),
                    _ => it.snapshot_type.clone(),
                };
                values.contains(&value)
            })
        };
        let all = self.rds.snapshots.iter();
        let found: Vec<String> = all
            .filter(|it| it.kind == kind && it.region == region && fits(it))
            .filter(|it| {
                wanted
                    .as_ref()
                    .is_none_or(|id| it.id.eq_ignore_ascii_case(id))
            })
            .filter(|it| {
                source
                    .as_ref()
                    .is_none_or(|id| it.source.eq_ignore_ascii_case(id))
            })
            .filter(|it| {
                snapshot_type
                    .as_ref()
                    .is_none_or(|wanted| it.snapshot_type == *wanted)
            })
            .map(|it| it.id.clone())
            .collect();
        let (page, marker) = self.page(found, |id| id)?;
        let mut looked = Vec::new();
        for id in page {
            let index = self.snapshot(kind, &id)?;
            looked.push(self.rds.snapshots[index].look());
        }
        Ok(self.document(|xml| {
            xml.optional("Marker", marker);
            xml.element(&format!("{snapshot}s"), |xml| {
                for it in &looked {
                    it.element(xml);
                }
            });
        }))
    }

    pub(super) fn delete_snapshot(&mut self, kind: Kind) -> Answered {
        let snapshot = kind.snapshot();
        let id = plain(self.needed(&format!("{snapshot}Identifier"))?);
        let label = match kind {
            Kind::Instance => "snapshot",
            Kind::Cluster => "cluster-snapshot",
        };
        self.allow(&arn(self.region(), label, &id))?;
        let index = self.snapshot(kind, &id)?;
        let found = &self.rds.snapshots[index];
        let invalid_state = kind.code(&format!("Invalid{snapshot}State"));
        if found.snapshot_type != "manual" {
            let message = "Only manual snapshots may be deleted.";
            return Err(Refusal::new(400, &invalid_state, message));
        }
        if !["available", "failed"].contains(&found.status.as_str()) {
            let message = format!(
                "Cannot delete the snapshot because it is not currently in the available or failed state: {}",
                found.status
            );
            return Err(Refusal::new(400, &invalid_state, message));
        }
        let deleted = self.rds.snapshots.remove(index).status("deleted");
        Ok(self.document(|xml| deleted.element(xml)))
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
        let (of_snapshot, of_target) = match kind {
            Kind::Instance => ("snapshot", "db"),
            Kind::Cluster => ("cluster-snapshot", "cluster"),
        };
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
    fn begin(&mut self, mut database: Database) -> super::Answer {
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
