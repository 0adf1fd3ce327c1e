//! Waiting for the end of a backup or a restore.

use host_base::Activity;
use host_engine::RestoreSource;

use super::*;
use crate::results::Created;
use crate::saving::Place;
use crate::task::{Ongoing, TaskKind};
use crate::testing::hivemq::{CREATE, LIST, RESTORE, STATUS, list, state};
use crate::testing::{Opened, Reply, Script, faults, open};
use crate::{CreateRequest, create};

/// Creates backup `b` and waits, while the backend gives these answers.
async fn wait_for<const N: usize>(
    looks: [Reply; N],
    seconds: u64,
) -> (Result<Created, OpsError>, Opened) {
    let script = Script::default()
        .answers(LIST, [list(&[])])
        .answers(CREATE, [state("IN_PROGRESS")])
        .answers(STATUS, looks);
    wait_over(script, seconds).await
}

async fn wait_over(script: Script, seconds: u64) -> (Result<Created, OpsError>, Opened) {
    let opened = open("hivemq", script).await;
    let request = CreateRequest {
        waiting: Waiting {
            wait: true,
            timeout: Duration::from_secs(seconds),
        },
        limit: None,
        place: Place::Output,
        accept_unproven: false,
        place_flag: None,
    };
    let created = Box::pin(create(&opened.session, request)).await;
    let created = created.map(|created| created.expect("it was not saved"));
    (created, opened)
}

/// Returns the milliseconds between the request that began the work and each look, and between two looks.
fn pauses(script: &Script) -> Vec<u128> {
    let looks = script.asked_for(STATUS);
    let begun = script.asked_for(CREATE).remove(0).at;
    let befores = std::iter::once(begun).chain(looks.iter().map(|look| look.at));
    let pauses = befores.zip(&looks).map(|(before, look)| look.at - before);
    pauses.map(|pause| pause.as_millis()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_backup_is_looked_at_until_it_has_ended() {
    let (created, opened) = wait_for([state("IN_PROGRESS"), state("COMPLETED")], 300).await;
    let backups = created.expect("a backup").backup.backups;
    assert_eq!(backups[0].state, State::Succeeded);
    assert_eq!(opened.script.asked_for(STATUS).len(), 2);
    assert_eq!(opened.script.asked_for(CREATE).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_pauses_grow_up_to_half_a_minute() {
    let running = || state("IN_PROGRESS");
    let ends = std::array::from_fn::<_, 10, _>(|_| running());
    let (created, opened) = wait_for(ends, 115).await;
    created.expect_err("it never ends");
    assert_eq!(
        pauses(&opened.script)[..9],
        [250, 500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]
    );
}

#[tokio::test(start_paused = true)]
async fn a_backup_that_failed_is_an_error_with_its_reason() {
    let mut failed = crate::testing::hivemq::backup("b", 0, "FAILED");
    failed["failReason"] = "disk full".into();
    let failed = Reply::text(200, &serde_json::json!({"backup": failed}));
    let (created, _) = wait_for([state("IN_PROGRESS"), failed], 300).await;
    let error = created.expect_err("it failed");
    assert!(
        matches!(&error, OpsError::EndedBadly { activity: Activity::Backup, partly: false, id, state, reason, .. }
            if id == "b" && state == "FAILED" && reason.as_deref() == Some("disk full")),
        "{error:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_backup_that_lacks_a_part_is_an_error_of_its_own() {
    let opened = open("hivemq", Script::default()).await;
    let engine = "kubectl-broker/hivemq".parse().expect("an id");
    let mut running = opened.session.start_named(&engine).await.expect("a start");
    let partial = Backup {
        state: State::Partial,
        ..pending()
    };
    let mut task = Task::new(&opened.session, &running, TaskKind::Create, &partial, true);
    let waiting = Waiting {
        wait: true,
        timeout: Duration::from_secs(1),
    };
    let ended = until_ended(&opened.session, &mut running, &mut task, partial, waiting).await;
    let error = ended.expect_err("a part is missing");
    assert!(matches!(error, OpsError::EndedBadly { partly: true, .. }));
    assert!(opened.script.lines().is_empty(), "the end was known");
}

#[tokio::test(start_paused = true)]
async fn an_error_that_may_pass_is_a_note_and_the_pod_is_looked_for_again() {
    for passing in [
        Reply::Fails(faults::tunnel_lost),
        Reply::Fails(faults::pod_gone),
        Reply::Fails(faults::pod_unscheduled),
        Reply::Fails(faults::no_ready_pod),
        Reply::Fails(faults::timed_out),
        Reply::text(503, &""),
    ] {
        let script = Script::default()
            .answers(LIST, [list(&[])])
            .answers(CREATE, [state("IN_PROGRESS")])
            .answers(STATUS, [passing, state("COMPLETED")])
            .finds(8081, [Ok("broker-0"), Ok("broker-1")]);
        let (created, opened) = wait_over(script, 300).await;
        created.expect("a backup");
        let told = "The state can't be read (";
        assert!(opened.told.has("note", told), "{:?}", opened.told.all());
        let pods = opened.script.asked_for(STATUS);
        let pods: Vec<_> = pods.iter().map(|asked| &*asked.pod).collect();
        assert_eq!(pods, ["broker-0", "broker-1"]);
        assert_eq!(opened.script.asked_for(CREATE).len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn while_no_pod_is_ready_the_waiting_goes_on() {
    let lost = || Reply::Fails(faults::pod_gone);
    let script = Script::default()
        .answers(LIST, [list(&[])])
        .answers(CREATE, [state("IN_PROGRESS")])
        .answers(STATUS, [lost(), lost(), state("COMPLETED")])
        .finds(
            8081,
            [Ok("broker-0"), Err(faults::no_ready_pod), Ok("broker-1")],
        );
    let (created, opened) = wait_over(script, 300).await;
    created.expect("a backup");
    let pods = opened.script.asked_for(STATUS);
    let pods: Vec<_> = pods.iter().map(|asked| &*asked.pod).collect();
    assert_eq!(pods, ["broker-0", "broker-0", "broker-1"]);
}

#[tokio::test(start_paused = true)]
async fn an_error_that_stays_ends_the_waiting() {
    let gone = Reply::text(404, &r#"{"errors": [{"title": "gone", "detail": "b"}]}"#);
    for lasting in [gone, Reply::Fails(faults::unauthorized)] {
        let (created, opened) = wait_for([lasting, state("COMPLETED")], 300).await;
        created.expect_err("it can't be seen");
        assert_eq!(opened.script.asked_for(STATUS).len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_backup_that_does_not_end_in_time_still_runs() {
    let (created, opened) = wait_for([state("IN_PROGRESS")], 20).await;
    let error = created.expect_err("it never ends");
    assert!(
        matches!(&error, OpsError::StillRunning { id, engine, seconds: 20 }
            if id == "b" && engine == "hivemq"),
        "{error:?}"
    );
    let work = opened.begun.work().expect("work that goes on");
    assert_eq!(work.id.as_deref(), Some("b"));
}

#[tokio::test(start_paused = true)]
async fn a_look_that_hangs_does_not_outlast_the_time() {
    let (created, opened) = wait_for([Reply::Hangs], 20).await;
    let error = created.expect_err("it is never seen");
    assert!(matches!(error, OpsError::StillRunning { .. }), "{error:?}");
    let begun = opened.script.asked_for(CREATE).remove(0).at;
    assert_eq!((Instant::now() - begun).as_secs(), 20);
}

#[tokio::test(start_paused = true)]
async fn an_end_shortly_before_the_deadline_is_seen() {
    // The looks of the usual pauses are over after 15.75 s.
    let mut looks = std::array::from_fn::<_, 7, _>(|_| state("IN_PROGRESS"));
    looks[6] = state("COMPLETED");
    let (created, opened) = wait_for(looks, 20).await;
    created.expect("a backup");
    assert_eq!(pauses(&opened.script)[6], 3250);
}

/// Returns the state of a backup that nothing is known of.
fn pending() -> Backup {
    Backup::new("b", State::Pending)
}

/// Restores backup `b` and waits. The first answer is the state before the restore and that of the request.
async fn restore_for<const N: usize>(
    before: Reply,
    looks: [Reply; N],
    seconds: u64,
) -> (Result<Backup, OpsError>, Opened) {
    let script = Script::default()
        .answers(RESTORE, [before.clone()])
        .answers(STATUS, [before]);
    let opened = open("hivemq", script).await;
    let engine = "kubectl-broker/hivemq".parse().expect("an id");
    let mut running = opened.session.start_named(&engine).await.expect("a start");
    let source = RestoreSource::Id("b".to_owned());
    let begun = running.instance().restore(source, false, &[]).await;
    let begun = begun.expect("a restore").backup;
    let script = opened.script.clone().answers(STATUS, looks);
    let opened = Opened { script, ..opened };
    let mut ongoing = Ongoing::new(&opened.session, running, TaskKind::Restore, begun, false);
    let waiting = Waiting {
        wait: true,
        timeout: Duration::from_secs(seconds),
    };
    let waited = ongoing.wait(&opened.session, waiting).await;
    let ended = waited.map(|()| ongoing.state().cloned().expect("a state"));
    (ended, opened)
}

/// Returns how often the state was asked for after the restore was begun.
fn looks(opened: &Opened) -> usize {
    opened.script.asked_for(STATUS).len() - 1
}

#[tokio::test(start_paused = true)]
async fn the_end_of_an_earlier_restore_is_not_the_end_of_this_one() {
    let earlier = || state("RESTORE_COMPLETED");
    let seen = [earlier(), state("RESTORE_IN_PROGRESS"), earlier()];
    let (ended, opened) = restore_for(earlier(), seen, 300).await;
    assert_eq!(ended.expect("an end").state, State::Succeeded);
    assert_eq!(looks(&opened), 3);

    let seen = [earlier(), state("RESTORE_FAILED")];
    let (ended, opened) = restore_for(earlier(), seen, 300).await;
    let error = ended.expect_err("it failed");
    assert!(
        matches!(
            error,
            OpsError::EndedBadly {
                activity: Activity::Restore,
                ..
            }
        ),
        "{error:?}"
    );
    assert_eq!(looks(&opened), 2);
}

#[tokio::test(start_paused = true)]
async fn a_restore_that_is_never_seen_is_given_up() {
    let earlier = || state("RESTORE_COMPLETED");
    let (ended, opened) = restore_for(earlier(), [earlier()], 300).await;
    let error = ended.expect_err("nothing is seen");
    assert!(
        matches!(&error, OpsError::NoTrace { id, state, timed_out: false, seconds, .. }
            if id == "b" && state == "RESTORE_COMPLETED" && *seconds >= 15),
        "{error:?}"
    );
    // The pauses are 0.25, 0.5, 1, 2, 4 and 8 s.
    assert_eq!(looks(&opened), 6);

    let (ended, _) = restore_for(earlier(), [earlier()], 5).await;
    let error = ended.expect_err("nothing is seen");
    assert!(
        matches!(
            error,
            OpsError::NoTrace {
                timed_out: true,
                ..
            }
        ),
        "{error:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_restore_that_was_seen_is_waited_for_as_long_as_the_user_wants() {
    let earlier = || state("RESTORE_COMPLETED");
    let seen = [earlier(), state("RESTORE_IN_PROGRESS")];
    let (ended, _) = restore_for(earlier(), seen, 60).await;
    let error = ended.expect_err("it never ends");
    assert!(matches!(error, OpsError::StillRunning { .. }), "{error:?}");
}
