//! The offsets of consumer groups in restored topics.
//!
//! A committed offset is the number of the record that is read next. In a restored partition that record stands behind as many
//! records as the set has before it. They are counted in the set, so an interrupted restore gives the same answer as a whole
//! one. The library's own mapping knows only the records of its last run, and takes the first of them for the answer.

use std::collections::BTreeMap;
use std::sync::Arc;

use host_base::Failure;
use kafka_backup_core::manifest::RestoreCheckpoint;
use kafka_backup_core::storage::StorageBackend;
use serde::{Deserialize, Serialize};

use crate::error::{Result, WorkError};
use crate::groups::{Cluster, Committed, Offsets, Partition};
use crate::segments::{Window, counts};
use crate::set::Set;

/// The version of the file.
pub const VERSION: u32 = 1;

/// Where the records of one partition have landed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Landing {
    pub source_topic: String,
    pub source_partition: i32,
    pub target_topic: String,
    pub target_partition: i32,
    /// The offset of the first restored record.
    pub first_offset: i64,
    pub records: u64,
}

/// The file that a restore writes, and a reset with the strategy `from-mapping` reads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Mapping {
    pub version: u32,
    pub backup_id: String,
    pub partitions: Vec<Landing>,
    /// The offsets of groups in the restored topics.
    pub groups: BTreeMap<String, Vec<Committed>>,
    /// The reasons why groups have no offsets here.
    pub problems: BTreeMap<String, String>,
}

/// Reads where the partitions of a topic have landed. `before` has the ends of the target's partitions before the restore.
///
/// # Errors
/// When another program wrote into the same partitions meanwhile.
pub fn landings(checkpoint: &RestoreCheckpoint, before: &Offsets) -> Result<Vec<Landing>> {
    let mut landings = Vec::new();
    for progress in checkpoint.partitions.values() {
        let records = i64::try_from(progress.records_acked).unwrap_or(i64::MAX);
        let first = progress.target_hw_after_ack.saturating_sub(records);
        let target = (progress.target_topic.clone(), progress.target_partition);
        let expected = before.get(&target).copied().unwrap_or(0);
        if first != expected {
            return Err(WorkError::new(
                Failure::Conflict,
                format!("another program wrote into {}[{}] during the restore", target.0, target.1),
            )
            .with_hint("Restore into a topic that nothing else writes into: offsets of groups can't be mapped otherwise"));
        }
        landings.push(Landing {
            source_topic: progress.source_topic.clone(),
            source_partition: progress.source_partition,
            target_topic: target.0,
            target_partition: target.1,
            first_offset: first,
            records: progress.records_acked,
        });
    }
    Ok(landings)
}

/// Maps the offsets of groups into restored topics.
pub struct Mapper<'a> {
    pub backend: &'a Arc<dyn StorageBackend>,
    pub set: &'a Set,
    pub window: Window,
    /// The topics that are restored, with the names of their targets.
    pub topics: &'a BTreeMap<String, String>,
    pub landings: &'a [Landing],
    /// The reasons why the offsets of topics can't be mapped.
    pub unmapped: &'a BTreeMap<String, WorkError>,
}

impl Mapper<'_> {
    /// Returns the offsets that a group had in the source: those of the set, or those that it has in this cluster.
    async fn sources(&self, cluster: &Cluster, group: &str) -> Result<Offsets> {
        let kept = self.set.groups(self.backend.as_ref()).await?;
        let kept = kept.groups.into_iter().find(|kept| kept.group_id == group);
        let offsets: Vec<(Partition, i64)> = match kept {
            Some(kept) => {
                let mut offsets = Vec::new();
                for (topic, partitions) in kept.offsets {
                    for (partition, offset) in partitions {
                        let number = partition.parse().map_err(|_| {
                            WorkError::new(
                                Failure::Integrity,
                                format!(
                                    "the kept offsets of {group} have the partition {partition:?}"
                                ),
                            )
                        })?;
                        offsets.push(((topic.clone(), number), offset));
                    }
                }
                offsets
            }
            None => cluster
                .offsets(group)
                .await?
                .into_iter()
                .map(|it| ((it.topic, it.partition), it.offset))
                .collect(),
        };
        let offsets: Offsets = offsets
            .into_iter()
            .filter(|((topic, _), _)| self.topics.contains_key(topic))
            .collect();
        if offsets.is_empty() {
            return Err(WorkError::new(Failure::NotFound, format!("group {group} has no offsets for the restored topics"))
                .with_hint("Back up with spec.consumerGroupSnapshot, so that the set has the offsets of groups"));
        }
        Ok(offsets)
    }

    /// Returns the offsets of a group in the restored topics.
    pub async fn map(&self, cluster: &Cluster, group: &str) -> Result<Vec<Committed>> {
        let mut mapped = Vec::new();
        for ((topic, partition), offset) in self.sources(cluster, group).await? {
            if let Some(error) = self.unmapped.get(&topic) {
                return Err(error.clone());
            }
            let (target, offset) = self.one(cluster, &topic, partition, offset).await?;
            mapped.push(Committed {
                topic: target.0,
                partition: target.1,
                offset,
                metadata: None,
            });
        }
        Ok(mapped)
    }

    async fn one(
        &self,
        cluster: &Cluster,
        topic: &str,
        partition: i32,
        offset: i64,
    ) -> Result<(Partition, i64)> {
        let of = |landing: &&Landing| {
            landing.source_topic == topic && landing.source_partition == partition
        };
        let backed = self
            .set
            .partitions()
            .find(|(it, of)| it.name == topic && of.partition_id == partition);
        match (self.landings.iter().find(of), backed) {
            (Some(landing), Some((_, backed))) => {
                let before = counts(self.backend, backed, self.window, &[offset]).await?;
                let before = before.first().copied().unwrap_or_default();
                let target = (landing.target_topic.clone(), landing.target_partition);
                Ok((target, landing.first_offset.saturating_add(before)))
            }
            // A partition without records: the group reads what comes next.
            (None, None) => {
                let target = (
                    self.topics.get(topic).cloned().unwrap_or_default(),
                    partition,
                );
                let end = cluster
                    .ends(std::slice::from_ref(&target))
                    .await?
                    .get(&target)
                    .map_or(0, |ends| ends.1);
                Ok((target, end))
            }
            _ => Err(WorkError::failed(format!(
                "the offsets of {topic}[{partition}] can't be mapped: its partitions were mixed"
            ))
            .with_hint("Reset the groups by time: strategy to-timestamp")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint(end: i64, records: u64) -> RestoreCheckpoint {
        let mut checkpoint = RestoreCheckpoint::new("b".to_owned(), "h".to_owned());
        let progress = kafka_backup_core::manifest::PartitionRestoreProgress {
            source_topic: "a".to_owned(),
            source_partition: 0,
            target_topic: "b".to_owned(),
            target_partition: 0,
            last_source_offset_acked: 9,
            target_hw_after_ack: end,
            records_acked: records,
            bytes_acked: 0,
        };
        checkpoint.partitions.insert("a:0".to_owned(), progress);
        checkpoint
    }

    #[test]
    fn records_of_others_are_noticed() {
        let before = Offsets::from([(("b".to_owned(), 0), 5)]);
        assert_eq!(
            landings(&checkpoint(15, 10), &before).expect("landings")[0].first_offset,
            5
        );
        let error = landings(&checkpoint(16, 10), &before).unwrap_err();
        assert_eq!(
            error.message,
            "another program wrote into b[0] during the restore"
        );
    }
}
