//! `docs/writing-an-engine.md`, command by command, in an empty folder.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::support::{Bed, Vault, programs, python, without_outer_cargo, workspace};

/// The placeholder for a digest that the page can't know.
const DIGEST: &str = "sha256:DIGEST";

/// A reader with a shell and a cluster.
struct Desk {
    bed: Bed,
    folder: TempDir,
    /// The current folder of the shell.
    current: PathBuf,
}

impl Desk {
    fn new() -> Self {
        let bed = Vault::bed();
        let folder = tempfile::tempdir().expect("a folder");
        let tools = folder.path().join("tools");
        fs::create_dir(&tools).expect("a folder");
        // The script runs a plugin in the same way as kubectl, which is not on every machine.
        let program = programs().kubectl_broker.display();
        let script = format!("#!/bin/sh\nshift\nexec {program} \"$@\"\n");
        executable(&tools.join("kubectl"), &script);
        let current = folder.path().join("work");
        fs::create_dir(&current).expect("a folder");
        Self {
            bed,
            folder,
            current,
        }
    }

    /// Runs one command, and returns whether it succeeded and its output.
    fn try_run(&mut self, line: &str) -> (bool, String) {
        if let Some(folder) = line.strip_prefix("cd ") {
            self.current = self.current.join(folder);
            assert!(self.current.is_dir(), "{line}");
            return (true, String::new());
        }
        let home = self.folder.path().join("home");
        let path = std::env::var("PATH").expect("a PATH");
        let tools = self.folder.path().join("tools");
        let python = python("guide");
        let path = format!(
            "{}:{}:{path}",
            tools.display(),
            python.join("bin").display()
        );
        let mut command = without_outer_cargo(Command::new("sh"));
        for name in ["XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"] {
            command.env_remove(name);
        }
        // The reader uses the existing homes of cargo and rustup.
        let real = PathBuf::from(std::env::var_os("HOME").expect("a home"));
        for (name, folder) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")] {
            if std::env::var_os(name).is_none() {
                command.env(name, real.join(folder));
            }
        }
        let output = command
            .args(["-euc", line])
            .current_dir(&self.current)
            .env("HOME", &home)
            .env("PATH", path)
            .env("XDG_CACHE_HOME", home.join("cache"))
            .env("KUBECONFIG", self.bed.kubeconfig())
            .env("BROKER_TOKEN", "a-token")
            .env("PIP_DISABLE_PIP_VERSION_CHECK", "1")
            .output()
            .expect("a shell");
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        (output.status.success(), said)
    }

    fn run(&mut self, line: &str) -> String {
        let (succeeded, said) = self.try_run(line);
        assert!(succeeded, "$ {line}\n{said}");
        said
    }
}

fn executable(path: &Path, text: &str) {
    fs::write(path, text).expect("written");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("executable");
}

/// Returns the commands of one chapter of the page, in order.
fn commands(chapter: &str) -> Vec<String> {
    let page = fs::read_to_string(workspace().join("docs/writing-an-engine.md")).expect("the page");
    let heading = format!("\n## {chapter}\n");
    let (_, rest) = page.split_once(&heading).expect("the chapter");
    let text = rest.split("\n## ").next().expect("its text");
    let lines = text.lines().filter_map(|line| line.strip_prefix("$ "));
    let lines: Vec<_> = lines.map(str::to_owned).collect();
    assert!(lines.len() > 5, "the chapter has commands");
    lines
}

#[test]
fn an_engine_in_rust_is_begun_tested_signed_installed_and_updated() {
    let mut desk = Desk::new();
    for line in commands("In Rust") {
        // The reader copies the digest from the error.
        if line.contains(DIGEST) {
            let asking = line.split(" --accept-capabilities").next().expect("a part");
            let (accepted, said) = desk.try_run(asking);
            assert!(!accepted, "nothing is accepted without being asked: {said}");
            let at = said.find("sha256:").expect("the flag is printed");
            let digest = &said[at..at + "sha256:".len() + 64];
            desk.run(&line.replace(DIGEST, digest));
            continue;
        }
        let said = desk.run(&line);
        if line.starts_with("kubectl broker backup list") {
            assert!(said.contains("2025-09-06T03:04:05Z"), "{said}");
        }
        // The versions of this workspace are available offline in cargo's cache.
        if line.contains("plugin new") {
            let lock = workspace().join("Cargo.lock");
            fs::copy(lock, desk.current.join("vault/Cargo.lock")).expect("a lock file");
        }
    }
    let left = desk.run("kubectl broker plugin list -o name");
    assert!(!left.contains("acme/vault"), "{left}");
}

#[test]
fn an_engine_in_python_is_begun_built_and_tested() {
    let mut desk = Desk::new();
    for line in commands("In Python") {
        if line == "cd .." {
            continue;
        }
        let said = desk.run(&line);
        if line.contains("plugin test") {
            assert!(said.contains("all passed"), "{said}");
        }
    }
}
