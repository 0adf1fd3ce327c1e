//! What the tests run beside Rust.

use std::fs;
use std::process::Command;

use crate::{Result, shell};

/// Each program, and the package of Debian that has it.
const PROGRAMS: [(&str, &str); 9] = [
    ("bzip2", "bzip2"),
    ("docker-registry", "docker-registry"),
    ("openssl", "openssl"),
    (POSTGRES, "postgresql"),
    (PYTHON, "python3-venv"),
    ("strace", "strace"),
    ("unzip", "unzip"),
    ("xz", "xz-utils"),
    ("zstd", "zstd"),
];
/// The server, which Debian keeps in a folder for each version and out of PATH.
const POSTGRES: &str = "postgres";

/// With the modules that make a place of its own for what pip installs.
const PYTHON: &str = "python3";

/// Installs what is missing where that can be done without asking: as root on Debian and its like.
pub(crate) fn install() -> Result {
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
    if program == PYTHON {
        let mut python = Command::new(PYTHON);
        python.args(["-c", "import ensurepip, venv"]);
        return shell::output(python).is_ok();
    }
    if program != POSTGRES {
        return shell::has(program);
    }
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let mut servers = versions
        .flatten()
        .map(|version| version.path().join("bin/postgres"));
    shell::has(program) || servers.any(|server| server.is_file())
}
