//! The rules that the schemas can't say. Each function returns all problems, an empty list if there is none.
//!
//! A problem is a clause such as `spec.compressionLevel must be 1–22, not 30`. The caller says whose clause it is.

use std::net::Ipv6Addr;

use crate::{
    BackupRef, BackupSpec, KafkaCluster, OffsetResetSpec, OffsetRollbackSpec, PointInTime,
    RestoreSpec, Retention, Storage, ValidationSpec,
};

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

/// Checks a Kafka cluster.
pub fn cluster(cluster: &KafkaCluster, names: Names) -> Vec<String> {
    let mut problems = Vec::new();
    let servers = names.of("kafkaCluster.bootstrapServers", "bootstrap-servers");
    if cluster.bootstrap_servers.is_empty() {
        problems.push(format!("{servers} names no server"));
    }
    for server in &cluster.bootstrap_servers {
        problems.extend(address(server, &servers));
    }
    let protocol = cluster.security_protocol.to_ascii_uppercase();
    let name = names.of("kafkaCluster.securityProtocol", "security-protocol");
    if !PROTOCOLS.contains(&protocol.as_str()) {
        let known = PROTOCOLS.join(", ");
        problems.push(format!(
            "{name} must be one of {known}, not {:?}",
            cluster.security_protocol
        ));
    }
    if ["SSL", "SASL_SSL"].contains(&protocol.as_str())
        && cluster.tls_secret.is_none()
        && cluster.ca_secret.is_none()
    {
        let needed = match names {
            Names::Flags => "--ca-secret or --tls-secret",
            Names::Fields => "caSecret or tlsSecret",
        };
        problems.push(format!("{name} {protocol} needs {needed}"));
    }
    if let Some(tls) = &cluster.tls_secret
        && tls.cert_key.is_some() != tls.key_key.is_some()
    {
        problems
            .push("spec.kafkaCluster.tlsSecret needs certKey and keyKey, or neither".to_owned());
    }
    match &cluster.sasl_secret {
        Some(secret) if !MECHANISMS.contains(&secret.mechanism.as_str()) => problems.push(format!(
            "{} must be one of {}, not {:?}",
            names.of("kafkaCluster.saslSecret.mechanism", "sasl-mechanism"),
            MECHANISMS.join(", "),
            secret.mechanism
        )),
        None if protocol.starts_with("SASL") => {
            let needed = match names {
                Names::Flags => "--sasl-secret",
                Names::Fields => "saslSecret",
            };
            problems.push(format!("{name} {protocol} needs {needed}"));
        }
        _ => {}
    }
    let connections = cluster.connection.connections_per_broker;
    problems.extend(above_zero(
        "spec.kafkaCluster.connection.connectionsPerBroker",
        connections,
    ));
    problems
}

/// Checks one `HOST:PORT`. The library reads a host as the text before the first colon.
fn address(server: &str, field: &str) -> Option<String> {
    let (host, port) = match server.rsplit_once(':') {
        Some((host, port)) => (host, port),
        None => (server, ""),
    };
    let bare = server.trim_start_matches('[').trim_end_matches(']');
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if host.parse::<Ipv6Addr>().is_ok() || bare.parse::<Ipv6Addr>().is_ok() {
        return Some(format!(
            "{field} has the IPv6 address {server:?}, which is not supported: use a host name"
        ));
    }
    let is_port = port.parse::<u16>().is_ok_and(|port| port > 0);
    let is_host = !host.is_empty()
        && !host.contains(|c: char| c.is_whitespace() || c.is_control() || ":/@".contains(c));
    (!is_port || !is_host).then(|| format!("{field} must have the form HOST:PORT, not {server:?}"))
}

/// Checks a storage. `field` is its path in the object.
pub fn storage(storage: &Storage, field: &str, names: Names) -> Vec<String> {
    let name = match names {
        Names::Flags => "--storage".to_owned(),
        Names::Fields => format!("{field}.storageType"),
    };
    let ty = storage.storage_type.as_str();
    let present = match ty {
        "pvc" => storage.pvc.is_some(),
        "s3" => storage.s3.is_some(),
        "azure" => storage.azure.is_some(),
        "gcs" => storage.gcs.is_some(),
        _ => return vec![format!("{name} must be pvc, s3, azure or gcs, not {ty:?}")],
    };
    let mut problems = Vec::new();
    if !present {
        problems.push(format!("{name} is {ty}, but {field}.{ty} is missing"));
    }
    if let (Some(pvc), "pvc") = (&storage.pvc, ty) {
        problems.extend(name_of_folder(
            &pvc.claim_name,
            &format!("{field}.pvc.claimName"),
        ));
        if let Some(path) = &pvc.sub_path {
            problems.extend(inside(path, &format!("{field}.pvc.subPath")));
        }
    }
    if let (Some(azure), "azure") = (&storage.azure, ty) {
        let ways = [
            ("credentialsSecret", azure.credentials_secret.is_some()),
            ("sasTokenSecret", azure.sas_token_secret.is_some()),
            (
                "servicePrincipalSecret",
                azure.service_principal_secret.is_some(),
            ),
            ("useWorkloadIdentity", azure.use_workload_identity),
        ];
        let ways: Vec<_> = ways
            .iter()
            .filter(|(_, used)| *used)
            .map(|(way, _)| *way)
            .collect();
        if ways.len() > 1 {
            problems.push(format!(
                "{field}.azure has {}, which exclude each other",
                ways.join(" and ")
            ));
        }
    }
    problems
}

/// Checks a name that becomes the name of a folder.
fn name_of_folder(name: &str, field: &str) -> Option<String> {
    let is_name = !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\0']);
    (!is_name).then(|| format!("{field} is not a name: {name:?}"))
}

/// Checks a path that must not leave the folder that it is relative to.
fn inside(path: &str, field: &str) -> Option<String> {
    let leaves =
        path.starts_with('/') || path.contains('\0') || path.split('/').any(|part| part == "..");
    leaves.then(|| format!("{field} must be a path inside the volume, not {path:?}"))
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

fn backup_ref(of: &BackupRef, names: Names) -> Vec<String> {
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
    if let Some(check) = &checks.consumer_group_offsets
        && check.enabled
        && check.consumer_groups.is_empty()
    {
        problems.push("the check consumer-group-offsets needs consumerGroups".to_owned());
    }
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

fn limits(limits: &crate::RateLimiting) -> Vec<String> {
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
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn backup_with(change: impl Fn(&mut Value)) -> Vec<String> {
        let mut spec = json!({
            "kafkaCluster": { "bootstrapServers": ["kafka:9092"] },
            "topics": ["orders"],
            "storage": { "pvc": { "claimName": "backups" } },
        });
        change(&mut spec);
        backup(
            &serde_json::from_value(spec).expect("a spec"),
            Names::Fields,
        )
    }

    fn restore_with(change: impl Fn(&mut Value)) -> Vec<String> {
        let mut spec = json!({
            "backupRef": { "name": "nightly" },
            "kafkaCluster": { "bootstrapServers": ["kafka:9092"] },
            "topics": ["orders"],
            "topicMapping": { "orders": "orders-restored" },
        });
        change(&mut spec);
        restore(
            &serde_json::from_value(spec).expect("a spec"),
            Names::Fields,
        )
    }

    #[test]
    fn the_defaults_are_those_of_the_schema() {
        let spec: BackupSpec = serde_json::from_value(json!({
            "kafkaCluster": { "bootstrapServers": ["kafka:9092"] }, "topics": ["a"],
            "storage": { "storageType": "s3", "s3": {
                "bucket": "b", "region": "eu-1", "credentialsSecret": { "name": "keys" },
            }},
            "unknown": { "is": "ignored" },
        }))
        .expect("a spec");
        assert_eq!(spec.segment_max_bytes, 134_217_728);
        assert_eq!(spec.checkpoint.interval_secs, 30);
        assert!(spec.include_offset_headers && !spec.stop_at_current_offsets);
        assert_eq!(spec.rate_limiting.max_concurrent_partitions, 4);
        let s3 = spec.storage.s3.expect("s3");
        assert_eq!(s3.credentials_secret.access_key_id_key, "AWS_ACCESS_KEY_ID");
        assert_eq!(spec.kafka_cluster.security_protocol, "PLAINTEXT");
    }

    #[test]
    fn a_plain_backup_has_no_problem() {
        assert_eq!(backup_with(|_| {}), [""; 0]);
    }

    #[test]
    fn each_rule_for_a_backup_names_its_field() {
        type Case = (&'static str, Value, &'static str);
        let cases: [Case; 12] = [
            ("/topics", json!([]), "spec.topics names no topic"),
            (
                "/kafkaCluster/bootstrapServers",
                json!([]),
                "spec.kafkaCluster.bootstrapServers names no server",
            ),
            (
                "/kafkaCluster/bootstrapServers",
                json!(["[::1]:9092"]),
                "spec.kafkaCluster.bootstrapServers has the IPv6 address \"[::1]:9092\", which is not supported: use a host name",
            ),
            (
                "/kafkaCluster/bootstrapServers",
                json!(["kafka"]),
                "spec.kafkaCluster.bootstrapServers must have the form HOST:PORT, not \"kafka\"",
            ),
            (
                "/kafkaCluster",
                json!({ "bootstrapServers": ["k:1"], "securityProtocol": "ssl" }),
                "spec.kafkaCluster.securityProtocol SSL needs caSecret or tlsSecret",
            ),
            (
                "/kafkaCluster",
                json!({ "bootstrapServers": ["k:1"], "saslSecret": { "name": "a", "mechanism": "GSSAPI" } }),
                "spec.kafkaCluster.saslSecret.mechanism must be one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, not \"GSSAPI\"",
            ),
            (
                "/storage",
                json!({ "storageType": "ftp" }),
                "spec.storage.storageType must be pvc, s3, azure or gcs, not \"ftp\"",
            ),
            (
                "/storage",
                json!({}),
                "spec.storage.storageType is pvc, but spec.storage.pvc is missing",
            ),
            (
                "/storage/pvc",
                json!({ "claimName": "a", "subPath": "../b" }),
                "spec.storage.pvc.subPath must be a path inside the volume, not \"../b\"",
            ),
            (
                "/storage/pvc",
                json!({ "claimName": ".." }),
                "spec.storage.pvc.claimName is not a name: \"..\"",
            ),
            (
                "/compression",
                json!("gzip"),
                "spec.compression must be none, lz4 or zstd, not \"gzip\"",
            ),
            (
                "/retention",
                json!({ "enabled": true }),
                "spec.retention needs maxAgeDays or keepLast",
            ),
        ];
        for (path, value, expected) in cases {
            let found = backup_with(|spec| {
                let (parent, field) = path.rsplit_once('/').expect("a path");
                spec.pointer_mut(parent).expect("a parent")[field] = value.clone();
            });
            assert_eq!(found, [expected]);
        }
        let all = backup_with(|spec| {
            spec["compressionLevel"] = json!(23);
            spec["continuous"] = json!(true);
            spec["stopAtCurrentOffsets"] = json!(true);
            spec["segmentMaxBytes"] = json!(0);
        });
        assert_eq!(
            all,
            [
                "spec.segmentMaxBytes must be above 0, not 0",
                "spec.compressionLevel must be 1–22, not 23",
                "spec.continuous and spec.stopAtCurrentOffsets exclude each other",
            ]
        );
    }

    #[test]
    fn records_are_not_restored_into_their_own_topic_without_a_purge() {
        assert_eq!(restore_with(|_| {}), [""; 0]);
        let itself = |spec: &mut Value| spec["topicMapping"] = json!({});
        assert_eq!(
            restore_with(itself),
            ["the operator refuses to restore orders into itself"]
        );
        let all = |spec: &mut Value| spec["topics"] = json!([]);
        assert_eq!(
            restore_with(all),
            [
                "without spec.topics, all topics are restored into themselves, which the operator refuses"
            ]
        );
        let purged = |spec: &mut Value| {
            all(spec);
            spec["purgeTopics"] = json!(true);
        };
        assert_eq!(restore_with(purged), [""; 0]);
        let stray = |spec: &mut Value| spec["topicMapping"]["order"] = json!("o");
        assert_eq!(
            restore_with(stray),
            ["spec.topicMapping names order, but spec.topics does not"]
        );
    }

    #[test]
    fn an_id_of_a_set_is_no_path() {
        for id in ["", "..", "a/b", ".hidden", "a\u{0}"] {
            let found = restore_with(|spec| spec["backupRef"]["backupId"] = json!(id));
            assert_eq!(found.len(), 1, "{id:?}: {found:?}");
        }
        assert_eq!(set_id("nightly-20250906-120000"), None);
    }

    #[test]
    fn a_strategy_needs_its_value() {
        let reset = |change: Value| {
            let mut spec =
                json!({ "kafkaCluster": { "bootstrapServers": ["k:1"] }, "consumerGroups": ["g"] });
            for (field, value) in change.as_object().expect("fields") {
                spec[field] = value.clone();
            }
            offset_reset(
                &serde_json::from_value(spec).expect("a spec"),
                Names::Fields,
            )
        };
        assert_eq!(reset(json!({ "resetStrategy": "to-latest" })), [""; 0]);
        assert_eq!(
            reset(json!({ "resetStrategy": "to-timestamp" })),
            ["spec.resetStrategy to-timestamp needs spec.resetTimestamp"]
        );
        assert_eq!(
            reset(json!({ "resetStrategy": "to-offset", "resetOffset": -1 })),
            ["spec.resetOffset must be 0 or above, not -1"]
        );
        assert_eq!(
            reset(json!({ "resetStrategy": "sideways" })),
            [
                "spec.resetStrategy must be one of to-earliest, to-latest, to-timestamp, to-offset, from-mapping, not \"sideways\""
            ]
        );
    }

    #[test]
    fn checks_in_a_cluster_need_one() {
        let validate = |checks: Value| {
            let spec = json!({ "backupRef": { "name": "n" }, "checks": checks });
            validation(
                &serde_json::from_value(spec).expect("a spec"),
                Names::Fields,
            )
        };
        assert_eq!(validate(json!({})), ["spec.checks enables no check"]);
        assert_eq!(
            validate(json!({ "messageCount": {} })),
            ["spec.checks.messageCount needs spec.kafkaCluster"]
        );
    }
}
