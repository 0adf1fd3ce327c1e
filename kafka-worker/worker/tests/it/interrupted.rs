//! Work that a signal stops, or that is killed, goes on with the next run.

use serde_json::{Value, json};

use super::kafka::kafka;
use super::s3::S3;
use super::until;
use super::witness::Witness;
use super::worker::{Desk, into_volume};

fn slow_backup(cluster: &Value, topic: &str) -> Value {
    let mut spec = into_volume(cluster, &[topic]);
    // Many small segments, one after the other.
    spec["segmentMaxBytes"] = json!(2000);
    spec["rateLimiting"] = json!({ "maxConcurrentPartitions": 1 });
    spec
}

/// Waits for the first segment of the only set, and returns the id of the set.
fn begun(desk: &Desk, segments: usize) -> String {
    until("a segment", || {
        let id = desk.sets().pop()?;
        (desk.segments(&id).len() >= segments).then_some(id)
    })
}

#[test]
fn a_stopped_backup_is_not_complete_and_goes_on_with_the_same_set() {
    let Some(kafka) = kafka() else { return };
    let (witness, desk) = (Witness::of(kafka), Desk::new());
    witness.produce("stopped", 4, 20_000, 200, true);
    let object = desk.object(
        "KafkaBackup",
        "stopped",
        &slow_backup(&kafka.cluster(), "stopped"),
    );
    for (turn, signal) in ["TERM", "INT", "KILL"].into_iter().enumerate() {
        let mut running = desk.begin("backup", &object, &[]);
        // A signal kills a process that does not listen yet, and the set may have enough segments already.
        running.until("the begin", |line| line["status"]["phase"] == "Running");
        let id = begun(&desk, 5 + turn * 100);
        running.signal(signal);
        let report = running.ended();
        if signal == "KILL" {
            assert_eq!(report.code, None);
        } else {
            report.fails(130, "interrupted");
            assert_eq!(report.result()["status"]["backupId"], id);
            assert_eq!(report.result()["status"]["resumable"], true);
            let missing = &report.result()["status"]["missing"][0];
            assert_eq!(
                [&missing["topic"], &missing["reason"]],
                ["stopped", "NotRead"]
            );
            assert_eq!(desk.termination()["state"], "interrupted");
        }
        let spec = json!({ "backupRef": { "name": "stopped", "backupId": id }, "kafkaCluster": kafka.cluster(), "checks": { "messageCount": {} } });
        let validation = desk.object("KafkaBackupValidation", "stopped", &spec);
        let report = desk.run(
            "validate",
            &validation,
            &["--backup", &object.display().to_string()],
        );
        let message = report.fails(13, "failed");
        assert!(message.contains(" reaches offset "), "{message}");
    }
    let status = desk.complete("backup", &object, &[]);
    assert_eq!(desk.sets(), [status["backupId"].as_str().expect("an id")]);
    let spec = json!({
        "backupRef": { "name": "stopped", "backupId": status["backupId"] }, "kafkaCluster": kafka.cluster(),
        "topics": ["stopped"], "topicMapping": { "stopped": "stopped-restored" }, "createTopics": true,
    });
    let restore = desk.object("KafkaRestore", "stopped", &spec);
    desk.complete(
        "restore",
        &restore,
        &["--backup", &object.display().to_string()],
    );
    let same = witness.same("stopped", "stopped-restored", "-");
    assert_eq!(status["recordsProcessed"], same);

    // The next run makes a set of its own.
    let other = desk.complete(
        "backup",
        &object,
        &["--backup-id", "stopped-20990101-000000"],
    );
    assert_eq!(other["backupId"], "stopped-20990101-000000");
}

#[test]
fn a_continuous_backup_goes_on_with_one_set() {
    let Some(kafka) = kafka() else { return };
    let (witness, desk) = (Witness::of(kafka), Desk::new());
    witness.produce("endless", 2, 1000, 60, false);
    let mut spec = into_volume(&kafka.cluster(), &["endless"]);
    spec["continuous"] = json!(true);
    spec["segmentMaxIntervalMs"] = json!(200);
    spec["consumerGroupSnapshot"] = json!(true);
    spec["checkpoint"] = json!({ "intervalSecs": 1 });
    witness.ask(&["commit", "forever", "endless", "0:1", "1:2"]);
    let object = desk.object("KafkaBackup", "endless", &spec);
    for records in [1000_u64, 1600] {
        let mut running = desk.begin("backup", &object, &[]);
        if records > 1000 {
            witness.ask(&["more", "endless", "2", "600", "60"]);
        }
        let wanted = if records > 1000 { 600 } else { 1000 };
        running.until("the offsets of groups", |line| {
            line["status"]["groupsNotRead"].is_array()
        });
        let kept = desk
            .volume()
            .join("kafka/endless/consumer-groups-snapshot.json");
        assert!(
            std::fs::read_to_string(kept)
                .expect("offsets")
                .contains("forever")
        );
        running.until("the records", |line| {
            line["status"]["recordsProcessed"].as_u64() >= Some(wanted)
        });
        running.signal("TERM");
        let report = running.ended();
        report.fails(130, "interrupted");
        assert_eq!(report.result()["status"]["backupId"], "endless");
        assert_eq!(report.result()["status"]["recordsProcessed"], records);
    }
}

#[test]
fn a_stopped_restore_of_one_large_topic_goes_on_where_it_was() {
    let Some(kafka) = kafka() else { return };
    let (witness, mut desk) = (Witness::of(kafka), Desk::new());
    witness.produce("large", 1, 12_000, 100, false);
    let mut spec = into_volume(&kafka.cluster(), &["large"]);
    spec["segmentMaxBytes"] = json!(200_000);
    let (backup, id) = desk.backup("large", &spec);
    let more = [
        "--backup",
        &backup.display().to_string(),
        "--backup-id",
        &id,
    ];
    // With a folder for its notes, and without one: then they are in the storage.
    for has_state in [true, false] {
        desk.state = has_state.then_some("state");
        let target = format!("large-{has_state}");
        let spec = json!({
            "backupRef": { "name": "large" }, "kafkaCluster": kafka.cluster(), "topics": ["large"],
            "topicMapping": { "large": target }, "createTopics": true, "produceTimeoutMs": 1000, "produceBatchSize": 100,
            "rateLimiting": { "recordsPerSec": 1500 },
        });
        let object = desk.object("KafkaRestore", &target, &spec);
        for signal in ["TERM", "KILL"] {
            let mut running = desk.begin("restore", &object, &more);
            running.until("a record", |line| {
                line["status"]["recordsRestored"].as_u64() > Some(0)
            });
            running.signal(signal);
            let report = running.ended();
            if signal == "TERM" {
                report.fails(130, "interrupted");
                assert_eq!(report.result()["status"]["progressPercent"], Value::Null);
            }
        }
        if has_state {
            // Another pod may have the folder elsewhere.
            let place = |name: &str| desk.folder.path().join(name);
            std::fs::rename(place("state"), place("moved")).expect("a folder");
            desk.state = Some("moved");
        }
        let some = witness.records(&target);
        assert!(some > 0 && some < 12_000, "{some}");
        let status = desk.complete("restore", &object, &more);
        assert_eq!(witness.same("large", &target, "-"), 12_000);
        assert_eq!(status["recordsRestored"], 12_000);
    }
}

/// Returns different numbers below a limit, the same in each run of the tests.
fn numbers(limit: u64) -> impl Iterator<Item = u64> {
    let next = |state: &u64| {
        Some(
            state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1),
        )
    };
    std::iter::successors(Some(7), next).map(move |state: u64| (state >> 33) % limit)
}

#[test]
fn work_that_is_killed_again_and_again_ends_right() {
    let Some(kafka) = kafka() else { return };
    let (witness, mut desk) = (Witness::of(kafka), Desk::new());
    // The checkpoint of the restore is in the storage.
    desk.state = None;
    let kills = std::env::var("KAFKA_WORKER_KILLS").ok();
    let kills = kills.map_or(3, |kills| kills.parse().expect("a number"));
    witness.produce("killed", 3, 9000, 120, true);
    let object = desk.object(
        "KafkaBackup",
        "killed",
        &slow_backup(&kafka.cluster(), "killed"),
    );
    let id = "killed-20250906-120000";
    for more in numbers(60).take(kills) {
        let before = desk.segments(id).len() as u64;
        let running = desk.begin("backup", &object, &["--backup-id", id]);
        until("segments", || {
            (desk.segments(id).len() as u64 >= before + 1 + more || running.is_over()).then_some(())
        });
        running.signal("KILL");
        drop(running.ended());
    }
    desk.complete("backup", &object, &["--backup-id", id]);

    let spec = json!({
        "backupRef": { "name": "killed", "backupId": id }, "kafkaCluster": kafka.cluster(), "topics": ["killed"],
        "topicMapping": { "killed": "killed-restored" }, "createTopics": true, "produceTimeoutMs": 1000,
        "produceBatchSize": 20, "rateLimiting": { "recordsPerSec": 2500 },
    });
    let restore = desk.object("KafkaRestore", "killed", &spec);
    let more = ["--backup", &object.display().to_string()];
    let written = || {
        let ends = witness.ask(&["ends", "killed-restored", "3"]);
        let ends = ends["high"].as_array().expect("ends").clone();
        ends.iter().filter_map(Value::as_u64).sum::<u64>()
    };
    let mut before = 0;
    for more_records in numbers(1500).take(kills) {
        let running = desk.begin("restore", &restore, &more);
        until("the topic", || {
            (witness.has_topic("killed-restored") || running.is_over()).then_some(())
        });
        until("records", || {
            (written() > before + more_records || running.is_over()).then_some(())
        });
        running.signal("KILL");
        drop(running.ended());
        before = written();
    }
    let status = desk.complete("restore", &restore, &more);
    assert_eq!(
        status["recordsRestored"],
        witness.same("killed", "killed-restored", "-")
    );
}

#[test]
fn a_backup_can_be_stopped_while_its_store_is_away() {
    let Some(kafka) = kafka() else { return };
    let (witness, desk) = (Witness::of(kafka), Desk::new());
    witness.produce("storeless", 2, 6000, 200, false);
    let s3 = S3::with_bucket("gone");
    desk.secret(
        "keys",
        &[
            ("AWS_ACCESS_KEY_ID", "tests"),
            ("AWS_SECRET_ACCESS_KEY", "canary-of-s3"),
        ],
    );
    let mut spec = slow_backup(&kafka.cluster(), "storeless");
    spec["storage"] = json!({ "storageType": "s3", "s3": {
        "bucket": "gone", "region": "us-east-1", "endpoint": s3.endpoint(), "pathStyle": true, "allowHttp": true,
        "credentialsSecret": { "name": "keys" },
    }});
    let object = desk.object("KafkaBackup", "storeless", &spec);
    let mut running = desk.begin("backup", &object, &[]);
    running.until("a segment", |line| {
        line["status"]["segmentsCompleted"].as_u64() > Some(0)
    });
    drop(s3);
    running.until("another report", |_| true);
    running.signal("TERM");
    let report = running.ended();
    report.fails(130, "interrupted");
    assert_eq!(desk.termination()["state"], "interrupted");
}
