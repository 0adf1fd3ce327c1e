//! Backup sets and their manifests.

use std::collections::BTreeMap;

use host_base::Failure;
use kafka_backup_core::BackupManifest;
use kafka_backup_core::manifest::{PartitionBackup, TopicBackup};
use kafka_backup_core::storage::{StorageBackend, get_if_exists};
use kafka_spec::{BackupRef, BackupSpec, Storage, rules};
use serde::{Deserialize, Serialize};

use crate::error::{During as _, Result, WorkError};
use crate::work::Work;

/// A backup set of a storage.
#[derive(Clone, Debug)]
pub struct Set {
    pub id: String,
    pub manifest: BackupManifest,
}

/// The offsets of groups that a backup kept, in the library's form.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct KeptGroups {
    pub groups: Vec<KeptGroup>,
}

/// The offsets of one group: by topic, and then by partition.
#[derive(Clone, Debug, Deserialize)]
pub struct KeptGroup {
    pub group_id: String,
    pub offsets: BTreeMap<String, BTreeMap<String, i64>>,
}

/// Records of one partition that a set does not have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Missing {
    pub topic: String,
    pub partition: i32,
    pub first_offset: i64,
    pub last_offset: i64,
    /// `NotRead`: another attempt reads them. `Deleted`: Kafka had deleted them before.
    pub reason: &'static str,
}

/// Returns the key of the groups' offsets in a set.
pub fn groups_key(id: &str) -> String {
    format!("{id}/consumer-groups-snapshot.json")
}

impl Set {
    /// Reads the manifest of a set, or returns `None` if the storage has no such set.
    pub async fn find(backend: &dyn StorageBackend, id: &str) -> Result<Option<Self>> {
        let what = format!("reading the manifest of backup {id}");
        let Some(bytes) = get_if_exists(backend, &format!("{id}/manifest.json"))
            .await
            .during(&what)?
        else {
            return Ok(None);
        };
        let mut manifest: BackupManifest = serde_json::from_slice(&bytes).map_err(|error| {
            WorkError::new(
                Failure::Integrity,
                format!("the manifest of backup {id} is damaged: {error}"),
            )
        })?;
        // The library writes them in the order in which they were done.
        manifest.topics.sort_by(|a, b| a.name.cmp(&b.name));
        for topic in &mut manifest.topics {
            topic
                .partitions
                .sort_by_key(|partition| partition.partition_id);
        }
        let set = Self {
            id: id.to_owned(),
            manifest,
        };
        set.check()?;
        Ok(Some(set))
    }

    /// Reads the manifest of a set that must be there.
    pub async fn load(backend: &dyn StorageBackend, id: &str) -> Result<Self> {
        let missing = || {
            WorkError::new(Failure::NotFound, format!("the storage has no backup {id}"))
                .with_hint("Check spec.backupRef.backupId and the storage of the KafkaBackup")
        };
        Self::find(backend, id).await?.ok_or_else(missing)
    }

    /// Refuses a manifest that leads outside its set. Keys of the folder storage are paths.
    fn check(&self) -> Result<()> {
        let damaged = |what: String| {
            Err(WorkError::new(
                Failure::Integrity,
                format!("the manifest of backup {} {what}", self.id),
            ))
        };
        if self.manifest.backup_id != self.id {
            return damaged(format!("is that of backup {:?}", self.manifest.backup_id));
        }
        let prefix = format!("{}/", self.id);
        for (topic, partition) in self.partitions() {
            if topic.name.is_empty() || partition.partition_id < 0 {
                return damaged(format!(
                    "has the partition {:?}[{}]",
                    topic.name, partition.partition_id
                ));
            }
            for segment in &partition.segments {
                let is_inside = segment.key.starts_with(&prefix)
                    && !segment.key.split('/').any(|part| part == "..");
                if !is_inside {
                    return damaged(format!("names {:?}, which is outside the set", segment.key));
                }
            }
        }
        Ok(())
    }

    /// Returns all partitions with their topics.
    pub fn partitions(&self) -> impl Iterator<Item = (&TopicBackup, &PartitionBackup)> {
        let topics = self.manifest.topics.iter();
        topics.flat_map(|topic| {
            topic
                .partitions
                .iter()
                .map(move |partition| (topic, partition))
        })
    }

    /// Returns the partitions that don't reach the end that the backup had at its start. An empty list means that the set is
    /// complete, or that it is of a continuous backup, which has no end.
    pub fn unfinished(&self) -> Vec<String> {
        let short = self.not_read().map(|(topic, partition, reached, end)| {
            let place = format!("{}[{}]", topic.name, partition.partition_id);
            format!("{place} reaches offset {reached} of {end}")
        });
        let missing = self.manifest.missing_topics.iter();
        short
            .chain(missing.map(|topic| format!("topic {topic} was not found")))
            .collect()
    }

    /// Returns the partitions that don't reach their end, with the next offset and the end.
    fn not_read(&self) -> impl Iterator<Item = (&TopicBackup, &PartitionBackup, i64, i64)> {
        self.partitions().filter_map(|(topic, partition)| {
            let end = partition.snapshot_end_offset?;
            let reached = partition.reach().map_or(0, |last| last.saturating_add(1));
            (reached < end).then_some((topic, partition, reached, end))
        })
    }

    /// Returns the ranges of offsets that Kafka had deleted before the backup read them.
    pub fn lost(&self) -> Vec<String> {
        let gaps = self.manifest.gaps();
        gaps.map(|(topic, partition, gap)| {
            format!(
                "{topic}[{partition}] lacks the offsets {}–{}",
                gap.start_offset,
                gap.end_offset.saturating_sub(1)
            )
        })
        .collect()
    }

    /// Returns the ranges of offsets that the set does not have.
    pub fn missing(&self) -> Vec<Missing> {
        let not_read = self
            .not_read()
            .map(|(topic, partition, reached, end)| Missing {
                topic: topic.name.clone(),
                partition: partition.partition_id,
                first_offset: reached,
                last_offset: end.saturating_sub(1),
                reason: "NotRead",
            });
        let deleted = self.manifest.gaps().map(|(topic, partition, gap)| Missing {
            topic: topic.to_owned(),
            partition,
            first_offset: gap.start_offset,
            last_offset: gap.end_offset.saturating_sub(1),
            reason: "Deleted",
        });
        not_read.chain(deleted).collect()
    }

    /// Returns the partitions whose last records belonged to open transactions.
    pub fn held_back(&self) -> Vec<String> {
        let held = self.partitions().filter_map(|(topic, partition)| {
            let (end, high) = (
                partition.snapshot_end_offset?,
                partition.high_watermark_at_capture?,
            );
            let place = format!("{}[{}]", topic.name, partition.partition_id);
            (high > end).then(|| {
                format!("{place} ends at offset {end} of {high}, where a transaction was open")
            })
        });
        held.collect()
    }

    pub fn records(&self) -> i64 {
        self.manifest.total_records()
    }

    /// Returns the number of bytes before compression.
    pub fn bytes(&self) -> u64 {
        let segments = self
            .partitions()
            .flat_map(|(_, partition)| &partition.segments);
        segments.map(|segment| segment.uncompressed_size).sum()
    }

    /// Returns the number of bytes of the segments in the storage.
    pub fn stored_bytes(&self) -> u64 {
        let segments = self
            .partitions()
            .flat_map(|(_, partition)| &partition.segments);
        segments.map(|segment| segment.compressed_size).sum()
    }

    /// Reads the offsets of groups that the backup kept. A set without them has none.
    pub async fn groups(&self, backend: &dyn StorageBackend) -> Result<KeptGroups> {
        let key = groups_key(&self.id);
        let what = format!("reading {key}");
        let Some(bytes) = get_if_exists(backend, &key).await.during(&what)? else {
            return Ok(KeptGroups::default());
        };
        serde_json::from_slice(&bytes).map_err(|error| {
            WorkError::new(Failure::Integrity, format!("{key} is damaged: {error}"))
        })
    }
}

/// Returns the id and the storage of the set that an object refers to.
///
/// # Errors
/// When neither the object nor the KafkaBackup beside it says where the set is.
pub fn referred(work: &Work, of: &BackupRef) -> Result<(String, Storage)> {
    let backup = work.backup.as_ref();
    if let Some(backup) = backup
        && backup.metadata.name != of.name
    {
        let name = &backup.metadata.name;
        return Err(WorkError::usage(format!(
            "spec.backupRef names {}, but --backup is KafkaBackup {name}",
            of.name
        )));
    }
    let storage = match (&of.storage, backup) {
        (Some(storage), _) => storage.clone(),
        (None, Some(backup)) => {
            backup
                .spec(|spec: &BackupSpec| {
                    rules::storage(&spec.storage, "spec.storage", rules::Names::Fields)
                })?
                .storage
        }
        (None, None) => {
            return Err(WorkError::usage(
                "the object has no spec.backupRef.storage, and no KafkaBackup is given",
            )
            .with_hint("Pass --backup FILE with the KafkaBackup"));
        }
    };
    let id = of.backup_id.clone().or_else(|| work.backup_id.clone());
    let id = id.or_else(|| backup.and_then(|backup| backup.status.backup_id.clone()));
    let id = id.ok_or_else(|| {
        WorkError::new(
            Failure::Conflict,
            format!("KafkaBackup {} has no backup yet", of.name),
        )
        .with_hint("Name a backup of the storage in spec.backupRef.backupId")
    })?;
    match rules::set_id(&id) {
        Some(problem) => Err(WorkError::usage(problem)),
        None => Ok((id, storage)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn set(partition: &Value) -> Set {
        let manifest = json!({ "backup_id": "b", "created_at": 0, "topics": [{ "name": "orders", "partitions": [partition] }] });
        Set {
            id: "b".to_owned(),
            manifest: serde_json::from_value(manifest).expect("a manifest"),
        }
    }

    fn segment(key: &str, end: i64) -> Value {
        json!({ "key": key, "start_offset": 0, "end_offset": end, "start_timestamp": 0, "end_timestamp": 0, "record_count": end + 1 })
    }

    #[test]
    fn a_set_is_complete_when_it_reaches_the_end_of_its_start() {
        let of = |last: i64, end: i64| {
            set(&json!({ "partition_id": 3, "segments": [segment("b/s", last)], "snapshot_end_offset": end })).unfinished()
        };
        assert_eq!(of(9, 10), [""; 0]);
        assert_eq!(of(9, 20), ["orders[3] reaches offset 10 of 20"]);
        let empty = set(&json!({ "partition_id": 3, "segments": [], "snapshot_end_offset": 5 }));
        assert_eq!(empty.unfinished(), ["orders[3] reaches offset 0 of 5"]);
        // Offsets behind the last record hold only the markers of transactions.
        assert_eq!(empty.missing()[0].last_offset, 4);
        let covered = set(
            &json!({ "partition_id": 3, "segments": [], "snapshot_end_offset": 5, "covered_through": 4 }),
        );
        assert_eq!(covered.unfinished(), [""; 0]);
    }

    #[test]
    fn a_manifest_can_not_lead_outside_its_set() {
        for key in ["/etc/passwd", "b/../c/s", "c/s", "b"] {
            let set = set(&json!({ "partition_id": 0, "segments": [segment(key, 1)] }));
            assert_eq!(
                set.check().unwrap_err().failure,
                Failure::Integrity,
                "{key}"
            );
        }
        assert!(
            set(&json!({ "partition_id": 0, "segments": [segment("b/topics/s", 1)] }))
                .check()
                .is_ok()
        );
        let mut other = set(&json!({ "partition_id": 0, "segments": [] }));
        other.id = "other".to_owned();
        assert!(other.check().is_err());
    }
}
