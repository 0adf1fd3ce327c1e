//! The programs that the tests need in addition to Rust.

use std::env;
use std::fs;
use std::process::Command;

use crate::{Result, shell};

/// The programs, each with its Debian package.
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
/// The programs that run Kafka for the tests. Without them those tests are left out, except in CI.
const KAFKA: [(&str, &str); 2] = [("java", "openjdk-17-jre-headless"), ("mvn", "maven")];
/// The PostgreSQL server, which Debian keeps outside PATH in a folder for each version.
const POSTGRES: &str = "postgres";

/// Python, with the modules that create a virtual environment.
const PYTHON: &str = "python3";

/// Installs missing programs if this needs no question: as root on Debian and its derivatives.
pub(crate) fn install() -> Result {
    let is_ci = env::var_os("CI").is_some();
    let kafka = KAFKA.iter().filter(|_| is_ci);
    let missing: Vec<_> = PROGRAMS
        .iter()
        .chain(kafka)
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
