//! The cost of installed engines for commands that need none of them.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use host_engine::Catalogue;
use serde_json::Value;

use crate::figures::{median, milliseconds, paired_ratio};
use crate::process::{OutputTime, in_turn};
use crate::{Failed, say};

const ENGINES: u32 = 50;

/// Measures whole processes with many installed engines, each against `--version` with the same engines.
pub(crate) fn commands_with_many_engines(programs: &Path) -> Result<(), Failed> {
    let (empty, full) = (tempfile::tempdir()?, tempfile::tempdir()?);
    install(programs, full.path())?;
    let run = |home: &Path, arguments: &[&str]| {
        let mut command = program(programs, home);
        command.args(arguments).output_time()
    };
    let version = || run(full.path(), &["--version"]);
    let (with, without) = in_turn(version, || run(empty.path(), &["--version"]))?;
    say(&format!(
        "with {ENGINES} engines of others installed: --version {} / with none {} = {:.2}",
        milliseconds(median(with.clone())),
        milliseconds(median(without.clone())),
        paired_ratio(&with, &without)
    ));
    for arguments in [
        ["--help"].as_slice(),
        &["completion", "bash"],
        &["plugin", "list"],
    ] {
        let (of, version) = in_turn(|| run(full.path(), arguments), version)?;
        say(&format!(
            "  {} {} / --version {} = {:.2}",
            arguments.join(" "),
            milliseconds(median(of.clone())),
            milliseconds(median(version.clone())),
            paired_ratio(&of, &version)
        ));
    }
    Ok(())
}

/// Installs the component of a bundled engine under many names, each with its own flag and option.
fn install(programs: &Path, home: &Path) -> Result<(), Failed> {
    let bundled = Catalogue::bundled(host_bundled::ENGINES)?;
    let sidecar = bundled
        .iter()
        .find(|file| file.manifest().id.name() == "sidecar")
        .ok_or("no engine sidecar")?;
    fs::write(home.join("sidecar.wasm"), sidecar.bytes()?)?;
    for number in 1..=ENGINES {
        fs::write(home.join("engine.toml"), manifest(number))?;
        let packed = succeed(program(programs, home).args([
            "plugin",
            "pack",
            "sidecar.wasm",
            "--replace",
            "--out",
            "vault.wasm",
            "-o",
            "json",
        ]))?;
        let packed: Value = serde_json::from_slice(&packed)?;
        let accepted = packed["acceptCapabilities"]
            .as_str()
            .ok_or("no set of abilities")?;
        succeed(program(programs, home).args([
            "plugin",
            "install",
            "vault.wasm",
            "--accept-capabilities",
            accepted,
        ]))?;
    }
    Ok(())
}

fn manifest(number: u32) -> String {
    format!(
        r#"
id = "acme/vault-{number}"
version = "0.1.0"
summary = "Backups of vault {number} through its REST API"

[operations.detect]
[operations.list]
[operations.status]
[operations.create]

[[options]]
name = "vault-{number}-site"
type = "text"
operations = ["list", "create"]
help = "Which site of vault {number}"

[[columns]]
value = "id"

[[columns]]
value = "state"

[endpoints.api]
select = "pod"
port = {{ flag = "vault-{number}-port", numbers = [8200] }}
allow = ["GET /v1/backups", "GET /v1/backups/{{id}}", "POST /v1/backups"]
auth = "bearer"
"#
    )
}

fn program(programs: &Path, home: &Path) -> Command {
    let mut command = Command::new(programs.join("kubectl-broker"));
    command.env_clear().env("HOME", home).current_dir(home);
    command
}

/// Returns the stdout of a command, which must succeed.
fn succeed(command: &mut Command) -> Result<Vec<u8>, Failed> {
    let output = command.stdin(Stdio::null()).output()?;
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into())
    }
}
