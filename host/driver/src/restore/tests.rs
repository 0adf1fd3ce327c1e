//! The lock of a restore.

use std::time::Duration;

use futures_util::FutureExt as _;
use host_cluster::ClusterError;
use serde_json::{Value, json};
use testbed::Testbed;

use super::*;
use crate::Task;
use crate::testing::{End, Opened, Reply, Script, Setup, faults, hivemq, sidecar};

const LEASE: (&str, &str, &str) = (
    "leases.coordination.k8s.io",
    "messaging",
    "broker-restore-broker",
);

async fn cluster(faults: &[&str]) -> Testbed {
    let bed = faults.iter().fold(Testbed::builder(), |bed, fault| {
        bed.fault(fault.parse().expect("a fault of the testbed"))
    });
    bed.start().await.expect("a testbed")
}

fn lease(bed: &Testbed) -> Option<Value> {
    let (resource, namespace, name) = LEASE;
    bed.objects().get(resource, namespace, name)
}

/// Returns a restore that is waited for, but never longer than the first look.
fn request(id: &str, wait: bool) -> RestoreRequest {
    RestoreRequest {
        from: RestoreFrom::Backup(Which::Id(id.to_owned())),
        dry_run: false,
        waiting: Waiting {
            wait,
            timeout: Duration::ZERO,
        },
        is_confirmed: true,
    }
}

async fn run(opened: &Opened, request: &RestoreRequest) -> Result<Restored, OpsError> {
    Box::pin(restore(&opened.session, request)).await
}

/// Restores an object with the sidecar, which answers like this.
async fn of_sidecar(bed: &Testbed, reply: Reply) -> (Result<Restored, OpsError>, Opened) {
    let script = Script::default().answers(sidecar::RESTORE, [reply]);
    let opened = Setup::in_cluster(bed, "sidecar").open(script).await;
    let restored = run(&opened, &request("backup/a", true)).await;
    (restored, opened)
}

/// Restores backup `b` with HiveMQ. The answers are about the state before, and to the request.
async fn of_hivemq(
    bed: &Testbed,
    before: Reply,
    reply: Reply,
    wait: bool,
) -> (Result<Restored, OpsError>, Opened) {
    let script = Script::default()
        .answers(hivemq::STATUS, [before])
        .answers(hivemq::RESTORE, [reply]);
    let opened = Setup::in_cluster(bed, "hivemq").open(script).await;
    let restored = run(&opened, &request("b", wait)).await;
    (restored, opened)
}

const KEPT: &str = "the lock broker-restore-broker is kept until ";

fn assert_kept(bed: &Testbed, opened: &Opened) {
    assert!(lease(bed).is_some(), "{:?}", opened.told.all());
    assert!(opened.told.has("warning", KEPT), "{:?}", opened.told.all());
}

fn assert_released(bed: &Testbed, opened: &Opened) {
    assert_eq!(lease(bed), None, "{:?}", opened.told.all());
    assert!(!opened.told.has("warning", KEPT), "{:?}", opened.told.all());
    let taken = bed.requests().count("POST", "/leases");
    assert_eq!(taken, 1, "the lock was taken");
}

#[tokio::test]
async fn a_lease_of_somebody_else_keeps_the_restore_out() {
    let bed = cluster(&[]).await;
    let (_, namespace, name) = LEASE;
    let theirs = json!({
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"holderIdentity": "ann@elsewhere", "leaseDurationSeconds": 600},
    });
    bed.objects().put(theirs).expect("a Lease");
    let (restored, opened) = of_sidecar(&bed, sidecar::restored(false)).await;
    let error = restored.expect_err("it is locked");
    assert!(
        matches!(&error, OpsError::Cluster(error)
            if matches!(&**error, ClusterError::LeaseHeld { holder, .. } if holder == "ann@elsewhere")),
        "{error:?}"
    );
    assert!(opened.script.lines().is_empty());
    let holder = &lease(&bed).expect("their Lease")["spec"]["holderIdentity"];
    assert_eq!(holder, "ann@elsewhere");
}

#[tokio::test]
async fn the_lock_is_given_back_after_a_restore_that_has_ended() {
    let bed = cluster(&[]).await;
    let (restored, opened) = of_sidecar(&bed, sidecar::restored(false)).await;
    assert!(restored.expect("a restore").ended);
    assert_released(&bed, &opened);

    let bed = cluster(&[]).await;
    let (before, failed) = (hivemq::state("COMPLETED"), hivemq::state("RESTORE_FAILED"));
    let (restored, opened) = of_hivemq(&bed, before, failed, true).await;
    let error = restored.expect_err("it failed");
    assert!(matches!(error, OpsError::EndedBadly { .. }), "{error:?}");
    assert_released(&bed, &opened);
}

#[tokio::test]
async fn the_lock_is_given_back_if_nothing_was_begun() {
    for reply in [
        Reply::text(404, &"no such object"),
        Reply::text(409, &"busy"),
        Reply::Fails(faults::port_closed),
        Reply::Fails(faults::pod_gone),
    ] {
        let bed = cluster(&[]).await;
        let (restored, opened) = of_sidecar(&bed, reply).await;
        restored.expect_err("it was not begun");
        assert_released(&bed, &opened);
        assert_eq!(opened.script.lines(), [sidecar::RESTORE]);
    }
    let bed = cluster(&[]).await;
    let nothing = Reply::text(200, &"an answer of another program");
    let reply = Reply::Fails(faults::no_answer);
    let (restored, opened) = of_hivemq(&bed, nothing, reply, true).await;
    restored.expect_err("it was not begun");
    assert_released(&bed, &opened);
    assert_eq!(opened.script.lines(), [hivemq::STATUS]);
}

#[tokio::test]
async fn the_lock_is_kept_if_the_answer_is_lost() {
    for reply in [
        Reply::Fails(faults::no_answer),
        Reply::Fails(faults::tunnel_lost),
        Reply::Fails(faults::timed_out),
        Reply::bytes(200, b"{\"key", End::Breaks(faults::incomplete)),
    ] {
        let bed = cluster(&[]).await;
        let (restored, opened) = of_sidecar(&bed, reply).await;
        restored.expect_err("nobody knows");
        assert_kept(&bed, &opened);
        assert_eq!(opened.script.lines(), [sidecar::RESTORE], "it is sent once");
    }
}

#[tokio::test]
async fn the_lock_is_kept_if_the_answer_can_not_be_read() {
    for reply in [
        Reply::text(200, &"done"),
        Reply::text(200, &r#"{"ok": true}"#),
    ] {
        let bed = cluster(&[]).await;
        let (restored, opened) = of_sidecar(&bed, reply).await;
        restored.expect_err("the answer says nothing");
        assert_kept(&bed, &opened);
    }
}

#[tokio::test]
async fn the_lock_is_kept_while_the_backend_may_go_on() {
    let accepted = Reply::text(202, &"");
    let bed = cluster(&[]).await;
    let (restored, opened) = of_sidecar(&bed, accepted).await;
    assert!(restored.expect("a restore").is_unknown);
    assert_kept(&bed, &opened);

    let before = || hivemq::state("COMPLETED");
    let running = || hivemq::state("RESTORE_IN_PROGRESS");
    let bed = cluster(&[]).await;
    let (restored, opened) = of_hivemq(&bed, before(), running(), false).await;
    assert!(!restored.expect("a restore").ended);
    assert_kept(&bed, &opened);

    let bed = cluster(&[]).await;
    let (restored, opened) = of_hivemq(&bed, before(), running(), true).await;
    let error = restored.expect_err("it has not ended");
    assert!(matches!(error, OpsError::StillRunning { .. }), "{error:?}");
    assert_kept(&bed, &opened);

    let bed = cluster(&[]).await;
    let (restored, opened) = of_hivemq(&bed, before(), before(), true).await;
    let error = restored.expect_err("it is not seen");
    assert!(matches!(error, OpsError::NoTrace { .. }), "{error:?}");
    assert_kept(&bed, &opened);
}

#[tokio::test]
async fn a_restore_that_another_process_follows_keeps_its_lock() {
    let bed = cluster(&[]).await;
    let script = Script::default()
        .answers(hivemq::STATUS, [hivemq::state("COMPLETED")])
        .answers(hivemq::RESTORE, [hivemq::state("RESTORE_IN_PROGRESS")]);
    let opened = Setup::in_cluster(&bed, "hivemq").open(script).await;
    let from = RestoreFrom::Backup(Which::Id("b".to_owned()));
    let prepared = Box::pin(prepare_restore(&opened.session, &from, true)).await;
    let begun = Box::pin(prepared.expect("a backup").begin()).await;
    assert!(!begun.expect("a restore").has_ended());
    assert_kept(&bed, &opened);
}

/// Begins to restore backup `b` in a process that then ends, and returns what it has written down.
async fn task(bed: &Testbed) -> Task {
    let script = Script::default()
        .answers(hivemq::STATUS, [hivemq::state("COMPLETED")])
        .answers(hivemq::RESTORE, [hivemq::state("RESTORE_IN_PROGRESS")]);
    let opened = Setup::in_cluster(bed, "hivemq").open(script).await;
    let from = RestoreFrom::Backup(Which::Id("b".to_owned()));
    let prepared = Box::pin(prepare_restore(&opened.session, &from, true)).await;
    let begun = Box::pin(prepared.expect("a backup").begin()).await;
    let task = begun.expect("a restore").into_task();
    assert!(!opened.told.has("warning", KEPT), "the lock goes on");
    task
}

#[tokio::test]
async fn a_task_takes_its_lock_along_to_another_process() {
    let bed = cluster(&[]).await;
    let holder = || lease(&bed).map(|lease| lease["spec"]["holderIdentity"].clone());
    let task = task(&bed).await;
    let first = holder();
    assert!(first.is_some());
    let (refused, _) = of_hivemq(&bed, hivemq::state("COMPLETED"), hivemq::state("-"), true).await;
    let error = refused.expect_err("the lock is held");
    let OpsError::Cluster(error) = error else {
        panic!("{error:?}");
    };
    assert!(matches!(*error, ClusterError::LeaseHeld { .. }), "{error}");

    let states = ["RESTORE_IN_PROGRESS", "RESTORE_COMPLETED"];
    let script = Script::default().answers(hivemq::STATUS, states.map(hivemq::state));
    let opened = Setup::in_cluster(&bed, "hivemq").open(script).await;
    let taken = Box::pin(Ongoing::take_up(&opened.session, task)).await;
    let mut ongoing = taken.expect("the task");
    while !ongoing.has_ended() {
        assert_eq!(holder(), first);
        ongoing.observe().await.expect("a look");
    }
    assert_eq!(holder(), None, "the restore has ended");
}

#[tokio::test]
async fn a_task_whose_lock_was_lost_is_followed_all_the_same() {
    let bed = cluster(&[]).await;
    let task = task(&bed).await;
    let (resource, namespace, name) = LEASE;
    bed.objects()
        .modify(resource, namespace, name, |lease| {
            lease["spec"]["holderIdentity"] = "bob".into();
        })
        .expect("a Lease");
    let script = Script::default().answers(hivemq::STATUS, [hivemq::state("RESTORE_COMPLETED")]);
    let opened = Setup::in_cluster(&bed, "hivemq").open(script).await;
    let followed = Box::pin(Ongoing::take_up(&opened.session, task)).await;
    let mut ongoing = followed.expect("the task");
    let told = "no lock keeps others out while b is restored";
    assert!(opened.told.has("warning", told), "{:?}", opened.told.all());
    ongoing.finish().await.expect("it has ended well");
    assert!(lease(&bed).is_some(), "the Lease is somebody else's");
}

#[tokio::test]
async fn a_task_is_not_taken_up_for_another_target() {
    let bed = cluster(&[]).await;
    let task = task(&bed).await;
    let mut setup = Setup::in_cluster(&bed, "hivemq");
    setup.request.statefulset = Some("other".to_owned());
    let opened = setup.open(Script::default()).await;
    let taken = Box::pin(Ongoing::take_up(&opened.session, task)).await;
    assert!(matches!(taken, Err(OpsError::OtherTarget { .. })));
    assert!(opened.script.lines().is_empty());
}

#[tokio::test]
async fn without_permission_for_leases_the_lock_is_of_this_machine_and_a_warning_says_so() {
    let bed = cluster(&["deny=*:leases"]).await;
    let (restored, opened) = of_sidecar(&bed, sidecar::restored(false)).await;
    restored.expect("a restore");
    let told = "only your own processes on this machine are kept out";
    assert!(opened.told.has("warning", told), "{:?}", opened.told.all());
}

#[tokio::test]
async fn without_any_lock_nothing_is_sent() {
    let bed = cluster(&["deny=*:leases"]).await;
    let script = Script::default().answers(sidecar::RESTORE, [sidecar::restored(false)]);
    let setup = Setup::in_cluster(&bed, "sidecar");
    std::fs::write(setup.home.path().join("state"), "no folder").expect("a file");
    let opened = setup.open(script.clone()).await;
    let error = run(&opened, &request("backup/a", true)).await;
    let error = error.expect_err("nobody would be kept out");
    assert!(matches!(error, OpsError::LocalLock { .. }), "{error:?}");
    assert!(opened.script.lines().is_empty());

    // The Lease alone is enough.
    bed.faults().clear();
    let opened = setup.open(script).await;
    let restored = run(&opened, &request("backup/a", true)).await;
    restored.expect("a restore");
    let told = "there is no lock on this machine";
    assert!(opened.told.has("note", told), "{:?}", opened.told.all());
}

#[tokio::test]
async fn a_second_restore_of_the_same_target_is_refused_and_one_of_another_is_not() {
    for faults in [&[][..], &["deny=*:leases"]] {
        let bed = cluster(faults).await;
        let mut setup = Setup::in_cluster(&bed, "sidecar");
        let hangs = Script::default().answers(sidecar::RESTORE, [Reply::Hangs]);
        let first = setup.open(hangs).await;
        let wanted = request("backup/a", true);
        let mut running = std::pin::pin!(run(&first, &wanted));
        tokio::select! {
            ended = &mut running => panic!("it ended: {ended:?}"),
            () = first.script.until_asked_for(sidecar::RESTORE) => {}
        }

        let script = Script::default().answers(sidecar::RESTORE, [sidecar::restored(false)]);
        let second = setup.open(script.clone()).await;
        let error = run(&second, &wanted).await.expect_err("it is locked");
        assert!(
            matches!(&error, OpsError::LockedHere { place, .. }
                if place == "broker in namespace messaging"),
            "{error:?}"
        );
        assert!(second.script.lines().is_empty());

        setup.request.statefulset = Some("other".to_owned());
        let other =
            setup.open(Script::default().answers(sidecar::RESTORE, [sidecar::restored(false)]));
        let other = other.await;
        run(&other, &wanted).await.expect("a restore");
    }
}

#[tokio::test]
async fn a_restore_that_is_stopped_leaves_its_lease() {
    let bed = cluster(&[]).await;
    let setup = Setup::in_cluster(&bed, "sidecar");
    let hangs = Script::default().answers(sidecar::RESTORE, [Reply::Hangs]);
    let first = setup.open(hangs).await;
    let wanted = request("backup/a", true);
    tokio::select! {
        ended = run(&first, &wanted) => panic!("it ended: {ended:?}"),
        () = first.script.until_asked_for(sidecar::RESTORE) => {}
    }
    assert_kept(&bed, &first);

    let second = setup.open(Script::default()).await;
    let error = run(&second, &wanted).await.expect_err("it is locked");
    assert!(
        matches!(&error, OpsError::Cluster(error)
            if matches!(**error, ClusterError::LeaseHeld { .. })),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_fault_of_the_program_gives_the_lock_back() {
    let bed = cluster(&[]).await;
    let opened = Setup::in_cluster(&bed, "sidecar")
        .open(Script::default())
        .await;
    let work = async { panic!("a fault of the program, for a test") };
    let goes_on = |_: &Result<(), OpsError>| true;
    let work = locked(&opened.session, "restore", "broker", work, goes_on);
    let panic = std::panic::AssertUnwindSafe(work).catch_unwind().await;
    panic.expect_err("the fault is passed on");
    assert_released(&bed, &opened);
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_takes_no_lock() {
    // No API server answers, so every other restore fails.
    let script = Script::default().answers(sidecar::RESTORE, [sidecar::restored(true)]);
    let opened = Setup::new("sidecar").open(script).await;
    let dry = RestoreRequest {
        dry_run: true,
        ..request("backup/a", true)
    };
    assert!(run(&opened, &dry).await.expect("a dry run").dry_run);
    assert_eq!(opened.begun.work(), None);
    run(&opened, &request("backup/a", true))
        .await
        .expect_err("there is no lock");
    assert_eq!(opened.script.lines(), [sidecar::RESTORE]);
}

#[tokio::test(start_paused = true)]
async fn without_a_confirmation_nothing_is_locked_or_sent() {
    let opened = Setup::new("sidecar").open(Script::default()).await;
    let wanted = RestoreRequest {
        is_confirmed: false,
        ..request("backup/a", true)
    };
    let restored = Box::pin(restore(&opened.session, &wanted)).await;
    let error = restored.expect_err("it was not confirmed");
    assert!(
        matches!(&error, OpsError::NotConfirmed { what }
            if what.contains("namespace messaging") && what.contains("pod broker-0")),
        "{error:?}"
    );
    assert!(opened.script.lines().is_empty());
}
