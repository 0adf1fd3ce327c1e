//! `backup create`: one backup, even if the answer is lost.

use insta::assert_snapshot;
use serde_json::Value;
use testbed::BackupState;

use crate::support::Bed;

/// Returns the number of backups that the cluster has in addition to `before`.
fn new_backups(bed: &Bed, before: usize) -> usize {
    let hivemq = bed.hivemq("messaging").expect("HiveMQ");
    hivemq.backups().len() - before
}

fn count(bed: &Bed) -> usize {
    bed.hivemq("messaging").expect("HiveMQ").backups().len()
}

#[test]
fn a_backup_is_waited_for() {
    let bed = Bed::start();
    let before = count(&bed);
    assert_snapshot!(bed.run("backup create").shown(), @"
    stdout:
    ID   STATE   SIZE   AGE   CREATED
    20250906-120000   COMPLETED   9.6MiB   AGE   2025-09-06T12:00:00Z
    stderr:
    A backup takes disk space on the broker's nodes, and is not removed automatically
    12.0GiB free on broker-0's backup volume (/opt/hivemq/backup)
    Backup 20250906-120000 has begun; waiting up to 300 s for its end
    exit 0
    ");
    assert_eq!(new_backups(&bed, before), 1);
}

#[test]
fn without_waiting_the_id_is_all_that_is_printed() {
    let bed = Bed::start();
    let run = bed.run("backup create --wait=false -o name");
    assert_snapshot!(run.outcome(), @"
    stdout:
    20250906-120000
    note: 12.0 broker-0's /opt/hivemq/backup
    exit 0
    ");
}

#[test]
fn json_is_one_document_and_nothing_else() {
    let run = Bed::start().run("backup create -o json");
    let document: Value = serde_json::from_str(&run.stdout).expect("one JSON document");
    assert_eq!(document["kind"], "Backup");
    assert_eq!(document["item"]["state"], "Succeeded");
    assert_eq!(run.stderr, "");
}

#[test]
fn a_backup_that_fails_is_a_failure_with_its_reason() {
    let bed = Bed::with(&["hivemq-create-fails=disk full"]);
    assert_snapshot!(bed.run("backup create").outcome(), @"
    note: 12.0 broker-0's /opt/hivemq/backup
    note: 20250906-120000 300
    Failed: 20250906-120000 FAILED
    hint: `kubectl broker backup list --engine hivemq`
    exit 1
    ");
}

#[test]
fn a_second_backup_at_the_same_time_fails_as_hivemq_says() {
    assert_snapshot!(Bed::with(&["hivemq-busy"]).run("backup create").reason(), @"
    note: 12.0 broker-0's /opt/hivemq/backup
    note: 20250906-120000 300
    Failed: 20250906-120000: FAILED (Another backup or restore is already in progress.)
    hint: `kubectl broker backup list --engine hivemq`
    exit 1
    ");
}

#[test]
fn what_does_not_end_in_time_is_said_with_how_to_go_on() {
    let bed = Bed::of(testbed::Testbed::builder().pace(testbed::Pace::Polls(1000)));
    assert_snapshot!(bed.run("backup create --timeout 1s").outcome(), @"
    note: 12.0 broker-0's /opt/hivemq/backup
    note: 20250906-120000 1
    TimedOut: 1 20250906-120000
    hint: `--timeout` `kubectl broker backup status --engine hivemq --id 20250906-120000`
    exit 124
    ");
}

#[test]
fn a_lost_answer_does_not_lead_to_a_second_backup() {
    let bed = Bed::with(&["hivemq-lost-answer"]);
    let before = count(&bed);
    assert_snapshot!(bed.run("backup create --wait=false").message(), @"
    stdout:
    ID   STATE   SIZE   AGE   CREATED
    20250906-120000   IN_PROGRESS   -   AGE   2025-09-06T12:00:00Z
    note: 12.0 broker-0's /opt/hivemq/backup
    warning: The answer was lost (port 8081 of pod broker-0 closed the connection without an answer). Backup 20250906-120000 was begun in the meantime, and is assumed to be this one
    exit 0
    ");
    assert_eq!(new_backups(&bed, before), 1);
    let posts = bed.backend_requests().count("POST", "/backups");
    assert_eq!(posts, 1, "it was asked for once");
    let hivemq = bed.hivemq("messaging").expect("HiveMQ");
    let running = hivemq
        .backups()
        .iter()
        .filter(|b| b.state == BackupState::InProgress)
        .count();
    assert_eq!(running, 1);
}

#[test]
fn an_engine_that_can_not_create_names_those_that_can() {
    assert_snapshot!(Bed::start().run("backup create --engine sidecar").reason(), @"
    Usage: `create` kubectl-broker/sidecar: the sidecar uploads backups that the broker makes; it makes none
    hint:
    exit 2
    ");
}
