//! Offsets of consumer groups, as librdkafka sees them.

use std::fs;
use std::path::PathBuf;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::kafka::{Kafka, kafka};
use super::until;
use super::witness::Witness;
use super::worker::{Desk, into_volume};

const START: i64 = 1_757_160_000_000;

fn reset(kafka: &Kafka, group: &str, strategy: &str) -> Value {
    json!({ "kafkaCluster": kafka.cluster(), "consumerGroups": [group], "resetStrategy": strategy })
}

#[test]
fn each_strategy_sets_the_offsets_and_a_rollback_gives_them_back() {
    let Some(kafka) = kafka() else { return };
    let (witness, desk) = (Witness::of(kafka), Desk::new());
    witness.produce("read", 3, 3000, 40, false);
    witness.produce("read-too", 1, 10, 40, false);
    let time = START + 15_000;
    let at = witness.ask(&["at_time", "read", "3", &time.to_string()])["offsets"].clone();
    let cases = [
        ("to-earliest", json!({}), json!([0, 0, 0])),
        ("to-latest", json!({}), json!([1000, 1000, 1000])),
        ("to-timestamp", json!({ "resetTimestamp": time }), at),
        (
            "to-timestamp",
            json!({ "resetTimestamp": START * 2 }),
            json!([1000, 1000, 1000]),
        ),
        (
            "to-offset",
            json!({ "resetOffset": 77 }),
            json!([77, 77, 77]),
        ),
        (
            "to-offset",
            json!({ "resetOffset": 5000 }),
            json!([1000, 1000, 1000]),
        ),
    ];
    for (number, (strategy, more, expected)) in cases.into_iter().enumerate() {
        let group = format!("group-{number}");
        witness.ask(&["commit", &group, "read", "0:5", "1:600"]);
        let mut spec = reset(kafka, &group, strategy);
        spec["topics"] = json!(["read", "read-too"]);
        for (field, value) in more.as_object().expect("fields") {
            spec[field] = value.clone();
        }
        spec["dryRun"] = json!(true);
        let object = desk.object("KafkaOffsetReset", &format!("dry-{number}"), &spec);
        desk.complete("offset-reset", &object, &[]);
        assert_eq!(
            witness.committed(&group, "read", 3),
            json!([5, 600, -1]),
            "{strategy}"
        );

        spec["dryRun"] = json!(false);
        let object = desk.object("KafkaOffsetReset", &format!("reset-{number}"), &spec);
        let status = desk.complete("offset-reset", &object, &[]);
        assert_eq!(witness.committed(&group, "read", 3), expected, "{strategy}");
        assert_eq!(status["groupsReset"], 1);
        assert_eq!(status["groupResults"][0]["partitionsReset"], 4);

        // Another attempt must not take the new offsets for the old ones.
        let again = desk.complete("offset-reset", &object, &[]);
        assert_eq!(again["snapshotPath"], status["snapshotPath"]);
        let spec = json!({
            "kafkaCluster": kafka.cluster(),
            "snapshotRef": { "name": status["snapshotId"], "path": status["snapshotPath"] },
        });
        let object = desk.object("KafkaOffsetRollback", &format!("back-{number}"), &spec);
        let status = desk.complete("offset-rollback", &object, &[]);
        assert_eq!(status["verification"]["allMatched"], true, "{status}");
        assert_eq!(
            witness.committed(&group, "read", 3),
            json!([5, 600, -1]),
            "{strategy}"
        );
        assert_eq!(
            witness.committed(&group, "read-too", 1),
            json!([-1]),
            "{strategy}"
        );
    }
}

#[test]
fn a_group_with_members_is_refused() {
    let Some(kafka) = kafka() else { return };
    let (witness, desk) = (Witness::of(kafka), Desk::new());
    witness.produce("busy", 2, 100, 40, false);
    for protocol in ["classic", "consumer"] {
        let (busy, idle) = (format!("busy-{protocol}"), format!("idle-{protocol}"));
        for group in [&busy, &idle] {
            witness.ask(&["commit", group, "busy", "0:5", "1:6"]);
        }
        let member = witness.join(&busy, "busy", protocol);
        let mut spec = reset(kafka, &busy, "to-latest");
        spec["consumerGroups"] = json!([busy, idle]);
        let object = desk.object("KafkaOffsetReset", &format!("refused-{protocol}"), &spec);
        let report = desk.run("offset-reset", &object, &[]);
        let message = report.fails(11, "failed");
        assert!(
            message.contains(&format!("group {busy} has 1 active member"))
                || message.contains(&format!("group {busy} has an active member")),
            "{message}"
        );
        assert!(
            report.result()["hint"]
                .as_str()
                .expect("a hint")
                .starts_with("Stop all consumers")
        );
        assert_eq!(witness.committed(&busy, "busy", 2), json!([5, 6]));
        assert_eq!(
            report.result()["status"]["groupResults"][1]["error"],
            "not tried after the first error"
        );

        spec["continueOnError"] = json!(true);
        let object = desk.object("KafkaOffsetReset", &format!("partly-{protocol}"), &spec);
        let report = desk.run("offset-reset", &object, &[]);
        report.fails(3, "partial");
        assert_eq!(witness.committed(&idle, "busy", 2), json!([50, 50]));
        drop(member);
        desk.complete("offset-reset", &object, &[]);
        assert_eq!(witness.committed(&busy, "busy", 2), json!([50, 50]));
    }
}

#[test]
fn groups_continue_in_restored_topics_at_the_same_record() {
    let Some(kafka) = kafka() else { return };
    let (witness, desk) = (Witness::of(kafka), Desk::new());
    witness.produce("followed", 4, 8000, 60, true);
    let ends = witness.ask(&["ends", "followed", "4"])["high"].clone();
    let end = |at: usize| ends[at].as_i64().expect("an end");
    // At the begin, in the middle, among markers of transactions, and at the end.
    witness.ask(&[
        "commit",
        "follower",
        "followed",
        "0:0",
        "1:777",
        &format!("2:{}", end(2) - 3),
        &format!("3:{}", end(3)),
    ]);
    witness.ask(&["commit", "other", "followed", "1:12"]);
    let mut spec = into_volume(&kafka.cluster(), &["followed"]);
    spec["consumerGroupSnapshot"] = json!(true);
    spec["segmentMaxBytes"] = json!(40_000);
    let (backup, id) = desk.backup("followed", &spec);
    let more = [
        "--backup",
        &backup.display().to_string(),
        "--backup-id",
        &id,
    ];

    // The target has records already, and the first attempt is killed.
    witness.produce("followed-on", 4, 40, 40, false);
    let spec = json!({
        "backupRef": { "name": "followed" }, "kafkaCluster": kafka.cluster(), "topics": ["followed"],
        "topicMapping": { "followed": "followed-on" }, "produceTimeoutMs": 1000, "produceBatchSize": 50,
        "offsetReset": { "enabled": true, "consumerGroups": ["follower"] }, "autoConsumerGroups": true,
        "rateLimiting": { "recordsPerSec": 700 },
    });
    let object = desk.object("KafkaRestore", "followed", &spec);
    let running = desk.begin("restore", &object, &more);
    // Some segments are done then, by the checkpoint of every five seconds, and others are not.
    until("a part of the records", || {
        let ends = witness.ask(&["ends", "followed-on", "4"]);
        let ends = ends["high"].as_array()?.iter().filter_map(Value::as_u64);
        (ends.sum::<u64>() > 5000).then_some(())
    });
    running.signal("KILL");
    drop(running.ended());
    let status = desk.complete("restore", &object, &more);
    assert_eq!(
        status["groupResults"].as_array().expect("groups").len(),
        2,
        "{status}"
    );
    for group in ["follower", "other"] {
        let answer = witness.ask(&["same_next", group, "followed", "followed-on", "4"]);
        assert_eq!(answer["differing"], json!([]), "{group}: {answer}");
    }

    // The mapping gives the same offsets to a group that has moved on.
    let moved = witness.committed("follower", "followed-on", 4);
    witness.ask(&[
        "commit",
        "follower",
        "followed-on",
        "0:1",
        "1:1",
        "2:1",
        "3:1",
    ]);
    let mut spec = reset(kafka, "follower", "from-mapping");
    spec["offsetMappingRef"] =
        json!({ "restoreName": "followed", "path": status["offsetMappingPath"] });
    desk.complete(
        "offset-reset",
        &desk.object("KafkaOffsetReset", "mapped", &spec),
        &[],
    );
    assert_eq!(witness.committed("follower", "followed-on", 4), moved);

    // The snapshot was taken before the restore: then the groups had no offsets in this topic.
    let spec = json!({
        "kafkaCluster": kafka.cluster(), "consumerGroups": ["follower"],
        "snapshotRef": { "name": "before", "path": status["rollback"]["snapshotPath"] },
    });
    desk.complete(
        "offset-rollback",
        &desk.object("KafkaOffsetRollback", "before", &spec),
        &[],
    );
    assert_eq!(
        witness.committed("follower", "followed-on", 4),
        json!([-1, -1, -1, -1])
    );
    assert_eq!(witness.committed("follower", "followed", 4)[1], 777);
}

#[test]
fn a_restore_is_refused_while_its_groups_have_members() {
    let Some(kafka) = kafka() else { return };
    let (witness, desk) = (Witness::of(kafka), Desk::new());
    witness.produce("held", 1, 100, 40, false);
    let (backup, id) = desk.backup("held", &into_volume(&kafka.cluster(), &["held"]));
    let _member = witness.join("holder", "held", "classic");
    let spec = json!({
        "backupRef": { "name": "held" }, "kafkaCluster": kafka.cluster(), "topics": ["held"],
        "topicMapping": { "held": "held-restored" }, "createTopics": true,
        "offsetReset": { "enabled": true, "consumerGroups": ["holder"] },
    });
    let object = desk.object("KafkaRestore", "held", &spec);
    let report = desk.run(
        "restore",
        &object,
        &[
            "--backup",
            &backup.display().to_string(),
            "--backup-id",
            &id,
        ],
    );
    let message = report.fails(11, "failed");
    assert!(
        message.contains("group holder has 1 active member")
            || message.contains("group holder has an active member"),
        "{message}"
    );
    assert!(!witness.has_topic("held-restored"));
}

#[test]
fn groups_are_rolled_back_if_one_of_them_can_not_be_moved() {
    let Some(kafka) = kafka() else { return };
    let (witness, desk) = (Witness::of(kafka), Desk::new());
    witness.produce("joined", 1, 6000, 40, false);
    for group in ["early", "late"] {
        witness.ask(&["commit", group, "joined", "0:10"]);
    }
    let mut spec = into_volume(&kafka.cluster(), &["joined"]);
    spec["consumerGroupSnapshot"] = json!(true);
    let (backup, id) = desk.backup("joined", &spec);
    let more = [
        "--backup",
        &backup.display().to_string(),
        "--backup-id",
        &id,
    ];
    for is_automatic in [false, true] {
        let target = format!("joined-{is_automatic}");
        let spec = json!({
            "backupRef": { "name": "joined" }, "kafkaCluster": kafka.cluster(), "topics": ["joined"],
            "topicMapping": { "joined": target }, "createTopics": true, "autoConsumerGroups": true,
            "rollback": { "autoRollbackOnFailure": is_automatic }, "produceBatchSize": 50,
            "rateLimiting": { "recordsPerSec": 1500 },
        });
        let mut running = desk.begin(
            "restore",
            &desk.object("KafkaRestore", &target, &spec),
            &more,
        );
        running.until("a record", |line| {
            line["status"]["recordsRestored"].as_u64() > Some(0)
        });
        // A consumer that was not there before the restore began.
        let member = witness.join("late", "joined", "classic");
        let report = running.ended();
        drop(member);
        let message = report.fails(3, "partial");
        assert!(
            message.contains("1 of 2 groups were not moved: late: group late has"),
            "{message}"
        );
        assert_eq!(witness.records(&target), 6000);
        assert_eq!(witness.committed("late", &target, 1), json!([-1]));
        let early = if is_automatic {
            json!([-1])
        } else {
            json!([10])
        };
        assert_eq!(witness.committed("early", &target, 1), early);
        assert_eq!(witness.committed("early", "joined", 1), json!([10]));
        assert_eq!(
            report.result()["status"]["rolledBack"],
            if is_automatic {
                json!(true)
            } else {
                Value::Null
            }
        );
        assert!(report.result()["status"]["rollback"]["expiresAt"].is_string());
    }
}

#[test]
fn a_reset_that_is_killed_can_be_finished_and_rolled_back() {
    let Some(kafka) = kafka() else { return };
    let (witness, desk) = (Witness::of(kafka), Desk::new());
    witness.produce("many", 1, 100, 40, false);
    let groups: Vec<_> = (0..40).map(|number| format!("many-{number}")).collect();
    witness.ask(&["commit_all", "many", "0:7", &groups.join(",")]);
    let mut spec = reset(kafka, "", "to-latest");
    spec["consumerGroups"] = json!(groups);
    spec["topics"] = json!(["many"]);
    let object = desk.object("KafkaOffsetReset", "many", &spec);
    let mut running = desk.begin("offset-reset", &object, &[]);
    running.until("a group", |line| {
        line["status"]["groupsReset"].as_u64() > Some(0)
    });
    running.signal("KILL");
    drop(running.ended());
    let offsets =
        || witness.ask(&["committed_all", "many", &groups.join(","), "1"])["offsets"].clone();
    let some = offsets();
    let some = some.as_array().expect("offsets");
    assert!(
        some.contains(&json!(100)) && some.contains(&json!(7)),
        "{some:?}"
    );

    let status = desk.complete("offset-reset", &object, &[]);
    assert_eq!(status["groupsReset"], 40);
    assert_eq!(offsets(), json!(vec![100; 40]));
    let spec = json!({
        "kafkaCluster": kafka.cluster(),
        "snapshotRef": { "name": "many", "path": status["snapshotPath"] },
    });
    let object = desk.object("KafkaOffsetRollback", "many", &spec);
    assert_eq!(
        desk.complete("offset-rollback", &object, &[])["groupsRolledBack"],
        40
    );
    assert_eq!(offsets(), json!(vec![7; 40]));

    // Several groups at once.
    let mut spec = reset(kafka, "", "to-offset");
    spec["consumerGroups"] = json!(groups);
    spec["resetOffset"] = json!(55);
    spec["continueOnError"] = json!(true);
    spec["parallelism"] = json!(7);
    let object = desk.object("KafkaOffsetReset", "at-once", &spec);
    let status = desk.complete("offset-reset", &object, &[]);
    assert_eq!(status["groupsReset"], 40);
    let shown = status["groupResults"].as_array().expect("groups");
    assert_eq!(shown.len(), 40);
    assert_eq!(offsets(), json!(vec![55; 40]));
}

#[test]
fn an_old_snapshot_goes_once_a_newer_one_has_its_groups() {
    let Some(kafka) = kafka() else { return };
    let (witness, desk) = (Witness::of(kafka), Desk::new());
    witness.produce("aging", 1, 100, 40, false);
    for group in ["aging-a", "aging-b"] {
        witness.ask(&["commit", group, "aging", "0:7"]);
    }
    let run = |name: &str, groups: &[&str]| {
        let mut spec = reset(kafka, "", "to-latest");
        spec["consumerGroups"] = json!(groups);
        let object = desk.object("KafkaOffsetReset", name, &spec);
        desk.complete("offset-reset", &object, &[])
    };
    let age = |status: &Value| {
        let path = status["snapshotPath"].as_str().expect("a path");
        let text = fs::read_to_string(path).expect("a snapshot");
        let mut snapshot: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(snapshot["expires"], status["snapshotExpiresAt"]);
        snapshot["created"] = json!("2020-01-01T00:00:00Z");
        snapshot["expires"] = json!("2020-01-02T00:00:00Z");
        fs::write(path, snapshot.to_string()).expect("a snapshot");
        PathBuf::from(path)
    };
    let first = run("aging-1", &["aging-a", "aging-b"]);
    assert_eq!(first["deletedSnapshots"], json!([]));
    let old = age(&first);
    // Group b has no newer snapshot, so the old one is what a rollback needs.
    let second = run("aging-2", &["aging-a"]);
    assert_eq!(second["deletedSnapshots"], json!([]));
    assert!(old.exists());
    // The snapshot of the work that goes on stays, however old it is.
    let again = run("aging-1", &["aging-a", "aging-b"]);
    assert_eq!(again["snapshotPath"], first["snapshotPath"]);
    assert!(old.exists());
    let third = run("aging-3", &["aging-b"]);
    assert_eq!(third["deletedSnapshots"], json!([first["snapshotId"]]));
    assert!(!old.exists());

    // A restore keeps its snapshot as long as its spec says, and deletes old ones of the same folder.
    let old = age(&second);
    let (backup, id) = desk.backup("aging", &into_volume(&kafka.cluster(), &["aging"]));
    let spec = json!({
        "backupRef": { "name": "aging", "backupId": id }, "kafkaCluster": kafka.cluster(), "topics": ["aging"],
        "topicMapping": { "aging": "aging-back" }, "createTopics": true,
        "offsetReset": { "enabled": true, "consumerGroups": ["aging-a"] }, "rollback": { "snapshotRetentionHours": 1000 },
    });
    let object = desk.object("KafkaRestore", "aging", &spec);
    let more = ["--backup", &backup.display().to_string()];
    let status = desk.complete("restore", &object, &more);
    assert_eq!(status["deletedSnapshots"], json!([second["snapshotId"]]));
    assert!(!old.exists());
    let time = |field: &str| -> Timestamp {
        let time = status["rollback"][field].as_str().expect("a time");
        time.parse().expect("a time")
    };
    let kept = time("expiresAt").duration_since(time("snapshotTime"));
    assert_eq!(kept.as_hours(), 1000);
}
