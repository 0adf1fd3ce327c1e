//! Records: what is restored is what was there.

use serde_json::{Value, json};

use super::kafka::{Kafka, kafka};
use super::s3::S3;
use super::witness::Witness;
use super::worker::{Desk, into_volume};

const PARTITIONS: u32 = 12;
/// The time of the first record of the witness, and the time between two.
const START: i64 = 1_757_160_000_000;
const STEP: i64 = 10;

/// Returns the number of records. A person may ask for more.
fn records() -> u64 {
    let wanted = std::env::var("KAFKA_WORKER_RECORDS").ok();
    wanted.map_or(20_000, |wanted| wanted.parse().expect("a number"))
}

/// Returns a topic with records of all forms. It is made once.
fn topic(kafka: &Kafka) -> &'static str {
    static TOPIC: std::sync::Once = std::sync::Once::new();
    TOPIC.call_once(|| Witness::of(kafka).produce("all-forms", PARTITIONS, records(), 200, true));
    "all-forms"
}

fn restore(kafka: &Kafka, backup: &str, topic: &str, target: &str) -> Value {
    json!({
        "backupRef": { "name": backup }, "kafkaCluster": kafka.cluster(), "topics": [topic],
        "topicMapping": { topic: target }, "createTopics": true,
    })
}

#[test]
fn records_of_all_forms_come_back_from_a_folder() {
    let Some(kafka) = kafka() else { return };
    let (witness, desk) = (Witness::of(kafka), Desk::new());
    let topic = topic(kafka);
    let (backup, id) = desk.backup("nightly", &into_volume(&kafka.cluster(), &[topic]));
    assert!(id.starts_with("nightly-20"), "{id}");
    assert_eq!(desk.termination()["status"]["resumable"], false);

    let checks = json!({ "messageCount": { "failThreshold": records() }, "offsetRange": {} });
    let spec = json!({ "backupRef": { "name": "nightly", "backupId": id }, "kafkaCluster": kafka.cluster(), "checks": checks });
    let validation = desk.object("KafkaBackupValidation", "check", &spec);
    let status = desk.complete(
        "validate",
        &validation,
        &["--backup", &backup.display().to_string()],
    );
    assert_eq!(status["checkResults"][0]["outcome"], "Passed", "{status}");

    let object = desk.object(
        "KafkaRestore",
        "back",
        &restore(kafka, "nightly", topic, "all-forms-folder"),
    );
    let more = [
        "--backup",
        &backup.display().to_string(),
        "--backup-id",
        &id,
    ];
    let status = desk.complete("restore", &object, &more);
    let same = witness.same(topic, "all-forms-folder", "-");
    // A third of the transactions was aborted.
    assert!(same > records() * 3 / 4 && same < records(), "{same}");
    assert_eq!(status["recordsRestored"], same);

    // The same object again: what is done stays, although the topic is in use now.
    witness.ask(&["commit", "reader", "all-forms-folder", "0:5"]);
    let status = desk.complete("restore", &object, &more);
    assert_eq!(status["recordsRestored"], same);
    assert_eq!(witness.records("all-forms-folder"), same);
}

#[test]
fn records_of_all_forms_come_back_from_s3() {
    let Some(kafka) = kafka() else { return };
    let (witness, desk) = (Witness::of(kafka), Desk::new());
    let topic = topic(kafka);
    let s3 = S3::with_bucket("backups");
    desk.secret(
        "keys",
        &[
            ("AWS_ACCESS_KEY_ID", "tests\n"),
            ("AWS_SECRET_ACCESS_KEY", "canary-of-s3\n"),
        ],
    );
    let storage = json!({ "storageType": "s3", "s3": {
        "bucket": "backups", "region": "us-east-1", "endpoint": s3.endpoint(), "pathStyle": true, "allowHttp": true,
        "prefix": "kafka/demo", "credentialsSecret": { "name": "keys" },
    }});
    let mut spec = into_volume(&kafka.cluster(), &[topic]);
    spec["storage"] = storage.clone();
    spec["compression"] = json!("lz4");
    let (_, id) = desk.backup("cloudy", &spec);

    let mut spec = restore(kafka, "cloudy", topic, "all-forms-s3");
    spec["backupRef"] = json!({ "name": "cloudy", "backupId": id, "storage": storage });
    let object = desk.object("KafkaRestore", "cloudy", &spec);
    let status = desk.complete("restore", &object, &[]);
    assert_eq!(
        status["recordsRestored"],
        witness.same(topic, "all-forms-s3", "-")
    );
}

#[test]
fn a_window_has_the_records_of_both_its_ends() {
    let Some(kafka) = kafka() else { return };
    let (witness, desk) = (Witness::of(kafka), Desk::new());
    // In one partition the records are late by turns, so that the first and the last of a segment say nothing.
    witness.produce("in-time", 2, 4000, 40, false);
    let mut spec = into_volume(&kafka.cluster(), &["in-time"]);
    spec["segmentMaxBytes"] = json!(20_000);
    let (backup, id) = desk.backup("timely", &spec);
    let (start, end) = (START + 1000 * STEP, START + 1999 * STEP);
    for (name, pitr, window) in [
        (
            "both",
            json!({ "startTimestamp": start, "endTimestamp": end }),
            format!("{start}-{end}"),
        ),
        (
            "open",
            json!({ "startTime": "2025-09-06T12:00:30Z" }),
            format!("{}-", START + 30_000),
        ),
        (
            "one",
            json!({ "startTimestamp": start, "endTimestamp": start }),
            format!("{start}-{start}"),
        ),
    ] {
        let target = format!("in-time-{name}");
        let mut spec = restore(kafka, "timely", "in-time", &target);
        spec["pitr"] = pitr;
        let object = desk.object("KafkaRestore", name, &spec);
        let status = desk.complete(
            "restore",
            &object,
            &[
                "--backup",
                &backup.display().to_string(),
                "--backup-id",
                &id,
            ],
        );
        let same = witness.same("in-time", &target, &window);
        assert!(same > 0, "{name}");
        assert_eq!(status["recordsRestored"], same, "{name}");
    }
}

#[test]
fn a_topic_may_get_another_number_of_partitions() {
    let Some(kafka) = kafka() else { return };
    let (witness, desk) = (Witness::of(kafka), Desk::new());
    witness.produce("few", 3, 3000, 60, false);
    let (backup, id) = desk.backup("few", &into_volume(&kafka.cluster(), &["few"]));
    let more = [
        "--backup",
        &backup.display().to_string(),
        "--backup-id",
        &id,
    ];
    let mut spec = restore(kafka, "few", "few", "few-as-five");
    spec["repartitioning"] =
        json!({ "few-as-five": { "strategy": "murmur2", "targetPartitions": 5 } });
    desk.complete(
        "restore",
        &desk.object("KafkaRestore", "five", &spec),
        &more,
    );
    let answer = witness.ask(&["mixed", "few", "few-as-five"]);
    assert_eq!(answer["same"], 3000);
    assert_eq!(answer["counts"].as_array().expect("partitions").len(), 5);

    // Partitions 0 and 1 change places.
    let mut spec = restore(kafka, "few", "few", "few-mapped");
    spec["partitionMapping"] = json!({ "0": 1, "1": 0 });
    desk.complete(
        "restore",
        &desk.object("KafkaRestore", "mapped", &spec),
        &more,
    );
    assert_eq!(witness.ask(&["mixed", "few", "few-mapped"])["same"], 3000);

    // Partitions 0 and 1 can't become one in this way.
    let mut spec = restore(kafka, "few", "few", "few-joined");
    spec["partitionMapping"] = json!({ "0": 1 });
    let report = desk.run(
        "restore",
        &desk.object("KafkaRestore", "joined", &spec),
        &more,
    );
    let message = report.fails(2, "failed");
    assert_eq!(
        message,
        "spec.partitionMapping maps the partitions 0 and 1 of few to 1"
    );
    assert!(!witness.has_topic("few-joined"));

    // In a topic with other partitions, no group finds its record again.
    witness.ask(&["commit", "few-reader", "few", "0:5"]);
    let mut spec = restore(kafka, "few", "few", "few-as-two");
    spec["repartitioning"] =
        json!({ "few-as-two": { "strategy": "automatic", "targetPartitions": 2 } });
    spec["offsetReset"] = json!({ "enabled": true, "consumerGroups": ["few-reader"] });
    let report = desk.run("restore", &desk.object("KafkaRestore", "two", &spec), &more);
    let message = report.fails(3, "partial");
    assert!(
        message.contains("can't be mapped: its partitions were mixed"),
        "{message}"
    );
    assert_eq!(witness.ask(&["mixed", "few", "few-as-two"])["same"], 3000);
}

#[test]
fn a_dry_run_changes_nothing_and_a_purge_empties_first() {
    let Some(kafka) = kafka() else { return };
    let (witness, desk) = (Witness::of(kafka), Desk::new());
    witness.produce("again", 2, 1000, 40, false);
    let (backup, id) = desk.backup("again", &into_volume(&kafka.cluster(), &["again"]));
    let more = [
        "--backup",
        &backup.display().to_string(),
        "--backup-id",
        &id,
    ];
    let mut spec = restore(kafka, "again", "again", "again-dry");
    spec["dryRun"] = json!(true);
    let status = desk.complete("restore", &desk.object("KafkaRestore", "dry", &spec), &more);
    assert_eq!(status["recordsToRestore"], 1000);
    assert!(!witness.has_topic("again-dry"));

    let spec = json!({
        "backupRef": { "name": "again" }, "kafkaCluster": kafka.cluster(), "topics": ["again"], "purgeTopics": true,
    });
    let object = desk.object("KafkaRestore", "purge", &spec);
    desk.complete("restore", &object, &more);
    assert_eq!(witness.records("again"), 1000);
    assert_eq!(
        witness.ask(&["ends", "again", "2"])["low"],
        json!([500, 500])
    );
    // Once more with the same object: it is done, and must not purge again.
    desk.complete("restore", &object, &more);
    assert_eq!(
        witness.ask(&["ends", "again", "2"])["low"],
        json!([500, 500])
    );
}

#[test]
fn records_of_an_open_transaction_are_left_to_the_next_backup() {
    let Some(kafka) = kafka() else { return };
    let (witness, desk) = (Witness::of(kafka), Desk::new());
    witness.produce("undecided", 1, 100, 40, false);
    let transaction = witness.open_transaction("undecided", 7);
    let object = desk.object(
        "KafkaBackup",
        "undecided",
        &into_volume(&kafka.cluster(), &["undecided"]),
    );
    let report = desk.run("backup", &object, &["--backup-id", "undecided"]);
    assert_eq!(report.code, Some(0), "{report:#?}");
    assert_eq!(report.result()["status"]["recordsProcessed"], 100);
    assert_eq!(
        report.result()["warnings"],
        json!(["undecided[0] ends at offset 100 of 107, where a transaction was open"])
    );
    drop(transaction);
    let status = desk.complete("backup", &object, &["--backup-id", "undecided"]);
    assert_eq!(status["recordsProcessed"], 107);
}

#[test]
fn records_that_kafka_has_deleted_meanwhile_are_reported() {
    let Some(kafka) = kafka() else { return };
    let (witness, desk) = (Witness::of(kafka), Desk::new());
    witness.produce("expired", 1, 1000, 40, false);
    let object = desk.object(
        "KafkaBackup",
        "expired",
        &into_volume(&kafka.cluster(), &["expired"]),
    );
    desk.complete("backup", &object, &["--backup-id", "expired"]);
    witness.ask(&["more", "expired", "1", "500", "40"]);
    witness.ask(&["delete", "expired", "0", "1200"]);
    // The set continues at offset 1000, but the records before 1200 are gone.
    let report = desk.run("backup", &object, &["--backup-id", "expired"]);
    let message = report.fails(3, "partial");
    assert!(
        message.contains("expired[0] lacks the offsets 1000–1199"),
        "{message}"
    );
    assert_eq!(report.result()["status"]["recordsProcessed"], 1300);
    let gap = json!([{
        "topic": "expired", "partition": 0, "firstOffset": 1000, "lastOffset": 1199, "reason": "Deleted",
    }]);
    assert_eq!(report.result()["status"]["missing"], gap);
    // A later run with the same set adds what is new, and does not forget what is lost.
    witness.ask(&["more", "expired", "1", "100", "40"]);
    let report = desk.run("backup", &object, &["--backup-id", "expired"]);
    report.fails(3, "partial");
    assert_eq!(report.result()["status"]["recordsProcessed"], 1400);
    assert_eq!(report.result()["status"]["missing"], gap);

    let spec = restore(kafka, "expired", "expired", "expired-restored");
    let more = [
        "--backup",
        &object.display().to_string(),
        "--backup-id",
        "expired",
    ];
    let report = desk.run(
        "restore",
        &desk.object("KafkaRestore", "expired", &spec),
        &more,
    );
    assert_eq!(report.code, Some(0), "{report:#?}");
    assert_eq!(
        report.result()["warnings"],
        json!(["backup expired has gaps: expired[0] lacks the offsets 1000–1199"])
    );
    assert_eq!(witness.records("expired-restored"), 1400);
}

#[test]
fn a_backup_keeps_its_rates() {
    let Some(kafka) = kafka() else { return };
    let (witness, desk) = (Witness::of(kafka), Desk::new());
    witness.produce("slow", 3, 30_000, 60, false);
    witness.produce("slow-too", 3, 10_000, 1000, false);
    for (name, topic, limit, rate) in [
        ("recordsPerSec", "slow", 5000, "throughputRecordsPerSec"),
        ("bytesPerSec", "slow-too", 700_000, "throughputBytesPerSec"),
    ] {
        let mut spec = into_volume(&kafka.cluster(), &[topic]);
        spec["rateLimiting"] = json!({ name: limit });
        spec["includeOffsetHeaders"] = json!(false);
        let object = desk.object("KafkaBackup", name, &spec);
        let status = desk.complete("backup", &object, &[]);
        let found = status[rate].as_f64().expect("a rate");
        // After the last request it does not rest any more. Headers and times count only in the rate.
        assert!(
            found < f64::from(limit) * 1.5,
            "{found} of {limit}: {status}"
        );
    }
    let spec = json!({
        "backupRef": { "name": "recordsPerSec" }, "kafkaCluster": kafka.cluster(), "topics": ["slow"],
        "topicMapping": { "slow": "slow-back" }, "createTopics": true,
        "circuitBreaker": { "enabled": false },
    });
    let restore = desk.object("KafkaRestore", "slow", &spec);
    let mut backup = into_volume(&kafka.cluster(), &["slow"]);
    backup["rateLimiting"] = json!({ "recordsPerSec": 20 });
    let file = desk.object("KafkaBackup", "recordsPerSec", &backup);
    let id = desk.sets();
    let id = id
        .iter()
        .find(|id| id.starts_with("recordsPerSec"))
        .expect("a set");
    let report = desk.run(
        "restore",
        &restore,
        &["--backup", &file.display().to_string(), "--backup-id", id],
    );
    assert_eq!(report.code, Some(0), "{report:#?}");
    assert_eq!(witness.same("slow", "slow-back", "-"), 30_000);
    assert_eq!(
        report.result()["warnings"],
        json!([
            "spec.circuitBreaker.enabled has no effect: the worker gives up after a minute without progress"
        ])
    );

    // A signal ends a rest, and what was read is kept.
    let mut running = desk.begin("backup", &file, &["--backup-id", "resting-20250906-120000"]);
    running.until("a report", |line| line["status"]["recordsProcessed"] == 0);
    running.until("another report", |line| {
        line["status"]["recordsProcessed"] == 0
    });
    running.signal("TERM");
    let report = running.ended();
    report.fails(130, "interrupted");
    let kept = report.result()["status"]["recordsProcessed"].as_u64();
    assert!(kept > Some(0) && kept < Some(30_000), "{report:#?}");
}

#[test]
fn a_backup_of_no_topic_is_not_complete() {
    let Some(kafka) = kafka() else { return };
    let desk = Desk::new();
    let spec = into_volume(&kafka.cluster(), &["no-topic-has-this-*"]);
    let object = desk.object("KafkaBackup", "empty", &spec);
    let report = desk.run("backup", &object, &[]);
    let message = report.fails(3, "partial");
    assert!(
        message.contains("no topic of the cluster has a name of spec.topics"),
        "{message}"
    );
}
