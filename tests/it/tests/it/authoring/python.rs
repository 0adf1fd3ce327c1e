//! The SDK for Python. `guide` builds an engine with it.

use std::fs;
use std::process::{Command, Output};

use super::INTERFACE;
use crate::support::{python_with, workspace};

#[test]
fn the_sdk_for_python_passes_its_own_tests() {
    let readme = workspace().join("sdk/template-python/README.md");
    let readme = fs::read_to_string(readme).expect("the page");
    let (_, line) = readme.split_once("$ pip install ").expect("the command");
    let package = line.split_whitespace().next().expect("the package");
    let programs = python_with("componentize", &[package]).join("bin");
    let folder = tempfile::tempdir().expect("a folder");
    let bindings = folder.path().join("bindings");
    let generated = Command::new(programs.join("componentize-py"))
        .arg("-d")
        .arg(workspace().join(INTERFACE))
        .args(["-w", "engine", "bindings"])
        .arg(&bindings)
        .output();
    succeeded(&generated.expect("componentize-py"));
    let sdk = workspace().join("sdk/python");
    let tested = Command::new(programs.join("python"))
        .args(["-B", "-m", "unittest", "--verbose"])
        .current_dir(sdk.join("tests"))
        .env(
            "PYTHONPATH",
            format!("{}:{}", bindings.display(), sdk.display()),
        )
        .output();
    let said = succeeded(&tested.expect("Python"));
    assert!(
        said.contains("each_replica_is_asked"),
        "the tests ran: {said}"
    );
}

/// Checks the exit code, and returns the text on stderr.
fn succeeded(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    said
}
