//! Tags of databases and snapshots.

use super::names::numbered;
use super::{Action, Answered, Refusal, documents, invalid};
use crate::aws::ACCOUNT;

type Tags = Vec<(String, String)>;

impl Action<'_> {
    /// Returns the tags of the resource that the request names.
    fn tagged(&mut self) -> Result<&mut Tags, Refusal> {
        let arn = self.needed("ResourceName")?.to_owned();
        let parts: Vec<&str> = arn.split(':').collect();
        let ["arn", "aws", "rds", region, account, kind, id] = parts[..] else {
            return Err(invalid(format!("Invalid resource name: {arn}")));
        };
        if region != self.region() || account != ACCOUNT {
            return Err(invalid(format!(
                "The specified resource name does not match an RDS resource in this region: {arn}"
            )));
        }
        self.allow(&arn)?;
        let code = match kind {
            "db" => "DBInstanceNotFound",
            "cluster" => "DBClusterNotFoundFault",
            "snapshot" => "DBSnapshotNotFound",
            "cluster-snapshot" => "DBClusterSnapshotNotFoundFault",
            _ => return Err(invalid(format!("Invalid resource name: {arn}"))),
        };
        let databases = self.rds.databases.iter_mut();
        let mut databases = databases.map(|it| (it.arn(), &mut it.tags));
        if let Some((_, tags)) = databases.find(|(found, _)| *found == arn) {
            return Ok(tags);
        }
        let snapshots = self.rds.snapshots.iter_mut();
        let mut snapshots = snapshots.map(|it| (it.arn(), &mut it.tags));
        match snapshots.find(|(found, _)| *found == arn) {
            Some((_, tags)) => Ok(tags),
            None => Err(Refusal::new(404, code, format!("{kind} {id} not found."))),
        }
    }

    pub(super) fn list_tags(&mut self) -> Answered {
        let found = self.tagged()?.clone();
        Ok(self.document(|xml| documents::tags(xml, &found)))
    }

    pub(super) fn add_tags(&mut self) -> Answered {
        let added = self.tags()?;
        let tags = self.tagged()?;
        for (key, value) in added {
            tags.retain(|(known, _)| *known != key);
            tags.push((key, value));
        }
        Ok(self.done())
    }

    pub(super) fn remove_tags(&mut self) -> Answered {
        let query = &self.call.query;
        let removed: Vec<String> = numbered(|number| {
            let name = format!("TagKeys.member.{number}");
            query.get(&name).map(str::to_owned)
        });
        self.tagged()?.retain(|(key, _)| !removed.contains(key));
        Ok(self.done())
    }
}
