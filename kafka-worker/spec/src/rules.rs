//! The rules that the schemas can't say. Each function returns all problems, an empty list if there is none.
//!
//! A problem is a clause such as `spec.compressionLevel must be 1–22, not 30`. The caller says whose clause it is.

mod places;
mod restore;

pub use places::{cluster, storage};
pub use restore::{restore, set_id};

use crate::{
    BackupSpec, Evidence, OffsetResetSpec, OffsetRollbackSpec, RateLimiting, Retention,
    ValidationSpec,
};
use places::name_of_folder;
use restore::backup_ref;

/// The names of fields in problems: the flags that set them, or their paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    Flags,
    Fields,
}

impl Names {
    fn of(self, field: &str, flag: &str) -> String {
        match self {
            Self::Flags => format!("--{flag}"),
            Self::Fields => format!("spec.{field}"),
        }
    }
}

/// The security protocols of Kafka.
pub const PROTOCOLS: [&str; 4] = ["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"];
/// The SASL mechanisms for which a Secret has a user and a password.
pub const MECHANISMS: [&str; 3] = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"];
/// The strategies of a KafkaOffsetReset.
pub const STRATEGIES: [&str; 5] = [
    "to-earliest",
    "to-latest",
    "to-timestamp",
    "to-offset",
    "from-mapping",
];

/// Checks the spec of a KafkaBackup.
pub fn backup(spec: &BackupSpec, names: Names) -> Vec<String> {
    let mut problems = Vec::new();
    if spec.topics.is_empty() {
        problems.push(format!("{} names no topic", names.of("topics", "topics")));
    }
    problems.extend(empty_names(&spec.topics, &names.of("topics", "topics")));
    problems.extend(cluster(&spec.kafka_cluster, names));
    problems.extend(above_zero("spec.segmentMaxBytes", spec.segment_max_bytes));
    problems.extend(above_zero(
        "spec.segmentMaxIntervalMs",
        spec.segment_max_interval_ms,
    ));
    problems.extend(limits(&spec.rate_limiting));
    problems.extend(storage(&spec.storage, "spec.storage", names));
    problems.extend(compression(spec, names));
    if spec.continuous && spec.stop_at_current_offsets {
        problems.push(format!(
            "{} and {} exclude each other",
            names.of("continuous", "continuous"),
            names.of("stopAtCurrentOffsets", "stop-at-current-offsets")
        ));
    }
    problems.extend(retention(&spec.retention));
    problems
}

/// Checks the rules for old sets.
pub fn retention(retention: &Retention) -> Vec<String> {
    if !retention.enabled {
        return Vec::new();
    }
    let limits = [
        ("maxAgeDays", retention.max_age_days),
        ("keepLast", retention.keep_last),
    ];
    if limits.iter().all(|(_, limit)| limit.is_none()) {
        return vec!["spec.retention needs maxAgeDays or keepLast".to_owned()];
    }
    let set = limits
        .into_iter()
        .filter_map(|(name, limit)| Some((name, limit?)));
    set.filter_map(|(name, limit)| above_zero(&format!("spec.retention.{name}"), limit))
        .collect()
}

fn compression(spec: &BackupSpec, names: Names) -> Option<String> {
    let name = spec.compression.as_str();
    if !["none", "lz4", "zstd"].contains(&name) {
        let field = names.of("compression", "compression");
        return Some(format!("{field} must be none, lz4 or zstd, not {name:?}"));
    }
    let level = spec.compression_level?;
    let field = names.of("compressionLevel", "compression-level");
    if name != "zstd" {
        // The level has no effect then, but a user who gave the flag expects one.
        return (names == Names::Flags)
            .then(|| format!("{field} applies only to zstd, not to {name}"));
    }
    (!(1..=22).contains(&level)).then(|| format!("{field} must be 1–22, not {level}"))
}

/// Checks the spec of a KafkaOffsetReset.
pub fn offset_reset(spec: &OffsetResetSpec, names: Names) -> Vec<String> {
    let mut problems = cluster(&spec.kafka_cluster, names);
    let groups = names.of("consumerGroups", "groups");
    if spec.consumer_groups.is_empty() {
        problems.push(format!("{groups} names no group"));
    }
    problems.extend(empty_names(&spec.consumer_groups, &groups));
    problems.extend(empty_names(&spec.topics, &names.of("topics", "topics")));
    let strategy = spec.reset_strategy.as_str();
    let field = names.of("resetStrategy", "strategy");
    if !STRATEGIES.contains(&strategy) {
        problems.push(format!(
            "{field} must be one of {}, not {strategy:?}",
            STRATEGIES.join(", ")
        ));
    }
    for (name, given, wanted) in [
        (
            names.of("resetTimestamp", "time"),
            spec.reset_timestamp.is_some(),
            "to-timestamp",
        ),
        (
            names.of("resetOffset", "offset"),
            spec.reset_offset.is_some(),
            "to-offset",
        ),
        (
            names.of("offsetMappingRef", "cluster-of"),
            spec.offset_mapping_ref.is_some(),
            "from-mapping",
        ),
    ] {
        if strategy == wanted && !given {
            problems.push(format!("{field} {wanted} needs {name}"));
        }
    }
    let offset = names.of("resetOffset", "offset");
    problems.extend(below_zero(&offset, spec.reset_offset));
    problems.extend(below_zero(
        &names.of("resetTimestamp", "time"),
        spec.reset_timestamp,
    ));
    problems.extend(above_zero("spec.parallelism", spec.parallelism));
    problems
}

/// Checks the spec of a KafkaOffsetRollback.
pub fn offset_rollback(spec: &OffsetRollbackSpec, names: Names) -> Vec<String> {
    let mut problems = cluster(&spec.kafka_cluster, names);
    problems.extend(empty_names(
        &spec.consumer_groups,
        &names.of("consumerGroups", "groups"),
    ));
    if let Some(claim) = &spec.snapshot_ref.pvc_name {
        problems.extend(name_of_folder(claim, "spec.snapshotRef.pvcName"));
    }
    problems
}

/// Checks the spec of a KafkaBackupValidation.
pub fn validation(spec: &ValidationSpec, names: Names) -> Vec<String> {
    let mut problems = backup_ref(&spec.backup_ref, names);
    if let Some(place) = &spec.kafka_cluster {
        problems.extend(cluster(place, names));
    }
    let checks = &spec.checks;
    let in_cluster = [
        (
            "messageCount",
            checks
                .message_count
                .as_ref()
                .is_some_and(|check| check.enabled),
        ),
        (
            "offsetRange",
            checks
                .offset_range
                .as_ref()
                .is_some_and(|check| check.enabled),
        ),
        (
            "consumerGroupOffsets",
            checks
                .consumer_group_offsets
                .as_ref()
                .is_some_and(|check| check.enabled),
        ),
    ];
    if in_cluster.iter().all(|(_, enabled)| !enabled) && checks.custom_webhooks.is_empty() {
        problems.push("spec.checks enables no check".to_owned());
    }
    if spec.kafka_cluster.is_none() {
        let needing = in_cluster
            .iter()
            .filter(|(_, enabled)| *enabled)
            .map(|(name, _)| *name);
        let needing: Vec<_> = needing.collect();
        if !needing.is_empty() {
            problems.push(format!(
                "spec.checks.{} needs spec.kafkaCluster",
                needing.join(" and ")
            ));
        }
    }
    let threshold = checks
        .message_count
        .as_ref()
        .and_then(|check| check.fail_threshold);
    problems.extend(below_zero(
        "spec.checks.messageCount.failThreshold",
        threshold,
    ));
    if let Some(check) = &checks.consumer_group_offsets {
        problems.extend(empty_names(
            &check.consumer_groups,
            "spec.checks.consumerGroupOffsets.consumerGroups",
        ));
    }
    problems.extend(
        spec.evidence
            .as_ref()
            .map(|it| evidence(it, names))
            .unwrap_or_default(),
    );
    for hook in &checks.custom_webhooks {
        if !(hook.url.starts_with("http://") || hook.url.starts_with("https://")) {
            problems.push(format!(
                "spec.checks.customWebhooks has the URL {:?}, which is not http",
                hook.url
            ));
        }
        problems.extend(above_zero(
            "spec.checks.customWebhooks.timeoutSecs",
            hook.timeout_secs,
        ));
        if !(100..=599).contains(&hook.expected_status_code) {
            let code = hook.expected_status_code;
            problems.push(format!(
                "spec.checks.customWebhooks.expectedStatusCode must be 100–599, not {code}"
            ));
        }
    }
    problems
}

fn evidence(evidence: &Evidence, names: Names) -> Vec<String> {
    let mut problems = Vec::new();
    let unknown = |format: &&String| !["json", "pdf"].contains(&format.as_str());
    if evidence.formats.is_empty() {
        problems.push("spec.evidence.formats names no format".to_owned());
    }
    if let Some(format) = evidence.formats.iter().find(unknown) {
        problems.push(format!(
            "spec.evidence.formats must be json and pdf, not {format:?}"
        ));
    }
    if let Some(signing) = &evidence.signing
        && signing.enabled
        && signing.key_secret.is_none()
    {
        problems.push("spec.evidence.signing needs keySecret".to_owned());
    }
    if let Some(place) = &evidence.storage {
        problems.extend(storage(place, "spec.evidence.storage", names));
    }
    problems.extend(above_zero(
        "spec.evidence.retentionDays",
        evidence.retention_days,
    ));
    problems
}

fn limits(limits: &RateLimiting) -> Vec<String> {
    let mut problems = Vec::new();
    problems.extend(above_zero(
        "spec.rateLimiting.maxConcurrentPartitions",
        limits.max_concurrent_partitions,
    ));
    problems.extend(below_zero(
        "spec.rateLimiting.recordsPerSec",
        Some(limits.records_per_sec),
    ));
    problems.extend(below_zero(
        "spec.rateLimiting.bytesPerSec",
        Some(limits.bytes_per_sec),
    ));
    problems
}

/// Checks a number that the schema allows to be 0 and the operator does not.
fn above_zero(field: &str, number: i64) -> Option<String> {
    (number < 1).then(|| format!("{field} must be above 0, not {number}"))
}

fn below_zero(field: &str, number: Option<i64>) -> Option<String> {
    let number = number.filter(|number| *number < 0)?;
    Some(format!("{field} must be 0 or above, not {number}"))
}

fn empty_names(names: &[String], field: &str) -> Option<String> {
    names
        .iter()
        .any(String::is_empty)
        .then(|| format!("{field} has an empty name"))
}

#[cfg(test)]
mod tests;
