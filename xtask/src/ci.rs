use std::process::Command;

use crate::{Result, reference, shell, test, worker};

/// The version of cargo-deny that `deny.toml` is written for.
const CARGO_DENY: &str = "0.20.2";

/// Runs every check that a change must pass, the cheap ones first.
pub(crate) fn run() -> Result {
    shell::run(shell::cargo(&["fmt", "--all", "--check"])?)?;
    let mut hostile = shell::cargo(&["fmt", "--check"])?;
    hostile.current_dir(shell::root()?.join("tests/hostile"));
    shell::run(hostile)?;
    shell::run(worker::cargo(&["fmt", "--all", "--check"])?)?;
    test::run()?;
    reference::check()?;
    reference::man()?;
    shell::run(shell::cargo(&[
        "clippy",
        "--locked",
        "--workspace",
        "--all-targets",
        "--",
        "--deny",
        "warnings",
    ])?)?;
    shell::run(worker::cargo(&[
        "clippy",
        "--locked",
        "--all-targets",
        "--",
        "--deny",
        "warnings",
    ])?)?;
    let mut doc = shell::cargo(&[
        "doc",
        "--locked",
        "--workspace",
        "--no-deps",
        "--document-private-items",
    ])?;
    doc.env("RUSTDOCFLAGS", "--deny warnings");
    shell::run(doc)?;
    dependency_policy()
}

/// Checks licences, sources and duplicates of dependencies.
///
/// Advisories need a database from the network: run `cargo deny check advisories` for them.
fn dependency_policy() -> Result {
    let tools = shell::programs("tools")?;
    let program = tools.join("bin/cargo-deny");
    let installed = program.is_file()
        && shell::output({
            let mut deny = Command::new(&program);
            deny.arg("--version");
            deny
        })?
        .contains(CARGO_DENY);
    if !installed {
        // Without optimisation, because compiling takes longer than the single run.
        let mut install = shell::cargo(&[
            "install",
            "--debug",
            "--locked",
            "--quiet",
            "--version",
            CARGO_DENY,
            "cargo-deny",
            "--root",
        ])?;
        install.arg(&tools);
        shell::run(install)?;
    }
    for folder in [shell::root()?, worker::folder()?] {
        let mut deny = Command::new(&program);
        deny.current_dir(folder)
            .args(["--all-features", "check", "bans", "licenses", "sources"]);
        shell::run(deny)?;
    }
    Ok(())
}
