//! Engine kafka against the operator of the testbed, from a user's point of view.

mod create;
mod restore;
mod rights;
mod verbs;

use std::fs;

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::support::{Bed, Run};

const FLAGS: &str =
    "--bootstrap-servers kafka:9092 --topics orders,payments --storage pvc://kafka-backups";

fn kafka(bed: &Bed, arguments: &str) -> Run {
    bed.run(&format!("backup --engine kafka -n kafka {arguments}"))
}

/// Returns the output of a single command in a new cluster.
fn shown(faults: &[&str], arguments: &str) -> String {
    kafka(&Bed::with(faults), arguments).outcome()
}

fn spec(bed: &Bed, plural: &str, name: &str) -> Value {
    let object = bed
        .objects()
        .get(&format!("{plural}.kafka.oso.sh"), "kafka", name);
    object.expect("it is there")["spec"].clone()
}

fn count(bed: &Bed, plural: &str) -> usize {
    let resource = format!("{plural}.kafka.oso.sh");
    bed.objects().list(&resource, Some("kafka")).len()
}

#[test]
fn backups_are_listed_with_what_their_newest_set_holds() {
    let bed = Bed::start();
    assert_snapshot!(kafka(&bed, "list").outcome(), @"
    stdout:
    NAME   STATE   SCHEDULE   RECORDS   SIZE   AGE
    nightly   Completed   0 0 2 * * *   2500   8.0MiB   AGE
    clickstream   Failed   -   -   -   AGE
    before-upgrade   Completed   -   1250   4.0MiB   AGE
    weekly   Ready   0 0 4 * * SUN (suspended)   -   -   AGE
    note: 4 12.0
    exit 0
    ");
    assert_snapshot!(kafka(&bed, "list -o wide").outcome(), @"
    stdout:
    NAME   STATE   SCHEDULE   RECORDS   SIZE   AGE   SEGMENTS   BACKUP-ID   LAST-BACKUP   NEXT-BACKUP   PROGRESS   MESSAGE
    nightly   Completed   0 0 2 * * *   2500   8.0MiB   AGE   6   nightly-20250906-020000   2025-09-06T02:00:00Z   2025-09-07T02:00:00Z   -   Backup completed successfully
    clickstream   Failed   -   -   -   AGE   -   -   -   -   -   Failed to connect to broker kafka-1.kafka:9092: connection refused
    before-upgrade   Completed   -   1250   4.0MiB   AGE   3   before-upgrade-20250903-120000   2025-09-03T12:00:00Z   -   -   Backup completed successfully
    weekly   Ready   0 0 4 * * SUN (suspended)   -   -   AGE   -   -   -   -   -   Backup schedule is active
    note: 4 12.0
    exit 0
    ");
    let list = kafka(&bed, "list -o json").json();
    assert_snapshot!(format!("{:#}", list["items"][0]), @r#"
    {
      "activity": "Backup",
      "created": "2025-09-06T02:00:00Z",
      "failure": null,
      "fields": {
        "backup-id": "nightly-20250906-020000",
        "last-backup": "2025-09-06T02:00:00Z",
        "message": "Backup completed successfully",
        "next-backup": "2025-09-07T02:00:00Z",
        "records": "2500",
        "schedule": "0 0 2 * * *",
        "segments": "6"
      },
      "id": "nightly",
      "reportedState": "Completed",
      "sizeBytes": 8388608,
      "state": "Succeeded"
    }
    "#);
}

#[test]
fn the_state_of_each_kind_of_work_is_shown_by_its_id() {
    let bed = Bed::start();
    assert_snapshot!(kafka(&bed, "status --id nightly").outcome(), @"
    stdout:
    NAME   STATE   SCHEDULE   RECORDS   SIZE   AGE
    nightly   Completed   0 0 2 * * *   2500   8.0MiB   AGE
    exit 0
    ");
    assert_snapshot!(kafka(&bed, "status --id restore/orders-check -o wide").outcome(), @"
    stdout:
    NAME   STATE   SCHEDULE   RECORDS   SIZE   AGE   SEGMENTS   BACKUP-ID   LAST-BACKUP   NEXT-BACKUP   PROGRESS   MESSAGE
    restore/orders-check   Completed   -   1250   4.0MiB   AGE   3   -   -   -   100%   Restore completed successfully
    exit 0
    ");
    assert_snapshot!(kafka(&bed, "status --id validation/nightly-check").outcome(), @"
    stdout:
    NAME   STATE   SCHEDULE   RECORDS   SIZE   AGE
    validation/nightly-SUFFIX   Completed, Fail   -   -   -   AGE
    exit 0
    ");
    assert_snapshot!(kafka(&bed, "status --id missing").outcome(), @r#"
    NotFound: "missing" 404 https://127.0.0.1:PORT kafka kafkabackups.kafka.oso.sh missing
    hint: `kubectl get kafkabackups.kafka.oso.sh -n kafka`
    exit 10
    "#);
    assert_snapshot!(kafka(&bed, "status --id topic/x").hint(), @"
    NotFound: KafkaBackup `topic/x`
    hint: An id is the name of a KafkaBackup, or restore/NAME, validation/NAME, offset-reset/NAME or offset-rollback/NAME
    exit 10
    ");
}

#[test]
fn a_status_of_an_older_generation_is_pending() {
    let bed = Bed::with(&["kafka-off"]);
    let resource = "kafkabackups.kafka.oso.sh";
    let changed = bed
        .objects()
        .modify(resource, "kafka", "nightly", |object| {
            object["metadata"]["generation"] = json!(2);
        });
    changed.expect("it is there");
    assert_snapshot!(kafka(&bed, "status --id nightly").outcome(), @"
    stdout:
    NAME   STATE   SCHEDULE   RECORDS   SIZE   AGE
    nightly   Pending   0 0 2 * * *   2500   8.0MiB   AGE
    exit 0
    ");
}

#[test]
fn each_change_of_a_backup_is_a_row() {
    let bed = Bed::start();
    kafka(&bed, &format!("create --wait=false --name mine {FLAGS}"));
    let program = bed.program().data_although_failed();
    let run = program.run("backup --engine kafka -n kafka status --watch --id mine -o wide");
    assert_snapshot!(run.outcome(), @"
    stdout:
    NAME   STATE   SCHEDULE   RECORDS   SIZE   AGE   SEGMENTS   BACKUP-ID   LAST-BACKUP   NEXT-BACKUP   PROGRESS   MESSAGE
    mine   Running   -   -   -   AGE   -   -   -   -   -   Backup is running
    mine   Completed   -   2500   8.0MiB   AGE   6   mine-20250906-120000   2025-09-06T12:00:00Z   -   -   Backup completed successfully
    exit 0
    ");
}

#[test]
fn a_backup_is_deleted_and_its_data_stays() {
    let bed = Bed::start();
    let deleted = kafka(&bed, "delete --id before-upgrade --yes").message();
    // An engine of interface 0.1 has no warnings in its result, but logs them.
    assert_snapshot!(deleted.replace("engine kubectl-broker/kafka: ", ""), @"
    stdout:
    before-upgrade is deleted
    note: before-upgrade testbed https://127.0.0.1:PORT kafka kafka
    warning: Only KafkaBackup before-upgrade is deleted: its data stays in the storage, and retention no longer removes it
    exit 0
    ");
    assert_eq!(count(&bed, "kafkabackups"), 3);
    assert_snapshot!(kafka(&bed, "delete --id before-upgrade --yes").outcome(), @r#"
    note: before-upgrade testbed https://127.0.0.1:PORT kafka kafka
    NotFound: "before-upgrade" 404 before-upgrade https://127.0.0.1:PORT kafka kafkabackups.kafka.oso.sh
    hint: `kubectl get kafkabackups.kafka.oso.sh -n kafka`
    exit 10
    "#);
    let stuck = Bed::with(&["kafka-stuck"]);
    kafka(&stuck, &format!("create --wait=false --name mine {FLAGS}"));
    assert_snapshot!(kafka(&stuck, "delete --id mine --yes").shown(), @"
    stderr:
    Removing backup mine for good: context testbed, server https://127.0.0.1:PORT, namespace kafka, engine kafka
    error: KafkaBackup mine is running
    hint: Wait until it has ended, or delete it with `--force`
    exit 11
    ");
    assert_eq!(kafka(&stuck, "delete --id mine --yes --force").code, 0);
}

#[test]
fn what_the_engine_does_with_objects_is_written_down() {
    let (bed, folder) = (Bed::start(), tempfile::tempdir().expect("a folder"));
    let program = bed.program().in_folder(folder.path());
    let run = program.run(
        "backup --engine kafka -n kafka restore --id nightly --yes --purge-topics --name back \
         --wait=false --audit calls.jsonl",
    );
    assert_eq!(run.code, 0, "{}", run.stderr);
    let text = fs::read_to_string(folder.path().join("calls.jsonl")).expect("the calls");
    let calls: Vec<_> = text
        .lines()
        .map(|line| {
            let call: Value = serde_json::from_str(line).expect("a line of JSON");
            format!("{} {}", call["call"], call["arguments"]["kind"])
        })
        .collect();
    assert_snapshot!(calls.join("\n"), @r#"
    "resources.get" "kafka.oso.sh/v1alpha1/KafkaBackup"
    "resources.create" "kafka.oso.sh/v1alpha1/KafkaRestore"
    "#);
}

#[test]
fn another_engine_is_not_taken_for_it() {
    assert_snapshot!(Bed::start().run("backup list -n kafka").outcome(), @"
    NotFound: kafka
    hint: `--statefulset` `kubectl get statefulsets -n kafka`
    exit 10
    ");
}
