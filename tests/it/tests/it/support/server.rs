//! Servers as processes that never outlive the tests.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

/// Starts a server, waits for the end of stdin, kills the server, and removes the paths of `$0`.
///
/// Stdin ends when its writer ends, even if that is killed. So a server in a `static`, which is never dropped,
/// ends with the test process. The shell closes the log, so that its end is the end of the server.
const WATCH: &str = r#"
"$@" 2>&1 </dev/null &
exec >/dev/null 2>&1
cat
kill -9 $!
wait
set -f
IFS=:
rm -rf -- $0
"#;

/// A running server. It ends when this is dropped, or when the test process ends.
pub struct Server {
    watcher: Child,
}

impl Server {
    /// Starts a server, and returns the first value that `ready` finds in a line of its log. `leftovers` are
    /// removed when the server has ended. If the server ends instead, the error is its log.
    pub fn start<T>(
        command: &Command,
        leftovers: &[PathBuf],
        ready: impl Fn(&str) -> Option<T>,
    ) -> Result<(Self, T), String> {
        let leftovers = std::env::join_paths(leftovers).expect("paths without colons");
        let mut shell = Command::new("sh");
        shell
            .args([OsStr::new("-c"), OsStr::new(WATCH), &leftovers])
            .arg(command.get_program())
            .args(command.get_args())
            // Ctrl-C in a terminal reaches only the tests, and the end of the tests stops the server.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        if let Some(folder) = command.get_current_dir() {
            shell.current_dir(folder);
        }
        let mut watcher = shell.spawn().expect("a shell");
        let mut log = BufReader::new(watcher.stdout.take().expect("a pipe"));
        let server = Self { watcher };
        let mut said = String::new();
        let found = loop {
            let before = said.len();
            if log.read_line(&mut said).expect("a log") == 0 {
                let program = command.get_program().display();
                return Err(format!("{program} ended: {said}"));
            }
            if let Some(found) = ready(&said[before..]) {
                break found;
            }
        };
        // A server whose log is not read would block.
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        Ok((server, found))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.watcher.stdin.take());
        let _ = self.watcher.wait();
    }
}

/// Returns a free port on loopback for a server that can't choose one itself.
///
/// It is below the ports that the kernel gives to clients and to servers that ask for port 0. Other test
/// processes begin elsewhere, but the port may be taken before it is used: start such a server again then.
pub fn free_port() -> u16 {
    static USED: AtomicU16 = AtomicU16::new(0);
    let process = u16::try_from(std::process::id() % 600).expect("less than 600");
    loop {
        let used = USED.fetch_add(1, Ordering::Relaxed);
        let port = 12_000 + (process * 32 + used) % 20_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
