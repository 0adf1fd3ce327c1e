//! The history in a PostgreSQL server that the test starts.

use testbed::postgres::{PASSWORD, Postgres};

use super::record::Record;
use super::*;

fn address(server: &Postgres, password: &str) -> Address {
    let text = server.url(password, "postgres");
    Address::check(&Unchecked::from(text.as_str()), Some(&text)).expect("an address")
}

#[tokio::test]
async fn postgresql_gets_rows_with_types_and_empty_fields() {
    let server = Postgres::start().expect("a database");
    let address = address(&server, PASSWORD);
    sqlx::any::install_default_drivers();
    let database = Database::connect(&address).await.expect("a database");
    for _restart in 0..2 {
        let history = history(address.clone());
        let mut full = Record::named("full");
        full.scheduled_for = Some("2026-11-28T02:00:00.25Z".to_owned());
        full.failure_message = Some("it's \\ \"so\" – größer\n".to_owned());
        history.note(Some(Row::Run(Box::new(full))));
        history.note(Row::of_request(&request::tests::request("a", "Succeeded")));
        history.note(Row::of_restore_request(&restore_request::tests::request(
            "Succeeded",
        )));
        record(&history, vec![backup("a", Phase::Lost)]).await;
    }
    assert_eq!(names(&database).await, ["a Lost", "full Succeeded"]);
    let row = sqlx::query(
        "SELECT bytes, sha256, failure_message, finished_at > scheduled_for AS ends_later, \
         CAST(pg_typeof(finished_at) AS TEXT) AS type FROM broker_runs WHERE name = 'full'",
    )
    .fetch_one(database.pool())
    .await
    .expect("a row");
    assert_eq!(row.get::<i64, _>("bytes"), 1 << 40);
    assert_eq!(row.get::<Option<String>, _>("sha256"), None);
    assert_eq!(
        row.get::<String, _>("failure_message"),
        "it's \\ \"so\" – größer\n"
    );
    assert!(row.get::<bool, _>("ends_later"));
    assert_eq!(row.get::<String, _>("type"), "timestamp with time zone");
    let row = sqlx::query(
        "SELECT COUNT(*) AS rows, MIN(state) AS state, MIN(dl_total_size_bytes) AS bytes, \
         BOOL_AND(completion_time > start_time AND archived_at IS NOT NULL) AS is_dated FROM backup_requests",
    )
    .fetch_one(database.pool())
    .await
    .expect("a row");
    assert_eq!(row.get::<i64, _>("rows"), 1);
    assert_eq!(row.get::<String, _>("state"), "Succeeded");
    assert_eq!(row.get::<i64, _>("bytes"), 7);
    assert!(row.get::<bool, _>("is_dated"));
    let row = sqlx::query(
        "SELECT COUNT(*) AS rows, MIN(state) AS state, \
         BOOL_AND(approved_at < completion_time AND archived_at IS NOT NULL) AS is_dated FROM restore_requests",
    )
    .fetch_one(database.pool())
    .await
    .expect("a row");
    assert_eq!(row.get::<i64, _>("rows"), 1);
    assert_eq!(row.get::<String, _>("state"), "Succeeded");
    assert!(row.get::<bool, _>("is_dated"));
}

#[tokio::test]
async fn a_refused_password_is_not_in_the_error() {
    let server = Postgres::start().expect("a database");
    sqlx::any::install_default_drivers();
    let wrong = address(&server, "wr0ng");
    let error = Database::connect(&wrong)
        .await
        .err()
        .expect("it is refused");
    let shown = format!("{error} {error:?}");
    assert!(shown.contains("password authentication failed"), "{shown}");
    assert!(!shown.contains("wr0ng"), "{shown}");
}
