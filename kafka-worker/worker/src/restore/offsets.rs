//! The consumer groups that continue in restored topics.

use std::collections::BTreeSet;
use std::path::PathBuf;

use host_base::{Failure, Sha256};
use serde_json::{Value, json};

use super::data::Restored;
use super::plan::Plan;
use crate::error::{Result, WorkError};
use crate::groups::Cluster;
use crate::mapping::{Mapper, Mapping, VERSION};
use crate::notes::keep;
use crate::snapshots::{self, Snapshot};
use crate::text::listed;
use crate::work::Work;

const MOST_NAMED: usize = 5;

/// Returns the groups to move. Each must be empty before the first record is produced.
pub async fn groups(plan: &Plan, cluster: &Cluster) -> Result<Vec<String>> {
    let mut groups = BTreeSet::new();
    if let Some(reset) = plan
        .spec
        .offset_reset
        .as_ref()
        .filter(|reset| reset.enabled)
    {
        groups.extend(reset.consumer_groups.iter().cloned());
    }
    if plan.spec.auto_consumer_groups {
        let kept = plan.set.groups(plan.place.backend.as_ref()).await?;
        let reads = |topics: &std::collections::BTreeMap<String, _>| {
            topics.keys().any(|topic| plan.targets.contains_key(topic))
        };
        groups.extend(
            kept.groups
                .into_iter()
                .filter(|kept| reads(&kept.offsets))
                .map(|kept| kept.group_id),
        );
    }
    for group in &groups {
        cluster.refuse_active(group).await?;
    }
    Ok(groups.into_iter().collect())
}

/// The offsets of the groups before the restore.
pub struct Before {
    snapshot: Snapshot,
    path: PathBuf,
    /// The ids of older snapshots that were deleted.
    deleted: Vec<String>,
    warnings: Vec<String>,
}

impl Before {
    fn status(&self) -> Value {
        json!({
            "snapshotId": self.snapshot.id,
            "snapshotTime": self.snapshot.created,
            "snapshotPath": self.path,
            "rollbackAvailable": true,
            "expiresAt": self.snapshot.expires,
        })
    }

    /// Adds what became of the snapshots.
    pub fn add_to(&mut self, status: &mut Value, warnings: &mut Vec<String>) {
        status["rollback"] = self.status();
        status["deletedSnapshots"] = json!(self.deleted);
        warnings.append(&mut self.warnings);
    }

    /// Gives the groups their offsets back. Returns what did not succeed.
    pub async fn give_back(&self, cluster: &Cluster, groups: &[String]) -> Result<Vec<String>> {
        let mut problems = Vec::new();
        for group in groups {
            if let Err(error) = self.snapshot.give_back(cluster, group).await {
                problems.push(format!(
                    "group {group} was not rolled back: {}",
                    error.message
                ));
            }
        }
        Ok(problems)
    }
}

/// Returns the folder of files about offsets.
fn folder(work: &Work, plan: &Plan, why: &str) -> Result<PathBuf> {
    match plan.rollback().snapshot_storage {
        Some(place) => work
            .places
            .folder(&place.pvc_name, place.sub_path.as_deref()),
        None => work.state_folder(why).map(PathBuf::from),
    }
}

/// Keeps the offsets of the groups.
pub async fn snapshot(
    work: &Work,
    plan: &Plan,
    cluster: &Cluster,
    groups: &[String],
) -> Result<Option<Before>> {
    if groups.is_empty() || !plan.rollback().snapshot_before_restore {
        return Ok(None);
    }
    let folder = folder(work, plan, "spec.rollback.snapshotBeforeRestore")?;
    let digest = Sha256::digest(work.object.identity().as_bytes()).to_string();
    let id = format!("{}-{}", work.object.metadata.name, &digest[..8]);
    let hours = plan.rollback().snapshot_retention_hours;
    let (snapshot, path) = Snapshot::take(cluster, groups, &id, &folder, hours).await?;
    let (deleted, warnings) = snapshots::prune(&folder, &id);
    Ok(Some(Before {
        snapshot,
        path,
        deleted,
        warnings,
    }))
}

/// The groups that were moved, and those that were not.
pub struct Moved {
    mapping: Mapping,
    path: Option<PathBuf>,
    failures: Vec<(String, WorkError)>,
    total: usize,
}

/// Moves groups into the restored topics.
pub async fn set(
    work: &Work,
    plan: &Plan,
    cluster: &Cluster,
    groups: &[String],
    restored: &Restored,
) -> Result<Moved> {
    let mapper = Mapper {
        backend: &plan.place.backend,
        set: &plan.set,
        window: plan.window,
        topics: &plan.targets,
        landings: &restored.landings,
        unmapped: &restored.unmapped,
    };
    let mut mapping = Mapping {
        version: VERSION,
        backup_id: plan.set.id.clone(),
        partitions: restored.landings.clone(),
        ..Mapping::default()
    };
    let mut failures = Vec::new();
    for group in groups {
        match mapper.map(cluster, group).await {
            Ok(offsets) => {
                mapping.groups.insert(group.clone(), offsets);
            }
            Err(error) => {
                mapping
                    .problems
                    .insert(group.clone(), error.message.clone());
                failures.push((group.clone(), error));
            }
        }
    }
    // The file is there before the first commit, so that a reset can do what is left.
    let path = match folder(work, plan, "the offset mapping") {
        Ok(folder) => {
            let path = folder.join(&plan.set.id).join("offset-mapping.json");
            keep(
                &path,
                &serde_json::to_vec_pretty(&mapping).unwrap_or_default(),
            )?;
            Some(path)
        }
        Err(_) => None,
    };
    for (group, offsets) in &mapping.groups {
        if let Err(error) = cluster.commit(group, offsets).await {
            failures.push((group.clone(), error));
        }
    }
    Ok(Moved {
        mapping,
        path,
        failures,
        total: groups.len(),
    })
}

impl Moved {
    pub fn add_to(&self, status: &mut Value) {
        status["offsetMappingPath"] = json!(self.path);
        let failed = |group: &str| self.failures.iter().find(|(name, _)| name == group);
        let groups = self
            .mapping
            .groups
            .iter()
            .filter(|(group, _)| failed(group).is_none());
        let moved = groups.map(|(group, offsets)| json!({ "groupId": group, "success": true, "partitionsReset": offsets.len() }));
        let failures = self.failures.iter();
        let failures = failures.map(
            |(group, error)| json!({ "groupId": group, "success": false, "error": error.message }),
        );
        status["groupResults"] = moved.chain(failures).collect();
    }

    /// Returns the error about groups that were not moved.
    pub fn error(&self) -> Option<WorkError> {
        let (_, first) = self.failures.first()?;
        let texts: Vec<_> = self
            .failures
            .iter()
            .map(|(group, error)| format!("{group}: {}", error.message))
            .collect();
        let message = format!(
            "{} of {} groups were not moved: {}",
            texts.len(),
            self.total,
            listed(&texts, MOST_NAMED)
        );
        let mut error = WorkError::new(Failure::Partial, message);
        error.hint.clone_from(&first.hint);
        Some(error)
    }
}
