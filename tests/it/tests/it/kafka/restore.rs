//! Restores, and the operator's safety rule.

use insta::assert_snapshot;
use serde_json::json;

use super::{count, kafka, shown, spec};
use crate::support::Bed;

#[test]
fn a_restore_into_other_topics_runs_to_its_end() {
    let bed = Bed::start();
    let command = "restore --id nightly --yes --name back --topics orders --topic-mapping \
                   orders=orders-restored --from-time 2025-09-01T00:00:00Z --to-time 2025-09-05T00:00:00Z";
    assert_snapshot!(kafka(&bed, command).outcome(), @"
    stdout:
    ID   STATE   SIZE   CREATED
    restore/back   Completed   8.0MiB   2025-09-06T12:00:00Z
    backup-id: nightly-20250906-020000
    note: nightly testbed https://127.0.0.1:PORT kafka kafka
    exit 0
    ");
    assert_snapshot!(format!("{:#}", spec(&bed, "kafkarestores", "back")), @r#"
    {
      "backupRef": {
        "backupId": "nightly-20250906-020000",
        "name": "nightly"
      },
      "kafkaCluster": {
        "bootstrapServers": [
          "kafka-0.kafka:9092",
          "kafka-1.kafka:9092"
        ]
      },
      "pitr": {
        "endTime": "2025-09-05T00:00:00Z",
        "startTime": "2025-09-01T00:00:00Z"
      },
      "topicMapping": {
        "orders": "orders-restored"
      },
      "topics": [
        "orders"
      ]
    }
    "#);
    assert_snapshot!(kafka(&bed, "status --id restore/back").outcome(), @"
    stdout:
    NAME   STATE   SCHEDULE   RECORDS   SIZE   AGE
    restore/back   Completed   -   2500   8.0MiB   AGE
    exit 0
    ");
}

#[test]
fn the_newest_whole_backup_is_restored_where_it_is_asked_for() {
    let bed = Bed::start();
    let run = kafka(
        &bed,
        "restore --latest --yes --purge-topics --name back -o json",
    );
    assert_snapshot!(format!("{:#}", run.json()), @r#"
    {
      "apiVersion": "kubectl-broker/v1",
      "details": {
        "backup-id": "nightly-20250906-020000"
      },
      "dryRun": false,
      "ended": true,
      "item": {
        "activity": "Restore",
        "created": "2025-09-06T12:00:00Z",
        "failure": null,
        "fields": {
          "backup-id": "nightly-20250906-020000",
          "message": "Restore completed successfully",
          "progress": "100%",
          "records": "2500",
          "segments": "6"
        },
        "id": "restore/back",
        "reportedState": "Completed",
        "sizeBytes": 8388608,
        "state": "Succeeded"
      },
      "kind": "Restore",
      "scope": {
        "engine": "kubectl-broker/kafka",
        "engineVersion": "0.1.0",
        "namespace": "kafka",
        "pod": null,
        "statefulset": null
      }
    }
    "#);
    let of = &spec(&bed, "kafkarestores", "back")["backupRef"];
    assert_eq!(
        *of,
        json!({"name": "nightly", "backupId": "nightly-20250906-020000"})
    );
}

#[test]
fn a_restore_that_is_not_safe_is_refused_before_the_operator_refuses_it() {
    let bed = Bed::start();
    let before = count(&bed, "kafkarestores");
    assert_snapshot!(kafka(&bed, "restore --id nightly --yes").shown(), @"
    stderr:
    Restoring backup nightly: context testbed, server https://127.0.0.1:PORT, namespace kafka, engine kafka
    error: without --topics, all topics are restored into themselves, which the operator refuses
    hint: Name them, each with another name: --topics a,b with --topic-mapping; or give --purge-topics, which empties them first
    exit 2
    ");
    assert_snapshot!(kafka(&bed, "restore --id nightly --yes --topics orders,payments --topic-mapping orders=x").shown(), @"
    stderr:
    Restoring backup nightly: context testbed, server https://127.0.0.1:PORT, namespace kafka, engine kafka
    error: the operator refuses to restore payments into itself
    hint: Give it another name: --topic-mapping payments=payments-restored; or give --purge-topics, which empties it first
    exit 2
    ");
    assert_snapshot!(kafka(&bed, "restore --id weekly --yes --purge-topics").shown(), @"
    stderr:
    Restoring backup weekly: context testbed, server https://127.0.0.1:PORT, namespace kafka, engine kafka
    error: KafkaBackup weekly has no backup yet
    hint: Name a backup of the store with --backup-id
    exit 11
    ");
    assert_snapshot!(kafka(&bed, "restore --id restore/orders-check --yes --purge-topics").shown(), @"
    stderr:
    Restoring backup restore/orders-check: context testbed, server https://127.0.0.1:PORT, namespace kafka, engine kafka
    error: restore/orders-check is not a backup
    hint: `kubectl broker backup list --engine kafka` shows the backups
    exit 2
    ");
    assert_snapshot!(kafka(&bed, "restore --id nightly --purge-topics").reason(), @"
    Usage: Restoring backup nightly: context testbed, server https://127.0.0.1:PORT, namespace kafka, engine kafka
    hint: `--yes`
    exit 2
    ");
    assert_eq!(count(&bed, "kafkarestores"), before);
}

#[test]
fn what_is_refused_here_is_refused_by_the_operator_too() {
    let bed = Bed::start();
    bed.objects()
        .put(json!({
            "apiVersion": "kafka.oso.sh/v1alpha1", "kind": "KafkaRestore",
            "metadata": {"name": "unsafe", "namespace": "kafka"},
            "spec": {"backupRef": {"name": "nightly"}, "kafkaCluster": {"bootstrapServers": ["a"]}},
        }))
        .expect("it is put");
    let program = bed.program().data_although_failed();
    let run = program.run("backup --engine kafka -n kafka status --watch --id restore/unsafe");
    assert_snapshot!(run.message(), @"
    stdout:
    NAME   STATE   SCHEDULE   RECORDS   SIZE   AGE
    restore/unsafe   Failed   -   -   -   AGE
    Failed: restore of restore/unsafe failed: Failed (Validation failed: topics must be listed explicitly unless purgeTopics is set)
    hint: `kubectl broker backup list --engine kafka`
    exit 1
    ");
}

#[test]
fn a_restore_that_fails_is_a_failure_with_its_reason() {
    let command = "restore --id nightly --yes --purge-topics --name back";
    assert_snapshot!(shown(&["kafka-fail=topic orders: not enough replicas"], command), @"
    note: nightly testbed https://127.0.0.1:PORT kafka kafka
    Failed: restore restore/back
    hint: `kubectl broker backup list --engine kafka`
    exit 1
    ");
}

#[test]
fn a_dry_run_asks_the_operator_and_leaves_nothing() {
    let bed = Bed::start();
    let before = count(&bed, "kafkarestores");
    let command = "restore --id nightly --dry-run --name try";
    assert_snapshot!(kafka(&bed, &format!("{command} --purge-topics")).outcome(), @"
    stdout:
    ID   STATE   SIZE   CREATED
    restore/try   Completed   -   2025-09-06T12:00:00Z
    backup-id: nightly-20250906-020000
    note: kubectl-broker/kafka KafkaRestore try
    exit 0
    ");
    assert_snapshot!(kafka(&bed, command).message(), @"
    stdout:
    ID   STATE   SIZE   CREATED
    restore/try   Completed   -   2025-09-06T12:00:00Z
    backup-id: nightly-20250906-020000
    warning: engine kubectl-broker/kafka: Without a dry run, this restore would be refused: without --topics, all topics are restored into themselves, which the operator refuses
    note: kubectl-broker/kafka KafkaRestore try
    exit 0
    ");
    assert_eq!(count(&bed, "kafkarestores"), before);
}
