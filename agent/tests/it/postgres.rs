//! Backup, damage, restore and comparison with a PostgreSQL server that the test starts.

use crate::database::{CONTENT, PASSWORD, Server};
use crate::support::{Agent, Bench, artifact, sha256, until};

const DAMAGE: &str = "
drop view cheerful; update people set name = 'lost' where id % 7 = 0; delete from letters where id % 3 = 0;
alter table people drop column photo; drop function shout;
";

fn agent(server: &Server, url: &str, strategy: &str) -> (Bench, Agent) {
    let path = std::env::var("PATH").expect("there is a PATH");
    let bench = Bench::new()
        .env("PATH", &format!("{}:{path}", server.programs.display()))
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
    let server = Server::start();
    server.sql("postgres", "create database shop");
    server.sql("shop", CONTENT);
    let before = server.content("shop");
    assert!(before.contains("Größe 2000"));

    let url = server.url(PASSWORD, "shop");
    let (bench, spooled) = agent(&server, &url, SHELL);
    bench.write("spooled.dump", artifact(&spooled.export()));
    let (_bench, streamed) = agent(&server, &url, STREAMED);
    let reply = streamed.export();
    assert!(reply.is_whole && reply.trailers["x-checksum-sha256"] == sha256(&reply.body));
    bench.write("streamed.dump", reply.body);

    server.sql("shop", DAMAGE);
    let damaged = server.content("shop");
    assert_ne!(damaged, before);
    for (dump, database) in [("spooled.dump", "second"), ("streamed.dump", "third")] {
        server.sql("postgres", &format!("create database {database}"));
        server.restore(&bench.path(dump), database, false);
        assert_eq!(server.content(database), before, "{dump}");
    }
    assert_eq!(server.content("shop"), damaged);
    server.restore(&bench.path("spooled.dump"), "shop", true);
    assert_eq!(server.content("shop"), before);
}

#[test]
fn a_database_that_refuses_is_a_failure_without_the_password_in_it() {
    let server = Server::start();
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
