mod aws;

use std::process::Command;

use crate::{Result, shell, target};

/// The folder for downloads, relative to the root of the workspace.
const FOLDER: &str = "target/demo";

/// The commands of the demonstration, in order, in one simulated cluster.
const COMMANDS: &[&[&str]] = &[
    &["backup", "--engine", "sidecar", "list"],
    &["backup", "--engine", "hivemq", "list"],
    &["backup", "status", "--latest", "-o", "json"],
    &["backup", "test", "--engine", "hivemq"],
    &[
        "backup",
        "download",
        "--latest",
        "--output-file",
        "demo.backup",
        "--output-dir",
        FOLDER,
        "--force",
    ],
    &["backup", "verify", "target/demo/demo.backup"],
    &["backup", "list", "--engine", "kafka", "-n", "kafka"],
    &["engines"],
];

/// Runs the demonstration, or another one by its name.
pub(crate) fn run(mut name: impl Iterator<Item = String>) -> Result {
    match name.next().as_deref() {
        None => commands(),
        Some("aws") => aws::run(),
        Some(other) => Err(format!(
            "there is no demonstration {other}; try aws, or none"
        )),
    }
}

/// Builds the program and the simulated cluster, and runs the commands in it.
fn commands() -> Result {
    target::ensure()?;
    target::build_programs(&[])?;
    let programs = shell::programs("debug")?;
    let path = std::env::join_paths(std::iter::once(programs.clone()).chain(
        std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()),
    ))
    .map_err(|e| format!("PATH can't be set: {e}"))?;
    for arguments in COMMANDS {
        shell::say("");
        let mut testbed = Command::new(programs.join("testbed"));
        testbed
            .env("PATH", &path)
            .args(["run", "--", "kubectl-broker"])
            .args(*arguments);
        shell::run(testbed)?;
    }
    Ok(())
}
