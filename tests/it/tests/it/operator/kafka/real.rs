//! The operator, the real worker and a real Kafka. librdkafka writes and compares the records.

use jiff::SignedDuration;
use serde_json::{Value, json};
use testbed::Image;

use super::{BACKUPS, RESETS, RESTORES, ROLLBACKS, Site, VALIDATIONS, phase};
use crate::support::kafka_worker::{Witness, kafka, worker};

#[test]
fn records_and_offsets_come_back_although_the_operator_dies() {
    let Some(kafka) = kafka() else { return };
    let witness = Witness::of(kafka);
    witness.produce("orders", 4, 20_000, 200, true);
    let before = witness.ask(&["commit", "billing", "orders", "0:5", "1:600", "2:7", "3:8"]);
    drop(before);
    let before = witness.committed("billing", "orders", 4);

    let mut site = Site::with_worker(|_| Image::new(worker()));
    site.plant.add_operator();
    let until = |site: &Site, resource: &str, name: &str| -> Value {
        let step = SignedDuration::from_secs(5);
        let found = site.plant.until_stepping(step, resource, name, |it| {
            matches!(phase(it), "Completed" | "Failed" | "RolledBack")
        });
        assert_eq!(phase(&found), "Completed", "{found:#}");
        found["status"].clone()
    };
    site.add(
        "KafkaBackup",
        "nightly",
        &json!({
            "kafkaCluster": kafka.cluster(), "topics": ["orders"], "consumerGroupSnapshot": true,
            "segmentMaxBytes": 20_000,
            "storage": {"storageType": "pvc", "pvc": {"claimName": "backups", "create": {"enabled": true}}},
        }),
    );
    let is_running = |it: &Value| phase(it) == "Running";
    site.plant.until_object(BACKUPS, "nightly", is_running);
    site.plant.operators[0].kill();
    site.plant.restart_operator(0);
    let made = until(&site, BACKUPS, "nightly");
    assert!(made["recordsProcessed"].as_u64() > Some(0), "{made:#}");

    let of = json!({"name": "nightly"});
    site.add(
        "KafkaRestore",
        "back",
        &json!({
            "backupRef": of, "kafkaCluster": kafka.cluster(), "topics": ["orders"], "createTopics": true,
            "topicMapping": {"orders": "orders-restored"},
            "offsetReset": {"enabled": true, "consumerGroups": ["billing"]},
        }),
    );
    site.plant.until_object(RESTORES, "back", is_running);
    site.plant.operators[0].kill();
    site.plant.restart_operator(0);
    let restored = until(&site, RESTORES, "back");
    let same = witness.same("orders", "orders-restored", "-");
    assert_eq!(restored["recordsRestored"], same, "{restored:#}");

    site.add(
        "KafkaBackupValidation",
        "check",
        &json!({
            "backupRef": of, "kafkaCluster": kafka.cluster(), "checks": {"offsetRange": {}},
        }),
    );
    let checked = until(&site, VALIDATIONS, "check");
    assert_eq!(checked["validationResult"], "Pass", "{checked:#}");

    site.add(
        "KafkaOffsetReset",
        "again",
        &json!({
            "kafkaCluster": kafka.cluster(), "consumerGroups": ["billing"], "topics": ["orders"],
            "resetStrategy": "to-earliest",
        }),
    );
    let reset = until(&site, RESETS, "again");
    assert_eq!(
        witness.committed("billing", "orders", 4),
        json!([0, 0, 0, 0])
    );
    site.add(
        "KafkaOffsetRollback",
        "undo",
        &json!({
            "kafkaCluster": kafka.cluster(),
            "snapshotRef": {"name": reset["snapshotId"], "path": reset["snapshotPath"]},
        }),
    );
    let undone = until(&site, ROLLBACKS, "undo");
    assert_eq!(undone["verification"]["allMatched"], true, "{undone:#}");
    assert_eq!(witness.committed("billing", "orders", 4), before);
}
