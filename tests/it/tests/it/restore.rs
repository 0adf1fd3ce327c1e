//! `backup restore`: what it destroys is asked for, and nobody else is let in meanwhile.

use insta::assert_snapshot;

use crate::support::Bed;

fn restores(bed: &Bed) -> usize {
    bed.backend_requests().count("POST", "")
}

#[test]
fn without_a_terminal_it_is_not_done_unless_it_is_confirmed() {
    let bed = Bed::start();
    assert_snapshot!(bed.run("backup restore --id 20250905-130215").shown(), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    error: nothing was done: Restoring backup 20250905-130215 into StatefulSet broker in namespace messaging (engine hivemq) needs a confirmation
    hint: Give `--yes` if you mean it; on a terminal the name of the target is asked for
    exit 2
    ");
    assert_eq!(restores(&bed), 0);
}

#[test]
fn the_latest_is_the_newest_that_ended_well_and_is_waited_for() {
    let bed = Bed::start();
    assert_snapshot!(bed.run("backup restore --latest --yes").shown(), @"
    stdout:
    ID   STATE   SIZE   CREATED
    20250905-130215   RESTORE_COMPLETED   21.0MiB   2025-09-05T13:02:15Z
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    20250906-114000 is newer, but FAILED
    Restoring backup 20250905-130215 into StatefulSet broker in namespace messaging (engine hivemq)
    exit 0
    ");
    assert_eq!(restores(&bed), 1);
    let lease = bed
        .objects()
        .get("leases", "messaging", "broker-restore-broker");
    assert!(lease.is_none(), "the lock was given back");
}

#[test]
fn a_state_from_before_is_not_the_end_of_the_restore() {
    // This backup was restored once before, and says so until the new restore begins.
    let run = Bed::start().run("backup restore --id 20250812-020000 --yes -o name");
    assert_snapshot!(run.shown(), @"
    stdout:
    20250812-020000
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    Restoring backup 20250812-020000 into StatefulSet broker in namespace messaging (engine hivemq)
    exit 0
    ");
}

#[test]
fn hivemqs_own_example_of_the_answer_is_understood() {
    let bed = Bed::with(&["hivemq-restore-state=IN_PROGRESS"]);
    let run = bed.run("backup restore --id 20250905-130215 --yes -o name");
    assert_snapshot!(run.shown(), @"
    stdout:
    20250905-130215
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    Restoring backup 20250905-130215 into StatefulSet broker in namespace messaging (engine hivemq)
    exit 0
    ");
}

#[test]
fn a_restore_that_fails_is_a_failure_with_its_reason() {
    let bed = Bed::with(&["hivemq-restore-fails=node left"]);
    let run = bed.run("backup restore --id 20250905-130215 --yes");
    assert_snapshot!(run.shown(), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    Restoring backup 20250905-130215 into StatefulSet broker in namespace messaging (engine hivemq)
    error: the restore of 20250905-130215 ended badly: RESTORE_FAILED (node left)
    hint: `kubectl broker backup list --engine hivemq` shows what is there
    exit 1
    ");
}

#[test]
fn a_restore_from_the_remote_store_says_what_went_where() {
    let bed = Bed::start();
    let run = bed.run("backup restore --version backup/20250819-143025.backup --yes");
    assert_snapshot!(run.shown(), @"
    stdout:
    ID   STATE   SIZE   CREATED
    backup/20250819-143025.backup   a restore   2.1GiB   -
    target-path: /data/restore.zip
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    Restoring backup backup/20250819-143025.backup into StatefulSet broker in namespace messaging (engine sidecar)
    exit 0
    ");
    let dry = bed.run("backup restore --source remote --latest --dry-run");
    assert_snapshot!(dry.shown(), @"
    stdout:
    ID   STATE   SIZE   CREATED
    backup/20250905-130215.backup   a dry run   2.3GiB   -
    target-path: /data/restore.zip
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    exit 0
    ");
}

#[test]
fn flags_that_name_two_engines_are_refused_with_the_ways_out() {
    let bed = Bed::start();
    let run = bed.run("backup restore --source local --version backup/x --yes");
    assert_snapshot!(run.shown(), @"
    stderr:
    error: --version names an object of the remote store. Please either:
      - Use --source remote with --version KEY
      - Use --id ID for a backup of the management API
    exit 2
    ");
    let run = bed.run("backup --engine hivemq restore --source remote --id x --yes");
    assert_snapshot!(run.shown(), @"
    stderr:
    error: the flags ask for engine sidecar and for engine hivemq. Please either:
      - Leave --engine hivemq out
      - Leave --source and --version out, and name the backup with --id
    exit 2
    ");
    assert_eq!(restores(&bed), 0);
}

#[test]
fn a_closed_management_api_does_not_send_a_restore_to_the_sidecar() {
    let bed = Bed::with(&["hivemq-off"]);
    let run = bed.run("backup restore --latest --yes");
    assert_eq!(run.code, 1, "{}", run.shown());
    assert_eq!(restores(&bed), 0);
}

#[test]
fn a_second_restore_of_the_same_target_is_refused() {
    let bed = Bed::start();
    let lease = serde_json::json!({
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "broker-restore-broker", "namespace": "messaging"},
        "spec": {"holderIdentity": "ann@elsewhere", "leaseDurationSeconds": 600}
    });
    bed.objects().put(lease).expect("a Lease");
    let run = bed.run("backup restore --id 20250905-130215 --yes");
    assert_snapshot!(run.shown(), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    Restoring backup 20250905-130215 into StatefulSet broker in namespace messaging (engine hivemq)
    error: ann@elsewhere holds the lock broker-restore-broker in namespace messaging since 2025-09-06T12:00:00Z, and has to renew it until 2025-09-06T12:10:00Z
    hint: Wait until it is done; if its holder has died, the lock ends by itself at that time. `kubectl get lease broker-restore-broker -n messaging -o yaml` shows it
    exit 11
    ");
    assert_eq!(restores(&bed), 0);
}

#[test]
fn without_the_right_to_keep_a_lease_the_lock_is_of_this_machine_and_that_is_said() {
    let bed = Bed::with(&["deny=create:leases"]);
    let run = bed.run("backup restore --id 20250905-130215 --yes -o name");
    assert_snapshot!(run.shown(), @r#"
    stdout:
    20250905-130215
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    Restoring backup 20250905-130215 into StatefulSet broker in namespace messaging (engine hivemq)
    warning: others are kept out on this machine only, because a Lease could not be kept: not allowed to create leases broker-restore-broker in namespace messaging: leases.coordination.k8s.io is forbidden: User "testbed" cannot create resource "leases" in API group "coordination.k8s.io" in the namespace "messaging"
    exit 0
    "#);
}
