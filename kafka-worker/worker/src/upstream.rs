//! Files of the upstream operator, in the forms of the library: snapshots of offsets, and mappings.

use std::collections::{BTreeMap, HashMap};

use host_base::Failure;
use kafka_backup_core::manifest::OffsetMapping;
use kafka_backup_core::restore::offset_rollback::{OffsetSnapshot, PartitionOffsetState};

use crate::error::{Result, WorkError};
use crate::groups::Committed;
use crate::text::clean;

/// Returns the offsets of the groups of a snapshot.
///
/// # Errors
/// When the snapshot contradicts itself.
pub fn groups(from: OffsetSnapshot) -> Result<BTreeMap<String, Vec<Committed>>> {
    let damaged = |message: String| Err(WorkError::new(Failure::Integrity, message));
    let mut groups = BTreeMap::new();
    for (group, state) in from.group_offsets {
        let shown = clean(&group);
        if state.group_id != group {
            let other = clean(&state.group_id);
            return damaged(format!("group {shown} has the offsets of group {other}"));
        }
        let found: usize = state.offsets.values().map(HashMap::len).sum();
        if found != state.partition_count {
            let wanted = state.partition_count;
            return damaged(format!(
                "group {shown} has {found} offsets, but {wanted} were kept"
            ));
        }
        let mut offsets = Vec::new();
        for (topic, partitions) in state.offsets {
            for (
                partition,
                PartitionOffsetState {
                    offset, metadata, ..
                },
            ) in partitions
            {
                if topic.is_empty() || partition < 0 || offset < -1 {
                    let topic = clean(&topic);
                    return damaged(format!(
                        "group {shown} has the offset {offset} for {topic}[{partition}]"
                    ));
                }
                // -1 stands for no offset.
                if offset >= 0 {
                    offsets.push(Committed {
                        topic: topic.clone(),
                        partition,
                        offset,
                        metadata,
                    });
                }
            }
        }
        offsets.sort_by(|a, b| (&a.topic, a.partition).cmp(&(&b.topic, b.partition)));
        // A group without offsets may be one that could not be read.
        if !offsets.is_empty() {
            groups.insert(group, offsets);
        }
    }
    Ok(groups)
}

/// Returns the offsets of a group in the restored topics.
///
/// # Errors
/// When the mapping does not have the group, or knows one of its offsets only roughly.
pub fn mapped(mapping: &OffsetMapping, group: &str) -> Result<Vec<Committed>> {
    const HINT: &str = "Reset the group by time: strategy to-timestamp";
    let Some(kept) = mapping.consumer_groups.get(group) else {
        return Err(WorkError::new(
            Failure::NotFound,
            format!("the mapping of the upstream operator has no group {group}"),
        )
        .with_hint(HINT));
    };
    let mut offsets = Vec::new();
    for (topic, partitions) in &kept.offsets {
        for (partition, kept) in partitions {
            let found = mapping.resolve_target_offset(topic, *partition, kept.source_offset);
            let Some(found) = found.filter(|found| found.is_exact() && found.target_offset >= 0)
            else {
                let topic = clean(topic);
                return Err(WorkError::new(
                    Failure::Conflict,
                    format!("the mapping knows the offset of {topic}[{partition}] only roughly"),
                )
                .with_hint(HINT));
            };
            offsets.push(Committed {
                topic: topic.clone(),
                partition: *partition,
                offset: found.target_offset,
                metadata: kept.metadata.clone(),
            });
        }
    }
    offsets.sort_by(|a, b| (&a.topic, a.partition).cmp(&(&b.topic, b.partition)));
    Ok(offsets)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(of: &Value) -> Result<BTreeMap<String, Vec<Committed>>> {
        let file = json!({
            "snapshot_id": "6e0c", "created_at": "2025-09-06T12:00:00Z", "group_offsets": of,
            "restore_id": null, "cluster_id": null, "bootstrap_servers": ["k:1"], "description": null,
        });
        groups(serde_json::from_value(file).expect("the library's form"))
    }

    #[test]
    fn a_group_without_offsets_is_no_group_of_the_snapshot() {
        let state = |offset: i64| json!({ "offset": offset, "metadata": null, "timestamp": null });
        let groups = read(&json!({
            "a": { "group_id": "a", "partition_count": 3, "offsets": { "t": { "1": state(7), "0": state(-1) }, "s": { "0": state(3) } } },
            "b": { "group_id": "b", "partition_count": 0, "offsets": {} },
        }));
        let groups = groups.expect("a snapshot");
        let offsets: Vec<_> = groups["a"]
            .iter()
            .map(|it| (it.topic.as_str(), it.partition, it.offset))
            .collect();
        assert_eq!(offsets, [("s", 0, 3), ("t", 1, 7)]);
        assert_eq!(groups.len(), 1);
    }

    #[test]
    fn a_snapshot_that_contradicts_itself_is_refused() {
        let state = |offset: i64| json!({ "offset": offset, "metadata": null, "timestamp": null });
        for (group, count, offset) in [("b", 1, 1), ("a", 2, 1), ("a", 1, -2)] {
            let groups = json!({ "a": { "group_id": group, "partition_count": count, "offsets": { "t": { "0": state(offset) } } } });
            assert_eq!(read(&groups).unwrap_err().failure, Failure::Integrity);
        }
    }

    #[test]
    fn only_exact_offsets_of_a_mapping_count() {
        let group = |topic: &str| json!({ "group_id": "g", "offsets": { topic: { "0": { "source_offset": 12, "target_offset": 5, "timestamp": 0 } } } });
        let pair = |source: i64, target: i64| json!({ "source_offset": source, "target_offset": target, "timestamp": 0 });
        let range = json!({
            "topic": "rough", "partition": 0, "source_first_offset": 10, "source_last_offset": 19,
            "target_first_offset": 0, "target_last_offset": 9, "first_timestamp": 0, "last_timestamp": 0,
        });
        let mapping: OffsetMapping = serde_json::from_value(json!({
            "entries": { "rough/0": range },
            "detailed_mappings": { "exact/0": [pair(10, 100), pair(11, 101), pair(14, 102)] },
            "consumer_groups": { "good": group("exact"), "bad": group("rough") },
        }))
        .expect("the library's form");
        let offsets = mapped(&mapping, "good").expect("offsets");
        assert_eq!((offsets[0].partition, offsets[0].offset), (0, 102));
        assert_eq!(
            mapped(&mapping, "bad").unwrap_err().failure,
            Failure::Conflict
        );
        assert_eq!(
            mapped(&mapping, "none").unwrap_err().failure,
            Failure::NotFound
        );
    }
}
