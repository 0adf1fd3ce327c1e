//! A large download: its rate and its processor time relative to a plain copy, and its memory.
//!
//! The cost of digests and of the file is shown, too.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::param::clock_ticks_per_second;
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use testbed::Testbed;

use crate::figures::{median, paired_ratio, verdict, verdict_at_least};
use crate::{Failed, say};

/// The size of the backup in bytes.
pub(crate) const SIZE: u64 = 4 << 30;
pub(crate) const ID: &str = "20250905-130215";
const RUNS: usize = 3;
/// The target for memory in MiB.
const MEMORY: f64 = 40.0;
const RATE: f64 = 0.8;

/// The measurements of one process.
#[derive(Clone, Copy)]
pub(crate) struct Measured {
    pub(crate) time: Duration,
    /// The processor time, in the program and in the kernel.
    processor: Duration,
    /// The largest resident set, in MiB.
    pub(crate) memory: f64,
}

pub(crate) async fn large_download(programs: &Path) -> Result<(), Failed> {
    let bed = Testbed::builder()
        .fault(format!("download-size={SIZE}").parse()?)
        .start()
        .await?;
    tokio::task::block_in_place(|| compare(programs, &bed))
}

fn compare(programs: &Path, bed: &Testbed) -> Result<(), Failed> {
    let home = tempfile::tempdir()?;
    let command = |name: &str| {
        let mut command = Command::new(programs.join(name));
        command
            .env_clear()
            .env("HOME", home.path())
            .env("KUBECONFIG", bed.kubeconfig())
            .current_dir(home.path());
        command
    };
    let route = format!("/api/v1/management/files/backups/{ID}");
    let download = |to: &[&str]| {
        let mut command = command("kubectl-broker");
        command.args(["backup", "download", "--id", ID]).args(to);
        measure(&mut command)
    };
    let plain = |to: &str| {
        let mut command = command("plain-copy");
        command.args(["messaging", "broker-0", "8081", &route, to]);
        measure(&mut command)
    };
    let plain_file = || {
        let measured = plain("copy")?;
        fs::remove_file(home.path().join("copy"))?;
        Ok::<_, Failed>(measured)
    };
    let native = || measure(command("native-copy").args(["messaging", "8081", &route]));
    let file = || {
        let measured = download(&[]);
        fs::remove_dir_all(home.path().join("backups"))?;
        measured
    };
    let (mut files, mut streams, mut tunnels) = (vec![], vec![], vec![]);
    let (mut copies, mut copied_files) = (vec![], vec![]);
    for _ in 0..RUNS {
        copies.push(plain("/dev/null")?);
        copied_files.push(plain_file()?);
        tunnels.push(native()?);
        streams.push(download(&["--output-file", "-"])?);
        files.push(file()?);
    }
    let ratio = paired_ratio(&times(&copies), &times(&files));
    let work = paired_ratio(&processors(&files), &processors(&copied_files));
    let memory = files.iter().map(|file| file.memory).fold(0.0, f64::max);
    say(&format!(
        "download of 4 GiB into a verified file {} / a plain websocket copy of it {} = {ratio:.2} (target 0.80: {}); peak memory {memory:.1} MiB (target 40: {})",
        rate(&files),
        rate(&copies),
        verdict_at_least(ratio, RATE),
        verdict(memory, MEMORY)
    ));
    let [of_file, of_stream, of_copy] =
        [&files, &streams, &copied_files].map(|of| median(processors(of)).as_secs_f64());
    say(&format!(
        "  its processor time {of_file:.2} s / that of the same copy into a file {of_copy:.2} s = {work:.2}, without a file {of_stream:.2} s; the copy neither hashes nor syncs",
    ));
    let [file, stream, tunnel] = [&files, &streams, &tunnels].map(|of| median(times(of)));
    let share =
        |a: Duration, b: Duration| 100.0 * a.saturating_sub(b).as_secs_f64() / file.as_secs_f64();
    say(&format!(
        "  of that time: tunnel and HTTP alone {} ({:.0} %), engine and hashing {:.0} %, file and fsync {:.0} %",
        rate(&tunnels),
        100.0 * tunnel.as_secs_f64() / file.as_secs_f64(),
        share(stream, tunnel),
        share(file, stream),
    ));
    Ok(())
}

pub(crate) fn times(of: &[Measured]) -> Vec<Duration> {
    of.iter().map(|measured| measured.time).collect()
}

fn processors(of: &[Measured]) -> Vec<Duration> {
    of.iter().map(|measured| measured.processor).collect()
}

pub(crate) fn rate(of: &[Measured]) -> String {
    let seconds = median(times(of)).as_secs_f64();
    let mebibytes = f64::from(u32::try_from(SIZE >> 20).unwrap_or(u32::MAX));
    format!("{:.0} MiB/s", mebibytes / seconds)
}

/// Runs a command to its end, and discards its stdout.
pub(crate) fn measure(command: &mut Command) -> Result<Measured, Failed> {
    let begun = Instant::now();
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    let id = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let id = WaitId::Pid(id.ok_or("a process without an id")?);
    let mut memory = 0.0_f64;
    // A process that has ended keeps its figures until it is waited for: proc_pid_stat(5).
    let looks = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    while waitid(id.clone(), looks)?.is_none() {
        memory = memory.max(peak(&child));
        std::thread::sleep(Duration::from_millis(20));
    }
    let time = begun.elapsed();
    let processor = processor(&child);
    let output = child.wait_with_output()?;
    if output.status.success() {
        Ok(Measured {
            time,
            processor,
            memory,
        })
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into())
    }
}

/// The processor time of a process so far; 0 where the system does not tell.
pub(crate) fn processor(child: &Child) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap_or_default();
    // The name, which may hold anything, stands in brackets; the third field follows it.
    let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields);
    let ticks = fields.split(' ').skip(11).take(2);
    let ticks: u64 = ticks.filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_secs(ticks) / u32::try_from(clock_ticks_per_second()).unwrap_or(100)
}

/// The largest resident set of a process so far, in MiB; 0 where the system does not tell.
fn peak(child: &Child) -> f64 {
    resident(child, "VmHWM:")
}

/// The resident set of a process in MiB, by the field of proc_pid_status(5); 0 where the system does not tell.
pub(crate) fn resident(child: &Child, field: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
    let kibibytes = status
        .lines()
        .find_map(|line| line.strip_prefix(field)?.trim().strip_suffix("kB"))
        .and_then(|text| text.trim().parse::<u32>().ok());
    kibibytes.map_or(0.0, |kibibytes| f64::from(kibibytes) / 1024.0)
}
