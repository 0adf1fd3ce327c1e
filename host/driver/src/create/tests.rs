//! A backup that is begun once, even if the answer is lost.

use host_base::Problem as _;
use host_cluster::ClusterError;

use super::*;
use crate::testing::hivemq::{CREATE, LIST, backup, list};
use crate::testing::{End, Fault, Opened, Reply, Script, faults, open};

/// Creates a backup and does not wait for its end.
async fn create_over(script: Script) -> (Result<String, OpsError>, Opened) {
    let opened = open("hivemq", script).await;
    let request = CreateRequest {
        waiting: Waiting {
            wait: false,
            timeout: Duration::ZERO,
        },
        limit: None,
        place: Place::Output,
        accept_unproven: false,
        place_flag: None,
    };
    let created = Box::pin(create(&opened.session, request)).await;
    let id = created.map(|created| {
        let mut backups = created.expect("it was not saved").backup.backups;
        backups.remove(0).id
    });
    (id, opened)
}

/// Returns the ways to lose an answer that the backend may have given.
fn lost() -> Vec<Reply> {
    let lost: [Fault; 4] = [
        faults::no_answer,
        faults::incomplete,
        faults::tunnel_lost,
        faults::timed_out,
    ];
    let mut lost: Vec<_> = lost.into_iter().map(Reply::Fails).collect();
    lost.push(Reply::bytes(
        200,
        b"{\"back",
        End::Breaks(faults::incomplete),
    ));
    lost.push(Reply::Hangs);
    lost
}

#[tokio::test(start_paused = true)]
async fn the_answer_names_the_backup() {
    let begun = serde_json::json!({"backup": backup("new", 1, "IN_PROGRESS")});
    let script = Script::default()
        .answers(LIST, [list(&["old"])])
        .answers(CREATE, [Reply::text(200, &begun)]);
    let (id, opened) = create_over(script).await;
    assert_eq!(id.expect("a backup"), "new");
    assert_eq!(opened.script.lines(), [LIST, CREATE]);
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_looked_up_and_the_request_not_sent_again() {
    for reply in lost() {
        let script = Script::default()
            .answers(LIST, [list(&["old"]), list(&["old", "new"])])
            .answers(CREATE, [reply]);
        let (id, opened) = create_over(script).await;
        assert_eq!(id.expect("a backup"), "new");
        assert_eq!(opened.script.lines(), [LIST, CREATE, LIST]);
        let told = "Backup new was begun in the meantime";
        assert!(opened.told.has("warning", told), "{:?}", opened.told.all());
        // The pod that lost the answer may be gone.
        assert_eq!(opened.script.searches(8081), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_can_not_be_read_is_as_good_as_lost() {
    for unreadable in ["begun", r#"{"backup": {"id": "new"}}"#] {
        let script = Script::default()
            .answers(LIST, [list(&["old"]), list(&["old", "new"])])
            .answers(CREATE, [Reply::text(200, &unreadable)]);
        let (id, opened) = create_over(script).await;
        assert_eq!(id.expect("a backup"), "new");
        assert_eq!(opened.script.lines(), [LIST, CREATE, LIST]);
    }
}

#[tokio::test(start_paused = true)]
async fn the_newest_of_several_new_backups_is_taken() {
    // The backup of before is the newest, and the order of the list says nothing.
    let items = [
        backup("first", 1, "COMPLETED"),
        backup("second", 2, "IN_PROGRESS"),
        backup("old", 9, "COMPLETED"),
    ];
    let after = serde_json::json!({"items": items});
    let script = Script::default()
        .answers(LIST, [list(&["old"]), Reply::text(200, &after)])
        .answers(CREATE, [Reply::Fails(faults::no_answer)]);
    assert_eq!(create_over(script).await.0.expect("a backup"), "second");
}

#[tokio::test(start_paused = true)]
async fn without_a_new_backup_the_outcome_is_unknown() {
    let same = list(&["old"]);
    let fewer = list(&[]);
    let failed = Reply::text(500, &"");
    let cut = Reply::Fails(faults::port_closed);
    for after in [same, fewer, failed, cut] {
        let script = Script::default()
            .answers(LIST, [list(&["old"]), after])
            .answers(CREATE, [Reply::Fails(faults::no_answer)]);
        let (id, opened) = create_over(script).await;
        let error = id.expect_err("nobody knows");
        assert!(
            matches!(&error, OpsError::OutcomeUnknown { reason, engine }
                if reason.contains("without an answer") && engine == "hivemq"),
            "{error:?}"
        );
        assert_eq!(opened.script.lines(), [LIST, CREATE, LIST]);
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_pod_to_ask_the_outcome_is_unknown() {
    let script = Script::default()
        .answers(LIST, [list(&["old"])])
        .answers(CREATE, [Reply::Fails(faults::no_answer)])
        .finds(8081, [Ok("broker-0"), Err(faults::no_ready_pod)]);
    let (id, opened) = create_over(script).await;
    let error = id.expect_err("nobody knows");
    assert!(
        matches!(error, OpsError::OutcomeUnknown { .. }),
        "{error:?}"
    );
    assert_eq!(opened.script.lines(), [LIST, CREATE]);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_was_refused_or_never_arrived_is_not_looked_up() {
    for refused in [
        Reply::text(409, &r#"{"errors": [{"title": "busy"}]}"#),
        Reply::text(503, &"").with("retry-after", 1),
        Reply::Fails(faults::port_closed),
        Reply::Fails(faults::pod_gone),
        Reply::Fails(faults::unauthorized),
    ] {
        let script = Script::default()
            .answers(LIST, [list(&["old"]), list(&["old", "new"])])
            .answers(CREATE, [refused]);
        let (id, opened) = create_over(script).await;
        let error = id.expect_err("it was not begun");
        assert!(
            !matches!(error, OpsError::OutcomeUnknown { .. }),
            "{error:?}"
        );
        assert_eq!(opened.script.lines(), [LIST, CREATE], "{error}");
        assert!(!opened.told.has("warning", ""), "{:?}", opened.told.all());
    }
}

#[tokio::test(start_paused = true)]
async fn without_the_list_of_before_nothing_is_begun() {
    let script = Script::default().answers(LIST, [Reply::Fails(faults::no_answer)]);
    let (id, opened) = create_over(script).await;
    let error = id.expect_err("it was not begun");
    assert!(matches!(
        error,
        OpsError::Cluster(error) if matches!(*error, ClusterError::NoAnswer { .. })
    ));
    assert_eq!(opened.script.lines(), [LIST]);
    assert_eq!(
        opened.begun.work(),
        None,
        "a stopped command must not say that it began"
    );
}

#[tokio::test(start_paused = true)]
async fn the_outcome_is_in_the_history() {
    let running = serde_json::json!({"items": [backup("new", 1, "IN_PROGRESS")]});
    let script = Script::default()
        .answers(LIST, [list(&["old"]), Reply::text(200, &running)])
        .answers(CREATE, [Reply::Fails(faults::no_answer)]);
    let (_, opened) = create_over(script).await;
    let history = opened.session.host.history().expect("a home folder");
    let entry = history.read().expect("a history").entries.remove(0);
    assert_eq!(
        (&*entry.outcome, entry.id.as_deref()),
        ("Accepted", Some("new"))
    );

    let script = Script::default()
        .answers(LIST, [list(&["old"])])
        .answers(CREATE, [Reply::Fails(faults::no_answer)]);
    let (error, opened) = create_over(script).await;
    let history = opened.session.host.history().expect("a home folder");
    let entry = history.read().expect("a history").entries.remove(0);
    let failure = error.expect_err("nobody knows").failure();
    assert_eq!(
        (&*entry.outcome, entry.id.as_deref()),
        (failure.name(), None)
    );
}
