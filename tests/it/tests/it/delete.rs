//! `backup delete`.

use insta::assert_snapshot;

use crate::support::Bed;

#[test]
fn an_uploaded_backup_is_purged_from_the_pod_and_then_gone() {
    let bed = Bed::start();
    assert_snapshot!(bed.run("backup delete --id 20250819-143025 --yes").shown(), @"
    stdout:
    20250819-143025 is deleted from pod broker-0
    stderr:
    Removing backup 20250819-143025 for good: context testbed, server https://127.0.0.1:PORT, namespace messaging, StatefulSet broker, pod broker-0, engine sidecar
    exit 0
    ");
    assert_snapshot!(bed.run("backup list --scope local --engine sidecar -o name").outcome(), @"
    stdout:
    20250905-130215
    exit 0
    ");
}

#[test]
fn what_is_not_uploaded_stays() {
    let bed = Bed::start();
    assert_snapshot!(bed.run("backup delete --id 20250905-130215 --yes").shown(), @r#"
    stderr:
    Removing backup 20250905-130215 for good: context testbed, server https://127.0.0.1:PORT, namespace messaging, StatefulSet broker, pod broker-0, engine sidecar
    error: "20250905-130215" is not uploaded (its state is "pending")
    hint: Wait until the backup is uploaded, or purge it with `--force`
    exit 11
    "#);
    assert_eq!(bed.backend_requests().count("POST", ""), 0);
}

#[test]
fn what_is_not_confirmed_stays() {
    let bed = Bed::start();
    assert_snapshot!(bed.run("backup delete --id 20250819-143025").reason(), @"
    Usage: Removing backup 20250819-143025 for good: context testbed, server https://127.0.0.1:PORT, namespace messaging, StatefulSet broker, pod broker-0, engine sidecar
    hint: `--yes`
    exit 2
    ");
    assert_eq!(bed.backend_requests().count("POST", ""), 0);
}

#[test]
fn hivemq_has_no_way_to_delete() {
    let run = Bed::start().run("backup --engine hivemq delete --id 20250819-143025 --yes");
    // The frozen engines, with which this test runs too, are older than engines aws and operator.
    let shown = run.shown().replace(", operator", "").replace("aws, ", "");
    assert_snapshot!(shown, @"
    stderr:
    error: engine kubectl-broker/hivemq can't `delete`: HiveMQ's API has no way to delete a backup. Its files lie in one of the pods, in /opt/hivemq/backup/ID, or $HIVEMQ_BACKUP_FOLDER/ID where that is set
    hint: Engines that can: backuprequest, kafka, sidecar
    exit 2
    ");
}

#[test]
fn what_the_sidecar_only_accepts_is_not_said_to_be_gone() {
    let bed = Bed::with(&["sidecar-accepts=nothing"]);
    let run = bed.run("backup delete --id 20250819-143025 --yes");
    assert_snapshot!(run.shown(), @r#"
    stderr:
    Removing backup 20250819-143025 for good: context testbed, server https://127.0.0.1:PORT, namespace messaging, StatefulSet broker, pod broker-0, engine sidecar
    error: the sidecar accepted to purge "20250819-143025", but has not done it yet
    hint: Check again with `kubectl broker backup list --engine sidecar --scope local`; each pod has its own, see `--pod`
    exit 1
    "#);
}
