//! Every documented exit code is returned by a command that a user could run.

use std::collections::BTreeSet;

use host_base::Failure;
use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Bed, Invocation, programs};

fn interrupted() -> i32 {
    let bed = Bed::with(&["hang"]);
    let program = bed.program();
    let child = program.spawn("backup list");
    while bed.requests().count("*", "") == 0 {
        std::thread::yield_now();
    }
    kill_process(Pid::from_child(&child), Signal::INT).expect("it runs");
    program
        .ended(&child.wait_with_output().expect("it ends"))
        .code
}

/// Commands with their faults, and their exit codes.
const COMMANDS: &[(&[&str], &str, Failure)] = &[
    (
        &["sidecar-status=500"],
        "backup list --engine sidecar",
        Failure::Failed,
    ),
    (&[], "backup list --limit none", Failure::Usage),
    (&[], "backup status --id nothing", Failure::NotFound),
    (
        &[],
        "backup delete --engine sidecar --id 20250905-130215 --yes",
        Failure::Conflict,
    ),
    (
        &["hivemq-auth=a:b"],
        "backup list --engine hivemq",
        Failure::NotAllowed,
    ),
    (
        &["download-html"],
        "backup download --latest",
        Failure::Integrity,
    ),
];

#[test]
fn each_is_reached() {
    let mut reached = BTreeSet::new();
    for (faults, command, failure) in COMMANDS {
        let folder = tempfile::tempdir().expect("a folder");
        let run = Bed::with(faults)
            .program()
            .in_folder(folder.path())
            .run(command);
        assert_eq!(
            run.code,
            i32::from(failure.exit_code()),
            "{command}: {}",
            run.stderr
        );
        reached.insert(run.code);
    }
    reached.insert(Bed::start().misbehave("panic").code);
    reached.insert(partly());
    reached.insert(interrupted());
    reached.insert(late());
    let documented: BTreeSet<_> = Failure::ALL
        .iter()
        .map(|failure| i32::from(failure.exit_code()))
        .collect();
    assert_eq!(reached, documented);
}

/// Returns the exit code for a backup that takes longer than the timeout.
fn late() -> i32 {
    let bed = Bed::of(testbed::Testbed::builder().pace(testbed::Pace::Polls(1000)));
    bed.run("backup create --timeout 1s").code
}

/// Returns the exit code if one of two files is unreadable.
fn partly() -> i32 {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("a"), "hello").expect("written");
    let programs = programs();
    Invocation::new(&programs.kubectl_broker, &programs.folders)
        .in_folder(folder.path())
        .run("backup verify a missing")
        .code
}
