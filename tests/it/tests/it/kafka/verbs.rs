//! The engine's own verbs: validations, offsets, schedules.

use insta::assert_snapshot;
use serde_json::json;

use super::{count, kafka, shown, spec};
use crate::support::{Bed, Verbatim};

#[test]
fn a_validation_ends_with_its_result() {
    let bed = Bed::start();
    assert_snapshot!(kafka(&bed, "validate nightly").shown(), @"
    stdout:
    KafkaBackup nightly: Pass
    messageCount: Passed
    offsetRange: Passed
    stderr:
    engine kubectl-broker/kafka: KafkaBackupValidation nightly-SUFFIX is created; waiting for its end
    exit 0
    ");
    assert_eq!(count(&bed, "kafkabackupvalidations"), 2);
    let validate = |fault: &str| {
        let run = kafka(&Bed::with(&[fault]), "validate nightly");
        run.telling(Verbatim::MessageAndHint).outcome()
    };
    assert_snapshot!(validate("kafka-result=Warn"), @"
    stdout:
    KafkaBackup nightly: Warn
    messageCount: Warning (the topic has grown since the backup)
    offsetRange: Passed
    note: kubectl-broker/kafka KafkaBackupValidation
    exit 0
    ");
    assert_snapshot!(validate("kafka-result=Skip"), @"
    note: kubectl-broker/kafka KafkaBackupValidation
    Failed: KafkaBackup nightly: Skip; messageCount: Skipped (nothing to compare with); offsetRange: Passed
    hint: The operator has skipped every check: it is unknown whether the backup is complete
    exit 1
    ");
    let all = "validate nightly --checks message-count,consumer-group-offsets --groups app";
    assert_snapshot!(kafka(&Bed::with(&["kafka-result=Fail"]), all).telling(Verbatim::MessageAndHint).outcome(), @"
    note: kubectl-broker/kafka KafkaBackupValidation
    Integrity: KafkaBackup nightly: Fail; consumerGroupOffsets: Failed (1250 records expected, 1248 found); messageCount: Passed
    hint: Make another backup, and find out why this one differs from its topics
    exit 13
    ");
    assert_snapshot!(kafka(&Bed::start(), "validate nightly --checks size").shown(), @r#"
    stderr:
    error: --checks has "size", which is not a check
    hint: Use message-count, offset-range or consumer-group-offsets
    exit 2
    "#);
}

#[test]
fn a_verb_that_fails_says_why_and_one_that_does_not_wait_how_to_look() {
    let failing = Bed::with(&["kafka-fail=no such bucket"]);
    assert_snapshot!(kafka(&failing, "validate nightly").telling(Verbatim::MessageAndHint).outcome(), @"
    note: kubectl-broker/kafka KafkaBackupValidation
    Failed: KafkaBackupValidation nightly-SUFFIX failed: no such bucket
    hint: Check the operator's log
    exit 1
    ");
    assert_snapshot!(kafka(&Bed::start(), "validate nightly --no-wait").outcome(), @"
    stdout:
    KafkaBackupValidation nightly-SUFFIX is created.
    `kubectl broker backup status --engine kafka --id validation/nightly-SUFFIX` shows the state.
    exit 0
    ");
}

#[test]
fn offsets_are_reset_when_it_is_confirmed() {
    let bed = Bed::start();
    let command = "offset-reset app,billing --cluster-of nightly --strategy to-earliest";
    assert_snapshot!(kafka(&bed, command).outcome(), @"
    Usage: `offset-reset app,billing` https://127.0.0.1:PORT kafka testbed
    hint: `--yes`
    exit 2
    ");
    assert_eq!(count(&bed, "kafkaoffsetresets"), 0);
    assert_snapshot!(kafka(&bed, &format!("{command} --yes")).outcome(), @"
    stdout:
    2 of 2 consumer groups were reset.
    note: `offset-reset app,billing` testbed https://127.0.0.1:PORT kafka kafka
    note: kubectl-broker/kafka KafkaOffsetReset
    exit 0
    ");
    assert_snapshot!(kafka(&bed, &format!("{command} --yes --dry-run")).outcome(), @"
    stdout:
    The operator would do this; nothing was changed.
    note: `offset-reset app,billing` testbed https://127.0.0.1:PORT kafka kafka
    note: kubectl-broker/kafka KafkaOffsetReset
    exit 0
    ");
    let mapped =
        "offset-reset app --cluster-of restore/orders-check --strategy from-mapping --yes -o json";
    assert_eq!(
        kafka(&bed, mapped).json()["text"],
        "1 of 1 consumer groups were reset."
    );
    assert_snapshot!(kafka(&bed, "offset-reset app --cluster-of nightly --strategy to-offset --yes").message(), @"
    note: `offset-reset app` testbed https://127.0.0.1:PORT kafka kafka
    Usage: --strategy to-offset needs --offset
    exit 2
    ");
}

#[test]
fn groups_that_can_not_be_reset_are_named() {
    let command = "offset-reset app,billing --cluster-of nightly --strategy to-latest --yes";
    let bed = Bed::with(&["kafka-partial"]);
    assert_snapshot!(kafka(&bed, &format!("{command} --continue-on-error")).telling(Verbatim::MessageAndHint).outcome(), @"
    note: `offset-reset app,billing` testbed https://127.0.0.1:PORT kafka kafka
    note: kubectl-broker/kafka KafkaOffsetReset
    Failed: 1 of 2 consumer groups were reset. billing: group has active members
    hint: A group can be reset only while none of its members runs: stop them, then reset these groups again
    exit 1
    ");
    assert_snapshot!(kafka(&bed, command).message(), @"
    note: `offset-reset app,billing` testbed https://127.0.0.1:PORT kafka kafka
    note: kubectl-broker/kafka KafkaOffsetReset
    Failed: KafkaOffsetReset offset-reset-SUFFIX failed: Offset reset failed: group has active members
    hint:
    exit 1
    ");
}

#[test]
fn nothing_reset_or_rolled_back_is_no_success() {
    let bed = Bed::with(&["kafka-no-groups"]);
    let reset = "offset-reset app,billing --cluster-of nightly --strategy to-latest --yes";
    assert_snapshot!(kafka(&bed, reset).telling(Verbatim::MessageAndHint).outcome(), @"
    note: `offset-reset app,billing` testbed https://127.0.0.1:PORT kafka kafka
    note: kubectl-broker/kafka KafkaOffsetReset
    Failed: 0 of 2 consumer groups were reset; the operator says: All groups were reset
    hint: The groups may be unknown in this Kafka cluster, or have no offsets: `kafka-consumer-groups.sh --list` shows those that it has
    exit 1
    ");
    let run = kafka(
        &bed,
        "offset-rollback /data/snapshot.json --cluster-of nightly --yes",
    );
    assert_eq!(run.code, 1, "{}", run.stderr);
}

#[test]
fn a_verb_waits_no_longer_than_it_may() {
    let bed = Bed::with(&["kafka-stuck"]);
    assert_snapshot!(kafka(&bed, "validate nightly --timeout 1s").telling(Verbatim::MessageAndHint).outcome(), @"
    note: kubectl-broker/kafka KafkaBackupValidation
    TimedOut: KafkaBackupValidation nightly-SUFFIX has not ended; it continues in the cluster
    hint: `kubectl broker backup status --engine kafka --id validation/nightly-SUFFIX` shows the state
    exit 124
    ");
    let reset = "offset-reset app --cluster-of nightly --strategy to-latest --yes --timeout 1s";
    assert_eq!(kafka(&bed, reset).code, 124);
    // The maximum timeout is effectively unlimited.
    let run = kafka(&Bed::start(), "validate nightly --timeout 876000h");
    assert_eq!(run.code, 0, "{}", run.stderr);
}

#[test]
fn offsets_are_rolled_back_to_a_file_in_the_operators_pod() {
    let bed = Bed::start();
    let command = "--cluster-of nightly --yes";
    assert_snapshot!(kafka(&bed, &format!("offset-rollback /data/snapshot.json {command}")).outcome(), @"
    stdout:
    3 consumer groups were rolled back.
    note: `offset-rollback /data/snapshot.json` testbed https://127.0.0.1:PORT kafka kafka
    note: kubectl-broker/kafka KafkaOffsetRollback
    exit 0
    ");
    assert_snapshot!(kafka(&bed, &format!("offset-rollback snapshot.json {command}")).shown(), @r#"
    stderr:
    Doing `offset-rollback snapshot.json`: context testbed, server https://127.0.0.1:PORT, namespace kafka, engine kafka
    error: "snapshot.json" is not an absolute path
    hint: The operator reads the snapshot from its own pod: give the path there
    exit 2
    "#);
    assert_snapshot!(kafka(&bed, &format!("offset-rollback /data/snapshot.json --dry-run {command}")).outcome(), @"
    stdout:
    The operator would do this; nothing was changed.
    note: `offset-rollback /data/snapshot.json` testbed https://127.0.0.1:PORT kafka kafka
    note: kubectl-broker/kafka KafkaOffsetRollback
    exit 0
    ");
}

#[test]
fn a_schedule_is_set_as_the_operator_reads_it() {
    let bed = Bed::start();
    let schedule = |cron: &str| {
        let arguments = [
            "backup", "--engine", "kafka", "-n", "kafka", "schedule", "nightly", cron,
        ];
        bed.program()
            .run_with(&arguments)
            .telling(Verbatim::MessageAndHint)
            .outcome()
    };
    assert_snapshot!(schedule("0 3 * * 1-5"), @r#"
    Usage: the schedule "0 3 * * 1-5" has 5 fields; the operator needs 6 or 7, seconds first
    hint: Write '0 0 3 * * MON-FRI'
    exit 2
    "#);
    assert_snapshot!(schedule("0 0 25 * * *"), @r#"
    Usage: the schedule "0 0 25 * * *" is invalid: hour must be 0–23, not "25"
    exit 2
    "#);
    assert_snapshot!(schedule("0 0 3 * * MON-FRI"), @"
    stdout:
    KafkaBackup nightly runs by the schedule 0 0 3 * * MON-FRI (UTC).
    If it was due since it ran last, it runs at once.
    `kubectl broker backup list --engine kafka -o wide` shows the next time.
    exit 0
    ");
    assert_snapshot!(kafka(&bed, "status --id nightly -o wide").outcome(), @"
    stdout:
    NAME   STATE   SCHEDULE   RECORDS   SIZE   AGE   SEGMENTS   BACKUP-ID   LAST-BACKUP   NEXT-BACKUP   PROGRESS   MESSAGE
    nightly   Ready   0 0 3 * * MON-FRI   2500   8.0MiB   AGE   6   nightly-20250906-020000   2025-09-06T02:00:00Z   2025-09-08T03:00:00Z   -   Backup schedule is active
    exit 0
    ");
    // The operator would have rejected the first object.
    let refused = bed
        .objects()
        .modify("kafkabackups.kafka.oso.sh", "kafka", "nightly", |object| {
            object["spec"]["schedule"] = json!("0 3 * * 1-5");
            object["metadata"]["generation"] = json!(9);
        });
    refused.expect("it is there");
    let program = bed.program().data_although_failed();
    let run = program.run("backup --engine kafka -n kafka status --watch --id nightly");
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert!(
        run.stderr.contains("Invalid cron schedule '0 3 * * 1-5'"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_schedule_is_suspended_and_goes_on() {
    let bed = Bed::start();
    assert_snapshot!(kafka(&bed, "suspend nightly").outcome(), @"
    stdout:
    The schedule 0 0 2 * * * of KafkaBackup nightly is suspended.
    exit 0
    ");
    assert_eq!(spec(&bed, "kafkabackups", "nightly")["suspend"], true);
    assert_snapshot!(kafka(&bed, "suspend nightly").outcome(), @"
    stdout:
    KafkaBackup nightly is suspended already.
    exit 0
    ");
    assert_snapshot!(kafka(&bed, "resume nightly").outcome(), @"
    stdout:
    The schedule 0 0 2 * * * of KafkaBackup nightly goes on.
    If it was due meanwhile, it runs at once.
    exit 0
    ");
    assert_eq!(spec(&bed, "kafkabackups", "nightly")["suspend"], false);
    assert_snapshot!(kafka(&bed, "suspend before-upgrade").shown(), @"
    stderr:
    error: KafkaBackup before-upgrade has no schedule
    hint: `kubectl broker backup schedule --engine kafka before-upgrade CRON` gives it one
    exit 11
    ");
    assert_snapshot!(shown(&["deny=patch:kafkabackups"], "suspend nightly"), @r#"
    NotAllowed: "kafka" "kafka.oso.sh" "kafkabackups" "nightly" "testbed" kafka kafkabackups.kafka.oso.sh nightly
    hint: `kubectl create role broker-kafkabackups -n kafka --verb=patch --resource=kafkabackups.kafka.oso.sh` `{apiGroups: ["kafka.oso.sh"], resources: ["kafkabackups"], verbs: ["patch"]}`
    exit 12
    "#);
}
