//! `backup restore`: it asks for confirmation, and prevents other restores meanwhile.

use insta::assert_snapshot;
use testbed::{Pace, Testbed};

use crate::support::{Bed, Desk};

fn restores(bed: &Bed) -> usize {
    bed.backend_requests().count("POST", "")
}

#[test]
fn without_a_terminal_it_is_not_done_unless_it_is_confirmed() {
    let bed = Bed::start();
    assert_snapshot!(bed.run("backup restore --id 20250905-130215").reason(), @"
    Usage: Restoring backup 20250905-130215: context testbed, server https://127.0.0.1:PORT, namespace messaging, StatefulSet broker, engine hivemq
    hint: `--yes`
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
    20250906-114000 is newer, but FAILED
    Restoring backup 20250905-130215: context testbed, server https://127.0.0.1:PORT, namespace messaging, StatefulSet broker, engine hivemq
    exit 0
    ");
    assert_eq!(restores(&bed), 1);
    let lease = bed.objects().get(
        "leases.coordination.k8s.io",
        "messaging",
        "broker-restore-broker",
    );
    assert!(lease.is_none(), "the lock was given back");
}

#[test]
fn a_state_from_before_is_not_the_end_of_the_restore() {
    // This backup was restored before, and shows that state until the new restore starts.
    let run = Bed::start().run("backup restore --id 20250812-020000 --yes -o name");
    assert_snapshot!(run.outcome(), @"
    stdout:
    20250812-020000
    note: 20250812-020000 testbed https://127.0.0.1:PORT messaging
    exit 0
    ");
}

#[test]
fn hivemqs_own_example_of_the_answer_is_understood() {
    let bed = Bed::with(&["hivemq-restore-state=IN_PROGRESS"]);
    let run = bed.run("backup restore --id 20250905-130215 --yes -o name");
    assert_snapshot!(run.outcome(), @"
    stdout:
    20250905-130215
    note: 20250905-130215 testbed https://127.0.0.1:PORT messaging
    exit 0
    ");
}

#[test]
fn a_restore_that_fails_is_a_failure_with_its_reason() {
    let bed = Bed::with(&["hivemq-restore-fails=node left"]);
    let run = bed.run("backup restore --id 20250905-130215 --yes");
    assert_snapshot!(run.message(), @"
    note: 20250905-130215 testbed https://127.0.0.1:PORT messaging
    Failed: restore of 20250905-130215 failed: RESTORE_FAILED (node left)
    hint: `kubectl broker backup list --engine hivemq`
    exit 1
    ");
}

#[test]
fn a_restore_from_the_remote_store_says_what_went_where() {
    let bed = Bed::start();
    let run = bed.run("backup restore --version backup/20250819-143025.backup --yes");
    assert_snapshot!(run.outcome(), @"
    stdout:
    ID   STATE   SIZE   CREATED
    backup/20250819-143025.backup   a restore   2.1GiB   -
    target-path: /data/restore.zip
    note: backup/20250819-143025.backup testbed https://127.0.0.1:PORT messaging broker-0
    note: broker-0
    exit 0
    ");
    let dry = bed.run("backup restore --source remote --latest --dry-run");
    assert_snapshot!(dry.outcome(), @"
    stdout:
    ID   STATE   SIZE   CREATED
    backup/20250905-130215.backup   a dry run   2.3GiB   -
    target-path: /data/restore.zip
    note: broker-0
    exit 0
    ");
}

#[test]
fn flags_that_name_two_engines_are_refused_with_the_ways_out() {
    let bed = Bed::start();
    let run = bed.run("backup restore --source local --version backup/x --yes");
    assert_snapshot!(run.message(), @"
    Usage: --version names an object of the remote store. Please either:
      - Use --source remote with --version KEY
      - Use --id ID for a backup of the management API
    exit 2
    ");
    let run = bed.run("backup --engine hivemq restore --source remote --id x --yes");
    assert_snapshot!(run.message(), @"
    Usage: the flags ask for engine sidecar and for engine hivemq. Please either:
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
    assert_snapshot!(run.outcome(), @"
    note: 20250905-130215 testbed https://127.0.0.1:PORT messaging
    Conflict: 2025-09-06T12:00:00Z 2025-09-06T12:10:00Z ann@elsewhere messaging
    hint: `kubectl get lease broker-restore-broker -n messaging -o yaml`
    exit 11
    ");
    assert_eq!(restores(&bed), 0);
}

#[test]
fn without_the_right_to_keep_a_lease_the_lock_is_of_this_machine_and_that_is_said() {
    let bed = Bed::with(&["deny=create:leases"]);
    let run = bed.run("backup restore --id 20250905-130215 --yes -o name");
    assert_snapshot!(run.message(), @r#"
    stdout:
    20250905-130215
    note: 20250905-130215 testbed https://127.0.0.1:PORT messaging
    warning: only your own processes on this machine are kept out, because no Lease could be acquired: not allowed to create leases broker-restore-broker in namespace messaging: leases.coordination.k8s.io is forbidden: User "testbed" cannot create resource "leases" in API group "coordination.k8s.io" in the namespace "messaging"
    exit 0
    "#);
}

/// Returns a cluster in which restores end at the first poll.
fn quick(faults: &[&str]) -> Bed {
    let builder = faults.iter().fold(Testbed::builder(), |builder, fault| {
        builder.fault(fault.parse().expect("a fault of the testbed"))
    });
    Bed::of(builder.pace(Pace::Polls(1)))
}

fn lease(bed: &Bed) -> Option<serde_json::Value> {
    bed.objects().get(
        "leases.coordination.k8s.io",
        "messaging",
        "broker-restore-broker",
    )
}

const SHOWS_BEFORE: &str = "hivemq-restore-shows=before";

#[test]
fn a_restore_that_ends_between_two_looks_has_ended() {
    // The first backup was never restored, the second was.
    for id in ["20250905-130215", "20250812-020000"] {
        let restore = format!("backup restore --id {id} --yes --timeout 20s");
        let bed = quick(&[SHOWS_BEFORE, "hivemq-restore-fails=node left"]);
        let run = bed.run(&restore);
        assert_eq!(run.code, 1, "{}", run.stderr);
        assert!(
            run.stderr.contains("RESTORE_FAILED (node left)"),
            "{}",
            run.stderr
        );
        assert!(lease(&bed).is_none(), "the lock was given back");
        // The next restore fails for another reason, and the one after it succeeds.
        bed.faults()
            .set("hivemq-restore-fails=disk full".parse().expect("a fault"));
        let run = bed.run(&restore);
        assert!(
            run.stderr.contains("RESTORE_FAILED (disk full)"),
            "{}",
            run.stderr
        );
        bed.faults().clear();
        bed.faults().set(SHOWS_BEFORE.parse().expect("a fault"));
        let restored = bed.run(&format!("{restore} -o json")).json();
        assert_eq!(restored["item"]["reportedState"], "RESTORE_COMPLETED");
        assert_eq!(restored["ended"], true);
        assert_eq!(restores(&bed), 3);
    }
}

#[test]
fn an_end_in_the_answer_itself_is_the_end() {
    let shows = "hivemq-restore-shows=end";
    let bed = Bed::with(&[shows, "hivemq-restore-fails=node left"]);
    let run = bed.run("backup restore --id 20250905-130215 --yes");
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert!(
        run.stderr.contains("RESTORE_FAILED (node left)"),
        "{}",
        run.stderr
    );
    // The end is the same again, so the program can't detect that it is a new one.
    let run = bed.run("backup restore --id 20250905-130215 --yes --timeout 1s");
    assert_eq!(run.code, 124, "{}", run.stderr);
    // The lock of that restore remains, so the next restore uses another cluster.
    let bed = Bed::with(&[shows]);
    let run = bed.run("backup restore --id 20250905-130215 --yes -o json");
    assert_eq!(run.json()["item"]["state"], "Succeeded");
}

#[test]
fn a_restore_that_leaves_no_trace_is_not_said_to_go_on_or_to_have_ended() {
    let bed = quick(&[SHOWS_BEFORE]);
    let run = bed.run("backup restore --id 20250812-020000 --yes --timeout 1s");
    assert_snapshot!(run.message(), @"
    note: 20250812-020000 testbed https://127.0.0.1:PORT messaging
    warning: the lock broker-restore-broker is kept until 2025-09-06T12:01:00Z, because the operation may continue in the backend. `kubectl get lease broker-restore-broker -n messaging -o yaml` shows the lock; `kubectl delete lease broker-restore-broker -n messaging` releases it earlier
    TimedOut: the restore of 20250812-020000 is not visible 1 s after the request: the state is still RESTORE_COMPLETED
    hint: `kubectl broker backup status --engine hivemq --id 20250812-020000`
    exit 124
    ");
    assert!(lease(&bed).is_some(), "the backend may still restore");
}

#[test]
fn a_state_from_before_is_no_end_with_the_older_route_either() {
    let faults = ["hivemq-old-routes", SHOWS_BEFORE];
    let builder = faults.iter().fold(Testbed::builder(), |builder, fault| {
        builder.fault(fault.parse().expect("a fault of the testbed"))
    });
    let bed = Bed::of(builder.pace(Pace::Polls(3)));
    let restored = bed
        .run("backup restore --id 20250905-130215 --yes -o json")
        .json();
    assert_eq!(restored["item"]["reportedState"], "RESTORE_COMPLETED");
}

#[test]
fn what_a_sidecar_only_accepts_is_not_said_to_be_done() {
    let restore = "backup restore --version backup/20250819-143025.backup --yes";
    for body in ["whole", "nothing"] {
        let desk = Desk::with(&[&format!("sidecar-accepts={body}")]);
        let program = || {
            desk.bed
                .program()
                .in_folder(desk.folder.path())
                .data_although_failed()
        };
        let run = program().run(&format!("{restore} -o json"));
        assert_eq!(run.code, 3, "{}", run.stderr);
        let document: serde_json::Value = serde_json::from_str(&run.stdout).expect("a document");
        assert_eq!(document["item"]["state"], "Pending");
        assert_eq!(document["item"]["reportedState"], "accepted");
        assert_eq!(document["ended"], false);
        let past = program().run("backup history -o json").json();
        assert_eq!(past["items"][0]["outcome"], "Accepted");
        assert!(lease(&desk.bed).is_some(), "the backend may still restore");
        let again = program().run(restore);
        assert_eq!(again.code, 11, "{}", again.stderr);
        // This restore runs without waiting.
        let bed = Bed::with(&[&format!("sidecar-accepts={body}")]);
        let run = bed.run(&format!("{restore} --wait=false -o json"));
        assert_eq!(run.json()["ended"], false);
        assert!(lease(&bed).is_some(), "the backend may still restore");
    }
    let bed = Bed::with(&["sidecar-accepts=whole"]);
    let run = bed.program().data_although_failed().run(restore);
    assert_snapshot!(run.message(), @"
    stdout:
    ID   STATE   SIZE   CREATED
    backup/20250819-143025.backup   accepted   2.1GiB   -
    target-path: /data/restore.zip
    note: backup/20250819-143025.backup testbed https://127.0.0.1:PORT messaging broker-0
    warning: the lock broker-restore-broker is kept until 2025-09-06T12:01:00Z, because the operation may continue in the backend. `kubectl get lease broker-restore-broker -n messaging -o yaml` shows the lock; `kubectl delete lease broker-restore-broker -n messaging` releases it earlier
    warning: The backend accepted the restore of backup/20250819-143025.backup, but engine sidecar can't follow it: its outcome is unknown
    note: broker-0
    exit 3
    ");
}

#[test]
fn the_question_names_all_that_could_be_another_also_when_it_was_given() {
    let bed = Bed::start();
    let target = "--context testbed --namespace messaging --statefulset broker --pod broker-1";
    let id = "20250905-130215";
    for (verb, pod) in [
        (format!("restore --engine hivemq --id {id}"), true),
        (
            format!("restore --source remote --id backup/{id}.backup"),
            true,
        ),
        (format!("delete --engine sidecar --id {id}"), true),
        (format!("purge {id}"), true),
        (
            format!("offset-reset --engine kafka app --cluster-of {id} --strategy to-latest"),
            false,
        ),
        (
            format!("offset-rollback --engine kafka /x --cluster-of {id}"),
            false,
        ),
    ] {
        let run = bed.run(&format!("backup {target} {verb}"));
        assert_eq!(run.code, 2, "{}", run.stderr);
        let named = [
            "context testbed, server https://127.0.0.1:",
            ", namespace messaging, ",
            ", engine ",
        ];
        let of_pods = pod.then_some(", StatefulSet broker, pod broker-1, ");
        for words in named.into_iter().chain(of_pods) {
            assert!(
                run.stderr.contains(words),
                "{verb}: {words}: {}",
                run.stderr
            );
        }
    }
    assert_eq!(restores(&bed), 0);
}
