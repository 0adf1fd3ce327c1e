use std::fs;
use std::process::Command;

use crate::{Result, reference, shell, test};

/// The version of the policy checker that `deny.toml` is written for.
const CARGO_DENY: &str = "0.20.2";

/// What the tests run beside Rust: the program, and the package of Debian that has it.
const PROGRAMS: [(&str, &str); 7] = [
    ("bzip2", "bzip2"),
    ("docker-registry", "docker-registry"),
    ("openssl", "openssl"),
    (POSTGRES, "postgresql"),
    ("unzip", "unzip"),
    ("xz", "xz-utils"),
    ("zstd", "zstd"),
];
/// The server, which Debian keeps in a folder for each version and out of PATH.
const POSTGRES: &str = "postgres";

/// Everything that must hold before a change is taken. The cheap checks come first.
pub(crate) fn run() -> Result {
    shell::run(shell::cargo(&["fmt", "--all", "--check"])?)?;
    let mut hostile = shell::cargo(&["fmt", "--check"])?;
    hostile.current_dir(shell::root()?.join("tests/hostile"));
    shell::run(hostile)?;
    install_programs()?;
    test::run()?;
    reference::check()?;
    shell::run(shell::cargo(&[
        "clippy",
        "--locked",
        "--workspace",
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

/// Installs what is missing where that can be done without asking: as root on Debian and its like.
fn install_programs() -> Result {
    let missing: Vec<_> = PROGRAMS
        .iter()
        .filter(|(program, _)| !has(program))
        .map(|(_, package)| *package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    if !shell::has("apt-get") {
        return Err(format!(
            "the tests need {} in PATH; install them first",
            missing.join(" and ")
        ));
    }
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command
            .env("DEBIAN_FRONTEND", "noninteractive")
            .arg("--quiet")
            .args(arguments);
        shell::run(command)
    };
    apt(&["update"])?;
    let mut install = vec!["install", "--yes", "--no-install-recommends"];
    install.extend(missing);
    apt(&install)
}

fn has(program: &str) -> bool {
    if program != POSTGRES {
        return shell::has(program);
    }
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let mut servers = versions
        .flatten()
        .map(|version| version.path().join("bin/postgres"));
    shell::has(program) || servers.any(|server| server.is_file())
}

/// Licences, sources and duplicates. Advisories need a database from the network: `cargo deny check
/// advisories`.
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
        // Without optimisation: it runs once.
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
    let mut deny = Command::new(&program);
    deny.current_dir(shell::root()?).args([
        "--all-features",
        "check",
        "bans",
        "licenses",
        "sources",
    ]);
    shell::run(deny)
}
