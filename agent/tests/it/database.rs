//! A PostgreSQL server on loopback. `tests/it` uses this file, too.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, geteuid, kill_process};
use tempfile::TempDir;

pub const PASSWORD: &str = "super-secreta";

/// The content of the database, with everything that a dump must preserve.
pub const CONTENT: &str = "
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

/// A server on a free loopback port, which is stopped on drop.
pub struct Server {
    folder: TempDir,
    /// The folder of the programs of PostgreSQL.
    pub programs: PathBuf,
    child: Child,
    port: u16,
}

impl Server {
    /// Makes an empty server and starts it.
    pub fn start() -> Self {
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
            .find_map(|_| listening(as_owner("postgres")))
            .expect("the server starts");
        Self {
            folder,
            programs,
            child,
            port,
        }
    }

    /// Returns a client program of PostgreSQL that connects to this server.
    pub fn client(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command
            .env("PGHOST", "127.0.0.1")
            .env("PGPORT", self.port.to_string())
            .env("PGUSER", "app")
            .env("PGPASSWORD", PASSWORD)
            .current_dir(self.folder.path());
        command
    }

    /// Runs SQL in a database.
    pub fn sql(&self, database: &str, text: &str) {
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
    pub fn content(&self, database: &str) -> String {
        let mut dump = self.client("pg_dump");
        let text = succeeds(dump.args(["--dbname", database, "--inserts"]));
        // Newer versions begin and end a dump with a key that differs each time.
        let lines = text
            .lines()
            .filter(|line| !line.starts_with("\\restrict") && !line.starts_with("\\unrestrict"));
        lines.collect::<Vec<_>>().join("\n")
    }

    /// Restores a dump in the custom format. `clean` replaces what the database has.
    pub fn restore(&self, dump: &Path, database: &str, clean: bool) {
        let mut restore = self.client("pg_restore");
        restore
            .args(["--exit-on-error", "--dbname", database])
            .arg(dump);
        if clean {
            restore.args(["--clean", "--if-exists"]);
        }
        succeeds(&mut restore);
    }

    /// Returns the address of a database, with a password.
    pub fn url(&self, password: &str, database: &str) -> String {
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

/// Starts the server on a free port, and returns it once it is ready.
fn listening(mut postgres: Command) -> Option<(Child, u16)> {
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let port = free.expect("a free port").port();
    let mut child = postgres
        .args([
            "-D",
            "data",
            "-p",
            &port.to_string(),
            "-c",
            "listen_addresses=127.0.0.1",
        ])
        .args(["-c", "unix_socket_directories=", "-c", "fsync=off"])
        .stderr(Stdio::piped())
        .spawn()
        .expect("postgres can be started");
    let mut log = BufReader::new(child.stderr.take().expect("it is piped")).lines();
    let is_ready = log
        .by_ref()
        .map_while(Result::ok)
        .any(|line| line.contains("ready to accept connections"));
    // A server whose log is not read would block.
    std::thread::spawn(move || log.count());
    if is_ready {
        return Some((child, port));
    }
    let _ = child.wait();
    None
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
