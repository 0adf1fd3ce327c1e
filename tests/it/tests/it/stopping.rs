//! Signals that stop a command: Ctrl-C, SIGTERM, and SIGHUP of a closed terminal.

use std::io::{BufRead, BufReader, Read};
use std::process::Output;

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Bed, Desk, ID, NAME, Run};

/// Interrupts the program after the hostile engine has logged its start.
fn interrupted_while(how: &str) -> Run {
    let bed = Bed::start();
    let program = bed.hostile().hears_signals();
    let mut child = program.spawn(&format!("backup list --engine hostile --misbehave {how}"));
    let mut reader = BufReader::new(child.stderr.take().expect("a pipe"));
    let mut seen = String::new();
    while !seen.contains("about to") {
        let length = reader.read_line(&mut seen).expect("a line");
        assert_ne!(length, 0, "it ended before: {seen}");
    }
    let id = Pid::from_child(&child);
    kill_process(id, Signal::INT).expect("the program still runs");
    reader
        .read_to_string(&mut seen)
        .expect("the rest of stderr");
    let output = child.wait_with_output().expect("the program ends");
    program.ended(&Output {
        stderr: seen.into_bytes(),
        ..output
    })
}

#[test]
fn an_engine_that_loops_is_stopped() {
    insta::assert_snapshot!(interrupted_while("loop").outcome(), @"
    warning: acme/hostile
    Interrupted:
    exit 130
    ");
}

#[test]
fn an_engine_that_waits_is_stopped() {
    insta::assert_snapshot!(interrupted_while("sleep").outcome(), @"
    warning: acme/hostile
    Interrupted:
    exit 130
    ");
}

#[test]
fn a_request_without_an_answer_is_given_up() {
    let bed = Bed::with(&["hang"]);
    let program = bed.program().hears_signals();
    let child = program.spawn("backup list --engine sidecar");
    while bed.requests().count("*", "") == 0 {
        std::thread::yield_now();
    }
    kill_process(Pid::from_child(&child), Signal::INT).expect("the program still runs");
    let run = program.ended(&child.wait_with_output().expect("the program ends"));
    insta::assert_snapshot!(run.outcome(), @"
    Interrupted:
    exit 130
    ");
}

#[test]
fn sigterm_and_sighup_keep_what_ctrl_c_keeps_and_say_the_same() {
    for signal in [Signal::TERM, Signal::HUP] {
        let desk = Desk::with(&["download-drip=400000", "download-resume=on"]);
        let program = desk
            .bed
            .program()
            .in_folder(desk.folder.path())
            .hears_signals();
        let child = program.spawn(&format!("backup download --id {ID}"));
        let part = desk.folder.path().join(format!("backups/.{NAME}.part"));
        while std::fs::metadata(&part).map_or(0, |part| part.len()) == 0 {
            std::thread::yield_now();
        }
        kill_process(Pid::from_child(&child), signal).expect("it runs");
        let run = program.ended(&child.wait_with_output().expect("it ends"));
        insta::allow_duplicates! {
            insta::assert_snapshot!(run.outcome(), @"
            Interrupted:
            hint:
            exit 130
            ");
        }
        desk.heal();
        desk.set("download-resume=on");
        let document = desk.download("-o json").json();
        let resumed = document["item"]["resumedBytes"].as_u64().expect("a number");
        assert!(resumed > 0, "{signal:?}");
        desk.assert_whole(&format!("backups/{NAME}"));
    }
}

#[test]
fn what_nohup_ignores_stays_ignored() {
    let bed = Bed::with(&["hang"]);
    let program = bed.program();
    let inner = program.command("backup list --engine sidecar --request-timeout 2m");
    let mut shell = std::process::Command::new("/bin/sh");
    shell
        .args(["-c", "trap '' HUP; exec \"$0\" \"$@\""])
        .arg(inner.get_program())
        .args(inner.get_args())
        .env_clear()
        .envs(
            inner
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    let child = shell.spawn().expect("a shell");
    while bed.requests().count("*", "") == 0 {
        std::thread::yield_now();
    }
    let id = Pid::from_child(&child);
    kill_process(id, Signal::HUP).expect("it runs");
    // The program still handles the other signal.
    kill_process(id, Signal::TERM).expect("it still runs");
    let run = program.ended(&child.wait_with_output().expect("it ends"));
    assert_eq!(run.code, 130, "{}", run.stderr);
}

#[test]
fn before_anything_is_begun_a_stop_says_so() {
    let bed = Bed::with(&["hang"]);
    let program = bed.program().hears_signals();
    let child = program.spawn("backup create --engine hivemq");
    while bed.requests().count("*", "") == 0 {
        std::thread::yield_now();
    }
    kill_process(Pid::from_child(&child), Signal::TERM).expect("it runs");
    let run = program.ended(&child.wait_with_output().expect("it ends"));
    insta::assert_snapshot!(run.hint(), @"
    Interrupted:
    hint: Nothing was begun
    exit 130
    ");
}
