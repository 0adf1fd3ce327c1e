//! Snapshots: create, describe and delete.

use super::model::{Course, Kind, Snapshot, arn};
use super::names::{checked, plain};
use super::{Action, Answered, Refusal, invalid};

impl Action<'_> {
    /// Returns the place of a snapshot in the list.
    pub(super) fn snapshot(&self, kind: Kind, id: &str) -> Result<usize, Refusal> {
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

    pub(super) fn create_snapshot(&mut self, kind: Kind) -> Answered {
        let (snapshot, noun) = (kind.snapshot(), kind.noun());
        let name = format!("{snapshot}Identifier");
        let id = checked(&name, self.needed(&name)?, 255)?;
        let source = plain(self.needed(&format!("{noun}Identifier"))?);
        let tags = self.tags()?;
        let region = self.region().to_owned();
        let (of_snapshot, of_source) = (kind.of_snapshot_arn(), kind.of_arn());
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
        // <https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBSnapshot.html>
        let is_ready = match kind {
            Kind::Instance => ["available", "storage-optimization"].contains(&&*database.status),
            Kind::Cluster => database.status == "available",
        };
        if !is_ready || self.is_busy(&database) {
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
        let label = kind.of_snapshot_arn();
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
        let label = kind.of_snapshot_arn();
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
}
