//! Backup, damage, restore and comparison with a PostgreSQL server that the test starts.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, geteuid, kill_process};
use tempfile::TempDir;

use crate::support::{Agent, Bench, artifact, sha256, until};

const PASSWORD: &str = "super-secreta";

/// The content of the database, with everything that a dump must preserve.
const CONTENT: &str = "
create type mood as enum ('sad', 'ok', 'happy');
create table people (id serial primary key, name text not null, feels mood, born date, photo bytea, extra jsonb);
create table letters (id bigserial primary key, sender int references people, body text, sent timestamptz default now());
create index letters_by_sender on letters (sender);
create view cheerful as select name from people where feels = 'happy';
create function shout(text) returns text language sql as 'select upper($1)';
insert into people (name, feels, born, photo, extra)
  select 'Größe ' || n || E' \\'quoted\\' \\\\ \\n line', (array['sad','ok','happy'])[1 + n % 3]::mood,
         date '1970-01-01' + n, decode(md5(n::text), 'hex'), jsonb_build_object('n', n, 'list', array[n, null])
  from generate_series(1, 2000) n;
insert into letters (sender, body) select 1 + n % 2000, repeat(md5(n::text), 20) from generate_series(1, 5000) n;
";
const DAMAGE: &str = "
drop view cheerful; update people set name = 'lost' where id % 7 = 0; delete from letters where id % 3 = 0;
alter table people drop column photo; drop function shout;
";

/// A server on a free loopback port, which is stopped on drop.
struct Server {
    folder: TempDir,
    programs: PathBuf,
    child: Child,
    port: u16,
}

impl Server {
    fn start() -> Self {
        let programs = programs();
        let folder = tempfile::tempdir().expect("a folder");
        let owner = owner();
        if let Some((user, group)) = owner {
            chown(folder.path(), Some(user), Some(group)).expect("root can do that");
        }
        let as_owner = |program: &str| {
            let mut command = Command::new(programs.join(program));
            if let Some((user, group)) = owner {
                command.uid(user).gid(group);
            }
            command
                .current_dir(folder.path())
                .stdin(Stdio::null())
                .stdout(Stdio::null());
            command
        };
        let password = folder.path().join("password");
        fs::write(&password, PASSWORD).expect("it can be written");
        if let Some((user, group)) = owner {
            chown(&password, Some(user), Some(group)).expect("root can do that");
        }
        let made = as_owner("initdb")
            .args([
                "--pgdata",
                "data",
                "--username",
                "app",
                "--auth",
                "scram-sha-256",
            ])
            .args([
                "--pwfile",
                "password",
                "--encoding",
                "UTF8",
                "--locale",
                "C",
                "--no-sync",
            ])
            .status();
        assert!(made.expect("initdb can be started").success());
        // Another process may take the port before the server does; the test then tries another one.
        let (child, port) = (0..5)
            .find_map(|_| listening(&programs, || as_owner("postgres")))
            .expect("the server starts");
        Self {
            folder,
            programs,
            child,
            port,
        }
    }

    /// Returns a client program of PostgreSQL that connects to this server.
    fn client(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command
            .env("PGHOST", "127.0.0.1")
            .env("PGPORT", self.port.to_string())
            .env("PGUSER", "app")
            .env("PGPASSWORD", PASSWORD)
            .current_dir(self.folder.path());
        command
    }

    fn sql(&self, database: &str, text: &str) {
        let mut psql = self.client("psql");
        psql.args([
            "--no-psqlrc",
            "--quiet",
            "--set",
            "ON_ERROR_STOP=1",
            "--dbname",
            database,
            "--command",
            text,
        ]);
        succeeds(&mut psql);
    }

    /// Returns the content of a database as comparable text.
    fn content(&self, database: &str) -> String {
        let mut dump = self.client("pg_dump");
        let text = succeeds(dump.args(["--dbname", database, "--inserts"]));
        // Newer versions begin and end a dump with a key that differs each time.
        let lines = text
            .lines()
            .filter(|line| !line.starts_with("\\restrict") && !line.starts_with("\\unrestrict"));
        lines.collect::<Vec<_>>().join("\n")
    }

    fn url(&self, password: &str, database: &str) -> String {
        format!(
            "postgresql://app:{password}@127.0.0.1:{}/{database}",
            self.port
        )
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The immediate shutdown loses data, which is fine here.
        let _ = kill_process(Pid::from_child(&self.child), Signal::QUIT);
        let _ = self.child.wait();
    }
}

/// Starts the server on a free port, and returns it once it responds.
fn listening(programs: &Path, postgres: impl Fn() -> Command) -> Option<(Child, u16)> {
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let port = free.expect("a free port").port();
    let mut child = postgres()
        .args([
            "-D",
            "data",
            "-p",
            &port.to_string(),
            "-c",
            "listen_addresses=127.0.0.1",
        ])
        .args(["-c", "unix_socket_directories=", "-c", "fsync=off"])
        .stderr(Stdio::null())
        .spawn()
        .expect("postgres can be started");
    let mut has_ended = false;
    until("the server answers or has ended", || {
        has_ended = child.try_wait().expect("it can be waited for").is_some();
        let mut ready = Command::new(programs.join("pg_isready"));
        ready
            .args(["--host", "127.0.0.1", "--port", &port.to_string()])
            .stdout(Stdio::null());
        has_ended || ready.status().expect("pg_isready can be started").success()
    });
    (!has_ended).then_some((child, port))
}

fn succeeds(command: &mut Command) -> String {
    let output = command.output().expect("it can be started");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {told}");
    String::from_utf8(output.stdout).expect("text")
}

/// Returns the folder of the server's programs, which Debian does not put into PATH.
fn programs() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let folders = versions.map(|entry| entry.expect("an entry").path().join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut found: Vec<_> = folders
        .chain(std::env::split_paths(&path))
        .filter(|folder| folder.join("initdb").exists() && folder.join("pg_dump").exists())
        .collect();
    found.sort();
    found
        .pop()
        .expect("PostgreSQL is installed; `cargo xtask ci` installs Debian's package postgresql")
}

/// Returns the user of Debian's package if the test runs as root, because the server refuses to run as root.
fn owner() -> Option<(u32, u32)> {
    if !geteuid().is_root() {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").expect("there are users");
    let line = users.lines().find(|line| line.starts_with("postgres:"));
    let mut fields = line
        .expect("Debian's package postgresql makes a user of that name")
        .split(':')
        .skip(2);
    let mut number = || {
        fields
            .next()
            .and_then(|field| field.parse().ok())
            .expect("a number")
    };
    Some((number(), number()))
}

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

fn restore(server: &Server, dump: &Path, database: &str, clean: bool) {
    let mut restore = server.client("pg_restore");
    restore
        .args(["--exit-on-error", "--dbname", database])
        .arg(dump);
    if clean {
        restore.args(["--clean", "--if-exists"]);
    }
    succeeds(&mut restore);
}

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
        restore(&server, &bench.path(dump), database, false);
        assert_eq!(server.content(database), before, "{dump}");
    }
    assert_eq!(server.content("shop"), damaged);
    restore(&server, &bench.path("spooled.dump"), "shop", true);
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
