//! The choice of the engine.

use std::collections::BTreeSet;

use host_engine::{Catalogue, EngineFile};

use super::*;
use crate::testing::{Opened, Reply, Script, Setup, bundled, faults, hivemq, open, sidecar};
use crate::{Backups, Listing};
use crate::{DeleteRequest, Which, delete, list};

const CAPABILITIES: &str = "GET /backup/capabilities";
/// The last port of each engine's endpoint.
const HIVEMQ: u16 = 8081;
const SIDECAR: u16 = 8085;
const STRATEGY: u16 = 8000;

fn capable() -> Reply {
    Reply::text(200, &r#"{"version": "v1", "types": ["db"]}"#)
}

/// Returns the list of an engine without pages.
fn whole(listing: Result<Listing, OpsError>) -> Backups {
    match listing.expect("a list") {
        Listing::Whole(backups) => backups,
        Listing::Pages(pages) => panic!("{pages:?}"),
    }
}

/// Returns the engine that `auto` takes to create a backup.
async fn creator(script: Script) -> (Result<String, OpsError>, Opened) {
    let opened = open("auto", script).await;
    let running = opened.session.engine_for(Operation::Create).await;
    (running.map(|running| running.called), opened)
}

#[tokio::test(start_paused = true)]
async fn auto_goes_on_from_a_closed_port_and_says_so() {
    let script = Script::default()
        .answers(sidecar::DETECT, [Reply::Fails(faults::port_closed)])
        .answers(hivemq::LIST, [hivemq::list(&["a"])]);
    let opened = open("auto", script).await;
    let listed = whole(list(&opened.session, None).await);
    assert_eq!(listed.scope.engine, "kubectl-broker/hivemq");
    let why = "engine sidecar can't be used here (nothing listens on port 8085 of pod broker-0";
    assert!(opened.told.has("note", why), "{:?}", opened.told.all());
    assert_eq!(opened.script.lines(), [sidecar::DETECT, hivemq::LIST]);
}

#[tokio::test(start_paused = true)]
async fn auto_goes_on_from_a_backend_that_is_in_trouble_or_hangs() {
    for reply in [Reply::text(500, &"no credentials"), Reply::Hangs] {
        let script = Script::default()
            .answers(sidecar::DETECT, [reply])
            .answers(hivemq::LIST, [hivemq::list(&["a"])]);
        let opened = open("auto", script).await;
        let listed = whole(list(&opened.session, None).await);
        assert_eq!(listed.scope.engine, "kubectl-broker/hivemq");
    }
}

#[tokio::test(start_paused = true)]
async fn auto_stops_where_the_cluster_refuses_this_user() {
    // The next engine would need the same permissions.
    let nothing_is_asked = Script::default().finds(SIDECAR, [Err(faults::unauthorized)]);
    let asked = Script::default().answers(sidecar::DETECT, [Reply::Fails(faults::unauthorized)]);
    for script in [nothing_is_asked, asked] {
        let opened = open("auto", script).await;
        let error = list(&opened.session, None).await.expect_err("no list");
        assert_eq!(error.failure(), Failure::NotAllowed, "{error}");
        assert_eq!(opened.script.searches(HIVEMQ), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_problem_with_the_target_is_no_reason_to_try_another_engine() {
    let script = Script::default().finds(SIDECAR, [Err(faults::no_ready_pod)]);
    let opened = open("auto", script).await;
    let error = list(&opened.session, None).await.expect_err("no list");
    assert!(matches!(
        error,
        OpsError::Cluster(error) if matches!(*error, host_cluster::ClusterError::NoReadyPod { .. })
    ));
    assert_eq!(opened.script.searches(HIVEMQ), 0);
}

#[tokio::test(start_paused = true)]
async fn a_pod_without_the_port_of_one_engine_may_have_that_of_another() {
    let script = Script::default()
        .finds(SIDECAR, [Err(faults::no_port)])
        .answers(hivemq::LIST, [hivemq::list(&["a"])]);
    let opened = open("auto", script).await;
    let listed = whole(list(&opened.session, None).await);
    assert_eq!(listed.scope.engine, "kubectl-broker/hivemq");

    let absent = || Script::default().finds(HIVEMQ, [Err(faults::no_port)]);
    let script = absent().answers(CAPABILITIES, [capable()]);
    let (called, opened) = creator(script).await;
    assert_eq!(called.expect("an engine"), "strategy");
    let why = "engine hivemq can't be used here (pod broker declares no port";
    assert!(opened.told.has("note", why), "{:?}", opened.told.all());

    let script = absent().answers(CAPABILITIES, [Reply::Fails(faults::port_closed)]);
    let error = creator(script).await.0.expect_err("no engine");
    assert!(error.to_string().contains("declares no port"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn the_last_engine_tells_its_own_error() {
    let script = Script::default()
        .answers(sidecar::DETECT, [Reply::Fails(faults::port_closed)])
        .answers(hivemq::LIST, [Reply::Fails(faults::port_closed)]);
    let opened = open("auto", script).await;
    let error = list(&opened.session, None).await.expect_err("no list");
    assert!(error.to_string().contains("port 8081"), "{error}");
    assert_eq!(opened.script.lines(), [sidecar::DETECT, hivemq::LIST]);
}

#[tokio::test(start_paused = true)]
async fn a_named_engine_is_never_replaced() {
    let script = Script::default().answers(sidecar::LIST, [Reply::Fails(faults::port_closed)]);
    let opened = open("sidecar", script).await;
    list(&opened.session, None).await.expect_err("no list");
    assert_eq!(opened.script.lines(), [sidecar::LIST]);
    assert_eq!(opened.script.searches(HIVEMQ), 0);

    let script = Script::default().answers(hivemq::LIST, [Reply::Fails(faults::port_closed)]);
    let opened = open("hivemq", script).await;
    let running = opened.session.engine_for(Operation::Create).await;
    assert_eq!(running.expect("an engine").called, "hivemq");
    assert_eq!(opened.script.searches(STRATEGY), 0);
}

#[tokio::test(start_paused = true)]
async fn create_falls_back_where_nothing_listens_and_says_so() {
    let script = Script::default()
        .answers(hivemq::LIST, [Reply::Fails(faults::port_closed)])
        .answers(CAPABILITIES, [capable()]);
    let (called, opened) = creator(script).await;
    assert_eq!(called.expect("an engine"), "strategy");
    let why = "engine hivemq can't be used here (nothing listens on port 8081 of pod broker-0";
    assert!(opened.told.has("note", why), "{:?}", opened.told.all());
}

#[tokio::test(start_paused = true)]
async fn create_falls_back_to_an_engine_that_asks_for_credentials() {
    let script = Script::default()
        .answers(hivemq::LIST, [Reply::Fails(faults::port_closed)])
        .answers(CAPABILITIES, [Reply::text(401, &"")]);
    assert_eq!(creator(script).await.0.expect("an engine"), "strategy");
}

#[tokio::test(start_paused = true)]
async fn create_stays_with_a_backend_that_is_there() {
    for reply in [
        Reply::text(500, &""),
        Reply::text(401, &""),
        Reply::Fails(faults::timed_out),
        Reply::Fails(faults::no_answer),
    ] {
        let script = Script::default().answers(hivemq::LIST, [reply]);
        let (called, opened) = creator(script).await;
        assert_eq!(called.expect("an engine"), "hivemq");
        assert_eq!(opened.script.searches(STRATEGY), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn create_reports_the_preferred_engine_where_none_is_there() {
    for other in [Reply::text(500, &""), Reply::Fails(faults::port_closed)] {
        let script = Script::default()
            .answers(hivemq::LIST, [Reply::Fails(faults::port_closed)])
            .answers(CAPABILITIES, [other]);
        let (called, opened) = creator(script).await;
        assert_eq!(called.expect("an engine"), "hivemq");
        assert!(!opened.told.has("note", "can't be used here"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_restore_never_falls_back() {
    let script = Script::default().finds(HIVEMQ, [Err(faults::no_ready_pod)]);
    let opened = open("auto", script).await;
    let running = opened.session.engine_for(Operation::Restore).await;
    assert!(running.is_err(), "the preferred engine has no pod");
    assert_eq!(opened.script.searches(SIDECAR), 0);

    // The preferred engine isn't even asked whether its backend answers: the restore itself fails.
    let opened = open("auto", Script::default()).await;
    let running = opened.session.engine_for(Operation::Restore).await;
    assert_eq!(running.expect("an engine").called, "hivemq");
    assert!(opened.script.lines().is_empty());
}

/// Returns the bundled sidecar's engine as an installed one, which the user made the default.
fn installed(operation: Operation) -> EngineFile {
    let bundled = bundled();
    let sidecar = bundled
        .iter()
        .find(|engine| engine.manifest().id.name() == "sidecar");
    let bytes = sidecar.expect("the sidecar's engine").bytes();
    let mut bytes = bytes.expect("its component").into_owned();
    // The publisher has as many letters, so no length in the component changes.
    let (ours, theirs) = (b"kubectl-broker/sidecar", b"acme-engineers/sidecar");
    for at in 0..=bytes.len() - ours.len() {
        if bytes[at..].starts_with(ours) {
            bytes[at..at + theirs.len()].copy_from_slice(theirs);
        }
    }
    let engine = EngineFile::read("an installed engine", bytes).expect("an engine");
    engine.with_default_for(BTreeSet::from([operation]))
}

#[tokio::test(start_paused = true)]
async fn a_deletion_never_falls_back() {
    let mut setup = Setup::new("auto");
    let engines = [vec![installed(Operation::Delete)], bundled()].concat();
    setup.engines = Catalogue::from_iter(engines);
    let script = Script::default().answers(sidecar::DETECT, [Reply::Fails(faults::port_closed)]);
    let opened = setup.open(script).await;
    let request = DeleteRequest {
        which: Which::Id("backup/a".to_owned()),
        force: false,
        is_confirmed: true,
    };
    let deleted = delete(&opened.session, &request).await;
    let error = deleted.expect_err("no deletion");
    assert!(error.to_string().contains("port 8085"), "{error}");
    assert_eq!(opened.script.lines(), [sidecar::DETECT]);
    let told = "Using engine acme-engineers/sidecar 0.1.0 of publisher acme-engineers";
    assert!(opened.told.has("note", told), "{:?}", opened.told.all());
}
