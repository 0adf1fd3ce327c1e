//! The history in a PostgreSQL server that the test starts.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, geteuid, kill_process};

use super::*;

const PASSWORD: &str = "s3cr3t-of-a-test";

/// A server on a free loopback port, which is stopped on drop.
struct Server {
    _folder: TempDir,
    child: Child,
    port: u16,
}

impl Server {
    fn start() -> Self {
        let programs = programs();
        let folder = TempDir::new().expect("a folder");
        let path = folder.path().to_owned();
        let password = path.join("password");
        fs::write(&password, PASSWORD).expect("it can be written");
        let owner = owner();
        if let Some((user, group)) = owner {
            for file in [&path, &password] {
                chown(file, Some(user), Some(group)).expect("root can do that");
            }
        }
        let as_owner = |program: &str| {
            let mut command = Command::new(programs.join(program));
            if let Some((user, group)) = owner {
                command.uid(user).gid(group);
            }
            command.current_dir(&path);
            command
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            command
        };
        let arguments = "--pgdata data --username app --auth scram-sha-256 --pwfile password \
                         --encoding UTF8 --locale C --no-sync";
        let made = as_owner("initdb")
            .args(arguments.split_whitespace())
            .status();
        assert!(made.expect("initdb can be started").success());
        // Another process may take the port before the server does; the test then tries another one.
        let (child, port) = (0..5)
            .find_map(|_| listening(as_owner("postgres")))
            .expect("the server starts");
        Self {
            _folder: folder,
            child,
            port,
        }
    }

    fn address(&self) -> Address {
        let text = format!("postgres://app:{PASSWORD}@127.0.0.1:{}/postgres", self.port);
        Address::check(&Unchecked::from(text.as_str()), Some(&text)).expect("an address")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The immediate shutdown loses data, which is fine here.
        let _ = kill_process(Pid::from_child(&self.child), Signal::QUIT);
        let _ = self.child.wait();
    }
}

/// Starts the server on a free port, and waits until it listens or ends.
fn listening(mut server: Command) -> Option<(Child, u16)> {
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = free.local_addr().expect("an address").port();
    drop(free);
    let text = port.to_string();
    server.args([
        "-D",
        "data",
        "-h",
        "127.0.0.1",
        "-k",
        ".",
        "-p",
        &text,
        "-F",
    ]);
    let mut child = server.spawn().expect("the server can be started");
    loop {
        if child.try_wait().expect("a state").is_some() {
            return None;
        }
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return Some((child, port));
        }
        std::thread::yield_now();
    }
}

/// Returns the folder of the newest installed server.
fn programs() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let folders = versions.map(|entry| entry.expect("an entry").path().join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut found: Vec<_> = folders
        .chain(std::env::split_paths(&path))
        .filter(|folder| folder.join("initdb").exists())
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
    let line = line.expect("Debian's package postgresql makes a user of that name");
    let fields: Vec<_> = line.split(':').collect();
    let number = |at: usize| fields[at].parse().expect("a number");
    Some((number(2), number(3)))
}

/// Connects as soon as the server accepts it: it listens a little earlier.
async fn connect(address: &Address) -> Database {
    loop {
        match Database::connect(address).await {
            Ok(database) => return database,
            Err(sqlx::Error::Database(error)) if error.message().contains("starting up") => {}
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn postgresql_gets_rows_with_types_and_empty_fields() {
    let server = Server::start();
    let address = server.address();
    history(address.clone());
    let database = connect(&address).await;
    for _restart in 0..2 {
        let history = history(address.clone());
        let mut full = Record::named("full");
        full.scheduled_for = Some("2026-11-28T02:00:00.25Z".to_owned());
        full.failure_message = Some("it's \\ \"so\" – größer\n".to_owned());
        history.note(Some(Row::Run(Box::new(full))));
        history.note(Row::of_request(&request::tests::request("a", "Succeeded")));
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
}

#[tokio::test]
async fn a_refused_password_is_not_in_the_error() {
    let server = Server::start();
    let right = server.address();
    history(right.clone());
    drop(connect(&right).await);
    let text = format!("postgres://app:wr0ng@127.0.0.1:{}/postgres", server.port);
    let wrong = Address::check(&Unchecked::from(text.as_str()), Some(&text)).expect("an address");
    let error = Database::connect(&wrong)
        .await
        .err()
        .expect("it is refused");
    let shown = format!("{error} {error:?}");
    assert!(shown.contains("password authentication failed"), "{shown}");
    assert!(!shown.contains("wr0ng"), "{shown}");
}
