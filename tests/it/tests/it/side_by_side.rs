//! The driver without a command line: two targets in one process, and work that another process goes on with.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use host_base::{Folders, Hint, Reporter};
use host_cluster::ConnectOptions;
use host_driver::{
    CreateRequest, EngineChoice, Host, HostSettings, Listing, Ongoing, OpsError, Place, Request,
    RestoreFrom, Session, Task, Waiting, Which, begin_create, history, list, prepare_restore,
};
use host_engine::{Catalogue, Limits};
use jiff::Timestamp;
use serde_json::Value;
use testbed::{Backup, BackupState, Testbed};

/// A front end that shows nothing.
struct Silent;

impl Reporter for Silent {
    fn note(&self, _: &str) {}
    fn warn(&self, _: &str) {}
    fn warn_with_hint(&self, _: &str, _: &Hint) {}
}

fn host(folder: &Path) -> Host {
    Host::new(HostSettings {
        engines: Catalogue::bundled(host_bundled::ENGINES).expect("the bundled engines"),
        limits: Limits::default(),
        folders: Some(Folders::within(folder)),
        reporter: Arc::new(Silent),
    })
}

async fn session(host: &Host, bed: &Testbed) -> Session {
    let request = Request {
        connect: ConnectOptions {
            kubeconfig: Some(bed.kubeconfig().display().to_string()),
            ..ConnectOptions::default()
        },
        engine: EngineChoice::Named("hivemq".to_owned()),
        ..Request::default()
    };
    Session::open(host, request).await.expect("a session")
}

const WAITING: Waiting = Waiting {
    wait: true,
    timeout: Duration::from_mins(1),
};

fn to_create() -> CreateRequest {
    CreateRequest {
        waiting: WAITING,
        limit: None,
        place: Place::Output,
        accept_unproven: false,
        place_flag: None,
    }
}

fn leases(bed: &Testbed) -> Vec<Value> {
    let resource = "leases.coordination.k8s.io";
    bed.objects().list(resource, Some("messaging"))
}

/// Returns the task that another process reads after this one wrote it down.
fn written_down(task: &Task) -> Task {
    let text = serde_json::to_string(task).expect("it can be written");
    serde_json::from_str(&text).expect("it can be read")
}

#[tokio::test(flavor = "multi_thread")]
async fn two_targets_are_driven_side_by_side_in_one_process() {
    let folder = tempfile::tempdir().expect("a folder");
    let host = host(folder.path());
    let beds = [
        Testbed::builder().start().await.expect("a testbed"),
        Testbed::builder().start().await.expect("another testbed"),
    ];
    let only_there = "20260101-000000";
    let state = BackupState::Completed;
    let backup = Backup::new(only_there, Timestamp::UNIX_EPOCH, Some(5), state);
    beds[1].hivemq("messaging").expect("HiveMQ").put(backup);
    let [one, two] = [
        session(&host, &beds[0]).await,
        session(&host, &beds[1]).await,
    ];
    let (of_one, of_two) = tokio::join!(list(&one, None), list(&two, None));
    let ids = |found: Result<Listing, OpsError>| match found.expect("a list") {
        Listing::Whole(list) => list.backups.into_iter().map(|it| it.id).collect::<Vec<_>>(),
        Listing::Pages(_) => panic!("the engine promises no order"),
    };
    let (of_one, of_two) = (ids(of_one), ids(of_two));
    assert!(of_two.contains(&only_there.to_owned()), "{of_two:?}");
    assert!(!of_one.contains(&only_there.to_owned()), "{of_one:?}");
    for bed in &beds {
        assert_eq!(bed.requests().count("GET", "/portforward"), 1);
    }
    // One sandbox: the engine was compiled once for both.
    assert_eq!(host.compilations(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_one_process_begins_is_finished_by_another() {
    let folder = tempfile::tempdir().expect("a folder");
    let bed = Testbed::builder().start().await.expect("a testbed");
    let task = {
        let host = host(folder.path());
        let session = session(&host, &bed).await;
        let ongoing = begin_create(&session, &to_create()).await;
        let ongoing = ongoing.expect("it begins");
        assert!(!ongoing.has_ended());
        let past = history(&host, Some(1)).await.expect("a history");
        assert_eq!(past.rows[0].outcome, "Accepted");
        written_down(ongoing.task())
    };
    // The first process is gone, with its host and its sandbox.
    let host = host(folder.path());
    let session = session(&host, &bed).await;
    let mut ongoing = Ongoing::take_up(&session, task.clone())
        .await
        .expect("its engine");
    let early = ongoing.finish().await.expect_err("it has not ended");
    assert!(matches!(early, OpsError::NotEnded { id, .. } if id == task.id));
    ongoing.wait(&session, WAITING).await.expect("it ends well");
    let finished = ongoing.finish().await.expect("it is finished");
    assert_eq!(finished.backup.id, task.id);
    // It was begun once.
    assert_eq!(bed.backend_requests().count("POST", "/backups"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_is_observed_look_by_look_by_another_process() {
    let folder = tempfile::tempdir().expect("a folder");
    let bed = Testbed::builder().start().await.expect("a testbed");
    let latest = RestoreFrom::Backup(Which::Latest);
    let task = {
        let host = host(folder.path());
        let session = session(&host, &bed).await;
        let prepared = prepare_restore(&session, &latest, true).await;
        let ongoing = prepared.expect("a backup").begin().await;
        written_down(&ongoing.expect("it begins").into_task())
    };
    assert_eq!(leases(&bed).len(), 1);
    let host = host(folder.path());
    let session = session(&host, &bed).await;
    let mut ongoing = Ongoing::take_up(&session, task.clone())
        .await
        .expect("its engine");
    let deadline = Instant::now() + Duration::from_mins(1);
    while !ongoing.has_ended() {
        assert!(Instant::now() < deadline, "{:?}", ongoing.state());
        ongoing.observe().await.expect("a look");
    }
    let finished = ongoing.finish().await.expect("it ended well");
    assert_eq!(finished.backup.id, task.id);
    // The second process took the Lease over, and gave it back at the end.
    assert!(leases(&bed).is_empty(), "{:?}", leases(&bed));
}
