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

#[test]
fn blocks_may_be_null_and_keys_of_a_signature_have_names() {
    let null = [
        "/kafkaCluster/connection",
        "/checkpoint",
        "/rateLimiting",
        "/circuitBreaker",
        "/retention",
    ];
    for field in null {
        let problems = backup_with(|spec| {
            let (parent, name) = field.rsplit_once('/').expect("a path");
            let parent = spec.pointer_mut(parent).expect("a block");
            parent[name] = Value::Null;
        });
        assert_eq!(problems, [""; 0], "{field}");
    }
    let secret: crate::SigningSecret =
        serde_json::from_value(json!({ "name": "keys" })).expect("a Secret");
    assert_eq!(secret.private_key_key, "signing-key.pem");
}

#[test]
fn a_check_of_groups_may_name_none() {
    let check = |groups: Value| {
        let spec = json!({
            "backupRef": { "name": "nightly" }, "kafkaCluster": { "bootstrapServers": ["k:1"] },
            "checks": { "consumerGroupOffsets": groups },
        });
        validation(
            &serde_json::from_value(spec).expect("a spec"),
            Names::Fields,
        )
    };
    assert_eq!(check(json!({})), [""; 0]);
    assert_eq!(check(json!({ "consumerGroups": [] })), [""; 0]);
    assert_eq!(
        check(json!({ "consumerGroups": [""] })),
        ["spec.checks.consumerGroupOffsets.consumerGroups has an empty name"]
    );
}
