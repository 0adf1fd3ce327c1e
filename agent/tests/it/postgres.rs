//! Backup, damage, restore and comparison with a PostgreSQL server that the test starts.

use crate::support::{Agent, Bench, artifact, sha256, until};
use testbed::postgres::{CONTENT, PASSWORD, Postgres};

const DAMAGE: &str = "
drop view cheerful; update people set name = 'lost' where id % 7 = 0; delete from letters where id % 3 = 0;
alter table people drop column photo; drop function shout;
";

fn agent(server: &Postgres, url: &str, strategy: &str) -> (Bench, Agent) {
    let path = std::env::var("PATH").expect("there is a PATH");
    let bench = Bench::new()
        .env("PATH", &format!("{}:{path}", server.programs().display()))
        .env("DATABASE_URL", url)
        .env("DATABASE_PASSWORD", PASSWORD);
    bench.configure(strategy);
    let agent = bench.start();
    (bench, agent)
}

/// The configuration from the guide of the Python sidecar.
const SHELL: &str = "type: database_dump
artifact: {filename: backup.dump, format: postgres-custom, content_type: application/octet-stream}
config:
  command: |
    pg_dump --dbname=\"${DATABASE_URL}\" --format=custom
  capture_stdout: true
  env:
    PGPASSWORD: ${DATABASE_PASSWORD}";

const STREAMED: &str = "type: postgres
config:
  command: [[pg_dump, '--dbname=${DATABASE_URL}', --format=custom]]
  stream: true";

#[test]
fn a_database_is_backed_up_damaged_restored_and_the_same() {
    let server = Postgres::start().expect("a database");
    server.sql("postgres", "create database shop").expect("SQL");
    server.sql("shop", CONTENT).expect("SQL");
    let before = server.content("shop").expect("content");
    assert!(before.contains("Größe 2000"));

    let url = server.url(PASSWORD, "shop");
    let (bench, spooled) = agent(&server, &url, SHELL);
    bench.write("spooled.dump", artifact(&spooled.export()));
    let (_bench, streamed) = agent(&server, &url, STREAMED);
    let reply = streamed.export();
    assert!(reply.is_whole && reply.trailers["x-checksum-sha256"] == sha256(&reply.body));
    bench.write("streamed.dump", reply.body);

    server.sql("shop", DAMAGE).expect("SQL");
    let damaged = server.content("shop").expect("content");
    assert_ne!(damaged, before);
    for (dump, database) in [("spooled.dump", "second"), ("streamed.dump", "third")] {
        server
            .sql("postgres", &format!("create database {database}"))
            .expect("SQL");
        server
            .restore(&bench.path(dump), database, false)
            .expect("a dump");
        assert_eq!(server.content(database).expect("content"), before, "{dump}");
    }
    assert_eq!(server.content("shop").expect("content"), damaged);
    server
        .restore(&bench.path("spooled.dump"), "shop", true)
        .expect("a dump");
    assert_eq!(server.content("shop").expect("content"), before);
}

#[test]
fn a_database_that_refuses_is_a_failure_without_the_password_in_it() {
    let server = Postgres::start().expect("a database");
    let wrong = "a-wrong-password";
    for strategy in [SHELL, STREAMED] {
        let (bench, agent) = agent(&server, &server.url(wrong, "postgres"), strategy);
        let reply = agent.export();
        assert_eq!(reply.status, 500);
        let error = reply.error();
        assert!(
            error.contains("password authentication failed for user \"app\""),
            "{error}"
        );
        assert!(
            !error.contains(wrong) && !agent.log().contains(wrong),
            "{error}\n{}",
            agent.log()
        );
        until("the files are removed", || bench.is_clean());
    }
}
