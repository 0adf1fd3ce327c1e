//! Whole processes, as a user starts them.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use testbed::Testbed;

use crate::figures::{median, milliseconds, paired_ratio, verdict};
use crate::{Failed, say};

const RUNS: usize = 41;

/// Measures `--help`, which collects the flags of all engines. The cost must not be noticeable.
pub(crate) fn help_against_version(programs: &Path) -> Result<(), Failed> {
    let program = programs.join("kubectl-broker");
    let (help, version) = in_turn(
        || Command::new(&program).arg("--help").output_time(),
        || Command::new(&program).arg("--version").output_time(),
    )?;
    let ratio = paired_ratio(&help, &version);
    say(&format!(
        "--help {} / --version {} = {ratio:.2} (target 1.20: {})",
        milliseconds(median(help)),
        milliseconds(median(version)),
        verdict(ratio, 1.2)
    ));
    Ok(())
}

/// Measures the engine's share of a whole `backup list`.
pub(crate) async fn list_against_native(programs: &Path) -> Result<(), Failed> {
    let bed = Testbed::builder().start().await?;
    let home = tempfile::tempdir()?;
    let command = |name: &str| {
        let mut command = Command::new(programs.join(name));
        command
            .env_clear()
            .env("HOME", home.path())
            .env("KUBECONFIG", bed.kubeconfig());
        command
    };
    let engine = || {
        command("kubectl-broker")
            .args(["backup", "--engine", "sidecar", "list"])
            .output_time()
    };
    let native = || command("native-list").output_time();
    let cold = engine()?;
    let (engine, native) = tokio::task::block_in_place(|| in_turn(engine, native))?;
    let ratio = paired_ratio(&engine, &native);
    say(&format!(
        "backup list through the engine {} / the same in native code {} = {ratio:.2} (target 1.20: {}); first run, with compilation {}",
        milliseconds(median(engine)),
        milliseconds(median(native)),
        verdict(ratio, 1.2),
        milliseconds(cold)
    ));
    Ok(())
}

/// Counts the requests to the API server. Independent requests run concurrently.
pub(crate) async fn requests_of_one_list(programs: &Path) -> Result<(), Failed> {
    let home = tempfile::tempdir()?;
    for engine in ["sidecar", "hivemq", "auto"] {
        let bed = Testbed::builder().start().await?;
        Command::new(programs.join("kubectl-broker"))
            .env_clear()
            .env("HOME", home.path())
            .env("KUBECONFIG", bed.kubeconfig())
            .args(["backup", "--engine", engine, "list"])
            .output_time()?;
        let requests: Vec<_> = bed
            .requests()
            .all()
            .iter()
            .map(|request| format!("{} {}", request.method, request.path))
            .collect();
        say(&format!(
            "backup --engine {engine} list makes {} requests to the API server: {}",
            requests.len(),
            requests.join(", ")
        ));
    }
    Ok(())
}

/// Runs two programs alternately, after one run of each that does not count.
pub(crate) fn in_turn(
    a: impl Fn() -> Result<Duration, Failed>,
    b: impl Fn() -> Result<Duration, Failed>,
) -> Result<(Vec<Duration>, Vec<Duration>), Failed> {
    a()?;
    b()?;
    let mut times = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        times.0.push(a()?);
        times.1.push(b()?);
    }
    Ok(times)
}

pub(crate) trait OutputTime {
    /// Runs a command to its end and returns its duration. Fails if the command fails.
    fn output_time(&mut self) -> Result<Duration, Failed>;
}

impl OutputTime for Command {
    fn output_time(&mut self) -> Result<Duration, Failed> {
        let start = Instant::now();
        let output = self.stdin(Stdio::null()).output()?;
        let time = start.elapsed();
        if output.status.success() {
            Ok(time)
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into())
        }
    }
}
