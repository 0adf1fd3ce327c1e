use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::wire::{self, Reply};

pub const TOKEN: &str = "a-token-of-a-test";
pub const BEARER: &str = "Authorization: Bearer a-token-of-a-test";

/// Waits for a condition, and panics if it is not met within a minute.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let patience = Instant::now() + Duration::from_mins(1);
    while !holds() {
        assert!(Instant::now() < patience, "in vain waited until {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// The folders of one test.
pub struct Bench {
    folder: TempDir,
    env: BTreeMap<String, String>,
}

impl Bench {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = std::env::var("PATH").expect("there is a PATH");
        let bench = Self {
            folder,
            env: BTreeMap::from([("PATH".to_owned(), path)]),
        };
        fs::create_dir(bench.path("work")).expect("a folder");
        bench
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("it is in a folder")).expect("folders");
        fs::write(path, content).expect("it can be written");
    }

    /// Writes a whole configuration around a strategy, which must not be indented.
    pub fn configure(&self, strategy: &str) {
        self.configure_with(strategy, "");
    }

    pub fn configure_with(&self, strategy: &str, more: &str) {
        let root = self.folder.path().display();
        let strategy = strategy
            .trim()
            .lines()
            .fold(String::new(), |mut text, line| {
                writeln!(text, "  {line}").expect("a String takes all");
                text
            });
        let config = format!(
            "app: {{host: 127.0.0.1, port: 0}}\n\
             capabilities: {{version: v1, types: [test], est_seconds: 3}}\n\
             strategy:\n{strategy}\
             paths: {{workdir: {root}/work, artifacts: {root}/artifacts, temp_dump: {root}/temp/dump}}\n\
             secrets: {{api_token: {TOKEN}}}\n\
             {more}\n"
        );
        self.write("config.yaml", config);
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_broker-agent"));
        command
            .env_clear()
            .envs(&self.env)
            .current_dir(self.folder.path())
            .args(["--config", "config.yaml"])
            .args(arguments)
            .stdin(Stdio::null());
        command
    }

    /// Runs the program to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments)
            .output()
            .expect("the program can be started")
    }

    pub fn start(&self) -> Agent {
        let mut command = self.command(&["--log-level", "debug"]);
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program can be started");
        let log = Arc::new(Mutex::new(String::new()));
        let stderr = BufReader::new(child.stderr.take().expect("it is piped"));
        let kept = Arc::clone(&log);
        thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let mut log = kept.lock().expect("no thread panics");
                log.push_str(&line);
                log.push('\n');
            }
        });
        let mut agent = Agent {
            child,
            log,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
        };
        until("the agent listens", || {
            let ended = agent.child.try_wait().expect("it can be waited for");
            assert_eq!(ended, None, "{}", agent.log());
            agent.log().contains(" listens on ")
        });
        let log = agent.log();
        let (_, address) = log.split_once(" listens on ").expect("it is in the log");
        let address = address.lines().next().expect("a line");
        agent.address = address.parse().expect("an address");
        agent
    }

    /// Returns whether no files of an export are left on disk.
    pub fn is_clean(&self) -> bool {
        let files = |folder: &str| {
            let entries = fs::read_dir(self.path(folder)).expect("a folder");
            let names = entries.map(|entry| entry.expect("an entry").file_name());
            names
                .filter(|name| !name.to_string_lossy().starts_with('.'))
                .count()
        };
        files("artifacts") == 0 && files("temp") == 0
    }
}

/// A running agent, which is killed on drop.
pub struct Agent {
    child: Child,
    log: Arc<Mutex<String>>,
    pub address: SocketAddr,
}

impl Agent {
    pub fn log(&self) -> String {
        self.log.lock().expect("no thread panics").clone()
    }

    pub fn get(&self, path: &str) -> Reply {
        wire::send(
            self.address,
            &[&format!("GET {path} HTTP/1.1"), BEARER],
            b"",
        )
    }

    pub fn export(&self) -> Reply {
        self.export_with("")
    }

    pub fn export_with(&self, query: &str) -> Reply {
        let line = format!("POST /backup/export{query} HTTP/1.1");
        wire::send(self.address, &[&line, BEARER], b"")
    }

    /// Starts an export, and leaves the answer unread.
    pub fn begin(&self) -> std::net::TcpStream {
        let mut stream = wire::connect(self.address);
        wire::write(&mut stream, &["POST /backup/export HTTP/1.1", BEARER], b"");
        stream
    }

    /// Returns the value of a metric with exactly the labels in `name`.
    pub fn metric(&self, name: &str) -> String {
        let text = self.get("/metrics").text();
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let value = line.unwrap_or_else(|| panic!("no {name} in\n{text}"));
        value.to_owned()
    }

    pub fn signal(&self, signal: Signal) {
        let id = Pid::from_child(&self.child);
        kill_process(id, signal).expect("it is there");
    }

    pub fn wait(&mut self) -> ExitStatus {
        let mut status = None;
        until("the agent has ended", || {
            status = self.child.try_wait().expect("it can be waited for");
            status.is_some()
        });
        status.expect("it has ended")
    }
}

impl Drop for Agent {
    #[expect(
        clippy::print_stderr,
        reason = "the test runner keeps it with the test that failed"
    )]
    fn drop(&mut self) {
        // The agent may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("the agent's log:\n{}", self.log());
        }
    }
}

pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Checks the properties of every whole artifact, and returns its bytes.
pub fn artifact(reply: &Reply) -> &[u8] {
    assert_eq!(
        reply.status,
        200,
        "{}",
        String::from_utf8_lossy(&reply.body)
    );
    assert!(reply.is_whole);
    assert_eq!(
        reply.header("content-length"),
        Some(reply.body.len().to_string().as_str())
    );
    assert_eq!(reply.header("x-size"), reply.header("content-length"));
    assert_eq!(
        reply.header("x-checksum-sha256"),
        Some(sha256(&reply.body).as_str())
    );
    &reply.body
}

/// Runs an independent tool with `input` as its stdin, and returns its stdout.
pub fn tool(command: &mut Command, input: &Path) -> Vec<u8> {
    let input = fs::File::open(input).expect("it can be read");
    let output = command.stdin(input).output();
    let output =
        output.unwrap_or_else(|e| panic!("{command:?}: {e}; `cargo xtask ci` installs it"));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {told}");
    output.stdout
}
