//! KafkaRestore, and the sets that it refers to.

use super::{Names, above_zero, cluster, empty_names, limits, storage};
use crate::{BackupRef, PointInTime, RestoreSpec};

/// Checks the spec of a KafkaRestore.
pub fn restore(spec: &RestoreSpec, names: Names) -> Vec<String> {
    let mut problems = cluster(&spec.kafka_cluster, names);
    problems.extend(backup_ref(&spec.backup_ref, names));
    problems.extend(limits(&spec.rate_limiting));
    problems.extend(topics(spec, names));
    problems.extend(partitions(spec));
    if let Some(window) = &spec.pitr {
        problems.extend(point_in_time(window));
    }
    if let Some(reset) = &spec.offset_reset
        && reset.enabled
        && reset.consumer_groups.is_empty()
        && !spec.auto_consumer_groups
    {
        problems.push("spec.offsetReset names no group".to_owned());
    }
    problems.extend(above_zero("spec.produceBatchSize", spec.produce_batch_size));
    problems.extend(above_zero("spec.produceTimeoutMs", spec.produce_timeout_ms));
    if !(-1..=1).contains(&spec.produce_acks) {
        problems.push(format!(
            "spec.produceAcks must be -1, 0 or 1, not {}",
            spec.produce_acks
        ));
    }
    if let Some(factor) = spec.default_replication_factor
        && (factor == 0 || !(-1..=i64::from(i16::MAX)).contains(&factor))
    {
        problems.push(format!(
            "spec.defaultReplicationFactor must be -1 or above 0, not {factor}"
        ));
    }
    problems
}

/// Checks that restored records don't mix with others: a rule that only a dry run or a purge lifts.
fn topics(spec: &RestoreSpec, names: Names) -> Vec<String> {
    let (topics, mapping) = (
        names.of("topics", "topics"),
        names.of("topicMapping", "topic-mapping"),
    );
    let mut problems: Vec<_> = empty_names(&spec.topics, &topics).into_iter().collect();
    if !spec.topics.is_empty()
        && let Some(stray) = spec
            .topic_mapping
            .keys()
            .find(|from| !spec.topics.contains(from))
    {
        problems.push(format!("{mapping} names {stray}, but {topics} does not"));
    }
    if spec
        .topic_mapping
        .iter()
        .any(|(from, to)| from.is_empty() || to.is_empty())
    {
        problems.push(format!("{mapping} has an empty name"));
    }
    if spec.dry_run || spec.purge_topics {
        return problems;
    }
    if spec.topics.is_empty() {
        problems.push(format!(
            "without {topics}, all topics are restored into themselves, which the operator refuses"
        ));
    }
    let itself = |topic: &&String| spec.topic_mapping.get(*topic).is_none_or(|to| to == *topic);
    let same: Vec<_> = spec
        .topics
        .iter()
        .filter(itself)
        .map(String::as_str)
        .collect();
    if !same.is_empty() {
        problems.push(format!(
            "the operator refuses to restore {} into itself",
            same.join(", ")
        ));
    }
    problems
}

fn partitions(spec: &RestoreSpec) -> Vec<String> {
    let mut problems = Vec::new();
    for (from, to) in &spec.partition_mapping {
        if from.parse::<u32>().is_err() || *to < 0 {
            problems.push(format!(
                "spec.partitionMapping has {from:?}: {to}, which are not partitions"
            ));
        }
    }
    for (topic, other) in &spec.repartitioning {
        let field = format!("spec.repartitioning.{topic}");
        if !["murmur2", "automatic"].contains(&other.strategy.as_str()) {
            problems.push(format!(
                "{field}.strategy must be murmur2 or automatic, not {:?}",
                other.strategy
            ));
        }
        if !(1..=100_000).contains(&other.target_partitions) {
            let partitions = other.target_partitions;
            problems.push(format!(
                "{field}.targetPartitions must be 1–100000, not {partitions}"
            ));
        }
    }
    if !spec.partition_mapping.is_empty() && !spec.repartitioning.is_empty() {
        problems
            .push("spec.partitionMapping and spec.repartitioning exclude each other".to_owned());
    }
    problems
}

fn point_in_time(window: &PointInTime) -> Vec<String> {
    let mut problems = Vec::new();
    for (time, timestamp, field) in [
        (
            window.start_time.is_some(),
            window.start_timestamp.is_some(),
            "start",
        ),
        (
            window.end_time.is_some(),
            window.end_timestamp.is_some(),
            "end",
        ),
    ] {
        if time && timestamp {
            problems.push(format!(
                "spec.pitr.{field}Time and spec.pitr.{field}Timestamp exclude each other"
            ));
        }
    }
    if let (Some(start), Some(end)) = (window.start_timestamp, window.end_timestamp)
        && start > end
    {
        problems
            .push("spec.pitr.startTimestamp must not be after spec.pitr.endTimestamp".to_owned());
    }
    problems
}

pub(super) fn backup_ref(of: &BackupRef, names: Names) -> Vec<String> {
    let mut problems = Vec::new();
    if let Some(id) = &of.backup_id {
        problems.extend(set_id(id).map(|problem| format!("spec.backupRef.backupId {problem}")));
    }
    if let Some(place) = &of.storage {
        problems.extend(storage(place, "spec.backupRef.storage", names));
    }
    problems
}

/// Returns the problem of an id of a backup set, which becomes a part of paths and keys.
pub fn set_id(id: &str) -> Option<String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let is_id =
        !id.is_empty() && id.len() <= 255 && id.chars().all(allowed) && !id.starts_with('.');
    (!is_id).then(|| format!("{id:?} is not the id of a backup set"))
}
