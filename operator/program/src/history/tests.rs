#[cfg(unix)]
mod postgres;

use futures_util::stream;
use kube::runtime::reflector::store;
use operator_api::{Backup, BackupSpec, BackupStatus, Phase, RunStatus};
use sqlx::Row as _;
use tempfile::TempDir;

use super::*;
use crate::context::SeenGroups;

fn backup(name: &str, phase: Phase) -> Arc<Backup> {
    let spec = serde_json::json!({
        "engine": {"name": "hivemq"},
        "schedule": {"name": "nightly", "uid": "s", "time": "2026-11-28T02:00:00Z"},
    });
    let spec: BackupSpec = serde_json::from_value(spec).expect("a spec");
    let mut backup = Backup::new(name, spec);
    backup.metadata.namespace = Some("prod".to_owned());
    backup.metadata.uid = Some(format!("uid-{name}"));
    backup.status = Some(BackupStatus {
        run: RunStatus {
            phase: Some(phase),
            finished_at: "2026-11-28T02:04:00Z".parse().ok(),
            ..RunStatus::default()
        },
        ..BackupStatus::default()
    });
    Arc::new(backup)
}

fn seen() -> Seen {
    Seen {
        backups: store().0,
        restores: store().0,
        schedules: store().0,
        stores: store().0,
        requests: None,
        kafka: None,
        jobs: store().0,
        pods: store().0,
        groups: SeenGroups::default(),
    }
}

/// Returns an address of a file in a folder.
fn sqlite(folder: &TempDir, name: &str) -> Address {
    let text = format!("sqlite:{}", folder.path().join(name).display());
    Address::check(&Unchecked::from(text.as_str()), None).expect("an address")
}

fn history(address: Address) -> History {
    History::new(address, Arc::new(Metrics::new()))
}

async fn names(database: &Database) -> Vec<String> {
    let rows = sqlx::query("SELECT name || ' ' || phase AS it FROM broker_runs ORDER BY name")
        .fetch_all(database.pool())
        .await
        .expect("rows");
    rows.iter().map(|row| row.get("it")).collect()
}

/// Records runs until none waits.
async fn record(history: &History, runs: Vec<Arc<Backup>>) {
    let rows = stream::iter(runs).map(|it| Row::of_backup(&it));
    let seen = seen();
    let keep = history.keep(rows.chain(stream::pending()), &seen);
    tokio::select! {
        () = keep => unreachable!("the watches go on"),
        () = async {
            loop {
                tokio::task::yield_now().await;
                if history.pending().len() == 0 {
                    break;
                }
            }
        } => {}
    }
}

#[tokio::test]
async fn a_run_that_has_ended_is_written_once_however_often_it_comes() {
    let folder = TempDir::new().expect("a folder");
    let address = sqlite(&folder, "history.db");
    let open = backup("c", Phase::Running);
    for _restart in 0..2 {
        let history = history(address.clone());
        let runs = vec![
            backup("a", Phase::Succeeded),
            backup("b", Phase::Failed),
            Arc::clone(&open),
            backup("a", Phase::Succeeded),
        ];
        record(&history, runs).await;
    }
    let database = Database::connect(&address).await.expect("a database");
    assert_eq!(names(&database).await, ["a Succeeded", "b Failed"]);
    let row = sqlx::query("SELECT * FROM broker_runs WHERE name = 'a'")
        .fetch_one(database.pool())
        .await
        .expect("a row");
    assert_eq!(row.get::<String, _>("namespace"), "prod");
    assert_eq!(row.get::<String, _>("schedule"), "nightly");
    assert_eq!(
        row.get::<String, _>("scheduled_for"),
        "2026-11-28T02:00:00Z"
    );
    assert_eq!(row.get::<String, _>("finished_at"), "2026-11-28T02:04:00Z");
}

#[tokio::test]
async fn a_request_has_one_row_in_the_table_of_the_plan() {
    let folder = TempDir::new().expect("a folder");
    let address = sqlite(&folder, "history.db");
    let history = history(address.clone());
    for state in ["Failed", "Succeeded"] {
        history.note(Row::of_request(&request::tests::request("a", state)));
        record(&history, vec![]).await;
    }
    let database = Database::connect(&address).await.expect("a database");
    let rows = sqlx::query("SELECT * FROM backup_requests")
        .fetch_all(database.pool())
        .await
        .expect("rows");
    let [row] = &*rows else {
        panic!("one row, not {}", rows.len());
    };
    for (column, text) in [
        ("cr_name", "a"),
        ("cr_namespace", "prod"),
        ("project_id", "retail"),
        ("state", "Succeeded"),
        ("db_snapshot_id", "retail-snap"),
        ("dl_destination_prefix", "retail/prd/20261128-020000"),
        ("created_at", "2026-11-28T02:00:00Z"),
    ] {
        assert_eq!(row.get::<String, _>(column), text, "{column}");
    }
    assert_eq!(row.get::<i64, _>("db_snapshot_size_bytes"), 1 << 30);
    assert_eq!(row.get::<i64, _>("dl_object_count"), 3);
    assert_eq!(row.get::<i64, _>("dl_total_size_bytes"), 7);
}

#[tokio::test]
async fn a_requested_restore_has_one_row() {
    let folder = TempDir::new().expect("a folder");
    let address = sqlite(&folder, "history.db");
    let history = history(address.clone());
    for state in ["Failed", "Succeeded"] {
        history.note(Row::of_restore_request(&restore_request::tests::request(
            state,
        )));
        record(&history, vec![]).await;
    }
    let database = Database::connect(&address).await.expect("a database");
    let rows = sqlx::query("SELECT * FROM restore_requests")
        .fetch_all(database.pool())
        .await
        .expect("rows");
    let [row] = &*rows else {
        panic!("one row, not {}", rows.len());
    };
    for (column, text) in [
        ("cr_name", "back"),
        ("cr_uid", "uid-back"),
        ("target_environment", "uat"),
        ("backup_id", "retail"),
        ("units", "database,documentLibrary"),
        ("state", "Succeeded"),
        ("reason", "RestoreCompleted"),
        ("db_target_instance_id", "new-db"),
        ("dl_target_bucket", "new-docs"),
        ("approved_by", "ann"),
        ("approved_at", "2026-11-28T02:00:00Z"),
        ("completion_time", "2026-11-28T02:04:00Z"),
    ] {
        assert_eq!(row.get::<String, _>(column), text, "{column}");
    }
    assert_eq!(row.get::<Option<String>, _>("project_id"), None);
}

#[tokio::test]
async fn a_row_is_there_when_the_history_says_so() {
    let folder = TempDir::new().expect("a folder");
    let address = sqlite(&folder, "history.db");
    let history = history(address.clone());
    let row = Row::of_request(&request::tests::request("a", "Failed")).expect("a row");
    assert!(!history.has(&row), "it waits");
    record(&history, vec![]).await;
    assert!(history.has(&row));
    let newer = Row::of_request(&request::tests::request("a", "Succeeded")).expect("a row");
    assert!(!history.has(&newer));
    assert_eq!(history.pending().len(), 1);
}

#[tokio::test]
async fn a_database_that_comes_late_gets_everything() {
    let folder = TempDir::new().expect("a folder");
    let address = sqlite(&folder, "later/history.db");
    let history = history(address.clone());
    history.note(Row::of_backup(&backup("a", Phase::Lost)));
    assert!(Database::connect(&address).await.is_err());
    let metrics = || history.metrics.text().expect("metrics");
    assert!(
        metrics().contains("broker_history_pending 1\n"),
        "{}",
        metrics()
    );
    assert!(
        !metrics().contains("broker_history_lag_seconds 0.0\n"),
        "{}",
        metrics()
    );
    std::fs::create_dir(folder.path().join("later")).expect("a folder");
    record(&history, vec![]).await;
    let database = Database::connect(&address).await.expect("a database");
    assert_eq!(names(&database).await, ["a Lost"]);
    assert!(
        metrics().contains("broker_history_lag_seconds 0.0\n"),
        "{}",
        metrics()
    );
}

#[tokio::test]
async fn a_record_that_is_refused_does_not_hold_up_the_others() {
    let folder = TempDir::new().expect("a folder");
    let address = sqlite(&folder, "history.db");
    let history = history(address.clone());
    let database = Database::connect(&address).await.expect("a database");
    let execute = async |statement| {
        let done = sqlx::raw_sql(statement).execute(database.pool()).await;
        done.expect("a statement");
    };
    execute(
        "CREATE TRIGGER refuse BEFORE INSERT ON broker_runs WHEN new.name = 'b' \
         BEGIN SELECT RAISE(ABORT, 'not this one'); END",
    )
    .await;
    for name in ["a", "b", "c"] {
        history.note(Row::of_backup(&backup(name, Phase::Succeeded)));
    }
    let error = history.write_all(&database, &seen()).await;
    assert!(
        error
            .expect_err("it is refused")
            .to_string()
            .contains("not this one")
    );
    assert_eq!(names(&database).await, ["a Succeeded", "c Succeeded"]);
    assert_eq!(history.pending().len(), 1);
    execute("DROP TRIGGER refuse").await;
    history
        .write_all(&database, &seen())
        .await
        .expect("it is written");
    assert_eq!(names(&database).await.len(), 3);
    assert_eq!(history.pending().len(), 0);
}
