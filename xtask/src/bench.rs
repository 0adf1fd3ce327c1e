use std::process::Command;

use crate::{Result, shell, target};

/// Builds everything for release and runs the benchmark program.
pub(crate) fn run() -> Result {
    target::ensure()?;
    shell::run(shell::cargo(&[
        "build",
        "--locked",
        "--release",
        "--package",
        "kubectl-broker",
        "--package",
        "bench",
    ])?)?;
    shell::run(Command::new(shell::programs("release")?.join("bench")))
}
