//! Files that the upstream operator wrote: by the library, as that operator calls it.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use kafka_backup_core::config::KafkaConfig;
use kafka_backup_core::kafka::KafkaClient;
use kafka_backup_core::restore::RestoreEngine;
use kafka_backup_core::restore::offset_rollback::{
    OffsetSnapshotStorage as _, StorageBackendSnapshotStore,
};
use kafka_backup_core::storage::{StorageBackendConfig, create_backend_from_config};
use kafka_backup_core::{Config, snapshot_current_offsets};
use serde_json::{Value, json};

use super::kafka::{Kafka, kafka};
use super::witness::Witness;
use super::worker::{Desk, into_volume};

fn wait<T>(doing: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(doing)
}

/// Takes a snapshot as the library does, into a folder. Returns its id.
fn snapshot(kafka: &Kafka, groups: &[&str], folder: &Path) -> String {
    let config: KafkaConfig =
        serde_json::from_value(json!({ "bootstrap_servers": [kafka.address], "topics": {} }))
            .expect("a configuration");
    let storage: StorageBackendConfig =
        serde_json::from_value(json!({ "backend": "filesystem", "path": folder }))
            .expect("a storage");
    let groups: Vec<_> = groups.iter().map(|group| (*group).to_owned()).collect();
    wait(async {
        let client = KafkaClient::new(config);
        client.connect().await.expect("a connection");
        let snapshot = snapshot_current_offsets(&client, &groups, vec![kafka.address.clone()])
            .await
            .expect("a snapshot");
        let backend = create_backend_from_config(&storage).expect("a storage");
        let store = StorageBackendSnapshotStore::new(Arc::clone(&backend));
        store.save_snapshot(&snapshot).await.expect("a file")
    })
}

#[test]
fn a_rollback_takes_a_snapshot_of_the_upstream_operator() {
    let Some(kafka) = kafka() else { return };
    let (witness, desk) = (Witness::of(kafka), Desk::new());
    for topic in ["older", "newer"] {
        witness.produce(topic, 3, 300, 40, false);
    }
    witness.ask(&["commit", "theirs", "older", "0:5", "2:70"]);
    let id = snapshot(kafka, &["theirs", "never-there"], &desk.volume());
    let path = format!("offset-snapshots/{id}/snapshot.json");
    assert!(desk.volume().join(&path).is_file());
    let by = |name: &str, reference: Value, groups: &[&str]| {
        // The group moves on, also in a topic that the snapshot does not have.
        witness.ask(&["commit", "theirs", "older", "0:50", "1:51", "2:52"]);
        witness.ask(&["commit", "theirs", "newer", "0:9"]);
        let spec = json!({ "kafkaCluster": kafka.cluster(), "snapshotRef": reference, "consumerGroups": groups });
        let object = desk.object("KafkaOffsetRollback", name, &spec);
        desk.run("offset-rollback", &object, &[])
    };
    for (name, reference) in [
        (
            "by-path",
            json!({ "name": "any", "pvcName": "backups", "path": path }),
        ),
        ("by-name", json!({ "name": id, "pvcName": "backups" })),
    ] {
        let report = by(name, reference, &[]);
        assert_eq!(report.code, Some(0), "{report:#?}");
        let status = &report.result()["status"];
        // A group without offsets may be one that an old version could not read.
        assert_eq!(status["groupsRolledBack"], 1, "{status}");
        assert_eq!(status["verification"]["allMatched"], true, "{status}");
        assert_eq!(
            witness.committed("theirs", "older", 3),
            json!([5, 51, 70]),
            "{name}"
        );
        assert_eq!(witness.committed("theirs", "newer", 1), json!([9]));
        let warnings = report.result()["warnings"][0].as_str().expect("a warning");
        assert!(
            warnings.contains("offsets that it does not have stay"),
            "{warnings}"
        );
    }
    let reference = json!({ "name": id, "pvcName": "backups" });
    let report = by("absent", reference, &["never-there"]);
    assert_eq!(
        report.fails(10, "failed"),
        "0 of 1 groups were rolled back: the snapshot has no group never-there"
    );

    let file = desk.volume().join(&path);
    let text = fs::read_to_string(&file).expect("a snapshot");
    let text = text.replace("\"partition_count\": 2", "\"partition_count\": 3");
    fs::write(&file, text).expect("a snapshot");
    let reference = json!({ "name": id, "pvcName": "backups" });
    let report = by("damaged", reference, &[]);
    let message = report.fails(13, "failed");
    assert!(
        message.contains("group theirs has 2 offsets, but 3 were kept"),
        "{message}"
    );
}

#[test]
fn a_reset_takes_a_mapping_of_the_upstream_operator() {
    let Some(kafka) = kafka() else { return };
    let (witness, desk) = (Witness::of(kafka), Desk::new());
    witness.produce("charted", 3, 3000, 60, true);
    witness.ask(&["commit", "charter", "charted", "0:0", "1:345", "2:900"]);
    let mut spec = into_volume(&kafka.cluster(), &["charted"]);
    spec["consumerGroupSnapshot"] = json!(true);
    let (_, id) = desk.backup("charted", &spec);
    let folder = desk.volume().join(&id);
    fs::create_dir(&folder).expect("a folder");
    let report = folder.join("offset-mapping.json");
    // As the upstream operator restores, before it moves the groups.
    let config = json!({
        "mode": "restore", "backup_id": id,
        "target": { "bootstrap_servers": [kafka.address], "topics": { "include": ["charted"] } },
        "storage": { "backend": "filesystem", "path": desk.volume().join("kafka") },
        "restore": {
            "topic_mapping": { "charted": "charted-back" }, "create_topics": true, "auto_consumer_groups": true,
            "strip_offset_headers": true, "offset_report": report,
        },
    });
    let config: Config = serde_json::from_value(config).expect("a configuration");
    wait(async {
        let engine = RestoreEngine::new(config).expect("an engine");
        engine.run().await.expect("a restore");
    });
    witness.same("charted", "charted-back", "-");

    let object = |name: &str, group: &str| {
        let spec = json!({
            "kafkaCluster": kafka.cluster(), "consumerGroups": [group], "resetStrategy": "from-mapping",
            "offsetMappingRef": { "restoreName": "charted", "path": report },
        });
        desk.object("KafkaOffsetReset", name, &spec)
    };
    desk.complete("offset-reset", &object("charted", "charter"), &[]);
    let answer = witness.ask(&["same_next", "charter", "charted", "charted-back", "3"]);
    assert_eq!(answer["differing"], json!([]), "{answer}");
    let report = desk.run("offset-reset", &object("stranger", "stranger"), &[]);
    assert!(
        report
            .fails(10, "failed")
            .contains("the mapping of the upstream operator has no group stranger")
    );
}
