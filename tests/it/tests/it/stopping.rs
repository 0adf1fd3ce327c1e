//! Ctrl-C.

use std::io::{BufRead, BufReader, Read};
use std::process::Output;

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Bed, Run};

/// Interrupts the program once the hostile engine says that it begins.
fn interrupted_while(how: &str) -> Run {
    let bed = Bed::start();
    let program = bed.hostile();
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
    insta::assert_snapshot!(interrupted_while("loop").shown(), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    warning: engine acme/hostile: about to loop
    error: stopped
    exit 130
    ");
}

#[test]
fn an_engine_that_waits_is_stopped() {
    insta::assert_snapshot!(interrupted_while("sleep").shown(), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    warning: engine acme/hostile: about to sleep
    error: stopped
    exit 130
    ");
}

#[test]
fn a_request_without_an_answer_is_given_up() {
    let bed = Bed::with(&["hang"]);
    let program = bed.program();
    let child = program.spawn("backup list --engine sidecar");
    while bed.requests().count("*", "") == 0 {
        std::thread::yield_now();
    }
    kill_process(Pid::from_child(&child), Signal::INT).expect("the program still runs");
    let run = program.ended(&child.wait_with_output().expect("the program ends"));
    insta::assert_snapshot!(run.shown(), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    error: stopped
    exit 130
    ");
}
