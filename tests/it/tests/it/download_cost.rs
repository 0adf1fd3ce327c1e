//! The cost of a download in system calls and page faults, which does not depend on the machine's speed.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use crate::support::{Bed, Invocation};

/// The sizes of two downloads in bytes. Their difference excludes the cost of the program's start.
const SMALL: u64 = 16 << 20;
const LARGE: u64 = 80 << 20;
/// The number of such differences per GiB.
const PER_GIB: u64 = (1 << 30) / (LARGE - SMALL);

/// The maximum number of calls per GiB, by groups of equivalent calls.
const BOUNDS: [(&[&str], u64); 5] = [
    (&["futex"], 8000),
    (&["write", "writev", "pwrite64"], 2500),
    (&["ioctl"], 100),
    (&["fdatasync"], 100),
    (&["recvfrom"], 20_000),
];
/// Calls of every download. If none was counted, the output of strace was misread.
const CERTAIN: [&str; 2] = ["futex", "write"];
const PAGE_FAULTS: u64 = 20_000;

#[test]
fn a_download_costs_few_system_calls() {
    if !can_trace() {
        // A container may forbid tracing; the tests install strace.
        eprintln!("not tested: strace is missing, or may not trace here");
        return;
    }
    let (small, large) = (traced(SMALL), traced(LARGE));
    for call in CERTAIN {
        assert!(
            large.get(call).is_some_and(|count| *count > 0),
            "{call} was not counted: {large:?}"
        );
    }
    for (names, bound) in BOUNDS {
        let each = count(&large, names).saturating_sub(count(&small, names)) * PER_GIB;
        assert!(
            each <= bound,
            "{names:?}: {each} for each GiB\n{small:?}\n{large:?}"
        );
    }
}

fn count(calls: &BTreeMap<String, u64>, names: &[&str]) -> u64 {
    names.iter().filter_map(|name| calls.get(*name)).sum()
}

#[test]
fn a_download_uses_its_memory_again() {
    let each = page_faults(LARGE).saturating_sub(page_faults(SMALL)) * PER_GIB;
    assert!(each <= PAGE_FAULTS, "{each} page faults for each GiB");
}

fn download(size: u64) -> (Bed, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    (Bed::with(&[&format!("download-size={size}")]), folder)
}

const ARGUMENTS: &str = "backup download --latest --engine hivemq --output-file it.backup";

fn can_trace() -> bool {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-c", "-o", "/dev/null", "true"]);
    strace.output().is_ok_and(|output| output.status.success())
}

/// Returns the number of calls by system call.
fn traced(size: u64) -> BTreeMap<String, u64> {
    let (bed, folder) = download(size);
    let counts = folder.path().join("counts");
    let program = bed.program().in_folder(folder.path());
    // The compilation of the engines to native code is not counted.
    assert_eq!(program.run("engines").code, 0);
    let command = program.command(ARGUMENTS);
    let mut strace = Command::new("strace");
    strace
        .args(["-f", "-c", "-U", "name,calls", "-o"])
        .arg(&counts)
        .arg(command.get_program())
        .args(command.get_args())
        .env_clear()
        .envs(
            command
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .current_dir(folder.path());
    let output = strace.output().expect("strace can be started");
    assert!(output.status.success(), "{output:?}");
    let text = fs::read_to_string(counts).expect("counts");
    text.lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let name = words.next()?.to_owned();
            Some((name, words.next()?.parse().ok()?))
        })
        .collect()
}

fn page_faults(size: u64) -> u64 {
    let (bed, folder) = download(size);
    let program: Invocation = bed.program().in_folder(folder.path());
    assert_eq!(program.run("engines").code, 0);
    let mut child = program.spawn(ARGUMENTS);
    let id = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let ended = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    waitid(WaitId::Pid(id.expect("a process")), ended).expect("it ends");
    // A process that has ended keeps its figures until it is waited for: proc_pid_stat(5).
    let stat = fs::read_to_string(format!("/proc/{}/stat", child.id())).expect("its figures");
    assert!(child.wait().expect("it has ended").success());
    let (_, fields) = stat.rsplit_once(") ").expect("the name stands in brackets");
    let minor = fields.split(' ').nth(7).expect("the tenth field");
    minor.parse().expect("a number")
}
