//! stdout and stderr without a reader, or on a full device.

use std::fs::{File, OpenOptions};
use std::io::Read as _;
use std::process::Stdio;

use crate::support::{Bed, Desk, Invocation, Run};

/// Returns a device whose disk is always full.
fn full() -> File {
    let device = OpenOptions::new().write(true).open("/dev/full");
    device.expect("/dev/full")
}

fn with_stdout(program: &Invocation, arguments: &str, stdout: impl Into<Stdio>) -> Run {
    let output = program.command(arguments).stdout(stdout).output();
    program.ended(&output.expect("the program"))
}

#[test]
fn a_full_disk_on_stdout_is_a_failure_of_every_command_that_has_data() {
    let desk = Desk::with(&[]);
    let program = desk.bed.program().in_folder(desk.folder.path());
    for command in [
        "backup list",
        "backup list -o json",
        "backup list -o yaml",
        "backup status --latest",
        "backup download --latest --output-file -",
        "backup history",
        "engines",
        "version",
        "plugin list",
        "completion bash",
        "completion zsh",
        "--help",
        "backup --help",
        "--version",
    ] {
        let run = with_stdout(&program, command, full());
        assert_eq!(run.code, 1, "{command}: {}", run.stderr);
        let said =
            run.stderr.contains("No space left on device") || run.stderr.contains("StorageFull");
        assert!(said, "{command}: {}", run.stderr);
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let bed = Bed::start();
    let program = bed.program();
    for command in [
        "backup list",
        "backup list -o json",
        "--help",
        "version",
        "completion bash",
    ] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let run = with_stdout(&program, command, writer);
        assert_eq!(run.code, 0, "{command}: {}", run.stderr);
        assert!(!run.stderr.contains("error"), "{command}: {}", run.stderr);
    }
}

#[test]
fn a_backup_that_nobody_reads_to_its_end_is_no_success() {
    let desk = Desk::with(&[]);
    let program = desk.bed.program().in_folder(desk.folder.path());
    let (mut reader, writer) = std::io::pipe().expect("a pipe");
    let mut child = program
        .command("backup download --latest --output-file -")
        .stdout(writer)
        .spawn()
        .expect("the program");
    reader.read_exact(&mut [0; 1000]).expect("some of it");
    drop(reader);
    let status = child.wait().expect("the end");
    assert_eq!(status.code(), Some(1));
}

#[test]
fn closed_streams_are_no_panic() {
    let bed = Bed::start();
    let program = bed.program();
    for (redirection, code) in [
        (">&-", 1),
        ("2>&-", 0),
        (">&- 2>&- <&-", 1),
        ("2>/dev/full", 0),
        (">/dev/null", 0),
        ("1<>/dev/null", 0),
    ] {
        for (command, code) in [
            ("backup list", code),
            ("backup list -o json", code),
            ("backup status --id nothing", 10),
            ("--help", code),
            ("no-such-verb", 2),
        ] {
            let inner = program.command(command);
            let mut shell = std::process::Command::new("/bin/sh");
            shell
                .args(["-c", &format!("exec \"$0\" \"$@\" {redirection}")])
                .arg(inner.get_program())
                .args(inner.get_args())
                .env_clear()
                .envs(
                    inner
                        .get_envs()
                        .filter_map(|(name, value)| Some((name, value?))),
                );
            let run = program.ended(&shell.output().expect("a shell"));
            assert_eq!(run.code, code, "{command} {redirection}: {}", run.stderr);
        }
    }
}
