use std::path::Path;
use std::process::Command;

use crate::{Result, shell};

const TARGET: &str = "wasm32-wasip2";

/// Adds the WebAssembly target of the engines to the toolchain if it is missing, and says so.
pub(crate) fn ensure() -> Result {
    if present()? {
        return Ok(());
    }
    shell::say(&format!(
        "The engines are WebAssembly, and the target {TARGET} is not installed; adding it."
    ));
    if !shell::has("rustup") {
        return Err(format!(
            "There is no rustup to add it with. Install the standard library for {TARGET} the way this Rust was installed, then run this again."
        ));
    }
    let mut rustup = Command::new("rustup");
    rustup
        .current_dir(shell::root()?)
        .args(["target", "add", TARGET]);
    shell::run(rustup)
}

/// Builds the program, the simulated cluster and `more` packages, in one build with the tests.
///
/// Dependencies then have the same features, and none is compiled twice.
pub(crate) fn build_programs(more: &[&'static str]) -> Result {
    let mut arguments = vec!["build", "--locked", "--bins"];
    let packages = ["kubectl-broker", "broker-agent", "testbed", "it"];
    for package in packages.iter().chain(more) {
        arguments.extend(["--package", package]);
    }
    shell::run(shell::cargo(&arguments)?)
}

fn present() -> Result<bool> {
    let mut rustc = Command::new("rustc");
    rustc
        .current_dir(shell::root()?)
        .args(["--print", "target-libdir", "--target", TARGET]);
    let folder = shell::output(rustc)?;
    Ok(Path::new(folder.trim()).is_dir())
}
