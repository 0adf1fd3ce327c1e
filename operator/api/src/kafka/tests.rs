use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::{Value, json};

use super::*;
use crate::kafka_definitions;

fn definition(kind: &str) -> Value {
    let is_wanted = |it: &CustomResourceDefinition| it.spec.names.kind == kind;
    let found = kafka_definitions().into_iter().find(is_wanted);
    serde_json::to_value(found.expect("a definition")).expect("JSON")
}

fn spec_of(kind: &str) -> Value {
    let schema = "/spec/versions/0/schema/openAPIV3Schema/properties/spec";
    definition(kind).pointer(schema).expect("a schema").clone()
}

#[test]
fn names_columns_and_subresources_are_those_of_kafka_backup_operator() {
    let kinds = [
        ("KafkaBackup", "kafkabackups", "kb", 5),
        ("KafkaBackupValidation", "kafkabackupvalidations", "kbv", 4),
        ("KafkaOffsetReset", "kafkaoffsetresets", "kor", 4),
        ("KafkaOffsetRollback", "kafkaoffsetrollbacks", "korb", 3),
        ("KafkaRestore", "kafkarestores", "kr", 4),
    ];
    assert_eq!(kafka_definitions().len(), kinds.len());
    for (kind, plural, short, columns) in kinds {
        let definition = definition(kind);
        let spec = &definition["spec"];
        assert_eq!(spec["names"]["plural"], plural);
        assert_eq!(spec["names"]["shortNames"], json!([short]));
        assert_eq!(spec["scope"], "Namespaced");
        let version = &spec["versions"][0];
        assert_eq!(version["name"], "v1alpha1");
        assert_eq!(version["subresources"], json!({ "status": {} }));
        let shown = version["additionalPrinterColumns"].as_array();
        assert_eq!(shown.expect("columns").len(), columns, "{kind}");
    }
}

#[test]
fn required_fields_and_defaults_are_those_of_kafka_backup_operator() {
    for (kind, required) in [
        ("KafkaBackup", json!(["kafkaCluster", "storage", "topics"])),
        ("KafkaBackupValidation", json!(["backupRef", "checks"])),
        (
            "KafkaOffsetReset",
            json!(["consumerGroups", "kafkaCluster", "resetStrategy"]),
        ),
        (
            "KafkaOffsetRollback",
            json!(["kafkaCluster", "snapshotRef"]),
        ),
        ("KafkaRestore", json!(["backupRef", "kafkaCluster"])),
    ] {
        let mut found: Vec<String> =
            serde_json::from_value(spec_of(kind)["required"].clone()).expect("names");
        found.sort();
        assert_eq!(json!(found), required, "{kind}");
    }
    let backup = spec_of("KafkaBackup");
    for (path, default) in [
        ("compression", json!("zstd")),
        ("compressionLevel", json!(3)),
        ("segmentMaxBytes", json!(134_217_728)),
        ("suspend", json!(false)),
        (
            "kafkaCluster/properties/securityProtocol",
            json!("PLAINTEXT"),
        ),
        ("storage/properties/storageType", json!("pvc")),
        ("checkpoint/properties/intervalSecs", json!(30)),
        (
            "storage/properties/pvc/properties/create/properties/accessModes",
            json!(["ReadWriteOnce"]),
        ),
    ] {
        let found = backup.pointer(&format!("/properties/{path}/default"));
        assert_eq!(found, Some(&default), "{path}");
    }
    // A default would appear in objects that have none today.
    for block in ["checkpoint", "circuitBreaker", "rateLimiting", "retention"] {
        let block = &backup["properties"][block];
        assert_eq!(block["nullable"], true, "{block}");
        assert_eq!(block.get("default"), None, "{block}");
    }
    let strategies = &spec_of("KafkaOffsetReset")["properties"]["resetStrategy"]["enum"];
    assert_eq!(strategies.as_array().map(Vec::len), Some(5));
}

#[test]
fn an_object_of_kafka_backup_operator_is_read_with_its_status() {
    let object: KafkaBackup = serde_json::from_value(json!({
        "apiVersion": "kafka.oso.sh/v1alpha1", "kind": "KafkaBackup",
        "metadata": { "name": "nightly", "namespace": "kafka" },
        "spec": {
            "kafkaCluster": { "bootstrapServers": ["kafka:9092"], "connection": null },
            "topics": ["orders"], "checkpoint": null, "rateLimiting": null,
            "storage": { "storageType": "pvc", "pvc": { "claimName": "backups", "create": { "enabled": true } } },
            "metrics": { "port": 8080 },
        },
        "status": {
            "phase": "Pending", "lastBackupTime": "2025-09-06T12:00:00.123456789Z",
            "conditions": [{ "type": "Ready", "status": "True", "lastTransitionTime": "2025-09-06T12:00:00Z" }],
        },
    }))
    .expect("an object");
    assert_eq!(object.spec.topics, ["orders"]);
    assert_eq!(object.spec.rate_limiting.max_concurrent_partitions, 4);
    let create = object.spec.storage.pvc.as_ref().expect("a claim");
    assert_eq!(create.create.as_ref().expect("its creation").size, "100Gi");
    let status = object.status.expect("a status");
    assert_eq!(status.phase.as_deref().and_then(KafkaPhase::named), None);
    assert_eq!(status.conditions[0].reason, None);
}

#[test]
fn the_time_of_a_condition_is_that_of_its_last_change() {
    let mut conditions = Vec::new();
    for (holds, second, since) in [(false, 1, 1), (false, 2, 1), (true, 3, 3)] {
        let time = Timestamp::from_second(second).expect("a time");
        KafkaCondition::ready(holds, "Reason", "", time).set(&mut conditions);
        let [condition] = &conditions[..] else {
            panic!("one condition, not {conditions:?}");
        };
        assert_eq!(condition.last_transition_time.as_second(), since);
    }
}
