//! A PostgreSQL server on loopback, from the programs of Debian's package.

use std::fs;
use std::io::{self, BufRead as _, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, geteuid, kill_process};
use tempfile::TempDir;

/// The password of the user `app`.
pub const PASSWORD: &str = "super-secreta";

/// The content of a database, with everything that a dump must preserve.
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
pub struct Postgres {
    folder: TempDir,
    programs: PathBuf,
    child: Child,
    port: u16,
}

impl Postgres {
    /// Makes an empty server and starts it. Its user `app` may do everything.
    ///
    /// # Errors
    /// When PostgreSQL is not installed, or does not start.
    pub fn start() -> io::Result<Self> {
        let programs = programs()?;
        let folder = tempfile::tempdir()?;
        let password = folder.path().join("password");
        fs::write(&password, PASSWORD)?;
        let owner = owner()?;
        if let Some((user, group)) = owner {
            for path in [folder.path(), &password] {
                chown(path, Some(user), Some(group))?;
            }
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
        let arguments = "--pgdata data --username app --auth scram-sha-256 --pwfile password \
                         --encoding UTF8 --locale C --no-sync";
        succeeds(as_owner("initdb").args(arguments.split_whitespace()))?;
        // Another process may take the port before the server does; then another one is tried.
        for _ in 0..5 {
            if let Some((child, port)) = listening(as_owner("postgres"))? {
                return Ok(Self {
                    folder,
                    programs,
                    child,
                    port,
                });
            }
        }
        Err(io::Error::other("PostgreSQL does not start"))
    }

    /// Returns the folder of the programs of PostgreSQL.
    #[must_use]
    pub fn programs(&self) -> &Path {
        &self.programs
    }

    /// Returns a client program of PostgreSQL that connects to this server.
    #[must_use]
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

    /// Runs SQL in a database, and returns the values that it selects, one row per line.
    ///
    /// # Errors
    /// When the server refuses it.
    pub fn sql(&self, database: &str, text: &str) -> io::Result<String> {
        let mut psql = self.client("psql");
        psql.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align"]);
        psql.args(["--set", "ON_ERROR_STOP=1", "--dbname", database]);
        succeeds(psql.args(["--command", text]))
    }

    /// Returns the content of a database as comparable text.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn content(&self, database: &str) -> io::Result<String> {
        let mut dump = self.client("pg_dump");
        let text = succeeds(dump.args(["--dbname", database, "--inserts"]))?;
        // Newer versions begin and end a dump with a key that differs each time.
        let lines = text
            .lines()
            .filter(|line| !line.starts_with("\\restrict") && !line.starts_with("\\unrestrict"));
        Ok(lines.collect::<Vec<_>>().join("\n"))
    }

    /// Restores a dump in the custom format. `clean` replaces what the database has.
    ///
    /// # Errors
    /// When `pg_restore` fails.
    pub fn restore(&self, dump: &Path, database: &str, clean: bool) -> io::Result<()> {
        let mut restore = self.client("pg_restore");
        restore
            .args(["--exit-on-error", "--dbname", database])
            .arg(dump);
        if clean {
            restore.args(["--clean", "--if-exists"]);
        }
        succeeds(&mut restore).map(drop)
    }

    /// Returns the address of a database, with a password.
    #[must_use]
    pub fn url(&self, password: &str, database: &str) -> String {
        format!(
            "postgresql://app:{password}@127.0.0.1:{}/{database}",
            self.port
        )
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // The immediate shutdown loses data, which is fine here.
        let _ = kill_process(Pid::from_child(&self.child), Signal::QUIT);
        let _ = self.child.wait();
    }
}

/// Starts the server on a free port, and returns it once it is ready.
fn listening(mut postgres: Command) -> io::Result<Option<(Child, u16)>> {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = free.local_addr()?.port();
    drop(free);
    let mut child = postgres
        .args(["-D", "data", "-p", &port.to_string()])
        .args(["-c", "listen_addresses=127.0.0.1"])
        .args(["-c", "unix_socket_directories=", "-c", "fsync=off"])
        .stderr(Stdio::piped())
        .spawn()?;
    let Some(log) = child.stderr.take() else {
        return Err(io::Error::other("PostgreSQL has no log"));
    };
    let mut log = BufReader::new(log).lines();
    let is_ready = log
        .by_ref()
        .map_while(Result::ok)
        .any(|line| line.contains("ready to accept connections"));
    // A server whose log is not read would block.
    std::thread::spawn(move || log.count());
    if is_ready {
        return Ok(Some((child, port)));
    }
    child.wait()?;
    Ok(None)
}

fn succeeds(command: &mut Command) -> io::Result<String> {
    let output = command.stdout(Stdio::piped()).output()?;
    if output.status.success() {
        return String::from_utf8(output.stdout).map_err(io::Error::other);
    }
    let program = command.get_program().display();
    let told = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!("{program}: {told}")))
}

/// Returns the folder of the server's programs, which Debian does not put into PATH.
fn programs() -> io::Result<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let folders = versions.flatten().map(|entry| entry.path().join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = folders
        .chain(std::env::split_paths(&path))
        .filter(|folder| folder.join("initdb").exists() && folder.join("pg_dump").exists())
        .max();
    found.ok_or_else(|| {
        let problem = "PostgreSQL is not installed; install Debian's package postgresql, as `cargo xtask ci` does";
        io::Error::new(io::ErrorKind::NotFound, problem)
    })
}

/// Returns the user of Debian's package if this program runs as root, because the server refuses to run as root.
fn owner() -> io::Result<Option<(u32, u32)>> {
    if !geteuid().is_root() {
        return Ok(None);
    }
    let users = fs::read_to_string("/etc/passwd")?;
    let line = users.lines().find(|line| line.starts_with("postgres:"));
    let mut fields = line.unwrap_or_default().split(':').skip(2);
    let mut number = || fields.next()?.parse().ok();
    match (number(), number()) {
        (Some(user), Some(group)) => Ok(Some((user, group))),
        _ => Err(io::Error::other(
            "there is no user postgres, which Debian's package makes",
        )),
    }
}
