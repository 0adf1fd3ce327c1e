//! The operator, the real worker and a real Kafka. librdkafka writes and compares the records.
//!
//! One course is random. Variables choose another one:
//!
//! - `BROKER_CHAOS_SEED`: the seed of all decisions [default: 18]
//! - `BROKER_CHAOS_KILLS`: how often something dies [default: 4]

use jiff::SignedDuration;
use serde_json::{Value, json};
use testbed::Image;

use super::super::chaos::model::Random;
use super::super::chaos::{Seed, setting};
use super::super::plant::NAMESPACE;
use super::{BACKUPS, RESETS, RESTORES, ROLLBACKS, Site, VALIDATIONS, phase};
use crate::support::kafka_worker::{Witness, kafka, worker};

/// Waits for the end of an object's work, and returns its status.
fn completed(site: &Site, resource: &str, name: &str) -> Value {
    let step = SignedDuration::from_secs(5);
    let found = site.plant.until_stepping(step, resource, name, |it| {
        matches!(phase(it), "Completed" | "Failed" | "RolledBack")
    });
    assert_eq!(phase(&found), "Completed", "{found:#}");
    found["status"].clone()
}

#[test]
fn records_and_offsets_come_back_although_the_operator_dies() {
    let Some(kafka) = kafka() else { return };
    let witness = Witness::of(kafka);
    witness.produce("orders", 4, 20_000, 200, true);
    witness.ask(&["commit", "billing", "orders", "0:5", "1:600", "2:7", "3:8"]);
    let before = witness.committed("billing", "orders", 4);

    let mut site = Site::with_worker(|_| Image::new(worker()));
    site.plant.add_operator();
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
    let made = completed(&site, BACKUPS, "nightly");
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
    let restored = completed(&site, RESTORES, "back");
    let same = witness.same("orders", "orders-restored", "-");
    assert_eq!(restored["recordsRestored"], same, "{restored:#}");

    site.add(
        "KafkaBackupValidation",
        "check",
        &json!({
            "backupRef": of, "kafkaCluster": kafka.cluster(), "checks": {"offsetRange": {}},
        }),
    );
    let checked = completed(&site, VALIDATIONS, "check");
    assert_eq!(checked["validationResult"], "Pass", "{checked:#}");

    site.add(
        "KafkaOffsetReset",
        "again",
        &json!({
            "kafkaCluster": kafka.cluster(), "consumerGroups": ["billing"], "topics": ["orders"],
            "resetStrategy": "to-earliest",
        }),
    );
    let reset = completed(&site, RESETS, "again");
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
    let undone = completed(&site, ROLLBACKS, "undo");
    assert_eq!(undone["verification"]["allMatched"], true, "{undone:#}");
    assert_eq!(witness.committed("billing", "orders", 4), before);
}

/// Something dies once or twice during the work of an object. Returns how often.
fn disturb(site: &mut Site, random: &mut Random, resource: &str, name: &str) -> u64 {
    let is_running = |it: &Value| phase(it) == "Running";
    site.plant.until_object(resource, name, is_running);
    let mut killed = 0;
    for _ in 0..random.between(1, 2) {
        for _ in 0..random.between(0, 8) {
            site.plant.look_again();
            site.plant.advance(SignedDuration::from_secs(1));
        }
        let bed = site.plant.bed();
        let pod = site.pods().into_iter().find(|pod| {
            let found = bed.objects().get("pods", NAMESPACE, pod);
            found.is_some_and(|it| it["status"]["phase"] == "Running")
        });
        match (random.between(0, 2), pod) {
            (0, Some(pod)) => {
                bed.evict(NAMESPACE, &pod);
            }
            (1, Some(pod)) => {
                bed.run_out_of_memory(NAMESPACE, &pod);
            }
            _ => {
                site.plant.operators[0].kill();
                site.plant.restart_operator(0);
            }
        }
        killed += 1;
    }
    killed
}

#[test]
fn work_ends_right_whatever_dies() {
    let Some(kafka) = kafka() else { return };
    let witness = Witness::of(kafka);
    let seed = Seed(setting("BROKER_CHAOS_SEED", 18));
    let kills = setting("BROKER_CHAOS_KILLS", 4);
    let mut random = Random(seed.0);
    witness.produce("whole", 4, 20_000, 200, false);
    let mut site = Site::with_worker(|_| Image::new(worker()));
    site.plant.add_operator();
    let (mut killed, mut round) = (0, 0);
    while killed < kills {
        round += 1;
        let (name, target) = (format!("whole-{round}"), format!("whole-{round}-restored"));
        site.add(
            "KafkaBackup",
            &name,
            &json!({
                "kafkaCluster": kafka.cluster(), "topics": ["whole"], "segmentMaxBytes": 5000,
                "rateLimiting": {"maxConcurrentPartitions": 1},
                "storage": {"storageType": "pvc", "pvc": {"claimName": "backups", "create": {"enabled": true}}},
            }),
        );
        killed += disturb(&mut site, &mut random, BACKUPS, &name);
        completed(&site, BACKUPS, &name);
        site.add(
            "KafkaRestore",
            &name,
            &json!({
                "backupRef": {"name": name}, "kafkaCluster": kafka.cluster(), "topics": ["whole"],
                "createTopics": true, "topicMapping": {"whole": target},
                "rateLimiting": {"recordsPerSec": 10_000},
            }),
        );
        killed += disturb(&mut site, &mut random, RESTORES, &name);
        completed(&site, RESTORES, &name);
        assert_eq!(witness.same("whole", &target, "-"), 20_000, "{name}");
    }
    println!("seed {}: {killed} died in {round} rounds", seed.0);
}
