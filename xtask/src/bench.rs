use std::process::Command;

use crate::{Result, shell, target};

/// Builds everything for release and runs the benchmark program, or these parts of it.
pub(crate) fn run(parts: impl Iterator<Item = String>) -> Result {
    target::ensure()?;
    shell::run(shell::cargo(&[
        "build",
        "--locked",
        "--release",
        "--package",
        "kubectl-broker",
        "--package",
        "broker-operator",
        "--package",
        "bench",
    ])?)?;
    let mut bench = Command::new(shell::programs("release")?.join("bench"));
    bench.args(parts);
    shell::run(bench)
}
