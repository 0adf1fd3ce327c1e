//! The program, and what it reports.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::DEADLINE;

/// The folders of some objects: Secrets, volumes and notes.
pub struct Desk {
    pub folder: TempDir,
    /// The folder that outlives the program, if it gets one.
    pub state: Option<&'static str>,
}

/// The lines of a run of the program, and its exit code.
#[derive(Debug)]
pub struct Report {
    pub code: Option<i32>,
    pub lines: Vec<Value>,
    pub stderr: String,
}

/// A run that has not ended.
pub struct Running {
    child: Child,
    lines: Receiver<Value>,
    seen: Vec<Value>,
    stderr: PathBuf,
}

impl Desk {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["volumes/backups", "secrets", "objects"] {
            fs::create_dir_all(folder.path().join(name)).expect("a folder");
        }
        Self {
            folder,
            state: Some("state"),
        }
    }

    pub fn volume(&self) -> PathBuf {
        self.folder.path().join("volumes/backups")
    }

    /// Writes a Secret as Kubernetes mounts it: its keys are links into a folder that is replaced as a whole.
    pub fn secret(&self, name: &str, keys: &[(&str, &str)]) {
        let folder = self.folder.path().join("secrets").join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("..2025_09_06")).expect("a folder");
        symlink("..2025_09_06", folder.join("..data")).expect("a link");
        for (key, value) in keys {
            fs::write(folder.join("..data").join(key), value).expect("a key");
            symlink(format!("..data/{key}"), folder.join(key)).expect("a link");
        }
    }

    /// Writes an object, and returns its file.
    pub fn object(&self, kind: &str, name: &str, spec: &Value) -> PathBuf {
        let path = self
            .folder
            .path()
            .join("objects")
            .join(format!("{kind}-{name}.json"));
        let object = json!({
            "apiVersion": "kafka.oso.sh/v1alpha1", "kind": kind, "spec": spec,
            "metadata": { "name": name, "namespace": "demo", "uid": format!("uid-of-{name}"), "generation": 1 },
        });
        fs::write(&path, object.to_string()).expect("an object");
        path
    }

    pub fn command(&self, command: &str, object: &Path, more: &[&str]) -> Command {
        let mut program = Command::new(env!("CARGO_BIN_EXE_broker-kafka-worker"));
        program.env_clear().arg(command).arg("--object").arg(object);
        let folders = [
            ("--secrets", Some("secrets")),
            ("--volumes", Some("volumes")),
            ("--state", self.state),
        ];
        for (flag, name) in folders {
            if let Some(name) = name {
                program.arg(flag).arg(self.folder.path().join(name));
            }
        }
        program
            .arg("--termination-message")
            .arg(self.folder.path().join("termination"));
        program.args(more);
        program
    }

    pub fn begin(&self, command: &str, object: &Path, more: &[&str]) -> Running {
        Running::start(
            self.command(command, object, more),
            self.folder.path().join("stderr"),
        )
    }

    pub fn run(&self, command: &str, object: &Path, more: &[&str]) -> Report {
        self.begin(command, object, more).ended()
    }

    /// Runs the program, and asserts that it succeeds. Returns the status of the result.
    pub fn complete(&self, command: &str, object: &Path, more: &[&str]) -> Value {
        let report = self.run(command, object, more);
        assert_eq!(report.code, Some(0), "{report:#?}");
        assert_eq!(report.result()["state"], "complete");
        report.result()["status"].clone()
    }

    /// Backs up topics into the volume, and returns the file of the object and the id of the set.
    pub fn backup(&self, name: &str, spec: &Value) -> (PathBuf, String) {
        let object = self.object("KafkaBackup", name, spec);
        let status = self.complete("backup", &object, &[]);
        (
            object,
            status["backupId"].as_str().expect("an id").to_owned(),
        )
    }

    /// Returns the files of the segments of a set.
    pub fn segments(&self, id: &str) -> Vec<PathBuf> {
        let mut folders = vec![self.volume().join("kafka").join(id).join("topics")];
        let mut files = Vec::new();
        while let Some(folder) = folders.pop() {
            let Ok(entries) = fs::read_dir(folder) else {
                continue;
            };
            for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
                if path.is_dir() {
                    folders.push(path);
                } else if !path
                    .file_name()
                    .is_some_and(|name| name.to_string_lossy().contains(".tmp"))
                {
                    files.push(path);
                }
            }
        }
        files.sort();
        files
    }

    /// Returns the ids of the sets in the volume.
    pub fn sets(&self) -> Vec<String> {
        let entries = fs::read_dir(self.volume().join("kafka"))
            .into_iter()
            .flatten();
        let names = entries
            .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()));
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }

    pub fn termination(&self) -> Value {
        let text = fs::read_to_string(self.folder.path().join("termination"))
            .expect("a termination message");
        assert!(text.len() <= 4096);
        serde_json::from_str(&text).expect("JSON")
    }
}

/// Returns the spec of a backup into the volume.
pub fn into_volume(cluster: &Value, topics: &[&str]) -> Value {
    json!({
        "kafkaCluster": cluster, "topics": topics,
        "storage": { "storageType": "pvc", "pvc": { "claimName": "backups", "subPath": "kafka" } },
    })
}

impl Running {
    fn start(mut command: Command, stderr: PathBuf) -> Self {
        let file = fs::File::create(&stderr).expect("a file");
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(file)
            .spawn()
            .expect("the program");
        let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let (send, lines) = channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let line = serde_json::from_str(&line)
                    .unwrap_or_else(|error| panic!("{line:?} is not JSON: {error}"));
                if send.send(line).is_err() {
                    return;
                }
            }
        });
        Self {
            child,
            lines,
            seen: Vec::new(),
            stderr,
        }
    }

    /// Waits for a line of stdout that fits.
    pub fn until(&mut self, what: &str, fits: impl Fn(&Value) -> bool) {
        loop {
            match self.lines.recv_timeout(DEADLINE) {
                Ok(line) => {
                    let found = fits(&line);
                    self.seen.push(line);
                    if found {
                        return;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    panic!("{what} did not come: {:?}", self.seen.last())
                }
                Err(RecvTimeoutError::Disconnected) => {
                    panic!(
                        "{what} did not come before the end: {:?} {}",
                        self.seen.last(),
                        self.log()
                    )
                }
            }
        }
    }

    pub fn signal(&self, name: &str) {
        let kill = Command::new("kill")
            .arg(format!("-{name}"))
            .arg(self.child.id().to_string())
            .status();
        assert!(kill.is_ok_and(|status| status.success()), "kill");
    }

    /// Returns whether the program has ended by itself.
    pub fn is_over(&self) -> bool {
        let state =
            fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
        // A zombie waits for its parent, which is this process.
        state
            .rsplit(')')
            .next()
            .is_none_or(|rest| rest.trim_start().starts_with('Z') || rest.is_empty())
    }

    fn log(&self) -> String {
        fs::read_to_string(&self.stderr).unwrap_or_default()
    }

    /// Waits for the end of the program.
    pub fn ended(mut self) -> Report {
        loop {
            match self.lines.recv_timeout(DEADLINE) {
                Ok(line) => self.seen.push(line),
                Err(RecvTimeoutError::Timeout) => {
                    let _ = self.child.kill();
                    panic!(
                        "the program does not end: {:?}\n{}",
                        self.seen.last(),
                        self.log()
                    );
                }
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        let code = self.child.wait().expect("an exit code").code();
        Report {
            code,
            stderr: self.log(),
            lines: std::mem::take(&mut self.seen),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Report {
    /// Returns the last line, which must be the result.
    pub fn result(&self) -> &Value {
        let last = self
            .lines
            .last()
            .unwrap_or_else(|| panic!("no line: {}", self.stderr));
        assert_eq!(last["type"], "result", "{last}");
        assert_eq!(last["version"], 1);
        assert_eq!(last["exitCode"], json!(self.code), "{last}");
        last
    }

    /// Asserts how the program ended, and returns the message.
    pub fn fails(&self, code: i32, state: &str) -> &str {
        assert_eq!(self.code, Some(code), "{self:#?}");
        assert_eq!(self.result()["state"], state);
        self.message()
    }

    pub fn message(&self) -> &str {
        self.result()["message"].as_str().expect("a message")
    }
}
