//! A cluster that loses a broker.

use serde_json::json;

use super::kafka::Nodes;
use super::until;
use super::witness::Witness;
use super::worker::{Desk, into_volume};

/// The most attempts at one piece of work, as those of a Job.
const ATTEMPTS: usize = 5;

#[test]
fn one_of_three_brokers_may_fail() {
    let Some(mut nodes) = Nodes::start(3) else {
        return;
    };
    let (witness, desk) = (Witness::at(&nodes.addresses()), Desk::new());
    witness.produce("led", 6, 9000, 150, true);
    let cluster = json!({ "bootstrapServers": nodes.addresses() });
    let mut spec = into_volume(&cluster, &["led"]);
    spec["segmentMaxBytes"] = json!(2000);
    spec["rateLimiting"] = json!({ "maxConcurrentPartitions": 2 });
    let object = desk.object("KafkaBackup", "led", &spec);
    let id = "led-20250906-120000";
    let running = desk.begin("backup", &object, &["--backup-id", id]);
    until("segments", || (desk.segments(id).len() > 20).then_some(()));
    nodes.kill(0);
    let mut report = running.ended();
    for _ in 1..ATTEMPTS {
        if report.code == Some(0) {
            break;
        }
        assert_eq!(report.result()["state"], "failed", "{report:#?}");
        report = desk.run("backup", &object, &["--backup-id", id]);
    }
    assert_eq!(report.code, Some(0), "{report:#?}");
    nodes.revive(0);

    let spec = json!({
        "backupRef": { "name": "led", "backupId": id }, "kafkaCluster": cluster, "topics": ["led"],
        "topicMapping": { "led": "led-restored" }, "createTopics": true, "produceTimeoutMs": 5000,
        "rateLimiting": { "recordsPerSec": 2500 }, "produceBatchSize": 50,
    });
    let restore = desk.object("KafkaRestore", "led", &spec);
    let more = ["--backup", &object.display().to_string()];
    let mut running = desk.begin("restore", &restore, &more);
    running.until("a record", |line| {
        line["status"]["recordsRestored"].as_u64() > Some(0)
    });
    nodes.kill(2);
    let mut report = running.ended();
    for _ in 1..ATTEMPTS {
        if report.code == Some(0) {
            break;
        }
        assert_eq!(report.result()["state"], "failed", "{report:#?}");
        report = desk.run("restore", &restore, &more);
    }
    assert_eq!(report.code, Some(0), "{report:#?}");
    assert_eq!(
        report.result()["status"]["recordsRestored"],
        witness.same("led", "led-restored", "-")
    );
}
